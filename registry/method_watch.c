/*
 * method_watch: registry.watch.
 *
 * A watch that has news is answered at once, unless a burst of changes is
 * still going on; else it waits with the keeper and holds no thread.
 */
#include "common/clock.h"
#include "common/rpc_write.h"
#include "registry/catalog.h"
#include "registry/drain.h"
#include "registry/keeper.h"
#include "registry/method.h"
#include "registry/method_watcher.h"

#include <stdlib.h>
#include <string.h>

enum {
	WATCH_WAIT_MAX_MS = 60000,
	WATCH_INSTANCES_MAX = 1000, /* of one answer; cut between services */
};

static const struct rpc_field watcher_fields[] = {
	{.name = "name",
	 .type = RPC_STRING,
	 .required = true,
	 .offset = offsetof(struct watcher, name),
	 .min = 1,
	 .max = INSTANCE_NAME_MAX - 1,
	 .is_valid = instance_text_is_valid},
	{.name = "kind",
	 .type = RPC_STRING,
	 .offset = offsetof(struct watcher, kind),
	 .max = INSTANCE_NAME_MAX,
	 .is_valid = instance_text_is_valid,
	 .allowed = "\"gateway\" or \"client\""},
};

int watcher_read(const char *where, xmlrpc_value *value, struct arena *arena, struct watcher *out,
		 struct err *e)
{
	*out = (struct watcher){"", "client"};
	return rpc_read_struct(where, value, watcher_fields, 2, arena, out, e);
}

/* ---- watch ---- */

struct watch {
	struct keeper_wait wait; /* first, so that the keeper's pointer is this one */
	struct call *call;
	const char *revision, *service;
	int wait_ms;
	xmlrpc_value *watcher_value;
	struct watcher watcher;
	bool whole;   /* it knows nothing of ours */
	bool tracked; /* the drain counts it as waiting */
};

#define WATCH(member) .name = #member, .offset = offsetof(struct watch, member)

static const struct rpc_field watch_fields[] = {
	{WATCH(revision), .type = RPC_STRING, .required = true, .max = 128},
	{WATCH(service), .type = RPC_STRING, .min = 1, .max = INSTANCE_NAME_MAX,
	 .is_valid = instance_service_is_valid,
	 .allowed = "a name of at most 128 letters, digits, '.', '_' and '-'"},
	{WATCH(wait_ms), .type = RPC_INT, .max = WATCH_WAIT_MAX_MS,
	 .allowed = "milliseconds, an int from 0 to 60000"},
	{.name = "watcher", .type = RPC_STRUCT, .offset = offsetof(struct watch, watcher_value)},
};

/* Without those that said themselves, or of which an admin said, that they are down. Those that
 * only the checks call down are told, as such: where no instance is up, a watcher may try them. */
static bool watch_shows(const struct record *record)
{
	return record->in.status != INSTANCE_DOWN ||
	       (record->check_failed && record->admin == RECORD_NO_ADMIN &&
		record->own != INSTANCE_DOWN);
}

static void watch_write_change(struct buf *to, const char *service,
			       const struct catalog_answer *now)
{
	const struct catalog_view *view = now->view;
	size_t count = 0;

	rpc_write_struct(to);
	rpc_write_set_string(to, "service", service);
	rpc_write_member(to, "instances");
	rpc_write_array(to);
	for (size_t i = 0; view && i < view->count; i++) {
		if (!watch_shows(view->records[i]))
			continue;
		rpc_write_instance(to, &view->records[i]->in);
		count++;
	}
	rpc_write_array_end(to);
	rpc_write_member_end(to);
	rpc_write_set_bool(to, "held", now->held);
	rpc_write_set_string(to, "reason", count ? "" : catalog_reason(view));
	rpc_write_struct_end(to);
}

/* The document of an answer, in the call's text. */
static void watch_write(struct watch *watch, const struct catalog_changes *changes)
{
	struct catalog *catalog = watch->call->registry->catalog;
	struct buf *to = &watch->call->text;
	char revision[CATALOG_POSITION_SIZE];

	catalog_position_print(catalog, changes->position, revision);
	rpc_write_begin(to);
	rpc_write_struct(to);
	rpc_write_set_string(to, "revision", revision);
	rpc_write_set_bool(to, "reset", changes->reset);
	rpc_write_member(to, "changes");
	rpc_write_array(to);
	for (size_t i = 0; i < changes->count; i++) {
		const struct catalog_text *text = changes->items[i].text;
		size_t from = to->len;

		if (text) {
			(void)buf_append(to, text->data, text->len); /* shows in failed */
			continue;
		}
		watch_write_change(to, changes->items[i].service, &changes->items[i].now);
		if (!to->failed)
			catalog_keep_text(catalog, CATALOG_TEXT_CHANGE, &changes->items[i].now,
					  to->data + from, to->len - from);
	}
	rpc_write_array_end(to);
	rpc_write_member_end(to);
	rpc_write_set_bool(to, "more", changes->more);
	rpc_write_struct_end(to);
	rpc_write_end(to);
}

