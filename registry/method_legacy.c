/*
 * method_legacy: the six methods of the original MicroReg, value for value, so
 * that its clients keep working as they are.
 *
 * They send no heartbeats: the checker looks after what they register.
 */
#include "common/clock.h"
#include "common/json_write.h"
#include "registry/catalog.h"
#include "registry/edit.h"
#include "registry/import.h"
#include "registry/method.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	LEGACY_LISTING_MAX = 4 << 20, /* bytes of get_all_service_details */
	LEGACY_TEXT_MAX = 300,
};

/* ---- Parameters ---- */

/* The string parameter at `index`, in the arena; NULL with the fault answered. */
static const char *legacy_text(struct call *call, size_t index, const char *what)
{
	xmlrpc_value *value = call_param(call, index);
	const char *text = NULL, *copy = NULL;
	bool fits, spent;
	xmlrpc_env env;

	xmlrpc_env_init(&env);
	if (value && xmlrpc_value_type(value) == XMLRPC_TYPE_STRING)
		xmlrpc_read_string(&env, value, &text);
	if (env.fault_occurred)
		text = NULL;
	fits = text && strlen(text) <= LEGACY_TEXT_MAX;
	if (fits)
		copy = arena_strndup(&call->arena, text, strlen(text));
	spent = env.fault_code == XMLRPC_INTERNAL_ERROR || (fits && !copy);
	free((char *)(uintptr_t)text); /* xmlrpc-c's headers offer nothing else */
	xmlrpc_env_clean(&env);
	if (spent)
		call_answer(call, NULL);
	else if (!copy)
		call_fault(call, RPC_FAULT_PARAMS, "%s: parameter %zu is the %s, a string",
			   call->method->name, index + 1, what);
	return copy;
}

/* An int, or a string of digits, as clients that read it from a file send it. */
static bool legacy_number(struct call *call, size_t index, const char *what, long min, long max,
			  long *out)
{
	xmlrpc_value *value = call_param(call, index);
	const char *text = NULL;
	char *end = NULL;
	xmlrpc_env env;
	bool ok = false, spent;
	int number;

	xmlrpc_env_init(&env);
	if (value && xmlrpc_value_type(value) == XMLRPC_TYPE_INT) {
		xmlrpc_read_int(&env, value, &number);
		*out = number;
		ok = !env.fault_occurred;
	} else if (value && xmlrpc_value_type(value) == XMLRPC_TYPE_STRING) {
		xmlrpc_read_string(&env, value, &text);
		if (env.fault_occurred)
			text = NULL;
		if (text && *text && strlen(text) <= 6 &&
		    strspn(text, "-0123456789") == strlen(text)) {
			*out = strtol(text, &end, 10);
			ok = *end == '\0';
		}
	}
	spent = env.fault_code == XMLRPC_INTERNAL_ERROR;
	free((char *)(uintptr_t)text); /* xmlrpc-c's headers offer nothing else */
	xmlrpc_env_clean(&env);
	if (ok && *out >= min && *out <= max)
		return true;
	if (spent) {
		call_answer(call, NULL);
		return false;
	}
	call_fault(call, RPC_FAULT_PARAMS, "%s: parameter %zu is the %s, an int from %ld to %ld",
		   call->method->name, index + 1, what, min, max);
	return false;
}

static bool legacy_count(struct call *call, size_t least, size_t most)
{
	size_t count = call_param_count(call);

	if (count >= least && count <= most)
		return true;
	call_fault(call, RPC_FAULT_PARAMS, "%s: takes %zu to %zu parameters, not %zu",
		   call->method->name, least, most, count);
	return false;
}

/* The name of a service; the original took any text, ours must fit everywhere. */
static const char *legacy_name(struct call *call)
{
	const char *name = legacy_text(call, 0, "name");

	if (name && !instance_service_is_valid(name)) {
		call_fault(call, RPC_FAULT_PARAMS,
			   "%s: name \"%.80s\"; allowed: at most 128 letters, digits, '.', '_' "
			   "and '-'",
			   call->method->name, name);
		return NULL;
	}
	return name;
}

static struct edit *legacy_edit(struct call *call, enum edit_kind kind)
{
	struct edit *edit = arena_zalloc(&call->arena, sizeof(*edit));

	if (!edit) {
		call_answer(call, NULL);
		return NULL;
	}
	edit->kind = kind;
	edit->origin = call->peer;
	edit->token = call_actor(call);
	edit->owner = call;
	return edit;
}

