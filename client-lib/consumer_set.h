/*
 * consumer_set: all consumers of the registry known at one moment, by name. A
 * consumer is what the registry told of it, in one block of memory that all
 * sets share which have it.
 */
#ifndef MICROREG_CLIENT_CONSUMER_SET_H
#define MICROREG_CLIENT_CONSUMER_SET_H

#include "client-lib/microreg.h"

enum { CONSUMER_SET_NAME_MAX = 128, CONSUMER_SET_REVISION_MAX = 128 };

/* What all consumers of one set may take of memory. */
#define CONSUMER_SET_BYTES_MAX ((size_t)1 << 30)

struct consumer_item;

/* A copy of a struct with a `name`; NULL: it has none, or no memory. Counted. */
struct consumer_item *consumer_item_new(const struct microreg_value *value);
/* One that says that the consumer of that name is gone. */
struct consumer_item *consumer_item_gone(const char *name);
void consumer_item_unref(struct consumer_item **item);

/* A set with what `base` (NULL: nothing) has, and the changes, in any order, at most one of a name;
 * they are sorted. Takes references of its own. NULL: out of memory, or over
 * CONSUMER_SET_BYTES_MAX. */
const struct microreg_consumers *consumer_set_new(const struct microreg_consumers *base,
						  struct consumer_item **changes, size_t count,
						  const char *revision);

/* Another reference. */
const struct microreg_consumers *consumer_set_share(const struct microreg_consumers *set);

/* The revision that it was told with. */
const char *consumer_set_revision(const struct microreg_consumers *set);

#endif
