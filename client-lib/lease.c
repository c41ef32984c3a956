/* lease: register, set the status, deregister; each waits for the registry's answer. */
#include "client-lib/lease.h"
#include "common/clock.h"
#include "common/err.h"
#include "common/rpc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	LEASE_REGISTRATION_BYTES_MAX = 1 << 20,
	LEASE_REPLY_BYTES_MAX = 1 << 16,
	LEASE_WAIT_MAX_MS = 60000, /* a registry refuses to wait longer for gateways */
};

static const char *lease_text(const char *text)
{
	return text ? text : "";
}

/* ---- The registration ---- */

static int lease_read_check(const struct microreg_check *check, struct instance *in,
			    struct microreg_error *e)
{
	if (!check->type)
		return 0;
	if (strcmp(check->type, "http") != 0 && strcmp(check->type, "tcp") != 0)
		return error_set(e, MICROREG_BAD_ARGUMENT,
				 "check.type: \"%.40s\"; allowed: \"tcp\" or \"http\"",
				 check->type);
	in->check = check->type[0] == 'h' ? INSTANCE_CHECK_HTTP : INSTANCE_CHECK_TCP;
	in->check_path = in->check == INSTANCE_CHECK_HTTP ? lease_text(check->path) : "";
	in->check_status = lease_text(check->status);
	in->check_interval_ms = check->interval_ms;
	in->check_timeout_ms = check->timeout_ms;
	return 0;
}

/* Borrows everything from `me`. */
static int lease_borrow(const struct microreg_registration *me, struct instance *in,
			struct microreg_error *e)
{
	int status = instance_status_parse(me->status ? me->status : "up");

	if (!me->service)
		return error_set(e, MICROREG_BAD_ARGUMENT, "service: missing");
	if (status < 0)
		return error_set(e, MICROREG_BAD_ARGUMENT,
				 "status: \"%.40s\"; allowed: \"up\", \"starting\", \"draining\", "
				 "\"maintenance\", \"down\"",
				 me->status);
	for (size_t i = 0; i < me->tag_count + me->route_count + me->meta_count; i++)
		if ((i < me->tag_count && !me->tags[i]) ||
		    (i < me->route_count && !me->routes[i]) ||
		    (i < me->meta_count && (!me->meta[i].name || !me->meta[i].value)))
			return error_set(e, MICROREG_BAD_ARGUMENT,
					 "tags, routes, meta: item %zu is NULL", i);
	*in = (struct instance){
		.service = me->service,
		.id = lease_text(me->id),
		.host = lease_text(me->host),
		.scheme = lease_text(me->scheme),
		.zone = lease_text(me->zone),
		.version = lease_text(me->version),
		.detail = "",
		.port = me->port,
		.weight = me->weight,
		.ttl_ms = me->ttl_ms,
		.status = (enum instance_status)status,
		.tags = me->tags,
		.tag_count = me->tag_count,
		.meta = (const struct instance_pair *)(const void *)me->meta,
		.meta_count = me->meta_count,
		.check_path = "",
		.check_status = "",
		.routes = me->routes,
		.route_count = me->route_count,
	};
	return lease_read_check(&me->check, in, e);
}

/* Copies the registration, checked as the registry would: by writing it as the registry is told
 * and reading that as the registry does. */
static int lease_copy(struct microreg_lease *lease, const struct microreg_registration *me,
		      struct microreg_error *e)
{
	struct instance borrowed;
	struct err reason = {0};
	xmlrpc_value *value;
	xmlrpc_env env;
	int failed;

	if (lease_borrow(me, &borrowed, e))
		return -1;
	xmlrpc_env_init(&env);
	value = rpc_build_registration(&env, &borrowed);
	if (!value) {
		(void)error_set(e, MICROREG_BAD_ARGUMENT, "the registration: %s",
				env.fault_occurred ? env.fault_string : "out of memory");
		xmlrpc_env_clean(&env);
		return -1;
	}
	failed = rpc_read_registration("registration", value, &lease->arena, &lease->me, &reason);
	xmlrpc_DECREF(value);
	xmlrpc_env_clean(&env);
	if (failed)
		return error_set(e, MICROREG_BAD_ARGUMENT, "%s", reason.text);
	/* What was not given is the registry's to decide. */
	lease->me.ttl_ms = me->ttl_ms;
	lease->me.weight = me->weight;
	if (!me->scheme)
		lease->me.scheme = "";
	return 0;
}