static void legacy_submit(struct call *call, struct edit *edit)
{
	struct err e = {0};

	if (!call_may(call, edit->service ? edit->service : edit->in.service, true, &e)) {
		call_err(call, &e);
		return;
	}
	call_suspend(call);
	if (edit_submit(call->registry->writer, edit, &e) < 0)
		call_err(call, &e);
}

static void legacy_answer_bool(struct call *call, bool yes)
{
	xmlrpc_env env;

	xmlrpc_env_init(&env);
	call_answer_env(call, &env, rpc_new_bool(&env, yes));
}

/* ---- register ---- */

static void legacy_register_finish(struct edit *edit)
{
	struct call *call = edit->owner;
	xmlrpc_env env;

	if (edit->op.err.code) {
		call_err(call, &edit->op.err);
		return;
	}
	if (!edit->number) {
		legacy_answer_bool(call, false);
		return;
	}
	xmlrpc_env_init(&env);
	call_answer_env(
		call, &env,
		rpc_new_int(&env, edit->number > INT32_MAX ? INT32_MAX : (int)edit->number));
}

void legacy_register(struct call *call)
{
	struct instance in = {.weight = INSTANCE_WEIGHT_DEFAULT, .ttl_ms = INSTANCE_TTL_DEFAULT_MS};
	const char *host;
	long port, status = 1;
	struct edit *edit;

	if (!legacy_count(call, 3, 4))
		return;
	in.service = legacy_name(call);
	host = in.service ? legacy_text(call, 1, "host") : NULL;
	if (!host || !legacy_number(call, 2, "port", 1, 65535, &port))
		return;
	if (call_param_count(call) == 4 && !legacy_number(call, 3, "status", -1, 1, &status))
		return;
	if (legacy_split_host(&call->arena, host, &in) < 0) {
		if (!in.host)
			call_answer(call, NULL);
		else
			call_fault(call, RPC_FAULT_PARAMS,
				   "register: host \"%.80s\"; allowed: a host name or address, "
				   "with or "
				   "without http:// before it",
				   host);
		return;
	}
	in.port = (uint16_t)port;
	in.id = arena_printf(&call->arena, "%s%s:%ld", in.host[0] == ':' ? "0" : "", in.host, port);
	if (!in.id) {
		call_answer(call, NULL);
		return;
	}
	if (!instance_id_is_valid(in.id)) {
		call_fault(call, RPC_FAULT_PARAMS, "register: host: longer than 120 characters");
		return;
	}
	edit = legacy_edit(call, EDIT_LEGACY_REGISTER);
	if (!edit)
		return;
	edit->in = in;
	edit->legacy_host = host;
	edit->legacy_status = (int)status;
	edit->strict = call->registry->legacy_strict;
	edit->finish = legacy_register_finish;
	legacy_submit(call, edit);
}

/* ---- update_status, unregister ---- */

static void legacy_existed_finish(struct edit *edit)
{
	struct call *call = edit->owner;

	if (edit->op.err.code)
		call_err(call, &edit->op.err);
	else
		legacy_answer_bool(call, edit->existed);
}

/* What a call names, as far as it changes anything. */
static void legacy_submit_named(struct call *call, enum edit_kind kind, const char *name,
				long status)
{
	struct edit *edit = legacy_edit(call, kind);

	if (!edit)
		return;
	edit->service = name;
	edit->legacy_status = (int)status;
	edit->finish = legacy_existed_finish;
	legacy_submit(call, edit);
}

void legacy_update_status(struct call *call)
{
	const char *name;
	long status;

	if (!legacy_count(call, 2, 2))
		return;
	name = legacy_name(call);
	if (name && legacy_number(call, 1, "status", -1, 1, &status))
		legacy_submit_named(call, EDIT_LEGACY_STATUS, name, status);
}

void legacy_unregister(struct call *call)
{
	const char *name;

	if (!legacy_count(call, 1, 1))
		return;
	name = legacy_name(call);
	if (name)
		legacy_submit_named(call, EDIT_LEGACY_UNREGISTER, name, 0);
}

/* ---- get_service_details ---- */

/* Their gateway builds host + ':' + port and hands that to an HTTP client, so it has a scheme. */
static const char *legacy_host(struct call *call, const struct record *r)
{
	bool ipv6 = strchr(r->in.host, ':') != NULL;

	if (r->legacy)
		return r->legacy_host;
	return arena_printf(&call->arena, ipv6 ? "%s://[%s]" : "%s://%s", r->in.scheme, r->in.host);
}

/* One that is up, the next each time. */
static const struct record *legacy_pick(struct catalog *catalog, const struct catalog_view *view)
{
	size_t up = 0, pick;

	for (size_t i = 0; view && i < view->count; i++)
		up += view->records[i]->in.status == INSTANCE_UP;
	if (!up)
		return NULL;
	pick = catalog_turn(catalog, view->service) % up;
	for (size_t i = 0; i < view->count; i++)
		if (view->records[i]->in.status == INSTANCE_UP && pick-- == 0)
			return view->records[i];
	return NULL;
}

