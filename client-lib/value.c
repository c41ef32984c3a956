/*
 * value: calls any method, with the public shape of a value made into
 * xmlrpc-c's and back. A result and all its parts lie in one arena.
 */
#include "client-lib/value.h"
#include "client-lib/call.h"
#include "common/arena.h"
#include "common/rpc.h"

#include <stdlib.h>
#include <string.h>

enum {
	VALUE_DEPTH_MAX = 16, /* of a parameter; a reply's is bounded by the guard */
	VALUE_ITEMS_MAX = 100000,
	VALUE_WAIT_MAX_MS = 3600000,
	VALUE_ARENA_MAX = 256 << 20, /* a reply of 16 MiB holds no more */
};

/* The value first, so that freeing it finds the arena. */
struct value_result {
	struct microreg_value value;
	struct arena arena;
};

/* ---- Out ---- */

static xmlrpc_value *value_build(xmlrpc_env *env, const struct microreg_value *from, unsigned depth)
{
	xmlrpc_value *to;
	bool is_struct = from->type == MICROREG_TYPE_STRUCT;

	if (depth == 0 || from->count > VALUE_ITEMS_MAX) {
		xmlrpc_env_set_fault(env, RPC_FAULT_PARAMS, "too deep, or too many items");
		return NULL;
	}
	switch (from->type) {
	case MICROREG_TYPE_STRING:
		return rpc_new_string(env, from->text ? from->text : "");
	case MICROREG_TYPE_INT:
		return rpc_new_int(env, from->number);
	case MICROREG_TYPE_BOOL:
		return rpc_new_bool(env, from->number != 0);
	case MICROREG_TYPE_ARRAY:
	case MICROREG_TYPE_STRUCT:
		break;
	}
	to = is_struct ? rpc_new_struct(env) : rpc_new_array(env);
	for (size_t i = 0; i < from->count && !env->fault_occurred; i++) {
		xmlrpc_value *item;

		if (is_struct && !from->items[i].name) {
			xmlrpc_env_set_fault(env, RPC_FAULT_PARAMS, "a member without a name");
			break;
		}
		item = value_build(env, &from->items[i], depth - 1);
		if (is_struct)
			rpc_set_value(env, to, from->items[i].name, item);
		else
			rpc_append(env, to, item);
	}
	return rpc_built(env, to);
}

/* ---- In ---- */

static int value_fail(const char **reason, const char *why)
{
	*reason = why;
	return -1;
}

static const char *value_text(struct arena *arena, xmlrpc_value *from)
{
	const char *text = NULL;
	char *copy = NULL;
	xmlrpc_env env;
	size_t len;

	xmlrpc_env_init(&env);
	xmlrpc_read_string_lp(&env, from, &len, &text);
	if (!env.fault_occurred) {
		if (!memchr(text, '\0', len))
			copy = arena_strndup(arena, text, len);
		free((void *)(uintptr_t)text);
	}
	xmlrpc_env_clean(&env);
	return copy;
}

static int value_read_struct(struct arena *arena, xmlrpc_value *from, struct microreg_value *items,
			     const char **reason)
{
	xmlrpc_env env;
	int count, failed = 0;

	xmlrpc_env_init(&env);
	count = xmlrpc_struct_size(&env, from);
	for (int i = 0; i < count && !failed; i++) {
		xmlrpc_value *key = NULL, *item = NULL;

		xmlrpc_struct_read_member(&env, from, (unsigned)i, &key, &item);
		if (env.fault_occurred) {
			failed = value_fail(reason, "out of memory");
			break;
		}
		failed = value_read(arena, item, &items[i], reason);
		items[i].name = value_text(arena, key);
		if (!items[i].name && !failed)
			failed = value_fail(reason, "a member's name can't be kept");
		xmlrpc_DECREF(key);
		xmlrpc_DECREF(item);
	}
	xmlrpc_env_clean(&env);
	return failed;
}

static int value_read_array(struct arena *arena, xmlrpc_value *from, struct microreg_value *items,
			    const char **reason)
{
	xmlrpc_env env;
	int count, failed = 0;

	xmlrpc_env_init(&env);
	count = xmlrpc_array_size(&env, from);
	for (int i = 0; i < count && !failed; i++) {
		xmlrpc_value *item = NULL;

		xmlrpc_array_read_item(&env, from, (unsigned)i, &item);
		if (env.fault_occurred) {
			failed = value_fail(reason, "out of memory");
			break;
		}
		failed = value_read(arena, item, &items[i], reason);
		xmlrpc_DECREF(item);
	}
	xmlrpc_env_clean(&env);
	return failed;
}

