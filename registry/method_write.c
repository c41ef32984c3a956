/*
 * method_write: register, heartbeat(s), deregister, set_status, backup.
 *
 * What changes the store is an edit handed to the writer; it lies in the
 * call's arena and answers from the writer's thread.
 */
#include "common/clock.h"
#include "registry/catalog.h"
#include "registry/drain.h"
#include "registry/edit.h"
#include "registry/keeper.h"
#include "registry/lease.h"
#include "registry/method.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HEARTBEATS_MAX = 250, DEREGISTER_WAIT_MAX_MS = 60000 };

static void write_set_revision(xmlrpc_env *env, xmlrpc_value *to, const struct catalog *catalog,
			       uint64_t revision)
{
	char text[CATALOG_POSITION_SIZE];

	catalog_position_print(catalog, (struct catalog_position){revision, revision}, text);
	rpc_set_string(env, to, "revision", text);
}

/* Hands the edit to the writer; when that fails the fault is answered. */
static void write_submit(struct call *call, struct edit *edit, void (*finish)(struct edit *edit))
{
	struct err e = {0};

	edit->owner = call;
	edit->finish = finish;
	call_suspend(call);
	if (edit_submit(call->registry->writer, edit, &e) < 0)
		call_err(call, &e);
}

/* The fault of an edit that was refused is answered; false then. */
static bool write_succeeded(struct edit *edit)
{
	if (!edit->op.err.code)
		return true;
	call_err(edit->owner, &edit->op.err);
	return false;
}

/* ---- register ---- */

/* Missing host and id: the caller's address, and host:port. */
static int write_complete(const char *where, struct arena *arena, const char *peer,
			  struct instance *in, struct err *e)
{
	if (!*in->host)
		in->host = arena_strndup(arena, peer, strlen(peer));
	if (in->host && !*in->id)
		/* An id can't begin with ':' as "::1" does; "0::1" is the same address. */
		in->id = arena_printf(arena, "%s%s:%u", in->host[0] == ':' ? "0" : "", in->host,
				      in->port);
	if (!in->host || !in->id)
		return err_code(e, RPC_FAULT_STORE, "the registry is out of memory");
	if (!instance_id_is_valid(in->id))
		return err_code(e, RPC_FAULT_PARAMS,
				"%s: id: host and port make \"%.80s…\", which is too long for one; "
				"give an id of at most 128 letters, digits, '.', '_', '-' and ':'",
				where, in->id);
	return 0;
}

static void register_finish(struct edit *edit)
{
	struct call *call = edit->owner;
	xmlrpc_value *out;
	xmlrpc_env env;

	if (!write_succeeded(edit))
		return;
	xmlrpc_env_init(&env);
	out = rpc_new_struct(&env);
	rpc_set_string(&env, out, "id", edit->in.id);
	rpc_set_string(&env, out, "lease", edit->lease);
	rpc_set_int(&env, out, "ttl_ms", (int)edit->in.ttl_ms);
	rpc_set_int(&env, out, "heartbeat_ms", (int)lease_heartbeat_ms(edit->in.ttl_ms));
	write_set_revision(&env, out, call->registry->catalog, edit->op.revision);
	call_answer_env(call, &env, out);
}

void method_register(struct call *call)
{
	xmlrpc_value *value = call_struct(call);
	struct err e = {0};
	struct edit *edit;

	if (!value)
		return;
	edit = arena_zalloc(&call->arena, sizeof(*edit));
	if (!edit) {
		call_answer(call, NULL);
		return;
	}
	if (rpc_read_registration("registry.register", value, &call->arena, &edit->in, &e) < 0 ||
	    write_complete("registry.register", &call->arena, call->peer, &edit->in, &e) < 0 ||
	    edit_make_lease(edit->lease, &e) < 0) {
		call_err(call, &e);
		return;
	}
	edit->kind = EDIT_REGISTER;
	edit->origin = call->peer;
	write_submit(call, edit, register_finish);
}

/* ---- heartbeats ---- */

struct beat {
	struct edit edit; /* first: a beat that restores is an edit */
	struct rpc_heartbeat heartbeat;
	struct beats *of;
	struct err fault; /* fault.code 0: the rest is the result */
	bool known;
	const char *lease;
	unsigned heartbeat_ms;
	uint64_t revision;
};

