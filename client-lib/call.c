/* call: to the addresses in turn, the one that answered last first, until the deadline. */
#include "client-lib/call.h"
#include "common/clock.h"
#include "common/err.h"
#include "common/rpc.h"
#include "common/xml_guard.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	CALL_IDLE_MAX = 4,			/* connections kept for the next calls */
	CALL_BYTES_PER_ELEMENT = 16,		/* of what registries answer; fewer are a flood */
	CALL_XMLRPC_MAX = 2 * CALL_REPLY_LARGE, /* the guard has the say */
};

static pthread_once_t call_once = PTHREAD_ONCE_INIT;
static int call_started; /* written once, by call_start */

static void call_start(void)
{
	xmlrpc_env env;

	xmlrpc_env_init(&env);
	xmlrpc_init(&env);
	call_started = env.fault_occurred ? -1 : 0;
	xmlrpc_env_clean(&env);
	/* xmlrpc-c's bound is one for the whole program: only ever raised here. */
	if (xmlrpc_limit_get(XMLRPC_XML_SIZE_LIMIT_ID) < CALL_XMLRPC_MAX)
		xmlrpc_limit_set(XMLRPC_XML_SIZE_LIMIT_ID, CALL_XMLRPC_MAX);
}

int call_global_init(void)
{
	(void)pthread_once(&call_once, call_start); /* fails for no reason we could give */
	return call_started;
}

xmlrpc_mem_block *call_write(const char *method, xmlrpc_value *param, struct microreg_error *e)
{
	xmlrpc_mem_block *block = NULL;
	xmlrpc_value *params;
	xmlrpc_env env;

	xmlrpc_env_init(&env);
	params = rpc_new_array(&env);
	if (param && !env.fault_occurred)
		xmlrpc_array_append_item(&env, params, param);
	if (rpc_has_room(&env, 0))
		block = XMLRPC_MEMBLOCK_NEW(char, &env, 0);
	if (env.fault_occurred)
		block = NULL; /* it is set to anything then */
	else
		xmlrpc_serialize_call(&env, block, method, params);
	if (params)
		xmlrpc_DECREF(params);
	if (env.fault_occurred) {
		/* Beside no memory, only text that is not UTF-8 ends here. */
		(void)error_set(e, MICROREG_BAD_ARGUMENT, "%s: %s", method, env.fault_string);
		if (block)
			XMLRPC_MEMBLOCK_FREE(char, block);
		block = NULL;
	}
	xmlrpc_env_clean(&env);
	return block;
}

static int call_fault(int code, const char *text, struct microreg_error *e)
{
	enum microreg_code kind = MICROREG_FAULT;

	if (code == RPC_FAULT_FENCED)
		kind = MICROREG_FENCED;
	else if (code == RPC_FAULT_ACCESS || code == RPC_FAULT_FORBIDDEN)
		kind = MICROREG_DENIED;
	(void)error_set(e, kind, "the registry refuses (fault %d): %s", code, text);
	if (e)
		e->fault = code;
	return -1;
}

int call_read(const char *body, size_t len, size_t max, xmlrpc_value **result,
	      struct microreg_error *e)
{
	const char *fault = NULL;
	size_t mark;
	int code = 0, failed = 0;
	struct err reason;
	xmlrpc_env env;

	*result = NULL;
	if (xml_guard_check(body, len, max / CALL_BYTES_PER_ELEMENT, max, &reason))
		return error_set(e, MICROREG_BAD_REPLY, "the reply is no XML-RPC: %s", reason.text);
	mark = xml_guard_mark(body, len);
	xmlrpc_env_init(&env);
	xmlrpc_parse_response2(&env, body + mark, len - mark, result, &code, &fault);
	if (env.fault_occurred) {
		failed = error_set(e, MICROREG_BAD_REPLY, "the reply is no XML-RPC: %s",
				   env.fault_string);
		*result = NULL;
	} else if (fault) {
		failed = call_fault(code, fault, e);
		free((void *)(uintptr_t)fault);
		*result = NULL;
	}
	xmlrpc_env_clean(&env);
	return failed;
}

int call_bad_reply(struct microreg *m, const char *reason, struct microreg_error *e)
{
	return error_set(e, MICROREG_BAD_REPLY, "%s: the reply is not understood: %s",
			 m->addresses[atomic_load(&m->good)].shown, reason);
}

bool call_may_retry(const struct microreg_error *e)
{
	return e->code == MICROREG_UNREACHABLE || e->code == MICROREG_TIMEOUT ||
	       e->code == MICROREG_BAD_REPLY ||
	       (e->code == MICROREG_FAULT && e->fault == RPC_FAULT_STORE);
}

void call_name_address(const struct handle_address *address, struct microreg_error *e)
{
	char text[sizeof(e->text)];

	(void)snprintf(text, sizeof(text), "%s: %.*s", address->shown, (int)sizeof(text) / 2,
		       e->text);
	(void)snprintf(e->text, sizeof(e->text), "%s", text);
}

/* ---- Carriers ---- */

static void call_link_locked(struct carrier **list, struct carrier *c)
{
	c->next = *list;
	c->link = list;
	if (*list)
		(*list)->link = &c->next;
	*list = c;
}

static void call_unlink_locked(struct carrier *c)
{
	*c->link = c->next;
	if (c->next)
		c->next->link = c->link;
}

static struct carrier *call_take_carrier(struct microreg *m)
{
	struct carrier *c;

