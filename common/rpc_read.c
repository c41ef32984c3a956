/* rpc_read: structs by a table of their members; every mistake is answered in words. */
#include "common/rpc.h"
#include "common/suggest.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { READ_SHOWN_MAX = 40 }; /* bytes of a peer's text that an error repeats */

/* What is being read, for the functions below. */
struct read {
	const char *where;
	const struct rpc_field *field;
	struct arena *arena;
	struct err *e;
};

const char *rpc_type_name(xmlrpc_value *value)
{
	switch (xmlrpc_value_type(value)) {
	case XMLRPC_TYPE_INT:
		return "an int";
	case XMLRPC_TYPE_BOOL:
		return "a boolean";
	case XMLRPC_TYPE_DOUBLE:
		return "a double";
	case XMLRPC_TYPE_DATETIME:
		return "a dateTime.iso8601";
	case XMLRPC_TYPE_STRING:
		return "a string";
	case XMLRPC_TYPE_BASE64:
		return "base64";
	case XMLRPC_TYPE_ARRAY:
		return "an array";
	case XMLRPC_TYPE_STRUCT:
		return "a struct";
	case XMLRPC_TYPE_C_PTR:
	case XMLRPC_TYPE_NIL:
	case XMLRPC_TYPE_I8:
	case XMLRPC_TYPE_DEAD:
		break;
	}
	return "an extension type";
}

static int read_full(struct read *r)
{
	if (r->arena->full)
		return err_code(r->e, RPC_FAULT_TOO_LARGE, "%s: more than one call may hold",
				r->where);
	return err_code(r->e, RPC_FAULT_STORE, "%s: out of memory", r->where);
}

/* Cut, and with control characters and broken UTF-8 masked, so that the text is fit for a fault. */
static void read_show(const char *text, size_t len, char out[READ_SHOWN_MAX + 4])
{
	size_t n = len > READ_SHOWN_MAX ? READ_SHOWN_MAX : len;

	/* Not in the middle of a character. */
	while (n < len && n > 0 && ((unsigned char)text[n] & 0xc0) == 0x80)
		n--;
	for (size_t i = 0; i < n; i++)
		out[i] = (unsigned char)text[i] < 0x20 || text[i] == 0x7f ? '?' : text[i];
	(void)snprintf(out + n, 4, "%s", n < len ? "..." : "");
}

static int read_refuse_text(struct read *r, const char *text, size_t len)
{
	char shown[READ_SHOWN_MAX + 4];

	read_show(text, len, shown);
	if (r->field->allowed)
		return err_code(r->e, RPC_FAULT_PARAMS, "%s: %s: \"%s\"; allowed: %s", r->where,
				r->field->name, shown, r->field->allowed);
	return err_code(
		r->e, RPC_FAULT_PARAMS,
		"%s: %s: \"%s\"; allowed: text without control characters of %ld to %ld bytes",
		r->where, r->field->name, shown, r->field->min, r->field->max);
}

static int read_refuse_type(struct read *r, xmlrpc_value *value, const char *wanted)
{
	return err_code(r->e, RPC_FAULT_PARAMS, "%s: %s: %s; allowed: %s", r->where, r->field->name,
			rpc_type_name(value), r->field->allowed ? r->field->allowed : wanted);
}

static int read_refuse_count(struct read *r, size_t count)
{
	return err_code(r->e, RPC_FAULT_PARAMS, "%s: %s: %zu of them; allowed: %ld to %ld",
			r->where, r->field->name, count, r->field->min, r->field->max);
}

/* Copies the text of a string value; `min` and `max` are of its length. */
static int read_text(struct read *r, xmlrpc_value *value, long min, long max, const char **out)
{
	const char *text;
	size_t len;
	xmlrpc_env env;
	int result = -1;

	if (xmlrpc_value_type(value) != XMLRPC_TYPE_STRING)
		return read_refuse_type(r, value, "a string");
	xmlrpc_env_init(&env);
	xmlrpc_read_string_lp(&env, value, &len, &text);
	if (env.fault_occurred) {
		xmlrpc_env_clean(&env);
		return read_full(r);
	}
	if (memchr(text, '\0', len) || len < (size_t)min || (max && len > (size_t)max) ||
	    (r->field->is_valid && !r->field->is_valid(text))) {
		(void)read_refuse_text(r, text, len);
	} else {
		*out = arena_strndup(r->arena, text, len);
		result = *out ? 0 : read_full(r);
	}
	free((void *)(uintptr_t)text);
	xmlrpc_env_clean(&env);
	return result;
}

static int read_int(struct read *r, xmlrpc_value *value, int *out)
{
	long max = r->field->max ? r->field->max : INT_MAX;
	xmlrpc_env env;
	int number = 0;

	if (xmlrpc_value_type(value) != XMLRPC_TYPE_INT)
		return read_refuse_type(r, value, "an int");
	xmlrpc_env_init(&env);
	xmlrpc_read_int(&env, value, &number); /* can't fail on an int */
	xmlrpc_env_clean(&env);
	if (number >= r->field->min && number <= max) {
		*out = number;
		return 0;
	}
	if (r->field->allowed)
		return err_code(r->e, RPC_FAULT_PARAMS, "%s: %s: %d; allowed: %s", r->where,
				r->field->name, number, r->field->allowed);
	return err_code(r->e, RPC_FAULT_PARAMS, "%s: %s: %d; allowed: %ld to %ld", r->where,
			r->field->name, number, r->field->min, max);
}