/* ---- Answers ---- */

/* As it comes off the wire. */
struct lease_wire {
	bool known;
	const char *id, *lease;
	int ttl_ms, heartbeat_ms;
};

static const struct rpc_field lease_reply_fields[] = {
	{.name = "known", .type = RPC_BOOL, .offset = offsetof(struct lease_wire, known)},
	{.name = "id",
	 .type = RPC_STRING,
	 .offset = offsetof(struct lease_wire, id),
	 .min = 1,
	 .max = INSTANCE_NAME_MAX},
	{.name = "lease",
	 .type = RPC_STRING,
	 .offset = offsetof(struct lease_wire, lease),
	 .max = INSTANCE_NAME_MAX},
	{.name = "ttl_ms",
	 .type = RPC_INT,
	 .offset = offsetof(struct lease_wire, ttl_ms),
	 .min = 1},
	{.name = "heartbeat_ms",
	 .type = RPC_INT,
	 .offset = offsetof(struct lease_wire, heartbeat_ms)},
};

int lease_read_reply(struct microreg *m, const char *where, xmlrpc_value *value,
		     struct lease_reply *out, struct microreg_error *e)
{
	struct lease_wire wire = {.known = true, .id = "", .lease = ""};
	struct err reason;
	struct arena arena;
	int failed;

	arena_init(&arena, LEASE_REPLY_BYTES_MAX);
	failed = rpc_read_reply(where, value, lease_reply_fields,
				sizeof(lease_reply_fields) / sizeof(lease_reply_fields[0]), &arena,
				&wire, &reason);
	if (failed) {
		(void)call_bad_reply(m, reason.text, e);
	} else {
		*out = (struct lease_reply){.known = wire.known,
					    .ttl_ms = wire.ttl_ms,
					    .heartbeat_ms = wire.heartbeat_ms};
		(void)snprintf(out->id, sizeof(out->id), "%s", wire.id);
		(void)snprintf(out->lease, sizeof(out->lease), "%s", wire.lease);
	}
	arena_fini(&arena);
	return failed;
}

/* Calls with `param`, which it takes, and reads the answer of a lease's call. */
static int lease_call(struct microreg_lease *lease, const char *method, xmlrpc_value *param,
		      unsigned timeout_ms, struct lease_reply *out, struct microreg_error *e)
{
	struct call call = {.method = method,
			    .param = param,
			    .timeout_ms = timeout_ms,
			    .reply_max = CALL_REPLY_SMALL};
	xmlrpc_value *result = NULL;
	int failed;

	if (!param)
		return error_memory(e);
	failed = call_run(lease->registry, &call, &result, e);
	xmlrpc_DECREF(param);
	if (failed)
		return -1;
	failed = lease_read_reply(lease->registry, method, result, out, e);
	xmlrpc_DECREF(result);
	return failed;
}

int lease_register(struct microreg_lease *lease, unsigned timeout_ms, struct microreg_error *e)
{
	struct lease_reply reply = {0};
	xmlrpc_value *param;
	xmlrpc_env env;
	int failed;

	xmlrpc_env_init(&env);
	param = rpc_build_registration(&env, &lease->me);
	xmlrpc_env_clean(&env);
	failed = lease_call(lease, "registry.register", param, timeout_ms, &reply, e);
	if (!failed && (!reply.id[0] || !reply.ttl_ms))
		failed = call_bad_reply(lease->registry, "it has no id and ttl_ms", e);
	if (!failed && lease->id[0] && strcmp(lease->id, reply.id) != 0)
		failed = call_bad_reply(lease->registry, "it has another id than was asked for", e);
	if (!failed) {
		(void)pthread_mutex_lock(&lease->registry->lock);
		/* The same id ever after, also when it was the registry's to choose; readers have
		 * no lock. */
		if (!lease->id[0])
			(void)snprintf(lease->id, sizeof(lease->id), "%s", reply.id);
		lease->me.id = lease->id;
		(void)snprintf(lease->token, sizeof(lease->token), "%s", reply.lease);
		lease->ttl_ms = (unsigned)reply.ttl_ms;
		lease->lost = false;
		pace_answered(&lease->pace, clock_ms(), (uint64_t)reply.heartbeat_ms,
			      lease->ttl_ms);
		(void)pthread_mutex_unlock(&lease->registry->lock);
	}
	return failed;
}

