/*
 * consumer_catalog_shape: what struct consumer_catalog holds. For the files of consumers
 * only.
 */
#ifndef MICROREG_REGISTRY_CONSUMER_CATALOG_SHAPE_H
#define MICROREG_REGISTRY_CONSUMER_CATALOG_SHAPE_H

#include "common/siphash.h"
#include "registry/consumer_catalog.h"

#include <pthread.h>
#include <string.h>

#define HASH_FUNCTION(key, len, hash) ((hash) = (unsigned)siphash_process((key), (len)))
#define HASH_KEYCMP(a, b, len)	      memcmp((a), (b), (len))
#include <uthash.h>

struct consumer_catalog_entry {
	UT_hash_handle hh;
	struct consumer *consumer;		      /* NULL: reserved, or a tombstone */
	struct consumer_catalog_entry *older, *newer; /* by revision */
	uint64_t revision;			      /* 0: in no list yet */
	unsigned reserved;			      /* changes that are planned */
	char name[CONSUMER_NAME_MAX + 1];
};

/* Whose id it is. Two may be planned to have had it one after the other. */
struct consumer_catalog_id {
	UT_hash_handle hh;
	struct consumer_catalog_entry *entry;
	unsigned uses; /* what holds it: the truth, and changes that are planned */
	char id[CONSUMER_NAME_MAX + 1];
};

struct consumer_catalog {
	struct consumer_catalog_limits limits; /* constant */
	pthread_mutex_t lock;		       /* guards the rest */
	struct consumer_catalog_entry *entries, *oldest, *newest;
	struct consumer_catalog_id *ids;
	struct consumer_catalog_entry **sorted; /* those that are there; NULL: to be made */
	size_t count, reserved, tombstones;
	uint64_t revision, floor, changed_ms;
};

/* The entry of that name, also a tombstone or a reserved one; or NULL. With the lock. */
struct consumer_catalog_entry *consumer_catalog_entry(struct consumer_catalog *c, const char *name);

#endif