static int read_bool(struct read *r, xmlrpc_value *value, bool *out)
{
	xmlrpc_bool yes = 0;
	xmlrpc_env env;

	if (xmlrpc_value_type(value) != XMLRPC_TYPE_BOOL)
		return read_refuse_type(r, value, "a boolean");
	xmlrpc_env_init(&env);
	xmlrpc_read_bool(&env, value, &yes); /* can't fail on a boolean */
	xmlrpc_env_clean(&env);
	*out = yes != 0;
	return 0;
}

/* The size of an array or struct, checked against the field's bounds; -1 refused. */
static long read_size(struct read *r, xmlrpc_value *value)
{
	xmlrpc_env env;
	int n;

	xmlrpc_env_init(&env);
	n = xmlrpc_value_type(value) == XMLRPC_TYPE_ARRAY ? xmlrpc_array_size(&env, value)
							  : xmlrpc_struct_size(&env, value);
	xmlrpc_env_clean(&env);
	if (n < 0)
		return read_full(r);
	if (n < r->field->min || (r->field->max && n > r->field->max))
		return read_refuse_count(r, (size_t)n);
	return n;
}

static int read_strings(struct read *r, xmlrpc_value *value, struct rpc_strings *out)
{
	long item_max = r->field->item_max ? r->field->item_max : INSTANCE_TEXT_MAX;
	const char **items;
	xmlrpc_env env;
	long n;
	int result = 0;

	if (xmlrpc_value_type(value) != XMLRPC_TYPE_ARRAY)
		return read_refuse_type(r, value, "an array of strings");
	n = read_size(r, value);
	if (n < 0)
		return -1;
	items = arena_alloc(r->arena, (size_t)n * sizeof(*items));
	if (!items)
		return read_full(r);
	xmlrpc_env_init(&env);
	for (long i = 0; i < n && !result; i++) {
		xmlrpc_value *item = NULL;

		xmlrpc_array_read_item(&env, value, (unsigned)i, &item);
		result = item ? read_text(r, item, 1, item_max, &items[i]) : read_full(r);
		if (item)
			xmlrpc_DECREF(item);
	}
	xmlrpc_env_clean(&env);
	*out = (struct rpc_strings){.items = items, .count = (size_t)n};
	return result;
}

static int read_compare_pairs(const void *a, const void *b)
{
	const struct instance_pair *x = a, *y = b;

	return strcmp(x->name, y->name);
}

static int read_pair(struct read *r, xmlrpc_value *from, unsigned at, struct instance_pair *out)
{
	xmlrpc_value *name = NULL, *value = NULL;
	xmlrpc_env env;
	int result;

	xmlrpc_env_init(&env);
	xmlrpc_struct_read_member(&env, from, at, &name, &value);
	if (env.fault_occurred)
		result = read_full(r);
	else if (read_text(r, name, 1, INSTANCE_TEXT_MAX, &out->name) ||
		 read_text(r, value, 0, INSTANCE_VALUE_MAX, &out->value))
		result = -1;
	else
		result = 0;
	if (name)
		xmlrpc_DECREF(name);
	if (value)
		xmlrpc_DECREF(value);
	xmlrpc_env_clean(&env);
	return result;
}

static int read_pairs(struct read *r, xmlrpc_value *value, struct rpc_pairs *out)
{
	struct instance_pair *items;
	long n;

	if (xmlrpc_value_type(value) != XMLRPC_TYPE_STRUCT)
		return read_refuse_type(r, value, "a struct of strings");
	n = read_size(r, value);
	if (n < 0)
		return -1;
	items = arena_alloc(r->arena, (size_t)n * sizeof(*items));
	if (!items)
		return read_full(r);
	for (long i = 0; i < n; i++)
		if (read_pair(r, value, (unsigned)i, &items[i]))
			return -1;
	qsort(items, (size_t)n, sizeof(*items), read_compare_pairs);
	*out = (struct rpc_pairs){.items = items, .count = (size_t)n};
	return 0;
}

static int read_borrowed(struct read *r, xmlrpc_value *value, xmlrpc_value **out)
{
	bool array = r->field->type == RPC_ARRAY;

	if (xmlrpc_value_type(value) != (array ? XMLRPC_TYPE_ARRAY : XMLRPC_TYPE_STRUCT))
		return read_refuse_type(r, value, array ? "an array" : "a struct");
	if (read_size(r, value) < 0)
		return -1;
	*out = value;
	return 0;
}