struct beats {
	struct call *call;
	bool many;	/* registry.heartbeats: answers an array */
	bool suspended; /* something has to be restored first */
	size_t count;
	atomic_size_t pending; /* restores on their way, and one for the thread that starts them */
	struct beat *items;
};

static xmlrpc_value *beat_build(xmlrpc_env *env, const struct catalog *catalog,
				const struct beat *beat)
{
	xmlrpc_value *out = rpc_new_struct(env);

	if (beat->fault.code) {
		rpc_set_int(env, out, "faultCode", beat->fault.code);
		rpc_set_string(env, out, "faultString", beat->fault.text);
		return out;
	}
	rpc_set_bool(env, out, "known", beat->known);
	rpc_set_string(env, out, "lease", beat->lease);
	rpc_set_int(env, out, "heartbeat_ms", (int)beat->heartbeat_ms);
	write_set_revision(env, out, catalog, beat->revision);
	return out;
}

static void beats_answer(struct beats *beats)
{
	struct call *call = beats->call;
	const struct catalog *catalog = call->registry->catalog;
	xmlrpc_value *out;
	xmlrpc_env env;

	if (!beats->many && beats->items[0].fault.code) {
		call_err(call, &beats->items[0].fault);
		return;
	}
	xmlrpc_env_init(&env);
	if (beats->many) {
		out = rpc_new_array(&env);
		for (size_t i = 0; i < beats->count; i++)
			rpc_append(&env, out, beat_build(&env, catalog, &beats->items[i]));
	} else {
		out = beat_build(&env, catalog, &beats->items[0]);
	}
	call_answer_env(call, &env, out);
}

static void beats_one_done(struct beats *beats)
{
	if (atomic_fetch_sub(&beats->pending, 1) == 1)
		beats_answer(beats);
}

static void beat_restored(struct edit *edit)
{
	struct beat *beat = (void *)edit;

	beat->fault = edit->op.err;
	beat->known = true;
	beat->lease = edit->lease;
	beat->heartbeat_ms = lease_heartbeat_ms(edit->in.ttl_ms);
	beat->revision = edit->op.revision;
	beats_one_done(beat->of);
}

/* The registry has lost it, but the beat carries all of it. */
static void beat_restore(struct beat *beat)
{
	struct call *call = beat->of->call;
	struct edit *edit = &beat->edit;

	edit->kind = EDIT_RESTORE;
	edit->in = beat->heartbeat.instance;
	edit->origin = call->peer;
	edit->finish = beat_restored;
	if (strlen(beat->heartbeat.lease) >= sizeof(edit->lease)) {
		(void)err_code(&beat->fault, RPC_FAULT_PARAMS,
			       "registry.heartbeat: lease: too long to be one of ours");
		return;
	}
	(void)snprintf(edit->lease, sizeof(edit->lease), "%s", beat->heartbeat.lease);
	if (write_complete("registry.heartbeat", &call->arena, call->peer, &edit->in,
			   &beat->fault) < 0)
		return;
	if (!beat->of->suspended)
		call_suspend(call);
	beat->of->suspended = true;
	atomic_fetch_add(&beat->of->pending, 1);
	if (edit_submit(call->registry->writer, edit, &beat->fault) < 0)
		atomic_fetch_sub(&beat->of->pending, 1);
}

static void beat_run(struct beat *beat, xmlrpc_value *value)
{
	struct call *call = beat->of->call;
	struct rpc_heartbeat *h = &beat->heartbeat;
	struct lease_term term = {0};

	atomic_fetch_add_explicit(&call->registry->beats, 1, memory_order_relaxed);
	beat->lease = "";
	if (rpc_read_heartbeat(call->method->name, value, &call->arena, h, &beat->fault) < 0)
		return;
	switch (lease_beat(call->registry->catalog, h->instance.service, h->instance.id, h->lease,
			   h->load, clock_ms(), &term)) {
	case LEASE_KNOWN:
		beat->known = true;
		beat->lease = h->lease;
		beat->heartbeat_ms = term.heartbeat_ms;
		beat->revision = term.revision;
		return;
	case LEASE_FENCED:
		(void)err_code(
			&beat->fault, RPC_FAULT_FENCED,
			"lease: another process has registered %s/%s since; this one's lease "
			"is over",
			h->instance.service, h->instance.id);
		return;
	case LEASE_UNKNOWN:
		break;
	}
	beat->revision = catalog_revision(call->registry->catalog);
	if (h->whole)
		beat_restore(beat);
}