static int value_read_items(struct arena *arena, xmlrpc_value *from, struct microreg_value *to,
			    const char **reason)
{
	bool is_struct = to->type == MICROREG_TYPE_STRUCT;
	struct microreg_value *items;
	xmlrpc_env env;
	int count;

	xmlrpc_env_init(&env);
	count = is_struct ? xmlrpc_struct_size(&env, from) : xmlrpc_array_size(&env, from);
	xmlrpc_env_clean(&env);
	if (count <= 0)
		return 0;
	items = arena_zalloc(arena, (size_t)count * sizeof(*items));
	if (!items)
		return value_fail(reason, "it is larger than memory");
	to->items = items;
	to->count = (size_t)count;
	return is_struct ? value_read_struct(arena, from, items, reason)
			 : value_read_array(arena, from, items, reason);
}

static int value_read_number(xmlrpc_value *from, struct microreg_value *to)
{
	xmlrpc_bool yes = 0;
	xmlrpc_env env;

	xmlrpc_env_init(&env);
	if (to->type == MICROREG_TYPE_INT) {
		xmlrpc_read_int(&env, from, &to->number); /* can't fail on an int */
	} else {
		xmlrpc_read_bool(&env, from, &yes); /* likewise */
		to->number = yes != 0;
	}
	xmlrpc_env_clean(&env);
	return 0;
}

/* The depth is that of the document, which the guard has bounded. */
int value_read(struct arena *arena, xmlrpc_value *from, struct microreg_value *to,
	       const char **reason)
{
	xmlrpc_type type = xmlrpc_value_type(from);

	if (type == XMLRPC_TYPE_STRING) {
		to->type = MICROREG_TYPE_STRING;
		to->text = value_text(arena, from);
		return to->text ? 0 : value_fail(reason, "a text can't be kept");
	}
	if (type == XMLRPC_TYPE_INT || type == XMLRPC_TYPE_BOOL) {
		to->type = type == XMLRPC_TYPE_INT ? MICROREG_TYPE_INT : MICROREG_TYPE_BOOL;
		return value_read_number(from, to);
	}
	if (type != XMLRPC_TYPE_ARRAY && type != XMLRPC_TYPE_STRUCT)
		return value_fail(reason, "it has a type that no registry uses");
	to->type = type == XMLRPC_TYPE_ARRAY ? MICROREG_TYPE_ARRAY : MICROREG_TYPE_STRUCT;
	return value_read_items(arena, from, to, reason);
}

static const struct microreg_value *value_take(xmlrpc_value *from, const char **reason)
{
	struct value_result *result = calloc(1, sizeof(*result));

	if (!result) {
		*reason = "out of memory";
		return NULL;
	}
	arena_init(&result->arena, VALUE_ARENA_MAX);
	if (value_read(&result->arena, from, &result->value, reason) == 0)
		return &result->value;
	arena_fini(&result->arena);
	free(result);
	return NULL;
}

/* ---- The call ---- */

static int value_param(const struct microreg_value *param, xmlrpc_value **built,
		       struct microreg_error *error)
{
	xmlrpc_env env;
	int failed = 0;

	*built = NULL;
	if (!param)
		return 0;
	xmlrpc_env_init(&env);
	*built = value_build(&env, param, VALUE_DEPTH_MAX);
	if (!*built && env.fault_code == RPC_FAULT_PARAMS)
		failed = error_set(error, MICROREG_BAD_ARGUMENT, "param: %s", env.fault_string);
	else if (!*built)
		failed = error_memory(error);
	xmlrpc_env_clean(&env);
	return failed;
}

const struct microreg_value *microreg_call(struct microreg *registry, const char *method,
					   const struct microreg_value *param, unsigned wait_ms,
					   struct microreg_error *error)
{
	const struct microreg_value *value = NULL;
	xmlrpc_value *built, *result = NULL;
	const char *reason = "";

	error_clear(error);
	if (!registry || !method || !*method || wait_ms > VALUE_WAIT_MAX_MS) {
		(void)error_set(error, MICROREG_BAD_ARGUMENT,
				"registry or method: NULL, or wait_ms over %d", VALUE_WAIT_MAX_MS);
		return NULL;
	}
	if (value_param(param, &built, error) < 0)
		return NULL;
	if (call_run(registry,
		     &(struct call){.method = method,
				    .param = built,
				    .timeout_ms = registry->timeout_ms + wait_ms,
				    .reply_max = CALL_REPLY_LARGE},
		     &result, error) == 0) {
		value = value_take(result, &reason);
		if (!value)
			(void)call_bad_reply(registry, reason, error);
		xmlrpc_DECREF(result);
	}
	if (built)
		xmlrpc_DECREF(built);
	return value;
}

void microreg_value_free(const struct microreg_value **value)
{
	struct value_result *result;

	if (!value || !*value)
		return;
	result = (struct value_result *)(uintptr_t)*value;
	arena_fini(&result->arena);
	free(result);
	*value = NULL;
}

const struct microreg_value *microreg_value_find(const struct microreg_value *value,
						 const char *name)
{
	if (!value || !name || value->type != MICROREG_TYPE_STRUCT)
		return NULL;
	for (size_t i = 0; i < value->count; i++)
		if (strcmp(value->items[i].name, name) == 0)
			return &value->items[i];
	return NULL;
}
