/* quick_case: what was read, either way, is written down as one text; the texts are compared. */
#include "tests/unit/quick_case.h"
#include "common/buf.h"
#include "common/rpc_quick.h"
#include "common/xml_guard.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct fields {
	bool yes, yes_given, text_given;
	int number;
	const char *text;
	struct rpc_strings words;
	struct rpc_pairs pairs;
};

#define FIELD(member) .name = #member, .offset = offsetof(struct fields, member)

/* What registrations have no use for. */
static const struct rpc_field fields_table[] = {
	{FIELD(yes), .type = RPC_BOOL, .given = RPC_GIVEN(struct fields, yes_given)},
	{FIELD(number), .type = RPC_INT, .min = -1000000000},
	{FIELD(text), .type = RPC_STRING, .required = true,
	 .given = RPC_GIVEN(struct fields, text_given)},
	{FIELD(words), .type = RPC_STRINGS, .min = 1, .max = 3, .item_max = 5},
	{FIELD(pairs), .type = RPC_PAIRS, .min = 1, .max = 3},
};

enum { FIELDS = sizeof(fields_table) / sizeof(fields_table[0]) };

static void put_instance(struct buf *out, const struct instance *in)
{
	(void)buf_printf(out, "%s|%s|%s|%s|%s|%s|%u|%u|%u|%u|%s|%s|%u|%u|%u\n", in->service, in->id,
			 in->host, in->scheme, in->zone, in->version, in->port, in->weight,
			 in->ttl_ms, in->status, in->check_path, in->check_status, in->check,
			 in->check_interval_ms, in->check_timeout_ms);
	for (size_t i = 0; i < in->tag_count; i++)
		(void)buf_printf(out, "tag %s\n", in->tags[i]);
	for (size_t i = 0; i < in->route_count; i++)
		(void)buf_printf(out, "route %s\n", in->routes[i]);
	for (size_t i = 0; i < in->meta_count; i++)
		(void)buf_printf(out, "meta %s=%s\n", in->meta[i].name, in->meta[i].value);
}

static void put_heartbeat(struct buf *out, const struct rpc_heartbeat *h)
{
	put_instance(out, &h->instance);
	(void)buf_printf(out, "whole %d lease %s load %d\n", h->whole, h->lease, h->load);
}

static void put_fields(struct buf *out, const struct fields *f)
{
	(void)buf_printf(out, "%d%d%d %d %s\n", f->yes, f->yes_given, f->text_given, f->number,
			 f->text);
	for (size_t i = 0; i < f->words.count; i++)
		(void)buf_printf(out, "word %s\n", f->words.items[i]);
	for (size_t i = 0; i < f->pairs.count; i++)
		(void)buf_printf(out, "pair %s=%s\n", f->pairs.items[i].name,
				 f->pairs.items[i].value);
}

/* ---- By rpc_quick ---- */

static bool quick_one(struct rpc_quick *q, enum quick_shape shape, struct buf *out)
{
	struct rpc_heartbeat beat;
	struct fields fields = {0};
	struct instance in;

	switch (shape) {
	case QUICK_REGISTRATION:
		if (!rpc_quick_registration(q, &in))
			return false;
		put_instance(out, &in);
		return true;
	case QUICK_HEARTBEATS:
	case QUICK_HEARTBEAT:
		if (!rpc_quick_heartbeat(q, &beat))
			return false;
		put_heartbeat(out, &beat);
		return true;
	case QUICK_FIELDS:
		if (!rpc_quick_struct(q, fields_table, FIELDS, &fields))
			return false;
		put_fields(out, &fields);
		return true;
	}
	return false;
}

static bool quick_all(enum quick_shape shape, const char *body, size_t len, struct arena *arena,
		      struct buf *out)
{
	char name[RPC_QUICK_NAME_MAX];
	struct rpc_quick q;

	if (!rpc_quick_open(&q, body, len, arena, name))
		return false;
	(void)buf_printf(out, "%s\n", name);
	if (shape != QUICK_HEARTBEATS)
		return quick_one(&q, shape, out) && rpc_quick_close(&q);
	if (!rpc_quick_array(&q))
		return false;
	while (!rpc_quick_array_end(&q))
		if (!quick_one(&q, shape, out))
			return false;
	return rpc_quick_close(&q);
}

