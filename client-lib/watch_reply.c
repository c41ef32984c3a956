/*
 * watch_reply: from an answer of registry.watch to the next snapshot.
 *
 * A good list is not replaced by an empty one without a reason, and a service
 * that the registry, asked for everything, does not mention is kept and marked
 * held: it may be a registry that has lost its memory.
 */
#include "client-lib/service.h"
#include "client-lib/watch.h"
#include "common/arena.h"
#include "common/clock.h"
#include "common/err.h"
#include "common/rpc.h"

#include <stdio.h>
#include <string.h>

enum {
	WATCH_ARENA_MAX = 256 << 20, /* of one service: a reply of 16 MiB holds no more */
	WATCH_REPLY_ARENA = 4096,
	WATCH_REASON_MAX = 1024,
};

struct watch_reply {
	const char *revision;
	bool reset, more;
	xmlrpc_value *changes;
};

static const struct rpc_field watch_reply_fields[] = {
	{.name = "revision",
	 .type = RPC_STRING,
	 .required = true,
	 .offset = offsetof(struct watch_reply, revision),
	 .max = WATCH_REVISION_MAX},
	{.name = "reset", .type = RPC_BOOL, .offset = offsetof(struct watch_reply, reset)},
	{.name = "more", .type = RPC_BOOL, .offset = offsetof(struct watch_reply, more)},
	{.name = "changes",
	 .type = RPC_ARRAY,
	 .required = true,
	 .offset = offsetof(struct watch_reply, changes)},
};

struct watch_change {
	const char *service, *reason;
	bool held;
	xmlrpc_value *instances;
};

static const struct rpc_field watch_change_fields[] = {
	{.name = "service",
	 .type = RPC_STRING,
	 .required = true,
	 .offset = offsetof(struct watch_change, service),
	 .max = INSTANCE_NAME_MAX,
	 .is_valid = instance_service_is_valid},
	{.name = "reason",
	 .type = RPC_STRING,
	 .offset = offsetof(struct watch_change, reason),
	 .max = WATCH_REASON_MAX},
	{.name = "held", .type = RPC_BOOL, .offset = offsetof(struct watch_change, held)},
	{.name = "instances",
	 .type = RPC_ARRAY,
	 .required = true,
	 .offset = offsetof(struct watch_change, instances)},
};

#define WATCH_COUNT(fields) (sizeof(fields) / sizeof((fields)[0]))

/* An answer being taken over. */
struct watch_apply {
	struct microreg *m;
	struct follow *follow;
	const char *revision;
	struct arena arena;		      /* of one change */
	const struct microreg_snapshot *base; /* the handle's when this began */
	struct microreg_snapshot *next;
	bool reset, changed;
	struct microreg_error *e;
};

static int watch_bad_reply(struct watch_apply *a, const struct err *reason)
{
	/* No memory is our trouble, not the registry's: it is asked again. */
	if (reason->code == RPC_FAULT_TOO_LARGE)
		return error_memory(a->e);
	return error_set(a->e, MICROREG_BAD_REPLY, "the reply is not understood: %s", reason->text);
}

/* The list of one change. NULL: refused, or out of memory. */
static const struct microreg_service *watch_read_change(struct watch_apply *a, xmlrpc_value *value)
{
	struct watch_change change = {.service = "", .reason = ""};
	const struct microreg_service *service = NULL;
	struct instance *instances;
	struct err reason = {.code = RPC_FAULT_TOO_LARGE};
	xmlrpc_env env;
	int count, failed = 0;

	if (rpc_read_reply("change", value, watch_change_fields, WATCH_COUNT(watch_change_fields),
			   &a->arena, &change, &reason)) {
		(void)watch_bad_reply(a, &reason);
		return NULL;
	}
	xmlrpc_env_init(&env);
	count = xmlrpc_array_size(&env, change.instances);
	instances = arena_alloc(&a->arena, (size_t)count * sizeof(*instances));
	for (int i = 0; instances && i < count && !failed; i++) {
		xmlrpc_value *item = NULL;

		xmlrpc_array_read_item(&env, change.instances, (unsigned)i, &item);
		failed = !item ||
			 rpc_read_instance(change.service, item, &a->arena, &instances[i], &reason);
		if (item)
			xmlrpc_DECREF(item);
	}
	if (failed)
		(void)watch_bad_reply(a, &reason);
	else if (instances)
		service = service_new(&(struct service_facts){.name = change.service,
							      .revision = a->revision,
							      .reason = change.reason,
							      .held = change.held,
							      .instances = instances,
							      .count = (size_t)count});
	if (!failed && !service)
		(void)error_memory(a->e);
	xmlrpc_env_clean(&env);
	return service;
}