static struct beats *beats_new(struct call *call, size_t count, bool many)
{
	struct beats *beats = arena_zalloc(&call->arena, sizeof(*beats));

	if (beats)
		beats->items = arena_zalloc(&call->arena, (count + 1) * sizeof(*beats->items));
	if (!beats || !beats->items) {
		call_answer(call, NULL);
		return NULL;
	}
	beats->call = call;
	beats->many = many;
	beats->count = count;
	atomic_init(&beats->pending, 1);
	for (size_t i = 0; i < count; i++)
		beats->items[i].of = beats;
	return beats;
}

void method_heartbeat(struct call *call)
{
	xmlrpc_value *value = call_struct(call);
	struct beats *beats = value ? beats_new(call, 1, false) : NULL;

	if (!beats)
		return;
	beat_run(&beats->items[0], value);
	beats_one_done(beats);
}

void method_heartbeats(struct call *call)
{
	xmlrpc_value *list = call_param(call, 0), *value;
	struct beats *beats;
	xmlrpc_env env;
	int count;

	if (!list || call_param_count(call) != 1 || xmlrpc_value_type(list) != XMLRPC_TYPE_ARRAY) {
		call_fault(call, RPC_FAULT_PARAMS, "%s: takes one array of heartbeats",
			   call->method->name);
		return;
	}
	xmlrpc_env_init(&env);
	count = xmlrpc_array_size(&env, list);
	if (count < 0 || count > HEARTBEATS_MAX) {
		call_fault(call, RPC_FAULT_PARAMS, "registry.heartbeats: %d of them; at most %d",
			   count, HEARTBEATS_MAX);
		goto done;
	}
	beats = beats_new(call, (size_t)count, true);
	if (!beats)
		goto done;
	for (int i = 0; i < count; i++) {
		value = NULL;
		xmlrpc_array_read_item(&env, list, (unsigned)i, &value);
		if (env.fault_occurred)
			break; /* can't be: it has so many */
		beat_run(&beats->items[i], value);
		xmlrpc_DECREF(value); /* the array keeps it */
	}
	beats_one_done(beats);
done:
	xmlrpc_env_clean(&env);
}

/* ---- deregister ---- */

struct target {
	struct edit edit; /* first */
	struct drain_wait wait;
	const char *service, *id, *lease, *status, *reason;
	int wait_ms;
};

#define TARGET(member) .name = #member, .offset = offsetof(struct target, member)

#define TARGET_FIELDS                                                                       \
	{TARGET(service),                                                                   \
	 .type = RPC_STRING,                                                                \
	 .required = true,                                                                  \
	 .min = 1,                                                                          \
	 .max = INSTANCE_NAME_MAX,                                                          \
	 .is_valid = instance_service_is_valid,                                             \
	 .allowed = "a name of at most 128 letters, digits, '.', '_' and '-'"},             \
		{TARGET(id),                                                                \
		 .type = RPC_STRING,                                                        \
		 .required = true,                                                          \
		 .min = 1,                                                                  \
		 .max = INSTANCE_NAME_MAX,                                                  \
		 .is_valid = instance_id_is_valid,                                          \
		 .allowed = "an id of at most 128 letters, digits, '.', '_', '-' and ':'"}, \
	{                                                                                   \
		TARGET(lease), .type = RPC_STRING, .max = INSTANCE_NAME_MAX,                \
			       .is_valid = instance_text_is_valid                           \
	}

static const struct rpc_field deregister_fields[] = {
	TARGET_FIELDS,
	{TARGET(wait_ms), .type = RPC_INT, .max = DEREGISTER_WAIT_MAX_MS,
	 .allowed = "milliseconds, an int from 0 to 60000"},
};

/* Reads the parameters; NULL with the fault answered. */
static struct target *target_read(struct call *call, const struct rpc_field *fields, size_t count)
{
	struct target *target = arena_zalloc(&call->arena, sizeof(*target));