/* ---- By the guard and xmlrpc-c ---- */

static int slow_one(enum quick_shape shape, xmlrpc_value *value, struct arena *arena,
		    struct buf *out, struct err *e)
{
	struct rpc_heartbeat beat;
	struct fields fields = {0};
	struct instance in;

	switch (shape) {
	case QUICK_REGISTRATION:
		if (rpc_read_registration("it", value, arena, &in, e) < 0)
			return -1;
		put_instance(out, &in);
		return 0;
	case QUICK_HEARTBEATS:
	case QUICK_HEARTBEAT:
		if (rpc_read_heartbeat("it", value, arena, &beat, e) < 0)
			return -1;
		put_heartbeat(out, &beat);
		return 0;
	case QUICK_FIELDS:
		if (rpc_read_struct("it", value, fields_table, FIELDS, arena, &fields, e) < 0)
			return -1;
		put_fields(out, &fields);
		return 0;
	}
	return -1;
}

static int slow_params(enum quick_shape shape, xmlrpc_value *params, struct arena *arena,
		       struct buf *out, struct err *e)
{
	xmlrpc_value *list = params, *first = NULL, *item;
	xmlrpc_env env;
	int r = 0, count;

	xmlrpc_env_init(&env);
	if (shape == QUICK_HEARTBEATS) {
		xmlrpc_array_read_item(&env, params, 0, &first);
		list = first;
	}
	count = xmlrpc_array_size(&env, list);
	if (env.fault_occurred || (shape != QUICK_HEARTBEATS && count != 1))
		r = err_set(e, "not one parameter: %s", env.fault_occurred ? env.fault_string : "");
	for (int i = 0; r == 0 && i < count; i++) {
		xmlrpc_array_read_item(&env, list, (unsigned)i, &item);
		r = slow_one(shape, item, arena, out, e);
		xmlrpc_DECREF(item);
	}
	if (first)
		xmlrpc_DECREF(first);
	xmlrpc_env_clean(&env);
	return r;
}

static int slow_all(enum quick_shape shape, const char *body, size_t len, struct arena *arena,
		    struct buf *out, struct err *e)
{
	xmlrpc_value *params = NULL;
	const char *name = NULL;
	xmlrpc_env env;
	int r;

	if (xml_guard_check(body, len, XML_GUARD_ELEMENTS_MAX, XML_GUARD_BYTES_MAX, e) < 0)
		return -1;
	xmlrpc_env_init(&env);
	xmlrpc_parse_call(&env, body, len, &name, &params);
	if (env.fault_occurred) {
		r = err_set(e, "%s", env.fault_string);
	} else {
		(void)buf_printf(out, "%s\n", name);
		r = slow_params(shape, params, arena, out, e);
		xmlrpc_DECREF(params);
		free((void *)(uintptr_t)name);
	}
	xmlrpc_env_clean(&env);
	return r;
}

enum quick_outcome quick_case(enum quick_shape shape, const char *body, size_t len, char why[500])
{
	enum quick_outcome outcome = QUICK_LEFT;
	struct buf quick, slow;
	struct arena arena;
	struct err e = {0};

	arena_init(&arena, 16 << 20);
	buf_init(&quick, 16 << 20);
	buf_init(&slow, 16 << 20);
	if (quick_all(shape, body, len, &arena, &quick)) {
		outcome = QUICK_SAME;
		if (slow_all(shape, body, len, &arena, &slow, &e) < 0)
			(void)snprintf(why, 500, "only rpc_quick reads it: %.400s", e.text);
		else if (quick.len != slow.len || memcmp(quick.data, slow.data, slow.len) != 0)
			(void)snprintf(why, 500, "read as %.200s instead of %.200s",
				       buf_str(&quick), buf_str(&slow));
		else
			goto done;
		outcome = QUICK_DIFFERENT;
	}
done:
	buf_fini(&quick);
	buf_fini(&slow);
	arena_fini(&arena);
	return outcome;
}
