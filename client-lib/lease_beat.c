/*
 * lease_beat: the one thread that keeps the leases of a handle alive.
 *
 *   held --no answer for ttl--> lost (still beating, with backoff)
 *   held, lost --"known: false" without a new lease--> lost: asks, alone, to be
 *                             taken back, with its token, so that it is fenced if
 *                             a newer process has come; registers anew only if the
 *                             registry gave it no token
 *   held, lost --fault 409--> fenced: stops, for good
 *   held, lost --fault 409 because of a route--> lost: still beating, until the
 *                             service that has the route now lets go of it
 *
 * One that is due alone carries its whole registration, which heals a registry
 * that lost it in one round trip; several due together go in one bare call.
 */
#include "client-lib/lease.h"
#include "common/clock.h"
#include "common/rpc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	BEAT_BATCH_MAX = 250,  /* of registry.heartbeats */
	BEAT_TOGETHER_MS = 20, /* due so soon, it goes with those that are due now */
	BEAT_ARENA_MAX = 1 << 20,
	BEAT_FAULT_TEXT_MAX = 300,
};

struct beat_batch {
	struct microreg_lease *leases[BEAT_BATCH_MAX];
	unsigned count;
};

/* ---- One lease's result ---- */

static void beat_log_lost(struct microreg_lease *lease, const struct microreg_error *e)
{
	if (lease->warned)
		return;
	lease->warned = true;
	handle_log(lease->registry, MICROREG_LOG_WARN, "%s/%s: heartbeat: %s", lease->me.service,
		   lease->id, e->text);
}

/* Both are fault 409. That another service took a route while the registry had lost this instance
 * is no reason to stop: nobody else has its id. */
static bool beat_is_fence(const struct microreg_error *e)
{
	return e->code == MICROREG_FENCED && !strstr(e->text, ": routes[");
}

static void beat_failed(struct microreg_lease *lease, const struct microreg_error *e)
{
	struct microreg *m = lease->registry;
	bool fenced = beat_is_fence(e);
	uint64_t most = lease->ttl_ms / 3 < PACE_MOST_MS ? lease->ttl_ms / 3 : PACE_MOST_MS;

	if (e->code == MICROREG_CLOSED)
		return;
	(void)pthread_mutex_lock(&m->lock);
	lease->fenced |= fenced;
	pace_failed(&lease->pace, clock_ms(), most, pace_random());
	(void)pthread_mutex_unlock(&m->lock);
	if (fenced)
		handle_log(m, MICROREG_LOG_ERROR,
			   "%s/%s: fenced: %s; it is not registered any more by this process",
			   lease->me.service, lease->id, e->text);
	else
		beat_log_lost(lease, e);
}

static void beat_log_again(const struct microreg_lease *lease)
{
	handle_log(lease->registry, MICROREG_LOG_INFO,
		   "%s/%s: the registry had lost it; registered again", lease->me.service,
		   lease->id);
}

static void beat_answered(struct microreg_lease *lease, const struct lease_reply *reply)
{
	struct microreg *m = lease->registry;
	bool known = reply->known || reply->lease[0], back = lease->warned;
	bool again = known && (lease->lost || !reply->known);
	struct microreg_error e;

	if (!known && lease->lost) { /* not asked in a circle */
		(void)call_bad_reply(m, "it neither knows the lease nor takes it back", &e);
		beat_failed(lease, &e);
		return;
	}
	(void)pthread_mutex_lock(&m->lock);
	if (reply->lease[0])
		(void)snprintf(lease->token, sizeof(lease->token), "%s", reply->lease);
	if (reply->ttl_ms)
		lease->ttl_ms = (unsigned)reply->ttl_ms;
	pace_answered(&lease->pace, clock_ms(), (uint64_t)reply->heartbeat_ms, lease->ttl_ms);
	lease->lost = !known;
	if (!known)
		lease->pace.due_ms = clock_ms();
	(void)pthread_mutex_unlock(&m->lock);
	lease->warned = false;
	if (again)
		beat_log_again(lease);
	else if (known && back)
		handle_log(m, MICROREG_LOG_INFO, "%s/%s: the registry answers again",
			   lease->me.service, lease->id);
}

/* ---- Calls ---- */

static xmlrpc_value *beat_build(xmlrpc_env *env, const struct microreg_lease *lease, bool whole)
{
	int load = atomic_load(&lease->load);
	xmlrpc_value *beat;

	if (whole) {
		beat = rpc_build_registration(env, &lease->me);
	} else {
		beat = rpc_new_struct(env);
		rpc_set_string(env, beat, "service", lease->me.service);
		rpc_set_string(env, beat, "id", lease->id);
	}
	if (lease->token[0])
		rpc_set_string(env, beat, "lease", lease->token);
	if (load >= 0)
		rpc_set_int(env, beat, "load", load);
	return rpc_built(env, beat);
}

/* The array or the one struct. NULL: out of memory. */
static xmlrpc_value *beat_build_batch(const struct beat_batch *batch)
{
	xmlrpc_value *param;
	xmlrpc_env env;

	xmlrpc_env_init(&env);
	if (batch->count == 1) {
		param = beat_build(&env, batch->leases[0], true);
	} else {
		param = rpc_new_array(&env);
		for (unsigned i = 0; i < batch->count && !env.fault_occurred; i++)
			rpc_append(&env, param, beat_build(&env, batch->leases[i], false));
	}
	param = rpc_built(&env, param);
	xmlrpc_env_clean(&env);
	return param;
}

struct beat_fault {
	int code;
	const char *text;
};