/* ---- What a program calls ---- */

static void lease_free(struct microreg_lease *lease)
{
	arena_fini(&lease->arena);
	free(lease);
}

static int lease_link(struct microreg_lease *lease, struct microreg_error *e)
{
	struct microreg *m = lease->registry;
	int failed;

	(void)pthread_mutex_lock(&m->lock);
	failed = lease_start_thread_locked(m, e);
	if (!failed) {
		lease->next = m->leases;
		lease->link = &m->leases;
		if (lease->next)
			lease->next->link = &lease->next;
		m->leases = lease;
		(void)pthread_cond_broadcast(&m->changed);
	}
	(void)pthread_mutex_unlock(&m->lock);
	return failed;
}

static void lease_unlink_locked(struct microreg_lease *lease)
{
	*lease->link = lease->next;
	if (lease->next)
		lease->next->link = lease->link;
}

/* Makes the lease ours to call for. A heartbeat under way ends by its own deadline. */
static void lease_take(struct microreg_lease *lease)
{
	struct microreg *m = lease->registry;

	(void)pthread_mutex_lock(&m->lock);
	while (lease->busy)
		(void)pthread_cond_wait(&m->changed, &m->lock);
	lease->busy = true;
	(void)pthread_mutex_unlock(&m->lock);
}

static void lease_give(struct microreg_lease *lease)
{
	struct microreg *m = lease->registry;

	(void)pthread_mutex_lock(&m->lock);
	lease->busy = false;
	(void)pthread_cond_broadcast(&m->changed);
	(void)pthread_mutex_unlock(&m->lock);
}

static int lease_fail_fenced(const struct microreg_lease *lease, struct microreg_error *e)
{
	(void)error_set(e, MICROREG_FENCED, "a newer process has registered %s/%s; this one is out",
			lease->me.service, lease->id);
	if (e)
		e->fault = RPC_FAULT_FENCED;
	return -1;
}

struct microreg_lease *microreg_register(struct microreg *registry,
					 const struct microreg_registration *me,
					 struct microreg_error *error)
{
	struct microreg_lease *lease;

	if (!registry) {
		/* The result of a microreg_open that failed: its reason is the one to show. */
		if (!error_is_set(error))
			(void)error_set(error, MICROREG_BAD_ARGUMENT,
					"registry: NULL; open one with microreg_open");
		return NULL;
	}
	error_clear(error);
	if (!me) {
		(void)error_set(error, MICROREG_BAD_ARGUMENT, "registration: NULL");
		return NULL;
	}
	lease = calloc(1, sizeof(*lease));
	if (!lease) {
		(void)error_memory(error);
		return NULL;
	}
	lease->registry = registry;
	atomic_init(&lease->load, -1);
	arena_init(&lease->arena, LEASE_REGISTRATION_BYTES_MAX);
	if (lease_copy(lease, me, error) || lease_register(lease, registry->timeout_ms, error) ||
	    lease_link(lease, error)) {
		lease_free(lease);
		return NULL;
	}
	return lease;
}

enum microreg_lease_state microreg_lease_state(const struct microreg_lease *lease)
{
	enum microreg_lease_state state;

