/*
 * consumer_catalog: one hash of names and ids, one list by revision, and the names in
 * order for those who list them. A deleted one stays in hash and list as a
 * tombstone, without a consumer. What readers ask is in consumer_catalog_read.c.
 */
#include "registry/consumer_catalog.h"
#include "common/rpc.h"
#include "registry/consumer_catalog_shape.h"

#include <stdlib.h>
#include <string.h>

/* ---- Lists ---- */

static void consumer_catalog_unlink(struct consumer_catalog *c,
				    struct consumer_catalog_entry *entry)
{
	if (!entry->revision)
		return;
	*(entry->older ? &entry->older->newer : &c->oldest) = entry->newer;
	*(entry->newer ? &entry->newer->older : &c->newest) = entry->older;
	entry->older = entry->newer = NULL;
	entry->revision = 0;
}

/* Puts it at the newest end. */
static void consumer_catalog_link(struct consumer_catalog *c, struct consumer_catalog_entry *entry,
				  uint64_t revision)
{
	entry->revision = revision;
	entry->older = c->newest;
	*(c->newest ? &c->newest->newer : &c->oldest) = entry;
	c->newest = entry;
	if (c->revision < revision)
		c->revision = revision;
}

static void consumer_catalog_unsort(struct consumer_catalog *c)
{
	free(c->sorted);
	c->sorted = NULL;
}

struct consumer_catalog_entry *consumer_catalog_entry(struct consumer_catalog *c, const char *name)
{
	struct consumer_catalog_entry *entry;

	HASH_FIND(hh, c->entries, name, strlen(name), entry);
	return entry;
}

static void consumer_catalog_free_entry(struct consumer_catalog *c,
					struct consumer_catalog_entry *entry)
{
	consumer_catalog_unlink(c, entry);
	HASH_DEL(c->entries, entry);
	consumer_unref(&entry->consumer);
	free(entry);
}

static struct consumer_catalog_entry *consumer_catalog_add_entry(struct consumer_catalog *c,
								 const char *name)
{
	struct consumer_catalog_entry *entry = consumer_catalog_entry(c, name);
	size_t len = strlen(name);

	if (entry)
		return entry;
	entry = calloc(1, sizeof(*entry));
	if (!entry)
		return NULL;
	memcpy(entry->name, name, len + 1);
	HASH_ADD(hh, c->entries, name, len, entry);
	if (consumer_catalog_entry(c, name))
		return entry;
	free(entry);
	return NULL;
}

/* ---- Ids ---- */

static struct consumer_catalog_id *consumer_catalog_id(struct consumer_catalog *c, const char *id)
{
	struct consumer_catalog_id *found;

	HASH_FIND(hh, c->ids, id, strlen(id), found);
	return found;
}

/* Holds the id for the entry once more. -1 with a fault. */
static int consumer_catalog_hold_id(struct consumer_catalog *c, const char *id,
				    struct consumer_catalog_entry *entry, struct err *e)
{
	struct consumer_catalog_id *found = consumer_catalog_id(c, id);
	size_t len = strlen(id);

	if (found && found->entry != entry)
		return err_code(e, RPC_FAULT_FENCED,
				"the consumer \"%s\" has the id \"%s\"; give another, or delete "
				"that one first",
				found->entry->name, id);
	if (!found) {
		found = calloc(1, sizeof(*found));
		if (!found)
			return err_code(e, RPC_FAULT_STORE, "the registry is out of memory");
		memcpy(found->id, id, len + 1);
		found->entry = entry;
		HASH_ADD(hh, c->ids, id, len, found);
		if (!consumer_catalog_id(c, id)) {
			free(found);
			return err_code(e, RPC_FAULT_STORE, "the registry is out of memory");
		}
	}
	found->uses++;
	return 0;
}

static void consumer_catalog_drop_id(struct consumer_catalog *c, const char *id)
{
	struct consumer_catalog_id *found = consumer_catalog_id(c, id);

	if (!found || --found->uses)
		return;
	HASH_DEL(c->ids, found);
	free(found);
}

/* ---- Life ---- */

struct consumer_catalog *consumer_catalog_new(const struct consumer_catalog_limits *limits,
					      uint64_t gone)
{
	struct consumer_catalog *c = calloc(1, sizeof(*c));

	if (c && pthread_mutex_init(&c->lock, NULL)) {
		free(c);
		return NULL;
	}
	if (c) {
		c->limits = *limits;
		c->revision = c->floor = gone;
	}
	return c;
}

void consumer_catalog_free(struct consumer_catalog **consumers)
{
	struct consumer_catalog *c = *consumers;
	struct consumer_catalog_entry *entry, *next;
	struct consumer_catalog_id *id, *next_id;

	*consumers = NULL;
	if (!c)
		return;
	HASH_ITER(hh, c->ids, id, next_id)
	{
		HASH_DEL(c->ids, id);
		free(id);
	}
	HASH_ITER(hh, c->entries, entry, next)
	{
		consumer_catalog_free_entry(c, entry);
	}
	consumer_catalog_unsort(c);
	(void)pthread_mutex_destroy(&c->lock); /* nobody holds it */
	free(c);
}

int consumer_catalog_load(struct consumer_catalog *consumers, const struct consumer *consumer,
			  struct err *e)
{
	struct consumer_catalog_change change = {0};
	struct consumer *copy = consumer_new(consumer);
	size_t max = consumers->limits.consumers_max;
	int failed;

