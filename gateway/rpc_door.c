/* rpc_door: the calls, one after the other, and the answer. */
#include "common/json_check.h"
#include "common/rpc_json.h"
#include "common/rpc_write.h"
#include "common/suggest.h"
#include "common/xml_guard.h"
#include "gateway/client.h"
#include "gateway/exchange.h"
#include "gateway/intake.h"
#include "gateway/respond.h"
#include "gateway/rpc_door_parts.h"
#include "gateway/worker.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum {
	RPC_DOOR_JSON_MAX = 16 << 20, /* of 1 MiB of XML */
	/* A byte of JSON becomes 16 at most, as in "[]"; system.* has no replies. */
	RPC_DOOR_XML_MAX = 80 << 20,
};

void rpc_door_free(struct rpc_door **door)
{
	struct rpc_door *d = *door;

	*door = NULL;
	if (!d)
		return;
	loop_timer_clear(worker_loop(d->x->worker), &d->timer);
	inner_fini(&d->inner);
	buf_fini(&d->name);
	buf_fini(&d->params);
	buf_fini(&d->request);
	buf_fini(&d->answer);
}

/* ---- Faults ---- */

void rpc_door_fault(struct rpc_door *door, int code, const char *format, ...)
{
	va_list list;

	va_start(list, format);
	door->failed = true;
	door->fault.code = code;
	(void)vsnprintf(door->fault.text, sizeof(door->fault.text), format, list); /* may be cut */
	va_end(list);
	if (!door->answer.failed)
		door->answer.len = door->mark;
}

/* A text that was cut, or came from outside, ends within no character. */
static void rpc_door_clean(char *text)
{
	for (size_t i = 0, len = strlen(text), step; i < len; i += step) {
		const unsigned char *at = (const unsigned char *)text + i;

		step = *at < 0x80 ? (size_t)1 : json_utf8(at, len - i);
		if (!step) {
			text[i] = '?';
			step = 1;
		}
	}
}

static void rpc_door_write_fault(struct rpc_door *door)
{
	struct buf *out = &door->answer;

	rpc_door_clean(door->fault.text);
	rpc_write_struct(out);
	rpc_write_set_int(out, "faultCode", door->fault.code);
	rpc_write_set_string(out, "faultString", door->fault.text);
	rpc_write_struct_end(out);
}

/* ---- The answer ---- */

static void rpc_door_respond(struct rpc_door *door)
{
	struct exchange *x = door->x;

	loop_timer_clear(worker_loop(x->worker), &door->timer);
	if (door->answer.failed)
		respond_problem(x, PROBLEM_NO_MEMORY, NULL, NULL);
	else
		respond_made(x, "text/xml; charset=utf-8",
			     (struct span){door->answer.data, door->answer.len}, NULL);
}

/* In the place of all that there is. */
static void rpc_door_respond_fault(struct rpc_door *door)
{
	struct buf *out = &door->answer;

	buf_reset(out);
	(void)buf_puts(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n"
			    "<methodResponse>\r\n<fault>");
	rpc_door_write_fault(door);
	(void)buf_puts(out, "</fault>\r\n</methodResponse>\r\n");
	rpc_door_respond(door);
}

/* What 200 does not tell: for the log. */
static void rpc_door_note(struct rpc_door *door, struct span name)
{
	struct exchange *x = door->x;
	const char *text = arena_printf(&x->arena, "%.*s: fault %d: %.300s",
					name.len > 80 ? 80 : (int)name.len, name.at,
					door->fault.code, door->fault.text);

	x->detail = text ? text : x->detail;
}

/* The call at hand is over. True: there is another one. */
static bool rpc_door_called(struct rpc_door *door)
{
	const char *name = door->method ? door->method->name : "system";

	if (door->failed)
		rpc_door_note(door, (struct span){name, strlen(name)});
	if (!door->many && door->failed) {
		rpc_door_respond_fault(door);
		return false;
	}
	if (!door->many) {
		rpc_write_end(&door->answer);
		rpc_door_respond(door);
		return false;
	}
	if (door->failed)
		rpc_door_write_fault(door);
	else
		rpc_write_array_end(&door->answer);
	return true;
}

/* ---- One call ---- */

const struct settings_rpc_method *rpc_door_find(const struct rpc_door *door, struct span name)
{
	for (size_t i = 0; i < door->settings->method_count; i++) {
		const struct settings_rpc_method *method = &door->settings->methods[i];

		if (strlen(method->name) == name.len &&
		    memcmp(method->name, name.at, name.len) == 0)
			return method;
	}
	return NULL;
}