static int read_field(struct read *r, xmlrpc_value *value, void *out)
{
	void *to = (char *)out + r->field->offset;

	switch (r->field->type) {
	case RPC_STRING:
		return read_text(r, value, r->field->min, r->field->max, to);
	case RPC_INT:
		return read_int(r, value, to);
	case RPC_BOOL:
		return read_bool(r, value, to);
	case RPC_STRINGS:
		return read_strings(r, value, to);
	case RPC_PAIRS:
		return read_pairs(r, value, to);
	case RPC_STRUCT:
	case RPC_ARRAY:
		return read_borrowed(r, value, to);
	}
	return -1;
}

/* A finder: the field of that name, or NULL. */
static const struct rpc_field *read_find(const struct rpc_field *fields, size_t count,
					 const char *name, size_t len)
{
	for (size_t i = 0; i < count; i++)
		if (strlen(fields[i].name) == len && memcmp(fields[i].name, name, len) == 0)
			return &fields[i];
	return NULL;
}

static int read_unknown(const struct read *r, const struct rpc_field *fields, size_t count,
			const char *name, size_t len)
{
	char shown[READ_SHOWN_MAX + 4];
	const char *near = NULL;
	unsigned best = 99;

	read_show(name, len, shown);
	for (size_t i = 0; i < count; i++) {
		unsigned distance = suggest_distance(shown, fields[i].name);

		/* "ttl" for "ttl_ms": the unit is what people leave out. */
		if (strncmp(fields[i].name, shown, strlen(shown)) == 0 &&
		    strcmp(fields[i].name + strlen(shown), "_ms") == 0) {
			near = fields[i].name;
			break;
		}
		if (distance < best && suggest_is_near(shown, fields[i].name)) {
			best = distance;
			near = fields[i].name;
		}
	}
	if (near)
		return err_code(r->e, RPC_FAULT_PARAMS,
				"%s: no member is called \"%s\"; did you mean \"%s\"?", r->where,
				shown, near);
	return err_code(r->e, RPC_FAULT_PARAMS, "%s: no member is called \"%s\"", r->where, shown);
}

/* What rpc_read_struct was called with. */
struct read_table {
	const struct rpc_field *fields;
	size_t count;
	bool strict; /* unknown members are refused */
	uint64_t seen;
	void *out;
};

static int read_member(struct read *r, struct read_table *t, xmlrpc_value *from, unsigned at)
{
	xmlrpc_value *key = NULL, *value = NULL;
	const char *name = NULL;
	size_t len = 0;
	xmlrpc_env env;
	int result = 0;

	xmlrpc_env_init(&env);
	xmlrpc_struct_read_member(&env, from, at, &key, &value);
	if (!env.fault_occurred)
		xmlrpc_read_string_lp(&env, key, &len, &name);
	if (env.fault_occurred) {
		result = read_full(r);
		goto done;
	}
	r->field = read_find(t->fields, t->count, name, len);
	if (r->field) {
		t->seen |= (uint64_t)1 << (r->field - t->fields);
		result = read_field(r, value, t->out);
		if (!result && r->field->given)
			*((bool *)((char *)t->out + r->field->given - 1)) = true;
	} else if (t->strict) {
		result = read_unknown(r, t->fields, t->count, name, len);
	}
done:
	free((void *)(uintptr_t)name);
	if (key)
		xmlrpc_DECREF(key);
	if (value)
		xmlrpc_DECREF(value); /* the struct still holds it */
	xmlrpc_env_clean(&env);
	return result;
}

static int read_table(struct read *r, struct read_table *t, xmlrpc_value *value)
{
	xmlrpc_env env;
	int n;

	if (xmlrpc_value_type(value) != XMLRPC_TYPE_STRUCT)
		return err_code(r->e, RPC_FAULT_PARAMS, "%s: %s; allowed: a struct", r->where,
				rpc_type_name(value));
	xmlrpc_env_init(&env);
	n = xmlrpc_struct_size(&env, value);
	xmlrpc_env_clean(&env);
	for (int i = 0; i < n; i++)
		if (read_member(r, t, value, (unsigned)i))
			return -1;
	for (size_t i = 0; i < t->count; i++)
		if (t->fields[i].required && !(t->seen & (uint64_t)1 << i))
			return err_code(r->e, RPC_FAULT_PARAMS, "%s: %s is missing%s%s", r->where,
					t->fields[i].name,
					t->fields[i].allowed ? "; it takes " : "",
					t->fields[i].allowed ? t->fields[i].allowed : "");
	return 0;
}

int rpc_read_struct(const char *where, xmlrpc_value *value, const struct rpc_field *fields,
		    size_t count, struct arena *arena, void *out, struct err *e)
{
	struct read r = {.where = where, .arena = arena, .e = e};
	struct read_table t = {.fields = fields, .count = count, .strict = true, .out = out};

	return read_table(&r, &t, value);
}

int rpc_read_reply(const char *where, xmlrpc_value *value, const struct rpc_field *fields,
		   size_t count, struct arena *arena, void *out, struct err *e)
{
	struct read r = {.where = where, .arena = arena, .e = e};
	struct read_table t = {.fields = fields, .count = count, .out = out};

	return read_table(&r, &t, value);
}