	if (!copy)
		return err_code(e, RPC_FAULT_STORE, "out of memory");
	consumers->limits.consumers_max = SIZE_MAX; /* what was acknowledged is kept */
	failed = consumer_catalog_plan_put(consumers, copy, &change, e);
	consumers->limits.consumers_max = max;
	if (failed) {
		consumer_unref(&copy);
		return -1;
	}
	change.revision = consumer->revision;
	consumer_catalog_apply(consumers, &change, 1, 0);
	return 0;
}

/* ---- For the writer ---- */

int consumer_catalog_plan_put(struct consumer_catalog *consumers, struct consumer *consumer,
			      struct consumer_catalog_change *change, struct err *e)
{
	struct consumer_catalog *c = consumers;
	struct consumer_catalog_entry *entry;
	int r = -1;

	(void)pthread_mutex_lock(&c->lock);
	entry = consumer_catalog_entry(c, consumer->name);
	if (!(entry && entry->consumer) && c->count + c->reserved >= c->limits.consumers_max) {
		(void)err_code(e, RPC_FAULT_TOO_MANY, "there are %zu consumers (limits.consumers)",
			       c->count);
		goto done;
	}
	if (!entry)
		entry = consumer_catalog_add_entry(c, consumer->name);
	if (!entry) {
		(void)err_code(e, RPC_FAULT_STORE, "the registry is out of memory");
		goto done;
	}
	r = consumer_catalog_hold_id(c, consumer->id, entry, e);
	if (r < 0 && !entry->revision && !entry->reserved) {
		consumer_catalog_free_entry(c, entry);
	} else if (r == 0) {
		entry->reserved++;
		c->reserved += !entry->consumer;
		*change = (struct consumer_catalog_change){
			.consumer = consumer,
			.before = entry->consumer ? consumer_ref(entry->consumer) : NULL};
	}
done:
	(void)pthread_mutex_unlock(&c->lock);
	return r;
}

void consumer_catalog_plan_delete(struct consumer *consumer, struct consumer_catalog_change *change)
{
	*change = (struct consumer_catalog_change){.before = consumer_ref(consumer)};
}

static void consumer_catalog_change_fini(struct consumer_catalog_change *change)
{
	struct consumer *before = (struct consumer *)(uintptr_t)change->before;

	consumer_unref(&before);
	change->before = NULL;
}

void consumer_catalog_cancel(struct consumer_catalog *consumers,
			     struct consumer_catalog_change *change)
{
	struct consumer_catalog *c = consumers;
	struct consumer_catalog_entry *entry;

	if (change->consumer) {
		(void)pthread_mutex_lock(&c->lock);
		entry = consumer_catalog_entry(c, change->consumer->name);
		consumer_catalog_drop_id(c, change->consumer->id);
		c->reserved -= !entry->consumer;
		if (!--entry->reserved && !entry->revision)
			consumer_catalog_free_entry(c, entry);
		(void)pthread_mutex_unlock(&c->lock);
		consumer_unref(&change->consumer);
	}
	consumer_catalog_change_fini(change);
}

/* More tombstones than may be: half of them go, so that the list is not walked each time; watchers
 * from before those start anew. */
static void consumer_catalog_drop_tombstones(struct consumer_catalog *c)
{
	struct consumer_catalog_entry *entry = c->oldest;

	if (c->tombstones <= c->limits.tombstones_max)
		return;
	while (c->tombstones > c->limits.tombstones_max / 2 && entry) {
		struct consumer_catalog_entry *next = entry->newer;

		if (!entry->consumer && !entry->reserved) {
			c->floor = entry->revision;
			consumer_catalog_free_entry(c, entry);
			c->tombstones--;
		}
		entry = next;
	}
}

static void consumer_catalog_apply_one(struct consumer_catalog *c,
				       struct consumer_catalog_change *change)
{
	const char *name = change->consumer ? change->consumer->name : change->before->name;
	struct consumer_catalog_entry *entry = consumer_catalog_entry(c, name);
	bool was = entry->consumer != NULL;

	if (was)
		consumer_catalog_drop_id(c, entry->consumer->id);
	if (change->consumer) {
		entry->reserved--;
		c->reserved -= !was;
	}
	c->tombstones += (size_t)!change->consumer - (size_t)(!was && entry->revision);
	c->count += (size_t)(change->consumer != NULL) - (size_t)was;
	if (was != (change->consumer != NULL))
		consumer_catalog_unsort(c);
	consumer_unref(&entry->consumer);
	entry->consumer = change->consumer;
	change->consumer = NULL;
	consumer_catalog_unlink(c, entry);
	consumer_catalog_link(c, entry, change->revision);
}

void consumer_catalog_apply(struct consumer_catalog *consumers,
			    struct consumer_catalog_change *changes, size_t count, uint64_t now_ms)
{
	struct consumer_catalog *c = consumers;

	if (!count)
		return;
	(void)pthread_mutex_lock(&c->lock);
	for (size_t i = 0; i < count; i++)
		consumer_catalog_apply_one(c, &changes[i]);
	consumer_catalog_drop_tombstones(c);
	c->changed_ms = now_ms;
	(void)pthread_mutex_unlock(&c->lock);
	for (size_t i = 0; i < count; i++)
		consumer_catalog_change_fini(&changes[i]);
}
