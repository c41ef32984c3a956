/*
 * method_consumer_watch: registry.consumer_watch: consumers as they change,
 * with the hashes of their keys, for gateways.
 *
 * Apart from registry.watch, so that it has a role of its own, its pages and
 * its revision, and a watch of services neither fails nor wakes because of it.
 */
#include "common/clock.h"
#include "common/rpc_write.h"
#include "registry/catalog.h"
#include "registry/consumer_rpc.h"
#include "registry/consumer_catalog.h"
#include "registry/keeper.h"
#include "registry/method.h"

#include <string.h>

enum {
	CONSUMER_WATCH_WAIT_MS = 60000,
	CONSUMER_WATCH_MAX = 500,	/* of one answer */
	CONSUMER_WATCH_BYTES = 4 << 20, /* likewise; one more may begin below it */
};

struct consumer_watch {
	struct keeper_wait wait; /* first, so that the keeper's pointer is this one */
	struct call *call;
	const char *revision;
	int wait_ms;
	bool whole; /* it knows nothing of ours */
};

#define WATCH(member) .name = #member, .offset = offsetof(struct consumer_watch, member)

static const struct rpc_field consumer_watch_fields[] = {
	{WATCH(revision), .type = RPC_STRING, .required = true, .max = 128},
	{WATCH(wait_ms), .type = RPC_INT, .max = CONSUMER_WATCH_WAIT_MS,
	 .allowed = "milliseconds, an int from 0 to 60000"},
};

static void consumer_watch_write(struct call *call, const struct consumer_catalog_told *told)
{
	struct catalog_position position;
	char text[CATALOG_POSITION_SIZE];
	struct buf *to = &call->text;

	if (told->consumer) {
		position.at = position.base = told->consumer->revision;
		catalog_position_print(call->registry->catalog, position, text);
		consumer_rpc_write(to, told->consumer, text, true);
		return;
	}
	rpc_write_struct(to);
	rpc_write_set_string(to, "name", told->name);
	rpc_write_set_bool(to, "deleted", true);
	rpc_write_struct_end(to);
}

/* What does not fit in is told next time. */
static void consumer_watch_answer(struct call *call, const struct catalog_position *since,
				  struct consumer_catalog_changes *changes)
{
	char revision[CATALOG_POSITION_SIZE];
	struct buf *to = &call->text;
	size_t n = 0;

	rpc_write_begin(to);
	rpc_write_struct(to);
	rpc_write_member(to, "changes");
	rpc_write_array(to);
	while (n < changes->count && to->len < CONSUMER_WATCH_BYTES)
		consumer_watch_write(call, &changes->items[n++]);
	rpc_write_array_end(to);
	rpc_write_member_end(to);
	if (n < changes->count)
		consumer_catalog_changes_cut(changes, since, n);
	catalog_position_print(call->registry->catalog, changes->position, revision);
	rpc_write_set_string(to, "revision", revision);
	rpc_write_set_bool(to, "reset", changes->reset);
	rpc_write_set_bool(to, "more", changes->more);
	rpc_write_struct_end(to);
	rpc_write_end(to);
	call_answer_text(call);
}

static void consumer_watch_ready(struct keeper_wait *wait)
{
	struct consumer_watch *watch = (void *)wait;
	struct call *call = watch->call;
	struct consumer_catalog_changes changes;

	if (consumer_catalog_changes(call->registry->consumers, watch->whole ? NULL : &wait->since,
				     CONSUMER_WATCH_MAX, &changes) < 0)
		call_answer(call, NULL);
	else if (call_takes_room(call, changes.count))
		consumer_watch_answer(call, &wait->since, &changes); /* frees the call and watch */
	consumer_catalog_changes_fini(&changes);
}

/* Is it to be answered now? While a burst of changes goes on it is better told whole. */
static bool consumer_watch_is_ready(struct consumer_watch *watch)
{
	uint64_t changed_ms;

	if (watch->whole || watch->call->nested || !watch->wait_ms)
		return true;
	return consumer_catalog_has_news(watch->call->registry->consumers, &watch->wait.since,
					 &changed_ms) &&
	       clock_ms() - changed_ms >= WAITERS_QUIET_MS;
}

void method_consumer_watch(struct call *call)
{
	struct consumer_watch *watch = arena_zalloc(&call->arena, sizeof(*watch));
	struct catalog *catalog = call->registry->catalog;
	struct err e = {0};

	if (!watch) {
		call_answer(call, NULL);
		return;
	}
	watch->call = call;
	if (!call_params(call, consumer_watch_fields, 2, watch))
		return;
	watch->whole = !catalog_position_parse(catalog, watch->revision, &watch->wait.since) ||
		       watch->wait.since.at > catalog_revision(catalog);
	watch->wait.consumers = true;
	watch->wait.wait_ms = (unsigned)watch->wait_ms;
	watch->wait.ready = consumer_watch_ready;
	if (consumer_watch_is_ready(watch)) {
		consumer_watch_ready(&watch->wait);
		return;
	}
	call_suspend(call);
	if (keeper_wait(call->registry->keeper, &watch->wait, &e) < 0)
		call_err(call, &e);
}