	if (!target) {
		call_answer(call, NULL);
		return NULL;
	}
	target->lease = target->reason = "";
	if (!call_params(call, fields, count, target))
		return NULL;
	target->edit.service = target->service;
	target->edit.id = target->id;
	(void)snprintf(target->edit.lease, sizeof(target->edit.lease), "%s", target->lease);
	return target;
}

static void deregister_drained(struct drain_wait *wait, bool drained)
{
	struct target *target = (void *)((char *)wait - offsetof(struct target, wait));
	struct call *call = target->edit.owner;
	xmlrpc_value *out;
	xmlrpc_env env;

	xmlrpc_env_init(&env);
	out = rpc_new_struct(&env);
	rpc_set_bool(&env, out, "existed", target->edit.existed);
	rpc_set_bool(&env, out, "drained", drained);
	write_set_revision(&env, out, call->registry->catalog, target->edit.op.revision);
	call_answer_env(call, &env, out);
}

static void deregister_finish(struct edit *edit)
{
	struct target *target = (void *)edit;
	struct call *call = edit->owner;
	struct registry *registry = call->registry;
	bool waits = target->wait_ms > 0 && !call->nested;
	uint64_t now_ms = clock_ms();

	if (!write_succeeded(edit))
		return;
	target->wait.service = target->service;
	target->wait.id = target->id;
	target->wait.revision = edit->op.revision;
	target->wait.deadline_ms = now_ms + (waits ? (uint64_t)target->wait_ms : 0);
	target->wait.finish = deregister_drained;
	drain_wait(registry->drain, &target->wait, now_ms); /* the call may be gone now */
	if (waits)
		keeper_draining(registry->keeper);
}

void method_deregister(struct call *call)
{
	struct target *target = target_read(call, deregister_fields, 4);

	if (!target)
		return;
	target->edit.kind = EDIT_DEREGISTER;
	write_submit(call, &target->edit, deregister_finish);
}

/* ---- set_status ---- */

static bool write_is_status(const char *text)
{
	return instance_status_parse(text) >= 0;
}

static const struct rpc_field set_status_fields[] = {
	TARGET_FIELDS,
	{TARGET(status), .type = RPC_STRING, .required = true, .min = 1, .max = INSTANCE_NAME_MAX,
	 .is_valid = write_is_status,
	 .allowed = "\"up\", \"starting\", \"draining\", \"maintenance\" or \"down\""},
	{TARGET(reason), .type = RPC_STRING, .max = INSTANCE_VALUE_MAX,
	 .is_valid = instance_text_is_valid},
};

static void set_status_finish(struct edit *edit)
{
	struct call *call = edit->owner;
	xmlrpc_value *out;
	xmlrpc_env env;

	if (!write_succeeded(edit))
		return;
	xmlrpc_env_init(&env);
	out = rpc_new_struct(&env);
	write_set_revision(&env, out, call->registry->catalog, edit->op.revision);
	call_answer_env(call, &env, out);
}

void method_set_status(struct call *call)
{
	struct target *target = target_read(call, set_status_fields, 5);

	if (!target)
		return;
	target->edit.kind = EDIT_STATUS;
	target->edit.status = (enum instance_status)instance_status_parse(target->status);
	target->edit.detail = target->reason;
	write_submit(call, &target->edit, set_status_finish);
}

/* ---- backup ---- */

static void backup_finish(struct edit *edit)
{
	struct call *call = edit->owner;
	xmlrpc_value *out;
	xmlrpc_env env;

	if (!write_succeeded(edit))
		return;
	xmlrpc_env_init(&env);
	out = rpc_new_struct(&env);
	rpc_set_string(&env, out, "file", edit->file);
	call_answer_env(call, &env, out);
}

void method_backup(struct call *call)
{
	struct edit *edit = arena_zalloc(&call->arena, sizeof(*edit));
	struct rpc_field none = {0};

	if (!edit) {
		call_answer(call, NULL);
		return;
	}
	if (call_param_count(call) && !call_params(call, &none, 0, edit))
		return;
	edit->kind = EDIT_BACKUP;
	write_submit(call, edit, backup_finish);
}