static void watch_warn_full(struct watch_apply *a, const char *name)
{
	struct watch *w = a->m->watch;

	if (w->full_warned)
		return;
	w->full_warned = true;
	handle_log(a->m, MICROREG_LOG_ERROR,
		   "watch: no room for %s: out of memory, or %zu bytes of services are the most",
		   name, SNAPSHOT_BYTES_MAX);
}

static void watch_warn_bad(struct watch_apply *a)
{
	struct watch *w = a->m->watch;

	if (!w->bad_warned)
		handle_log(a->m, MICROREG_LOG_WARN, "watch: %s; passed over", a->e->text);
	w->bad_warned = true;
}

/* The old list said to be held, in the place of an empty one without a reason. */
static void watch_keep(struct watch_apply *a, const struct microreg_service *old)
{
	const struct microreg_service *held;

	if (old->held)
		return;
	held = service_hold(old);
	if (held && !snapshot_put(a->next, held))
		a->changed = true;
	microreg_service_unref(&held);
}

static void watch_put(struct watch_apply *a, const struct microreg_service *service)
{
	const struct microreg_service *old = microreg_snapshot_find(a->next, service->name);
	bool forget = !service->count && strcmp(service->reason, "unknown_service") == 0;

	if (old && service_is_same(old, service))
		return;
	if (old && old->count && !service->count && (!service->reason[0] || (forget && a->reset))) {
		watch_keep(a, old);
		return;
	}
	/* A poll of all must not remember each name that ever was. */
	if (forget && !a->follow->service) {
		if (old && !snapshot_drop(a->next, service->name))
			a->changed = true;
		return;
	}
	if (snapshot_put(a->next, service))
		watch_warn_full(a, service->name);
	else
		a->changed = true;
}

static bool watch_wants(struct watch_apply *a, const char *name)
{
	bool wants;

	if (a->follow->service)
		return strcmp(a->follow->service, name) == 0;
	(void)pthread_mutex_lock(&a->m->lock);
	wants = watch_has_name_locked(a->m->watch, name);
	(void)pthread_mutex_unlock(&a->m->lock);
	return wants;
}

static int watch_apply_change(struct watch_apply *a, xmlrpc_value *value)
{
	const struct microreg_service *service = watch_read_change(a, value);

	arena_reset(&a->arena);
	if (!service && a->e->code == MICROREG_BAD_REPLY) {
		/* One that makes no sense must not keep the others from being current. */
		watch_warn_bad(a);
		return 0;
	}
	if (!service)
		return -1;
	if (watch_wants(a, service->name)) {
		watch_put(a, service);
		if (a->follow->reset && snapshot_put(a->follow->reset, service))
			watch_warn_full(a, service->name);
	}
	microreg_service_unref(&service);
	return 0;
}

/* The registry has said all it knows: what it did not mention is held. */
static void watch_end_reset(struct watch_apply *a)
{
	const struct microreg_snapshot *said = a->follow->reset;
	const struct microreg_snapshot *before = snapshot_copy(a->next);
	const struct microreg_service *service;
	size_t at = 0;

	while ((service = microreg_snapshot_next(before, &at)) != NULL)
		if ((!a->follow->service || strcmp(a->follow->service, service->name) == 0) &&
		    service->count && !microreg_snapshot_find(said, service->name))
			watch_keep(a, service);
	microreg_snapshot_unref(&before);
	microreg_snapshot_unref(&said);
	a->follow->reset = NULL;
}

