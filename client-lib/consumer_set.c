/* consumer_set: a sorted array of counted items; a change merges into a new one. */
#include "client-lib/consumer_set.h"

#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct consumer_item {
	atomic_uint refs;
	const char *name;
	const struct microreg_value *value; /* NULL: it is gone */
	size_t bytes;
};

struct microreg_consumers {
	atomic_size_t refs;
	uint64_t version;
	size_t count, bytes;
	char revision[CONSUMER_SET_REVISION_MAX + 1];
	struct consumer_item *items[];
};

static atomic_ullong consumer_set_versions;

/* ---- Items ---- */

/* Where a copy is written: first only counted, `values` NULL. */
struct consumer_copy {
	struct microreg_value *values;
	char *text;
	size_t value_count, text_size;
};

static const char *consumer_copy_text(struct consumer_copy *c, const char *from)
{
	size_t size = from ? strlen(from) + 1 : 0;
	char *to = c->text;

	c->text_size += size;
	if (!from || !to)
		return NULL;
	memcpy(to, from, size);
	c->text += size;
	return to;
}

/* The depth is that of a document, which the guard has bounded. */
static void consumer_copy_value(struct consumer_copy *c, const struct microreg_value *from,
				struct microreg_value *to)
{
	struct microreg_value copy = *from, *items = c->values;

	copy.name = consumer_copy_text(c, from->name);
	copy.text = consumer_copy_text(c, from->text);
	copy.items = items;
	c->value_count += from->count;
	if (items)
		c->values += from->count;
	for (size_t i = 0; i < from->count; i++)
		consumer_copy_value(c, &from->items[i], items ? &items[i] : NULL);
	if (to)
		*to = copy;
}

struct consumer_item *consumer_item_new(const struct microreg_value *value)
{
	const struct microreg_value *name = microreg_value_find(value, "name");
	struct consumer_copy c = {0};
	struct consumer_item *item;
	struct microreg_value *root;
	size_t size;

	if (!name || name->type != MICROREG_TYPE_STRING || !name->text[0] ||
	    strlen(name->text) > CONSUMER_SET_NAME_MAX)
		return NULL;
	consumer_copy_value(&c, value, NULL);
	size = sizeof(*item) + (c.value_count + 1) * sizeof(*root) + c.text_size;
	item = malloc(size);
	if (!item)
		return NULL;
	atomic_init(&item->refs, 1);
	item->bytes = size;
	root = (struct microreg_value *)(void *)(item + 1);
	c = (struct consumer_copy){.values = root + 1, .text = (char *)(root + 1 + c.value_count)};
	consumer_copy_value(&c, value, root);
	item->value = root;
	item->name = microreg_value_find(root, "name")->text;
	return item;
}

struct consumer_item *consumer_item_gone(const char *name)
{
	size_t len = strlen(name);
	struct consumer_item *item = malloc(sizeof(*item) + len + 1);

	if (!item)
		return NULL;
	atomic_init(&item->refs, 1);
	item->value = NULL;
	item->bytes = 0;
	item->name = memcpy(item + 1, name, len + 1);
	return item;
}

static struct consumer_item *consumer_item_ref(struct consumer_item *item)
{
	(void)atomic_fetch_add_explicit(&item->refs, 1, memory_order_relaxed);
	return item;
}

void consumer_item_unref(struct consumer_item **item)
{
	struct consumer_item *i = *item;

	*item = NULL;
	if (i && atomic_fetch_sub_explicit(&i->refs, 1, memory_order_acq_rel) == 1)
		free(i);
}

/* ---- Sets ---- */

static int consumer_by_name(const void *a, const void *b)
{
	const struct consumer_item *const *x = a, *const *y = b;

	return strcmp((*x)->name, (*y)->name);
}

static void consumer_set_add(struct microreg_consumers *set, struct consumer_item *item)
{
	if (!item->value)
		return;
	set->bytes += item->bytes;
	set->items[set->count++] = consumer_item_ref(item);
}

/* Both are sorted; of one name the change counts. */
static void consumer_set_merge(struct microreg_consumers *set,
			       const struct microreg_consumers *base,
			       struct consumer_item **changes, size_t count)
{
	size_t i = 0, k = 0, known = base ? base->count : 0;

	while (i < known || k < count) {
		int order = i == known	 ? 1
			    : k == count ? -1
					 : strcmp(base->items[i]->name, changes[k]->name);

		consumer_set_add(set, order < 0 ? base->items[i] : changes[k]);
		i += order <= 0;
		k += order >= 0;
	}
}

const struct microreg_consumers *consumer_set_new(const struct microreg_consumers *base,
						  struct consumer_item **changes, size_t count,
						  const char *revision)
{
	size_t room = (base ? base->count : 0) + count;
	struct microreg_consumers *set =
		malloc(sizeof(*set) + room * sizeof(struct consumer_item *));
	const struct microreg_consumers *drop = set;

	if (!set)
		return NULL;
	atomic_init(&set->refs, 1);
	set->version = atomic_fetch_add(&consumer_set_versions, 1) + 1;
	set->count = set->bytes = 0;
	(void)snprintf(set->revision, sizeof(set->revision), "%s", revision);
	if (count)
		qsort(changes, count, sizeof(struct consumer_item *), consumer_by_name);
	consumer_set_merge(set, base, changes, count);
	if (set->bytes <= CONSUMER_SET_BYTES_MAX)
		return set;
	microreg_consumers_unref(&drop);
	return NULL;
}

const struct microreg_consumers *consumer_set_share(const struct microreg_consumers *set)
{
	struct microreg_consumers *counted = (struct microreg_consumers *)(uintptr_t)set;

	(void)atomic_fetch_add_explicit(&counted->refs, 1, memory_order_relaxed);
	return set;
}

const char *consumer_set_revision(const struct microreg_consumers *set)
{
	return set->revision;
}

void microreg_consumers_unref(const struct microreg_consumers **consumers)
{
	struct microreg_consumers *set;

	if (!consumers || !*consumers)
		return;
	set = (struct microreg_consumers *)(uintptr_t)*consumers;
	*consumers = NULL;
	if (atomic_fetch_sub_explicit(&set->refs, 1, memory_order_acq_rel) != 1)
		return;
	for (size_t i = 0; i < set->count; i++)
		consumer_item_unref(&set->items[i]);
	free(set);
}

uint64_t microreg_consumers_version(const struct microreg_consumers *consumers)
{
	return consumers ? consumers->version : 0;
}

size_t microreg_consumers_count(const struct microreg_consumers *consumers)
{
	return consumers ? consumers->count : 0;
}

const struct microreg_value *microreg_consumers_at(const struct microreg_consumers *consumers,
						   size_t index)
{
	return consumers && index < consumers->count ? consumers->items[index]->value : NULL;
}