	(void)pthread_mutex_lock(&m->lock);
	c = m->idle;
	if (c) {
		call_unlink_locked(c);
		m->idle_count--;
		call_link_locked(&m->busy, c);
	}
	(void)pthread_mutex_unlock(&m->lock);
	if (c)
		return c;
	c = carrier_new(true);
	if (!c)
		return NULL;
	(void)pthread_mutex_lock(&m->lock);
	call_link_locked(&m->busy, c);
	(void)pthread_mutex_unlock(&m->lock);
	return c;
}

static void call_give_carrier(struct microreg *m, struct carrier *c)
{
	buf_fini(&c->reply);
	(void)pthread_mutex_lock(&m->lock);
	call_unlink_locked(c);
	if (m->idle_count < CALL_IDLE_MAX) {
		call_link_locked(&m->idle, c);
		m->idle_count++;
		c = NULL;
	}
	(void)pthread_mutex_unlock(&m->lock);
	carrier_free(&c);
}

/* ---- Calling ---- */

/* A call under way. */
struct call_run {
	struct microreg *m;
	struct carrier *carrier;
	const struct call *call;
	struct carrier_request request;
	xmlrpc_value **result;
	bool silent; /* the last address said nothing at all, not even TLS */
};

/* Which role or service is wanted only the registry can say. */
static void call_read_denial(const struct carrier *c, size_t max, struct microreg_error *e)
{
	struct microreg_error said = {0};
	xmlrpc_value *result = NULL;

	if (e->code != MICROREG_DENIED || e->fault != RPC_FAULT_FORBIDDEN)
		return;
	if (call_read(c->reply.data, c->reply.len, max, &result, &said) < 0 &&
	    said.code == MICROREG_DENIED)
		*e = said;
	if (result)
		xmlrpc_DECREF(result);
}

static int call_address(struct call_run *r, unsigned address, uint64_t deadline,
			struct microreg_error *e)
{
	struct carrier *c = r->carrier;
	uint64_t from = clock_ms();
	CURLcode code;

	r->silent = false;
	r->request.url = r->m->addresses[address].url;
	r->request.connect_ms = deadline > from ? deadline - from : 1;
	if (carrier_prepare(c, &r->request))
		return error_memory(e);
	code = carrier_run(c, deadline, &r->m->closing);
	r->silent = code == CURLE_COULDNT_CONNECT || code == CURLE_COULDNT_RESOLVE_HOST ||
		    code == CURLE_OPERATION_TIMEDOUT;
	if (carrier_judge(c, code, clock_ms() - from, e)) {
		call_read_denial(c, r->call->reply_max, e);
		return -1;
	}
	if (call_read(c->reply.data, c->reply.len, r->call->reply_max, r->result, e))
		return -1;
	atomic_store(&r->m->good, address);
	return 0;
}

/* What several addresses said, as one error. */
static void call_sum_up(const struct call_run *r, const char *tried,
			const struct microreg_error *last, struct microreg_error *e)
{
	(void)error_set(e, last->code, "%s%s%s",
			r->silent ? r->m->address_count > 1 ? "no registry answered: "
							    : "no registry answered at "
				  : "",
			tried, r->silent ? "; is microreg-registry running?" : "");
	if (e)
		e->fault = last->fault;
}

static int call_all(struct call_run *r, struct microreg_error *e)
{
	struct microreg *m = r->m;
	uint64_t deadline = clock_ms() + r->call->timeout_ms;
	unsigned first = atomic_load(&m->good);
	struct microreg_error error = {0};
	char tried[400] = "";
	size_t used = 0;

	for (unsigned i = 0; i < m->address_count; i++) {
		unsigned address = (first + i) % m->address_count;
		uint64_t now = clock_ms(), left = deadline > now ? deadline - now : 0;
		int n;

		/* Those that hang leave their share to those behind them. */
		if (!call_address(r, address, now + left / (m->address_count - i), &error))
			return 0;
		call_name_address(&m->addresses[address], &error);
		n = snprintf(tried + used, sizeof(tried) - used, "%s%s", used ? "; " : "",
			     error.text);
		used += n > 0 ? (size_t)n : 0;
		if (used >= sizeof(tried))
			used = sizeof(tried) - 1;
		if (!call_may_retry(&error))
			break;
	}
	call_sum_up(r, tried, &error, e);
	return -1;
}

int call_run(struct microreg *m, const struct call *call, xmlrpc_value **result,
	     struct microreg_error *e)
{
	xmlrpc_mem_block *block;
	struct carrier *c;
	int failed;

	*result = NULL;
	error_clear(e);
	if (handle_is_closing(m))
		return error_set(e, MICROREG_CLOSED, "the handle is being closed");
	block = call_write(call->method, call->param, e);
	if (!block)
		return -1;
	c = call_take_carrier(m);
	if (c) {
		struct call_run r = {.m = m, .carrier = c, .call = call, .result = result};

		r.request = (struct carrier_request){.body = XMLRPC_MEMBLOCK_CONTENTS(char, block),
						     .len = XMLRPC_MEMBLOCK_SIZE(char, block),
						     .reply_max = call->reply_max,
						     .headers = m->headers,
						     .tls = &m->tls};
		failed = call_all(&r, e);
		call_give_carrier(m, c);
	} else {
		failed = error_memory(e);
	}
	XMLRPC_MEMBLOCK_FREE(char, block);
	return failed;
}