static int watch_apply_changes(struct watch_apply *a, const struct watch_reply *reply)
{
	xmlrpc_env env;
	int count, failed = 0;

	xmlrpc_env_init(&env);
	count = xmlrpc_array_size(&env, reply->changes);
	for (int i = 0; i < count && !failed; i++) {
		xmlrpc_value *item = NULL;

		xmlrpc_array_read_item(&env, reply->changes, (unsigned)i, &item);
		failed = item ? watch_apply_change(a, item) : error_memory(a->e);
		if (item)
			xmlrpc_DECREF(item);
	}
	xmlrpc_env_clean(&env);
	return failed;
}

/* What microreg_follow has taken from the file since this answer's work began. */
static void watch_merge_restored_locked(struct watch_apply *a)
{
	const struct microreg_service *service;
	size_t at = 0;

	while (a->m->saved && (service = microreg_snapshot_next(a->m->saved, &at)) != NULL)
		if (microreg_snapshot_find(a->m->snapshot, service->name) == service &&
		    !microreg_snapshot_find(a->base, service->name) &&
		    !microreg_snapshot_find(a->next, service->name))
			(void)snapshot_put(a->next, service); /* full: the registry will tell */
}

/* Makes the next snapshot the handle's. */
static void watch_publish(struct watch_apply *a)
{
	struct microreg *m = a->m;
	struct watch *w = m->watch;
	const struct microreg_snapshot *drop = a->next;

	(void)pthread_mutex_lock(&m->lock);
	if (a->changed) {
		if (m->snapshot != a->base)
			watch_merge_restored_locked(a);
		drop = m->snapshot;
		m->snapshot = a->next;
	}
	(void)snprintf(w->revision, sizeof(w->revision), "%s", a->revision);
	if (!a->follow->reset)
		a->follow->answered = true;
	(void)pthread_cond_broadcast(&m->changed);
	(void)pthread_mutex_unlock(&m->lock);
	microreg_snapshot_unref(&drop);
	if (!a->changed)
		return;
	if (m->snapshot_file && !w->save.dirty) {
		w->save.dirty = true;
		w->save.at_ms = clock_ms() + WATCH_SAVE_MS;
	}
	if (m->on_change)
		m->on_change(m->arg);
}

static void watch_drop_reset(struct follow *f)
{
	const struct microreg_snapshot *drop = f->reset;

	microreg_snapshot_unref(&drop);
	f->reset = NULL;
}

static int watch_apply(struct watch_apply *a, const struct watch_reply *reply)
{
	const struct microreg_snapshot *drop;

	(void)error_memory(a->e); /* unless another reason shows */
	a->next = snapshot_copy(a->base);
	if (!a->next)
		return -1;
	if (reply->reset) {
		watch_drop_reset(a->follow);
		a->follow->reset = snapshot_new();
	}
	a->reset = a->follow->reset != NULL;
	if ((reply->reset && !a->reset) || watch_apply_changes(a, reply)) {
		/* Asked again; from the start, when it was in the midst of all. */
		if (a->reset)
			a->follow->revision[0] = '\0';
		watch_drop_reset(a->follow);
		drop = a->next;
		microreg_snapshot_unref(&drop);
		return -1;
	}
	if (a->reset && !reply->more)
		watch_end_reset(a);
	watch_publish(a);
	return 0;
}

int watch_take_reply(struct microreg *m, struct follow *f, xmlrpc_value *result, bool *more,
		     struct microreg_error *e)
{
	struct watch_apply a = {.m = m, .follow = f, .e = e};
	struct watch_reply reply = {0};
	struct err reason;
	struct arena arena;
	int failed;

	arena_init(&arena, WATCH_REPLY_ARENA);
	arena_init(&a.arena, WATCH_ARENA_MAX);
	if (rpc_read_reply("registry.watch", result, watch_reply_fields,
			   WATCH_COUNT(watch_reply_fields), &arena, &reply, &reason)) {
		failed = watch_bad_reply(&a, &reason);
	} else {
		a.revision = reply.revision;
		a.base = microreg_snapshot_ref(m);
		failed = watch_apply(&a, &reply);
		microreg_snapshot_unref(&a.base);
	}
	if (!failed) {
		(void)snprintf(f->revision, sizeof(f->revision), "%s", reply.revision);
		*more = reply.more;
	}
	arena_fini(&a.arena);
	arena_fini(&arena);
	return failed;
}
