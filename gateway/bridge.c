/* bridge: the calls, one after the other, and the answer. */
#include "gateway/bridge_parts.h"
#include "common/json_check.h"
#include "common/json_walk.h"
#include "common/rpc_json.h"
#include "common/xml_guard.h"
#include "gateway/client.h"
#include "gateway/intake.h"
#include "gateway/respond.h"
#include "gateway/worker.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
	BRIDGE_BYTES_PER_ELEMENT = 16, /* of a reply; fewer are a flood */
	BRIDGE_XML_MAX = 32 << 20,
	BRIDGE_JSON_MAX = 64 << 20,
	/* Of what a fault says, whole tracebacks at times; the rest is cut. */
	BRIDGE_FAULT_MAX = 256 << 10,
};

/* A POST is never answered from the cache. */
static const struct settings_cache bridge_cache = {.off = true};

static struct http1_field bridge_fields[] = {
	{.name = {"Content-Type", 12}, .value = {"text/xml; charset=utf-8", 23}},
	{.name = {"Accept", 6}, .value = {"text/xml", 8}},
};

void bridge_free(struct bridge **bridge)
{
	struct bridge *b = *bridge;

	*bridge = NULL;
	if (!b)
		return;
	if (b->called)
		call_fini(&b->call);
	buf_fini(&b->request);
	buf_fini(&b->answer);
}

/* ---- Answering ---- */

static void bridge_refuse(struct bridge *b, const char *reason)
{
	b->x->detail = reason;
	respond_problem(b->x, PROBLEM_BAD_REQUEST, reason, NULL);
}

static void bridge_fail(struct bridge *b, struct respond_part *answer, const char *reason)
{
	struct exchange *x = b->x;
	const struct problem_kind *kind = problem_kind(answer->problem);

	x->detail = reason;
	x->flags |= kind->flags;
	if (x->route->fallback.given) {
		respond_default(x, &x->route->fallback);
		return;
	}
	answer->part.status = kind->status;
	answer->service = x->route->service_name;
	respond_part(x, answer);
}

static void bridge_fail_memory(struct bridge *b)
{
	bridge_fail(b, &(struct respond_part){.problem = PROBLEM_NO_MEMORY}, NULL);
}

static void bridge_fail_malformed(struct bridge *b, const char *reason)
{
	bridge_fail(b, &(struct respond_part){.problem = PROBLEM_PART_MALFORMED},
		    arena_printf(&b->x->arena, "the reply is no XML-RPC: %s", reason));
}

/* Within no character. */
static void bridge_cut_fault(struct buf *text)
{
	size_t len = BRIDGE_FAULT_MAX;

	if (text->len <= len)
		return;
	while (len && ((unsigned char)text->data[len] & 0xc0) == 0x80)
		len--;
	text->len = len;
}

/* What the service said is the client's to see, since it is about the client's call. */
static void bridge_answer_fault(struct bridge *b, struct span fault)
{
	struct respond_part answer = {.problem = PROBLEM_FAULT};
	struct span code = {"", 0}, text;
	struct buf plain;

	if (!json_member(fault, (struct span){"faultString", 11}, &text) ||
	    json_kind(text) != JSON_KIND_STRING ||
	    !json_member(fault, (struct span){"faultCode", 9}, &code) ||
	    json_kind(code) != JSON_KIND_NUMBER) {
		bridge_fail_malformed(b, "a fault without faultCode and faultString");
		return;
	}
	buf_init(&plain, (size_t)b->call.reply_max);
	json_string_decode(text, &plain);
	bridge_cut_fault(&plain);
	answer.part.fault = buf_str(&plain);
	answer.part.fault_code = (int)strtol(code.at, NULL, 10);
	if (answer.part.fault)
		bridge_fail(b, &answer,
			    arena_printf(&b->x->arena, "fault %d: %.200s", answer.part.fault_code,
					 answer.part.fault));
	else
		bridge_fail_memory(b);
	buf_fini(&plain);
}

static void bridge_answer(struct bridge *b)
{
	(void)buf_putc(&b->answer, '\n');
	if (b->answer.failed)
		bridge_fail_memory(b);
	else
		respond_composed(b->x, 200, (struct span){b->answer.data, b->answer.len}, NULL);
}

/* ---- A reply ---- */

/* Its result or fault as JSON, in b->answer. -1 with *e. */
static int bridge_read(struct bridge *b, bool *fault, struct err *e)
{
	const struct call *call = &b->call;
	struct span reply = call->reply;

	buf_reset(&b->answer);
	if (xml_guard_check_extended(reply.at, reply.len,
				     call->reply_max / BRIDGE_BYTES_PER_ELEMENT, call->reply_max,
				     e) < 0)
		return -1;
	return rpc_json_read_reply(reply, &b->answer, fault, e);
}

static void bridge_ask(struct bridge *b);

/* What the service says of its method; one that has nothing to say is taken at its word. */
static void bridge_take_signature(struct bridge *b, struct span reply)
{
	const struct table *table = b->x->table->table;

	b->signature = bridge_signature_learn(table->signatures,
					      (size_t)(b->x->route - table->settings->routes),
					      reply, b->settings->count);
	if (b->signature)
		bridge_ask(b);
	else
		bridge_fail_memory(b);
}

