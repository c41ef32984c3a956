/* consumer_catalog_read: finding, listing, and what gateways have to be told. */
#include "registry/consumer_catalog.h"
#include "registry/consumer_catalog_shape.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* ---- Reading ---- */

struct consumer *consumer_catalog_find(struct consumer_catalog *consumers, const char *name)
{
	struct consumer *found = NULL;
	struct consumer_catalog_entry *entry;

	(void)pthread_mutex_lock(&consumers->lock);
	entry = consumer_catalog_entry(consumers, name);
	if (entry && entry->consumer)
		found = consumer_ref(entry->consumer);
	(void)pthread_mutex_unlock(&consumers->lock);
	return found;
}

static int consumer_catalog_by_name(const void *a, const void *b)
{
	const struct consumer_catalog_entry *const *x = a, *const *y = b;

	return strcmp((*x)->name, (*y)->name);
}

static int consumer_catalog_sort(struct consumer_catalog *c)
{
	size_t n = 0;

	if (c->sorted)
		return 0;
	c->sorted = malloc((c->count + 1) * sizeof(struct consumer_catalog_entry *));
	if (!c->sorted)
		return -1;
	for (struct consumer_catalog_entry *entry = c->entries; entry; entry = entry->hh.next)
		if (entry->consumer)
			c->sorted[n++] = entry;
	qsort(c->sorted, n, sizeof(struct consumer_catalog_entry *), consumer_catalog_by_name);
	return 0;
}

/* The first in order that is after `after` and not before `prefix`. */
static size_t consumer_catalog_first(const struct consumer_catalog *c, const char *prefix,
				     const char *after)
{
	size_t low = 0, high = c->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const char *name = c->sorted[middle]->name;

		if (strcmp(name, prefix) < 0 || (*after && strcmp(name, after) <= 0))
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

long consumer_catalog_list(struct consumer_catalog *consumers, const char *prefix,
			   const char *after, struct consumer **out, size_t max)
{
	struct consumer_catalog *c = consumers;
	size_t len = strlen(prefix);
	long n = 0;

	(void)pthread_mutex_lock(&c->lock);
	if (consumer_catalog_sort(c) < 0)
		n = -1;
	for (size_t i = n < 0 ? c->count : consumer_catalog_first(c, prefix, after);
	     i < c->count && (size_t)n < max; i++) {
		if (strncmp(c->sorted[i]->name, prefix, len) != 0)
			break;
		out[n++] = consumer_ref(c->sorted[i]->consumer);
	}
	(void)pthread_mutex_unlock(&c->lock);
	return n;
}

size_t consumer_catalog_count(struct consumer_catalog *consumers)
{
	size_t count;

	(void)pthread_mutex_lock(&consumers->lock);
	count = consumers->count;
	(void)pthread_mutex_unlock(&consumers->lock);
	return count;
}

uint64_t consumer_catalog_revision(struct consumer_catalog *consumers)
{
	uint64_t revision;

	(void)pthread_mutex_lock(&consumers->lock);
	revision = consumers->revision;
	(void)pthread_mutex_unlock(&consumers->lock);
	return revision;
}

/* ---- Differences ---- */

/* Must a watcher be told everything? What was forgotten before a whole state began was never told.
 */
static bool consumer_catalog_is_lost(const struct consumer_catalog *c,
				     const struct catalog_position *since)
{
	return !since || (since->at > since->base ? since->at : since->base) < c->floor;
}

bool consumer_catalog_has_news(struct consumer_catalog *consumers,
			       const struct catalog_position *since, uint64_t *changed_ms)
{
	bool news;

	(void)pthread_mutex_lock(&consumers->lock);
	*changed_ms = consumers->changed_ms;
	news = consumer_catalog_is_lost(consumers, since) || consumers->revision > since->at;
	(void)pthread_mutex_unlock(&consumers->lock);
	return news;
}

/* The oldest that changed after `at`, or NULL. From the newest: watchers are close; from the oldest
 * for those who know nothing. */
static struct consumer_catalog_entry *consumer_catalog_first_after(struct consumer_catalog *c,
								   uint64_t at)
{
	struct consumer_catalog_entry *entry = c->newest;

	if (!at)
		return c->oldest;
	if (!entry || entry->revision <= at)
		return NULL;
	while (entry->older && entry->older->revision > at)
		entry = entry->older;
	return entry;
}

static int consumer_catalog_tell(struct consumer_catalog *c, uint64_t after, size_t max,
				 struct consumer_catalog_changes *out)
{
	out->items = malloc((max + 1) * sizeof(*out->items));
	if (!out->items)
		return -1;
	for (struct consumer_catalog_entry *entry = consumer_catalog_first_after(c, after); entry;
	     entry = entry->newer) {
		if (out->reset && !entry->consumer)
			continue; /* the whole state names nobody who is gone */
		if (out->count == max) {
			out->more = true;
			return 0;
		}
		memcpy(out->items[out->count].name, entry->name, sizeof(entry->name));
		out->items[out->count].revision = entry->revision;
		out->items[out->count++].consumer =
			entry->consumer ? consumer_ref(entry->consumer) : NULL;
		out->position.at = entry->revision;
	}
	return 0;
}

int consumer_catalog_changes(struct consumer_catalog *consumers,
			     const struct catalog_position *since, size_t max,
			     struct consumer_catalog_changes *out)
{
	struct consumer_catalog *c = consumers;
	uint64_t base;
	int r;

	memset(out, 0, sizeof(*out));
	(void)pthread_mutex_lock(&c->lock);
	out->reset = consumer_catalog_is_lost(c, since);
	base = out->reset ? c->revision : since->base;
	r = consumer_catalog_tell(c, out->reset ? 0 : since->at, max, out);
	if (!out->more)
		out->position.at = base = c->revision;
	out->position.base = base > out->position.at ? base : out->position.at;
	(void)pthread_mutex_unlock(&c->lock);
	return r;
}

void consumer_catalog_changes_cut(struct consumer_catalog_changes *changes,
				  const struct catalog_position *since, size_t count)
{
	struct catalog_position *to = &changes->position;

	assert(count && count <= changes->count);
	changes->more = true;
	to->at = changes->items[count - 1].revision;
	/* Only a whole state names nobody who went before it began. */
	if (!changes->reset)
		to->base = since->base > to->at ? since->base : to->at;
}

void consumer_catalog_changes_fini(struct consumer_catalog_changes *changes)
{
	for (size_t i = 0; i < changes->count; i++)
		consumer_unref(&changes->items[i].consumer);
	free(changes->items);
	changes->items = NULL;
	changes->count = 0;
}
