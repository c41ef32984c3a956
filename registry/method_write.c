/*
 * method_write: register, deregister, set_status, backup.
 *
 * What changes the store is an edit handed to the writer; it lies in the
 * call's arena and answers from the writer's thread.
 */
#include "common/clock.h"
#include "common/rpc_write.h"
#include "registry/backup.h"
#include "registry/catalog.h"
#include "registry/drain.h"
#include "registry/edit.h"
#include "registry/keeper.h"
#include "registry/lease.h"
#include "registry/method.h"
#include "registry/method_edit.h"
#include "registry/note.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DEREGISTER_WAIT_MAX_MS = 60000, TARGET_WAITING_MAX = 32 };

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

void call_fenced(const struct call *call, const char *service, const char *id)
{
	note_tell(call->registry, &(struct note){.event = "fenced",
						 .service = service,
						 .id = id,
						 .token = call_actor(call),
						 .address = call->peer,
						 .detail = call->method->name});
}

/* The fault of an edit that was refused is answered; false then. */
static bool write_succeeded(struct edit *edit)
{
	if (!edit->op.err.code)
		return true;
	if (edit->op.err.code == RPC_FAULT_FENCED && !edit->clash)
		call_fenced(edit->owner, edit->service, edit->id);
	call_err(edit->owner, &edit->op.err);
	return false;
}

/* ---- register ---- */

int write_complete(const char *where, struct call *call, struct instance *in, struct err *e)
{
	struct arena *arena = &call->arena;

	if (!*in->host)
		in->host = arena_strndup(arena, call->peer, strlen(call->peer));
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
	struct buf *to = &call->text;
	char revision[CATALOG_POSITION_SIZE];

	if (!write_succeeded(edit))
		return;
	catalog_position_print(call->registry->catalog,
			       (struct catalog_position){edit->op.revision, edit->op.revision},
			       revision);
	rpc_write_begin(to);
	rpc_write_struct(to);
	rpc_write_set_string(to, "id", edit->in.id);
	rpc_write_set_string(to, "lease", edit->lease);
	rpc_write_set_int(to, "ttl_ms", (int)edit->in.ttl_ms);
	rpc_write_set_int(to, "heartbeat_ms", (int)lease_heartbeat_ms(edit->in.ttl_ms));
	rpc_write_set_string(to, "revision", revision);
	rpc_write_struct_end(to);
	rpc_write_end(to);
	call_answer_text(call);
}

static void register_run(struct call *call, struct edit *edit)
{
	struct err e = {0};

	if (!call_may(call, edit->in.service, true, &e) ||
	    write_complete("registry.register", call, &edit->in, &e) < 0 ||
	    edit_make_lease(edit->lease, &e) < 0) {
		call_err(call, &e);
		return;
	}
	edit->kind = EDIT_REGISTER;
	edit->origin = call->peer;
	edit->token = call_actor(call);
	write_submit(call, edit, register_finish);
}

void method_register(struct call *call)
{
	xmlrpc_value *value = call_struct(call);
	struct err e = {0};
	struct edit *edit;

	if (!value)
		return;
	edit = arena_zalloc(&call->arena, sizeof(*edit));
	if (!edit)
		call_answer(call, NULL);
	else if (rpc_read_registration("registry.register", value, &call->arena, &edit->in, &e) < 0)
		call_err(call, &e);
	else
		register_run(call, edit);
}

bool method_register_quick(struct call *call, struct rpc_quick *in)
{
	struct edit *edit = arena_zalloc(&call->arena, sizeof(*edit));

	if (!edit || !rpc_quick_registration(in, &edit->in) || !rpc_quick_close(in))
		return false;
	if (call_begin(call))
		register_run(call, edit);
	return true;
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
	struct err e = {0};

	if (!target) {
		call_answer(call, NULL);
		return NULL;
	}
	target->lease = target->reason = "";
	if (!call_params(call, fields, count, target))
		return NULL;
	if (!call_may(call, target->service, target->lease[0] != '\0', &e)) {
		call_err(call, &e);
		return NULL;
	}
	target->edit.service = target->service;
	target->edit.id = target->id;
	target->edit.origin = call->peer;
	target->edit.token = call_actor(call);
	(void)snprintf(target->edit.lease, sizeof(target->edit.lease), "%s", target->lease);
	return target;
}

/* The names of gateways that have not let go of it. */
static void target_write_waiting(struct buf *to, struct target *target)
{
	char names[TARGET_WAITING_MAX][INSTANCE_NAME_MAX + 1];
	struct call *call = target->edit.owner;
	size_t n = drain_holders(call->registry->drain, &target->wait, clock_ms(), names,
				 TARGET_WAITING_MAX);

	rpc_write_member(to, "waiting");
	rpc_write_array(to);
	for (size_t i = 0; i < n; i++)
		rpc_write_string(to, names[i]);
	rpc_write_array_end(to);
	rpc_write_member_end(to);
}

/* The answer of both methods; deregister's says whether there was such an instance. */
static void target_drained(struct drain_wait *wait, bool drained)
{
	struct target *target = (void *)((char *)wait - offsetof(struct target, wait));
	struct call *call = target->edit.owner;
	char revision[CATALOG_POSITION_SIZE];
	struct buf *to = &call->text;
	uint64_t at = target->edit.op.revision;

	catalog_position_print(call->registry->catalog, (struct catalog_position){at, at},
			       revision);
	rpc_write_begin(to);
	rpc_write_struct(to);
	if (target->edit.kind == EDIT_DEREGISTER)
		rpc_write_set_bool(to, "existed", target->edit.existed);
	rpc_write_set_bool(to, "drained", drained);
	if (!drained)
		target_write_waiting(to, target);
	rpc_write_set_string(to, "revision", revision);
	rpc_write_struct_end(to);
	rpc_write_end(to);
	call_answer_text(call);
}

/* It is durable; the answer may wait for gateways. */
static void target_finish(struct edit *edit)
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
	target->wait.finish = target_drained;
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
	write_submit(call, &target->edit, target_finish);
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
	{TARGET(wait_ms), .type = RPC_INT, .max = DEREGISTER_WAIT_MAX_MS,
	 .allowed = "milliseconds, an int from 0 to 60000"},
};

void method_set_status(struct call *call)
{
	struct target *target = target_read(call, set_status_fields, 6);

	if (!target)
		return;
	target->edit.kind = EDIT_STATUS;
	target->edit.status = (enum instance_status)instance_status_parse(target->status);
	target->edit.detail = target->reason;
	write_submit(call, &target->edit, target_finish);
}

/* ---- backup ---- */

static void backup_done(void *arg, const char *file, const struct err *why)
{
	struct call *call = arg;
	xmlrpc_value *out;
	xmlrpc_env env;

	if (!file) {
		call_err(call, why);
		return;
	}
	xmlrpc_env_init(&env);
	out = rpc_new_struct(&env);
	rpc_set_string(&env, out, "file", file);
	call_answer_env(call, &env, out);
}

void method_backup(struct call *call)
{
	struct rpc_field none = {0};
	struct err e = {0};

	if (call_param_count(call) && !call_params(call, &none, 0, &e))
		return;
	call_suspend(call);
	if (backup_start(call->registry->backup, backup_done, call, &e) < 0)
		call_err(call, &e);
}