static void rpc_door_unknown(struct rpc_door *door, struct span name)
{
	char text[81] = "";
	struct suggest near = {.name = text};

	(void)snprintf(text, sizeof(text), "%.*s", (int)(name.len < 80 ? name.len : 80), name.at);
	/* A hundred mistakes of one multicall, each near to a thousand names, would take long. */
	for (size_t i = 0; i < door->settings->method_count && !door->suggested; i++)
		suggest_offer(&near, door->settings->methods[i].name);
	door->suggested = true;
	if (near.best)
		rpc_door_fault(door, RPC_FAULT_METHOD, "no method \"%s\"; did you mean \"%s\"?",
			       text, near.best);
	else
		rpc_door_fault(door, RPC_FAULT_METHOD,
			       "no method \"%s\"; system.listMethods names them all", text);
}

/* True: it waits for a reply. */
static bool rpc_door_call(struct rpc_door *door, struct span name, struct span params)
{
	struct inner_request request;

	door->failed = false;
	door->method = rpc_door_find(door, name);
	if (!door->method) {
		if (!rpc_door_system(door, name, params))
			rpc_door_unknown(door, name);
		return false;
	}
	if (rpc_door_request(door, params, &request) < 0)
		return false;
	request.reply_max = door->left;
	inner_ask(&door->inner, &request);
	return true;
}

/* The next call of a multicall: {methodName, params}. As rpc_door_call. */
static bool rpc_door_call_item(struct rpc_door *door, struct span item)
{
	struct span name, params;
	struct buf text;
	bool waits = false;

	door->method = NULL;
	door->failed = false;
	door->mark = door->answer.len;
	if (json_kind(item) != JSON_KIND_OBJECT ||
	    !json_member(item, (struct span){"methodName", 10}, &name) ||
	    json_kind(name) != JSON_KIND_STRING ||
	    !json_member(item, (struct span){"params", 6}, &params) ||
	    json_kind(params) != JSON_KIND_ARRAY) {
		rpc_door_fault(door, RPC_FAULT_PARAMS,
			       "system.multicall: a call is a struct of methodName, a string, and "
			       "params, an array");
		return false;
	}
	rpc_write_array(&door->answer);
	buf_init(&text, XML_GUARD_BYTES_MAX);
	json_string_decode(name, &text);
	if (text.failed)
		rpc_door_fault(door, RPC_FAULT_STORE, "the gateway is out of memory");
	else if (text.len == 16 && memcmp(text.data, "system.multicall", 16) == 0)
		rpc_door_fault(door, RPC_FAULT_PARAMS,
			       "system.multicall: can't be called within itself");
	else
		waits = rpc_door_call(door, (struct span){text.len ? text.data : "", text.len},
				      params);
	buf_fini(&text);
	return waits;
}

/* Makes calls until one waits. The exchange may be gone after it. */
static void rpc_door_go_on(struct rpc_door *door)
{
	struct span none, item;

	while (json_iter_next(&door->calls, &none, &item))
		if (rpc_door_call_item(door, item) || !rpc_door_called(door))
			return;
	rpc_write_array_end(&door->answer);
	rpc_write_end(&door->answer);
	rpc_door_respond(door);
}

static void rpc_door_replied(struct rpc_door *door, enum inner_outcome outcome)
{
	switch (outcome) {
	case INNER_REPLIED:
		door->left -= door->inner.body.len;
		rpc_door_result(door);
		break;
	case INNER_REFUSED:
		rpc_door_fault(door, 503, "the gateway has too many connections");
		break;
	case INNER_TOO_LARGE:
		rpc_door_fault(door, 502, "the answer is over the %zu bytes that are left for it",
			       door->left);
		break;
	case INNER_BROKEN:
		rpc_door_fault(door, 502, "the answer did not come whole");
		break;
	case INNER_NO_MEMORY:
		rpc_door_fault(door, 503, "the gateway is out of memory");
		break;
	}
	if (rpc_door_called(door))
		rpc_door_go_on(door);
}

static void rpc_door_on_done(struct inner *inner, enum inner_outcome outcome)
{
	struct rpc_door *door =
		(struct rpc_door *)(void *)((char *)inner - offsetof(struct rpc_door, inner));
	struct client *client = door->x->client;

	client_enter(client);
	rpc_door_replied(door, outcome);
	client_leave(client);
}

static void rpc_door_on_time(struct wheel_timer *timer)
{
	struct rpc_door *door =
		(struct rpc_door *)(void *)((char *)timer - offsetof(struct rpc_door, timer));
	struct exchange *x = door->x;
	struct client *client = x->client;

	client_enter(client);
	inner_fini(&door->inner);
	x->flags |= ACCESS_UT;
	rpc_door_fault(door, 504, "there was no answer within the %u ms of the route",
		       x->route->timeout_ms);
	rpc_door_note(door, (struct span){door->name.data, door->name.len});
	rpc_door_respond_fault(door);
	client_leave(client);
}

