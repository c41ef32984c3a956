/* past: the first change of each instance after a revision tells what it was. */
#include "registry/past.h"
#include "common/clock.h"
#include "common/rpc.h"
#include "common/siphash.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HASH_FUNCTION(key, len, hash) ((hash) = (unsigned)siphash_process((key), (len)))
#define HASH_KEYCMP(a, b, len)	      memcmp((a), (b), (len))
#include <uthash.h>

/* ---- When ---- */

int past_parse(struct registry *registry, const char *where, const char *text, uint64_t *revision,
	       struct err *e)
{
	struct catalog_position position;
	enum store_find found = STORE_FOUND;
	struct err why = {0};
	int64_t wall_ms;

	if (catalog_position_parse(registry->catalog, text, &position)) {
		*revision = position.at;
		return 0;
	}
	if (!clock_read_rfc3339(text, &wall_ms))
		return err_code(e, RPC_FAULT_PARAMS,
				"%s: \"%.60s\"; allowed: a revision of this registry, as it "
				"answers them (\"%s.17\"), or a time like \"2026-01-31T23:59:59Z\"",
				where, text, catalog_database(registry->catalog));
	found = store_revision_at(registry->store, wall_ms, revision, &why);
	if (found != STORE_FOUND)
		return err_code(e, why.code, "%s: \"%.60s\": %s", where, text, why.text);
	return 0;
}

/* ---- What ---- */

/* An instance that has changed since. */
struct past_item {
	UT_hash_handle hh;
	struct record *before; /* NULL: it was not there, or over */
	char id[];
};

struct past {
	struct past_item *items; /* by id */
	size_t live;
	bool no_memory;
};

static int past_add(void *arg, const struct store_event *event)
{
	struct past *past = arg;
	struct past_item *item, *found;
	size_t len = strlen(event->id);

	HASH_FIND(hh, past->items, event->id, len, item);
	if (item)
		return 0; /* a later change */
	item = calloc(1, sizeof(*item) + len + 1);
	if (!item)
		goto fail;
	memcpy(item->id, event->id, len + 1);
	if (event->before && record_is_live(event->before)) {
		item->before = record_new(event->before);
		if (!item->before)
			goto fail;
	}
	HASH_ADD(hh, past->items, id, len, item);
	HASH_FIND(hh, past->items, event->id, len, found);
	if (!found)
		goto fail;
	past->live += item->before != NULL;
	return 0;
fail:
	if (item)
		record_unref(&item->before);
	free(item);
	past->no_memory = true;
	return -1;
}

static void past_fini(struct past *past)
{
	struct past_item *item, *next;

	HASH_ITER(hh, past->items, item, next)
	{
		HASH_DEL(past->items, item);
		record_unref(&item->before);
		free(item);
	}
}

static bool past_has_changed(const struct past *past, const char *id)
{
	struct past_item *item;

	HASH_FIND(hh, past->items, id, strlen(id), item);
	return item != NULL;
}

static struct catalog_view *past_join(const struct past *past, const struct catalog_view *now,
				      const char *service, uint64_t revision)
{
	struct catalog_view *then =
		catalog_view_new(service, revision, past->live + (now ? now->count : 0));

	if (!then)
		return NULL;
	for (size_t i = 0; now && i < now->count; i++)
		if (!past_has_changed(past, now->records[i]->in.id))
			then->records[then->count++] = record_ref(now->records[i]);
	for (struct past_item *item = past->items; item; item = item->hh.next)
		if (item->before)
			then->records[then->count++] = record_ref(item->before);
	return then;
}

const struct catalog_view *past_look(struct registry *registry, const char *service,
				     uint64_t revision, struct err *e)
{
	struct store_history_query query = {.service = service, .since = revision};
	struct catalog_answer now = {0};
	struct catalog_view *then = NULL;
	struct past past = {0};
	struct err why = {0};

	/* What is there now first: whatever changes from here on, the history tells. */
	past.no_memory = catalog_look(registry->catalog, service, &now) == CATALOG_NO_MEMORY;
	if (!past.no_memory &&
	    store_look_back(registry->store, &query, past_add, &past, &why) != STORE_FOUND)
		(void)err_code(e, why.code, "registry.lookup: at: %s", why.text);
	else if (!past.no_memory)
		then = past_join(&past, now.view, service, revision);
	if (!then && !why.code)
		(void)err_code(e, RPC_FAULT_STORE, "the registry is out of memory");
	catalog_view_unref(&now.view);
	past_fini(&past);
	return then;
}