static const struct rpc_field beat_fault_fields[] = {
	{.name = "faultCode",
	 .type = RPC_INT,
	 .required = true,
	 .min = -2147483647,
	 .offset = offsetof(struct beat_fault, code)},
	{.name = "faultString", .type = RPC_STRING, .offset = offsetof(struct beat_fault, text)},
};

/* One result of several is an answer, or a fault of its own as in system.multicall. */
static void beat_take_result(struct microreg_lease *lease, xmlrpc_value *value, struct arena *arena)
{
	struct beat_fault fault = {.text = ""};
	struct lease_reply reply;
	struct microreg_error e;

	error_clear(&e);
	if (!rpc_read_reply("fault", value, beat_fault_fields, 2, arena, &fault, NULL)) {
		(void)error_set(&e,
				fault.code == RPC_FAULT_FENCED ? MICROREG_FENCED : MICROREG_FAULT,
				"the registry refuses (fault %d): %.*s", fault.code,
				BEAT_FAULT_TEXT_MAX, fault.text);
		beat_failed(lease, &e);
	} else if (lease_read_reply(lease->registry, "registry.heartbeat", value, &reply, &e)) {
		beat_failed(lease, &e);
	} else {
		beat_answered(lease, &reply);
	}
}

static void beat_take_results(const struct beat_batch *batch, xmlrpc_value *result)
{
	struct microreg_error e;
	struct arena arena;
	xmlrpc_env env;
	bool fits;

	arena_init(&arena, BEAT_ARENA_MAX);
	xmlrpc_env_init(&env);
	fits = batch->count == 1 || (xmlrpc_value_type(result) == XMLRPC_TYPE_ARRAY &&
				     xmlrpc_array_size(&env, result) == (int)batch->count);
	for (unsigned i = 0; i < batch->count; i++) {
		xmlrpc_value *item = NULL;

		if (batch->count == 1) {
			beat_take_result(batch->leases[0], result, &arena);
			break;
		}
		if (fits)
			xmlrpc_array_read_item(&env, result, i, &item);
		if (item) {
			beat_take_result(batch->leases[i], item, &arena);
			xmlrpc_DECREF(item);
		} else {
			(void)call_bad_reply(batch->leases[i]->registry,
					     "not a result for each beat", &e);
			beat_failed(batch->leases[i], &e);
		}
	}
	xmlrpc_env_clean(&env);
	arena_fini(&arena);
}

static void beat_send(struct microreg *m, const struct beat_batch *batch)
{
	struct call call = {.method = batch->count == 1 ? "registry.heartbeat"
							: "registry.heartbeats",
			    .param = beat_build_batch(batch),
			    .timeout_ms = m->timeout_ms,
			    .reply_max = CALL_REPLY_SMALL};
	xmlrpc_value *result = NULL;
	struct microreg_error e;
	int failed;

	failed = call.param ? call_run(m, &call, &result, &e) : error_memory(&e);
	if (call.param)
		xmlrpc_DECREF(call.param);
	if (!failed) {
		beat_take_results(batch, result);
		xmlrpc_DECREF(result);
		return;
	}
	for (unsigned i = 0; i < batch->count; i++)
		beat_failed(batch->leases[i], &e);
}

static void beat_register_again(struct microreg_lease *lease)
{
	struct microreg_error e;

	if (lease_register(lease, lease->registry->timeout_ms, &e)) {
		beat_failed(lease, &e);
		return;
	}
	lease->warned = false;
	beat_log_again(lease);
}

/* ---- The thread ---- */

/* Takes those that are due; one that is lost goes alone. `*next_ms`: when the next is due. */
static void beat_collect_locked(struct microreg *m, uint64_t now, struct beat_batch *batch,
				uint64_t *next_ms)
{
	batch->count = 0;
	*next_ms = now + 3600000;
	for (struct microreg_lease *l = m->leases; l; l = l->next) {
		if (l->busy || l->fenced)
			continue;
		if (l->pace.due_ms < *next_ms)
			*next_ms = l->pace.due_ms;
		if (l->pace.due_ms > now + (batch->count ? BEAT_TOGETHER_MS : 0) ||
		    batch->count == BEAT_BATCH_MAX || (l->lost && batch->count))
			continue;
		l->busy = true;
		batch->leases[batch->count++] = l;
		if (l->lost)
			return;
	}
}

static void *beat_run(void *arg)
{
	struct microreg *m = arg;
	struct beat_batch batch;
	uint64_t next_ms;

	(void)pthread_mutex_lock(&m->lock);
	while (!handle_is_closing(m)) {
		beat_collect_locked(m, clock_ms(), &batch, &next_ms);
		if (!batch.count) {
			handle_wait_locked(m, next_ms);
			continue;
		}
		(void)pthread_mutex_unlock(&m->lock);
		/* registry.register takes the id over from whoever has it: nothing to do with a
		 * token to show. */
		if (batch.leases[0]->lost && !batch.leases[0]->token[0])
			beat_register_again(batch.leases[0]);
		else
			beat_send(m, &batch);
		(void)pthread_mutex_lock(&m->lock);
		for (unsigned i = 0; i < batch.count; i++)
			batch.leases[i]->busy = false;
		(void)pthread_cond_broadcast(&m->changed);
	}
	(void)pthread_mutex_unlock(&m->lock);
	return NULL;
}

int lease_start_thread_locked(struct microreg *m, struct microreg_error *e)
{
	if (m->lease_thread_runs)
		return 0;
	if (handle_start_thread(&m->lease_thread, beat_run, m, e))
		return -1;
	m->lease_thread_runs = true;
	return 0;
}