/* ---- The beginning ---- */

/* False after a fault. */
static bool rpc_door_is_multicall(struct rpc_door *door, struct span params)
{
	struct span none, list = {NULL, 0}, more;
	struct json_iter iter;
	size_t count = 0;

	json_iter_init(&iter, params);
	if (!json_iter_next(&iter, &none, &list) || json_kind(list) != JSON_KIND_ARRAY ||
	    json_iter_next(&iter, &none, &more)) {
		rpc_door_fault(door, RPC_FAULT_PARAMS,
			       "system.multicall: takes one array of calls");
		return false;
	}
	for (json_iter_init(&iter, list); json_iter_next(&iter, &none, &more);)
		count++;
	if (count > RPC_DOOR_CALLS_MAX) {
		rpc_door_fault(door, RPC_FAULT_PARAMS, "system.multicall: %zu calls; at most %d",
			       count, RPC_DOOR_CALLS_MAX);
		return false;
	}
	json_iter_init(&door->calls, list);
	door->many = true;
	return true;
}

static void rpc_door_begin(struct rpc_door *door)
{
	struct span name = {door->name.data, door->name.len};
	struct span params = json_value((struct span){door->params.data, door->params.len});

	loop_timer_set(worker_loop(door->x->worker), &door->timer, door->x->route->timeout_ms);
	rpc_write_begin(&door->answer);
	door->mark = door->answer.len;
	if (name.len == 16 && memcmp(name.at, "system.multicall", 16) == 0) {
		if (!rpc_door_is_multicall(door, params)) {
			rpc_door_note(door, name);
			rpc_door_respond_fault(door);
			return;
		}
		rpc_write_array(&door->answer);
		rpc_door_go_on(door);
	} else if (!rpc_door_call(door, name, params)) {
		(void)rpc_door_called(door); /* it is the only one */
	}
}

/* -1 after a fault. */
static int rpc_door_read(struct rpc_door *door, struct span body)
{
	struct err e = {0};
	int (*guard)(const char *, size_t, size_t, size_t, struct err *) =
		door->settings->extensions ? xml_guard_check_extended : xml_guard_check;

	if (guard(body.at, body.len, XML_GUARD_ELEMENTS_MAX, XML_GUARD_BYTES_MAX, &e) < 0) {
		rpc_door_fault(door, e.code, "%s", e.text);
		return -1;
	}
	if (rpc_json_read_call(body, &door->name, &door->params, &e) < 0) {
		if (e.code == ENOMEM)
			rpc_door_fault(door, RPC_FAULT_STORE, "the gateway is out of memory");
		else
			rpc_door_fault(door, RPC_FAULT_CALL, "%s", e.text);
		return -1;
	}
	if (door->name.failed || door->params.failed) {
		rpc_door_fault(door, RPC_FAULT_STORE, "the gateway is out of memory");
		return -1;
	}
	if (door->name.len)
		return 0;
	rpc_door_fault(door, RPC_FAULT_CALL, "a call without the name of a method");
	return -1;
}

static void rpc_door_on_body(struct exchange *x, struct span body)
{
	struct rpc_door *door = x->rpc;

	if (rpc_door_read(door, body) == 0) {
		rpc_door_begin(door);
		return;
	}
	x->detail = arena_printf(&x->arena, "fault %d: %.300s", door->fault.code, door->fault.text);
	rpc_door_respond_fault(door);
}

void rpc_door_start(struct exchange *x)
{
	struct rpc_door *door;

	if (x->client->inner) { /* it would go round and round */
		x->detail = "a method can't ask a route that offers methods";
		respond_problem(x, PROBLEM_BAD_REQUEST, x->detail, NULL);
		return;
	}
	door = arena_zalloc(&x->arena, sizeof(*door));
	if (!door) {
		respond_problem(x, PROBLEM_NO_MEMORY, NULL, NULL);
		return;
	}
	x->rpc = door;
	door->x = x;
	door->settings = &x->route->rpc;
	door->left = (size_t)door->settings->reply_bytes;
	door->timer.on_time = rpc_door_on_time;
	inner_init(&door->inner, x, rpc_door_on_done);
	buf_init(&door->name, XML_GUARD_BYTES_MAX);
	buf_init(&door->params, RPC_DOOR_JSON_MAX);
	buf_init(&door->request, RPC_DOOR_JSON_MAX);
	buf_init(&door->answer, RPC_DOOR_XML_MAX);
	if (x->body_max > XML_GUARD_BYTES_MAX)
		x->body_max = XML_GUARD_BYTES_MAX;
	intake_start(x, rpc_door_on_body);
}
