/*
 * cache_item: one kept reply as the cache's own files see it. Everybody else
 * includes cache.h.
 */
#ifndef MICROREG_GATEWAY_CACHE_ITEM_H
#define MICROREG_GATEWAY_CACHE_ITEM_H

#include "gateway/cache.h"

#include <pthread.h>
#include <stdatomic.h>

/* A name in Vary, and what the request had there, its lines joined (RFC 9111 4.1). */
struct cache_vary {
	struct span name, value;
	bool present;
};

/* Its owner counts: see cache.c. Immutable once added, but for the links. */
struct cache_item {
	struct cache_entry entry;
	atomic_uint refs;
	struct span key;
	uint64_t hash, since; /* as in its cache_key */
	bool is_error;
	struct cache_vary vary[CACHE_VARY_MAX];
	unsigned vary_count;
	char *body;  /* what entry.body points into; freed with the item */
	size_t size; /* all its memory */
	/* Under the lock of its shard: */
	struct cache_item *chain, *newer, *older;
	uint64_t touched_ms;
	char bytes[]; /* fields, key and vary */
};

struct cache_limits {
	uint64_t object_max;
	uint64_t writing_max;		    /* of all replies being taken in */
	atomic_uint_fast64_t writing;	    /* bytes of them */
	pthread_mutex_t lock;		    /* guards what follows */
	struct cache_writer *first, **last; /* those with room, in the order in which they began */
	uint64_t now_ms;		    /* when the newest began */
};

enum {
	CACHE_PURGES_MAX = 32,	    /* are remembered */
	CACHE_PURGE_TEXT_MAX = 512, /* of what one says */
};

/* What was purged last. All drops, also those of single keys, are numbered from 1. */
struct cache_purges {
	pthread_mutex_t lock; /* guards what follows; taken within a shard's lock */
	struct cache_purge {
		uint64_t number; /* 0: none */
		struct cache_match match;
		char text[CACHE_PURGE_TEXT_MAX]; /* what `match` points into */
	} last[CACHE_PURGES_MAX];
	size_t next;
	uint64_t forgotten; /* the number of the newest that is no longer remembered */
};

/* What does not fit is left out: then more counts as purged. */
void cache_purges_add(struct cache_purges *purges, uint64_t number,
		      const struct cache_match *match);
/* A key was, or may have been, purged after the drop of the number `since`. */
bool cache_purges_have(struct cache_purges *purges, struct span key, uint64_t since);

bool cache_is_match(struct span key, const struct cache_match *match);

struct cache_limits *cache_limits(struct cache *cache);

/* A new item without a body; NULL: out of memory, or larger than `max`. Its one reference is the
 * caller's. */
struct cache_item *cache_item_new(const struct cache_key *key, const struct http1_head *request,
				  const struct http1_head *reply, const struct cache_life *life,
				  size_t max);
void cache_item_unref(struct cache_item *item);

bool cache_item_is_fresh(const struct cache_item *item, uint64_t now_ms);
/* The request has what Vary asks for. */
bool cache_item_is_selected(const struct cache_item *item, const struct http1_head *request);
/* Both are for the same requests; their keys are known to be the same. */
bool cache_item_is_same(const struct cache_item *a, const struct cache_item *b);

/* Takes the item over. False when it was not added. */
bool cache_add(struct cache *cache, struct cache_item *item);

#endif