static void bridge_take_result(struct bridge *b)
{
	struct err e = {0};
	bool fault = false;
	int failed = bridge_read(b, &fault, &e);
	struct span result = {b->answer.data, b->answer.len};

	if (b->answer.failed || e.code == ENOMEM)
		bridge_fail_memory(b);
	else if (b->asks)
		bridge_take_signature(b, failed || fault ? (struct span){"", 0} : result);
	else if (failed)
		bridge_fail_malformed(b, e.text);
	else if (fault)
		bridge_answer_fault(b, result);
	else
		bridge_answer(b);
}

/* Some servers (npm's xmlrpc) have a 404 in the place of a fault for methods that they do not know,
 * and most know no system.*; other statuses may be another one the next time. */
static bool bridge_knows_no_signatures(const struct bridge *b)
{
	unsigned status = b->call.status;

	return b->asks && (status == 404 || status == 405 || status == 501);
}

static void bridge_take_reply(struct bridge *b)
{
	const struct call *call = &b->call;
	struct respond_part answer = {.problem = PROBLEM_PART_FAILED};

	if (call->outcome != CALL_REPLIED) {
		answer.problem = call->problem;
		bridge_fail(b, &answer, call->reason);
	} else if (bridge_knows_no_signatures(b)) {
		bridge_take_signature(b, (struct span){"", 0});
	} else if (call->status != 200) {
		answer.detail = arena_printf(&b->x->arena, "the service answered %u", call->status);
		bridge_fail(b, &answer, answer.detail);
	} else {
		bridge_take_result(b);
	}
}

static void bridge_on_call(struct call *call)
{
	struct bridge *b = (struct bridge *)(void *)((char *)call - offsetof(struct bridge, call));
	struct client *client = b->x->client;

	client_enter(client);
	bridge_take_reply(b);
	client_leave(client);
}

/* ---- A call ---- */

/* Sends what b->request has. */
static void bridge_call(struct bridge *b)
{
	uint64_t now = loop_now_us(worker_loop(b->x->worker));
	struct span target = {b->settings->path, strlen(b->settings->path)};

	if (b->called)
		call_fini(&b->call);
	b->called = true;
	b->call = (struct call){
		.x = b->x,
		.base = &b->base,
		.on_done = bridge_on_call,
		.service = b->x->route->service,
		.cache = &bridge_cache,
		.reply_max = b->settings->reply_bytes,
		.whole_ms = b->x->route->timeout_ms,
		.timeout_ms = b->due_us > now ? (unsigned)((b->due_us - now + 999) / 1000) : 1,
		.body = {b->request.data, b->request.len},
	};
	if (call_head_make(&b->call, "POST", target, bridge_fields, 2) < 0)
		bridge_fail_memory(b);
	else if (call_start(&b->call))
		bridge_take_reply(b);
}

static void bridge_ask(struct bridge *b)
{
	const char *reason;

	b->asks = false;
	if (bridge_write_call(b, &reason) == 0)
		bridge_call(b);
	else if (reason)
		bridge_refuse(b, reason);
	else
		bridge_fail_memory(b);
}

static void bridge_go(struct bridge *b)
{
	const struct table *table = b->x->table->table;
	const struct settings_route *route = b->x->route;

	/* Its time begins when all of the request is there: what a client took is not the
	 * instance's, which would be called late at once. */
	b->due_us = loop_now_us(worker_loop(b->x->worker)) + (uint64_t)route->timeout_ms * 1000;
	if (b->settings->asks_signature)
		b->signature = bridge_signature_find(table->signatures,
						     (size_t)(route - table->settings->routes));
	b->asks = b->settings->asks_signature && !b->signature;
	if (!b->asks)
		bridge_ask(b);
	else if (bridge_write_question(b) == 0)
		bridge_call(b);
	else
		bridge_fail_memory(b);
}

/* ---- The beginning ---- */

static void bridge_on_body(struct exchange *x, struct span body)
{
	struct bridge *b = x->bridge;
	struct err e = {0};

	if (!b) /* it was cancelled */
		return;
	if (!body.len) {
		bridge_go(b); /* a value that it needs will be missed */
		return;
	}
	if (json_check(body, &e) == 0) {
		b->body = json_value(body);
		bridge_go(b);
	} else if (e.code == ENOMEM) {
		bridge_fail_memory(b);
	} else {
		bridge_refuse(b, arena_printf(&x->arena, "the body is no JSON: %s", e.text));
	}
}

void bridge_start(struct exchange *x)
{
	struct bridge *b = arena_zalloc(&x->arena, sizeof(*b));
	const char *unknown;

	if (!b || call_base_make(&b->base, x) < 0) {
		respond_problem(x, PROBLEM_NO_MEMORY, NULL, NULL);
		return;
	}
	x->bridge = b;
	b->x = x;
	b->settings = &x->route->bridge;
	buf_init(&b->request, BRIDGE_XML_MAX);
	buf_init(&b->answer, BRIDGE_JSON_MAX);
	unknown = bridge_unknown_query(b);
	if (unknown)
		bridge_refuse(b, unknown);
	else if (b->settings->takes_body)
		intake_start(x, bridge_on_body);
	else
		bridge_go(b);
}