	if (!lease)
		return MICROREG_LEASE_LOST;
	(void)pthread_mutex_lock(&lease->registry->lock);
	if (lease->fenced)
		state = MICROREG_LEASE_FENCED;
	else if (!lease->lost && pace_is_held(&lease->pace, clock_ms(), lease->ttl_ms))
		state = MICROREG_LEASE_HELD;
	else
		state = MICROREG_LEASE_LOST;
	(void)pthread_mutex_unlock(&lease->registry->lock);
	return state;
}

const char *microreg_lease_id(const struct microreg_lease *lease)
{
	return lease ? lease->id : "";
}

void microreg_lease_set_load(struct microreg_lease *lease, unsigned load)
{
	if (lease)
		atomic_store(&lease->load, load > 100 ? 100 : (int)load);
}

static xmlrpc_value *lease_build(const struct microreg_lease *lease, const char *status,
				 const char *reason, int wait_ms)
{
	xmlrpc_env env;
	xmlrpc_value *param;

	xmlrpc_env_init(&env);
	param = rpc_new_struct(&env);
	rpc_set_string(&env, param, "service", lease->me.service);
	rpc_set_string(&env, param, "id", lease->id);
	if (lease->token[0])
		rpc_set_string(&env, param, "lease", lease->token);
	if (status)
		rpc_set_string(&env, param, "status", status);
	if (reason)
		rpc_set_string(&env, param, "reason", reason);
	if (wait_ms)
		rpc_set_int(&env, param, "wait_ms", wait_ms);
	param = rpc_built(&env, param);
	xmlrpc_env_clean(&env);
	return param;
}

int microreg_set_status(struct microreg_lease *lease, const char *status, const char *reason,
			struct microreg_error *error)
{
	int parsed = status ? instance_status_parse(status) : -1, failed;
	struct lease_reply reply;
	uint64_t deadline, now;

	error_clear(error);
	if (!lease)
		return error_set(error, MICROREG_BAD_ARGUMENT, "lease: NULL");
	if (parsed < 0)
		return error_set(error, MICROREG_BAD_ARGUMENT,
				 "status: \"%.40s\"; allowed: \"up\", \"starting\", \"draining\", "
				 "\"maintenance\", \"down\"",
				 lease_text(status));
	deadline = clock_ms() + lease->registry->timeout_ms;
	lease_take(lease);
	now = clock_ms();
	if (lease->fenced) {
		lease_give(lease);
		return lease_fail_fenced(lease, error);
	}
	failed = lease_call(lease, "registry.set_status", lease_build(lease, status, reason, 0),
			    deadline > now ? (unsigned)(deadline - now) : 1, &reply, error);
	/* From now on the heartbeats say so too. */
	if (!failed)
		lease->me.status = (enum instance_status)parsed;
	lease_give(lease);
	return failed;
}

int microreg_deregister(struct microreg_lease **lease, unsigned wait_ms,
			struct microreg_error *error)
{
	struct microreg_lease *l;
	struct lease_reply reply;
	uint64_t deadline, now;
	int failed;

	error_clear(error);
	if (!lease || !*lease)
		return error_set(error, MICROREG_BAD_ARGUMENT, "lease: NULL");
	l = *lease;
	*lease = NULL;
	if (wait_ms > LEASE_WAIT_MAX_MS)
		wait_ms = LEASE_WAIT_MAX_MS;
	deadline = clock_ms() + l->registry->timeout_ms + wait_ms;
	lease_take(l);
	now = clock_ms();
	if (l->fenced)
		failed = lease_fail_fenced(l, error);
	else
		failed = lease_call(l, "registry.deregister",
				    lease_build(l, NULL, NULL, (int)wait_ms),
				    deadline > now ? (unsigned)(deadline - now) : 1, &reply, error);
	(void)pthread_mutex_lock(&l->registry->lock);
	lease_unlink_locked(l);
	(void)pthread_mutex_unlock(&l->registry->lock);
	lease_free(l);
	return failed;
}

void lease_close_all(struct microreg *m)
{
	if (m->lease_thread_runs)
		(void)pthread_join(m->lease_thread, NULL); /* it ends by itself: see closing */
	while (m->leases) {
		struct microreg_lease *lease = m->leases;

		m->leases = lease->next;
		lease_free(lease);
	}
}
