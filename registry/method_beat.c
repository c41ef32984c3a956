/*
 * method_beat: registry.heartbeat and registry.heartbeats.
 *
 *   read all -> beat each -> (restore those that are lost, each an edit) -> answer
 *
 * They are most of what a registry is asked, so nothing of it is made of
 * xmlrpc-c's values when a call is written plainly.
 */
#include "common/clock.h"
#include "common/rpc_write.h"
#include "registry/catalog.h"
#include "registry/edit.h"
#include "registry/lease.h"
#include "registry/method.h"
#include "registry/method_edit.h"

#include <stdio.h>
#include <string.h>

enum { HEARTBEATS_MAX = 250 };

struct beat {
	struct rpc_heartbeat heartbeat;
	struct beats *of;
	struct err *fault; /* NULL: the rest is the result */
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

/* A beat that carries what the registry has lost. */
struct beat_restore {
	struct edit edit; /* first */
	struct beat *beat;
};

/* What is said when there is not even memory for the reason. */
static struct err beat_no_memory = {.code = RPC_FAULT_STORE,
				    .text = "the registry is out of memory"};

/* No token of ours is written like that. */
static const char beat_no_lease[] = "-";

static void beat_fault(struct beat *beat, const struct err *e)
{
	beat->fault = arena_alloc(&beat->of->call->arena, sizeof(*beat->fault));
	if (beat->fault)
		*beat->fault = *e;
	else
		beat->fault = &beat_no_memory;
}

/* ---- The answer ---- */

static void beat_write(struct buf *to, const struct catalog *catalog, const struct beat *beat)
{
	char revision[CATALOG_POSITION_SIZE];

	rpc_write_struct(to);
	if (beat->fault) {
		method_clean(beat->fault->text);
		rpc_write_set_int(to, "faultCode", beat->fault->code);
		rpc_write_set_string(to, "faultString", beat->fault->text);
	} else {
		catalog_position_print(catalog,
				       (struct catalog_position){beat->revision, beat->revision},
				       revision);
		rpc_write_set_bool(to, "known", beat->known);
		rpc_write_set_string(to, "lease", beat->lease);
		rpc_write_set_int(to, "heartbeat_ms", (int)beat->heartbeat_ms);
		rpc_write_set_string(to, "revision", revision);
	}
	rpc_write_struct_end(to);
}

static void beats_answer(struct beats *beats)
{
	struct call *call = beats->call;
	const struct catalog *catalog = call->registry->catalog;
	struct buf *to = &call->text;

	if (!beats->many && beats->items[0].fault) {
		call_err(call, beats->items[0].fault);
		return;
	}
	rpc_write_begin(to);
	if (beats->many)
		rpc_write_array(to);
	for (size_t i = 0; i < beats->count; i++)
		beat_write(to, catalog, &beats->items[i]);
	if (beats->many)
		rpc_write_array_end(to);
	rpc_write_end(to);
	call_answer_text(call);
}

static void beats_one_done(struct beats *beats)
{
	if (atomic_fetch_sub(&beats->pending, 1) == 1)
		beats_answer(beats);
}

/* ---- Restoring ---- */

static void beat_restored(struct edit *edit)
{
	struct beat *beat = ((struct beat_restore *)(void *)edit)->beat;

	if (edit->op.err.code)
		beat->fault = &edit->op.err;
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
	struct beat_restore *restore = arena_zalloc(&call->arena, sizeof(*restore));
	struct err e = beat_no_memory;
	struct edit *edit = restore ? &restore->edit : NULL;

	if (!edit) {
		beat_fault(beat, &e);
		return;
	}
	restore->beat = beat;
	edit->strict = call->token && call->token->role != ACCESS_ADMIN;
	edit->kind = EDIT_RESTORE;
	edit->in = beat->heartbeat.instance;
	edit->origin = call->peer;
	edit->token = call_actor(call);
	edit->finish = beat_restored;
	if (strlen(beat->heartbeat.lease) >= sizeof(edit->lease)) {
		(void)err_code(&e, RPC_FAULT_PARAMS,
			       "registry.heartbeat: lease: too long to be one of ours");
		beat_fault(beat, &e);
		return;
	}
	(void)snprintf(edit->lease, sizeof(edit->lease), "%s", beat->heartbeat.lease);
	if (write_complete("registry.heartbeat", call, &edit->in, &e) < 0) {
		beat_fault(beat, &e);
		return;
	}
	if (!beat->of->suspended)
		call_suspend(call);
	beat->of->suspended = true;
	atomic_fetch_add(&beat->of->pending, 1);
	if (edit_submit(call->registry->writer, edit, &e) < 0) {
		beat_fault(beat, &e);
		atomic_fetch_sub(&beat->of->pending, 1);
	}
}

/* ---- Beating ---- */

static void beat_run(struct beat *beat)
{
	struct call *call = beat->of->call;
	struct rpc_heartbeat *h = &beat->heartbeat;
	const char *lease = h->lease;
	struct lease_term term = {0};
	struct err e;

	if (!call_may(call, h->instance.service, true, &e)) {
		beat_fault(beat, &e);
		return;
	}
	/* Without one only an administrator keeps alive what another has registered. */
	if (!*lease && call->token && call->token->role != ACCESS_ADMIN)
		lease = beat_no_lease;
	switch (lease_beat(call->registry->catalog, h->instance.service, h->instance.id, lease,
			   h->load, clock_ms(), &term)) {
	case LEASE_KNOWN:
		beat->known = true;
		beat->lease = h->lease;
		beat->heartbeat_ms = term.heartbeat_ms;
		beat->revision = term.revision;
		return;
	case LEASE_FENCED:
		(void)err_code(
			&e, RPC_FAULT_FENCED,
			"lease: another process has registered %s/%s since; this one's lease "
			"is over",
			h->instance.service, h->instance.id);
		beat_fault(beat, &e);
		call_fenced(call, h->instance.service, h->instance.id);
		return;
	case LEASE_TOO_OFTEN:
		(void)err_code(
			&e, RPC_FAULT_TOO_MANY,
			"%s/%s beats more often than every %d ms; heartbeat_ms says when the "
			"next is due",
			h->instance.service, h->instance.id, LEASE_BEAT_MS);
		beat_fault(beat, &e);
		return;
	case LEASE_UNKNOWN:
		break;
	}
	beat->revision = catalog_revision(call->registry->catalog);
	if (h->whole)
		beat_restore(beat);
}

/* All of them; those that could not be read have their fault. */
static void beats_run(struct beats *beats)
{
	atomic_fetch_add_explicit(&beats->call->registry->beats, beats->count,
				  memory_order_relaxed);
	for (size_t i = 0; i < beats->count; i++)
		if (!beats->items[i].fault)
			beat_run(&beats->items[i]);
	beats_one_done(beats);
}

/* NULL when out of memory. */
static struct beats *beats_new(struct call *call, size_t room, bool many)
{
	struct beats *beats = arena_zalloc(&call->arena, sizeof(*beats));