void legacy_get_service_details(struct call *call)
{
	const struct record *record;
	struct catalog_answer found;
	xmlrpc_value *pair;
	const char *name, *host;
	xmlrpc_env env;

	if (!legacy_count(call, 1, 1))
		return;
	name = legacy_name(call);
	if (!name)
		return;
	if (catalog_look(call->registry->catalog, name, &found) == CATALOG_NO_MEMORY) {
		call_answer(call, NULL);
		return;
	}
	record = legacy_pick(call->registry->catalog, found.view);
	if (!record) {
		catalog_view_unref(&found.view);
		legacy_answer_bool(call, false);
		return;
	}
	host = legacy_host(call, record);
	if (!host) {
		catalog_view_unref(&found.view);
		call_answer(call, NULL);
		return;
	}
	xmlrpc_env_init(&env);
	pair = rpc_new_array(&env);
	rpc_append(&env, pair, rpc_new_string(&env, host));
	rpc_append(&env, pair, rpc_new_int(&env, record->in.port));
	catalog_view_unref(&found.view);
	call_answer_env(call, &env, pair);
}

/* ---- get_all_service_details, get_reg_count ---- */

static void legacy_list_one(struct call *call, struct json_writer *j, const struct record *r)
{
	const char *host = legacy_host(call, r);
	char number[24];
	int status = r->in.status == INSTANCE_UP ? 1 : 0;

	/* -1 is the client's own word; of what the checker found it knows "not running". */
	if (r->legacy && r->legacy_status == -1 && status == 0)
		status = -1;
	(void)snprintf(number, sizeof(number), "%" PRIu64, r->number);
	json_write_key(j, number);
	json_write_object(j);
	json_write_key(j, "id");
	json_write_uint(j, r->number);
	json_write_key(j, "name");
	json_write_string(j, r->in.service);
	json_write_key(j, "host");
	json_write_string(j, host ? host : "");
	j->out->failed |= !host;
	json_write_key(j, "port");
	json_write_uint(j, r->in.port);
	json_write_key(j, "status");
	json_write_int(j, status);
	json_write_key(j, "reg_timestamp");
	json_write_fixed(j, (double)r->registered_wall_ms / 1000.0, 3);
	json_write_object_end(j);
}

static int legacy_by_number(const void *a, const void *b)
{
	const struct record *const *x = a, *const *y = b;

	return ((*x)->number > (*y)->number) - ((*x)->number < (*y)->number);
}

static void legacy_answer_listing(struct call *call, struct record **records, size_t count)
{
	struct buf text;
	struct json_writer j;
	xmlrpc_env env;

	buf_init(&text, LEGACY_LISTING_MAX);
	json_write_init(&j, &text);
	json_write_object(&j);
	qsort(records, count, sizeof(*records), legacy_by_number);
	for (size_t i = 0; i < count; i++)
		legacy_list_one(call, &j, records[i]);
	json_write_object_end(&j);
	if (text.failed && text.len < LEGACY_LISTING_MAX / 2) {
		call_answer(call, NULL);
	} else if (text.failed) {
		call_fault(call, RPC_FAULT_LEGACY,
			   "%zu instances are too many for one answer; use registry.services and "
			   "registry.lookup",
			   count);
	} else {
		xmlrpc_env_init(&env);
		call_answer_env(call, &env, rpc_new_text(&env, text.data, text.len));
	}
	buf_fini(&text);
}

void legacy_get_all_service_details(struct call *call)
{
	struct catalog *catalog = call->registry->catalog;
	struct record **records;
	size_t count = 0;

	if (!legacy_count(call, 0, 0))
		return;
	if (catalog_list(catalog, LEGACY_LISTING_MAX / 64, &records, &count) < 0) {
		call_answer(call, NULL);
		return;
	}
	/* The call is gone after the answer; the records are not its. */
	if (call_takes_room(call, count))
		legacy_answer_listing(call, records, count);
	for (size_t i = 0; i < count; i++)
		record_unref(&records[i]);
	free(records);
}

void legacy_get_reg_count(struct call *call)
{
	struct catalog_stats stats;
	xmlrpc_env env;

	if (!legacy_count(call, 0, 0))
		return;
	catalog_stats(call->registry->catalog, &stats);
	xmlrpc_env_init(&env);
	call_answer_env(call, &env, rpc_new_int(&env, (int)stats.instances));
}