static size_t watch_count(const struct catalog_changes *changes)
{
	size_t count = changes->count;

	for (size_t i = 0; i < changes->count; i++)
		count += changes->items[i].now.view ? changes->items[i].now.view->count : 0;
	return count;
}

static int watch_look(struct watch *watch, struct catalog_changes *changes)
{
	struct catalog *catalog = watch->call->registry->catalog;

	return catalog_changes(catalog, watch->whole ? NULL : &watch->wait.since,
			       watch->wait.service, WATCH_INSTANCES_MAX, changes);
}

static void watch_answer(struct watch *watch)
{
	struct catalog_changes changes;

	if (watch_look(watch, &changes) < 0) {
		call_answer(watch->call, NULL);
		return;
	}
	if (call_takes_room(watch->call, watch_count(&changes))) {
		watch_write(watch, &changes);
		call_answer_text(watch->call);
	}
	catalog_changes_fini(&changes);
}

/* NULL when out of memory. */
static struct shared_answer *watch_make_shared(struct watch *watch)
{
	struct shared_answer *answer = NULL;
	struct catalog_changes changes;

	if (watch_look(watch, &changes) < 0)
		return NULL;
	watch_write(watch, &changes);
	if (!watch->call->text.failed)
		answer = shared_answer_new(&watch->call->text);
	catalog_changes_fini(&changes);
	return answer;
}

/* The keeper's: one that waited is answered with what the one before it got, if it asked the same.
 */
static void watch_ready(struct keeper_wait *wait)
{
	struct watch *watch = (void *)wait;
	struct registry *r = watch->call->registry;
	struct shared_answer_key key = {.service = wait->service,
					.since = wait->since,
					.revision = catalog_revision(r->catalog)};
	struct shared_answer *answer = shared_answers_find(r->shared, &key);

	if (!answer) {
		answer = watch_make_shared(watch);
		if (answer)
			shared_answers_keep(r->shared, &key, answer);
	}
	/* What answers frees the call, and the watch with it. */
	if (watch->tracked)
		drain_watched(r->drain, watch->watcher.name, watch->service, clock_ms());
	watch->call->shared = answer;
	if (answer)
		call_answer_text(watch->call);
	else
		call_answer(watch->call, NULL);
}

/* Is it to be answered now? While a burst of changes goes on it is better told whole. */
static bool watch_is_ready(struct watch *watch)
{
	uint64_t changed_ms;

	if (watch->whole || watch->call->nested || !watch->wait_ms)
		return true;
	return catalog_has_news(watch->call->registry->catalog, &watch->wait.since,
				watch->wait.service, &changed_ms) &&
	       clock_ms() - changed_ms >= WAITERS_QUIET_MS;
}

void method_watch(struct call *call)
{
	struct watch *watch = arena_zalloc(&call->arena, sizeof(*watch));
	struct registry *r = call->registry;
	struct err e = {0};

	if (!watch) {
		call_answer(call, NULL);
		return;
	}
	watch->call = call;
	watch->service = "";
	watch->watcher = (struct watcher){"", "client"};
	if (!call_params(call, watch_fields, 4, watch))
		return;
	if (watch->watcher_value && watcher_read("registry.watch: watcher", watch->watcher_value,
						 &call->arena, &watch->watcher, &e) < 0) {
		call_err(call, &e);
		return;
	}
	watch->whole = !catalog_position_parse(r->catalog, watch->revision, &watch->wait.since) ||
		       watch->wait.since.at > catalog_revision(r->catalog);
	watch->wait.service = *watch->service ? watch->service : NULL;
	watch->wait.wait_ms = (unsigned)watch->wait_ms;
	watch->wait.ready = watch_ready;
	if (strcmp(watch->watcher.kind, "gateway") == 0)
		watch->tracked =
			drain_watching(r->drain, watch->watcher.name, watch->service,
				       watch->whole ? 0 : watch->wait.since.at, clock_ms());
	if (watch_is_ready(watch)) {
		if (watch->tracked)
			drain_watched(r->drain, watch->watcher.name, watch->service, clock_ms());
		watch_answer(watch);
		return;
	}
	call_suspend(call);
	if (keeper_wait(r->keeper, &watch->wait, &e) == 0)
		return;
	if (watch->tracked)
		drain_watched(r->drain, watch->watcher.name, watch->service, clock_ms());
	call_err(call, &e);
}