	if (beats)
		beats->items = arena_alloc(&call->arena, (room + 1) * sizeof(*beats->items));
	if (!beats || !beats->items)
		return NULL;
	beats->call = call;
	beats->many = many;
	atomic_init(&beats->pending, 1);
	return beats;
}

static struct beat *beats_add(struct beats *beats)
{
	struct beat *beat = &beats->items[beats->count++];

	*beat = (struct beat){.of = beats, .lease = ""};
	return beat;
}

/* ---- Reading ---- */

static void beats_read(struct beats *beats, xmlrpc_value *value)
{
	struct beat *beat = beats_add(beats);
	struct call *call = beats->call;
	struct err e = {0};

	if (rpc_read_heartbeat(call->method->name, value, &call->arena, &beat->heartbeat, &e) < 0)
		beat_fault(beat, &e);
}

void method_heartbeat(struct call *call)
{
	xmlrpc_value *value = call_struct(call);
	struct beats *beats = value ? beats_new(call, 1, false) : NULL;

	if (beats) {
		beats_read(beats, value);
		beats_run(beats);
	} else if (value) {
		call_answer(call, NULL);
	}
}

bool method_heartbeat_quick(struct call *call, struct rpc_quick *in)
{
	struct beats *beats = beats_new(call, 1, false);

	if (!beats || !rpc_quick_heartbeat(in, &beats_add(beats)->heartbeat) ||
	    !rpc_quick_close(in))
		return false;
	if (call_begin(call))
		beats_run(beats);
	return true;
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
	if (!beats) {
		call_answer(call, NULL);
		goto done;
	}
	for (int i = 0; i < count; i++) {
		value = NULL;
		xmlrpc_array_read_item(&env, list, (unsigned)i, &value);
		if (env.fault_occurred)
			break; /* can't be: it has so many */
		beats_read(beats, value);
		xmlrpc_DECREF(value); /* the array keeps it */
	}
	beats_run(beats);
done:
	xmlrpc_env_clean(&env);
}

bool method_heartbeats_quick(struct call *call, struct rpc_quick *in)
{
	struct beats *beats = beats_new(call, HEARTBEATS_MAX, true);

	if (!beats || !rpc_quick_array(in))
		return false;
	while (!rpc_quick_array_end(in))
		if (beats->count == HEARTBEATS_MAX ||
		    !rpc_quick_heartbeat(in, &beats_add(beats)->heartbeat))
			return false;
	if (!rpc_quick_close(in))
		return false;
	if (call_begin(call))
		beats_run(beats);
	return true;
}
