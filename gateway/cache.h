/*
 * cache: the bytes of replies that may be used again, shared by all workers.
 *
 * Whether a reply may be kept, and when it may be served, is cache_rules';
 * here they are found, held and dropped. What is found is immutable and
 * counted: it is sent from where it lies, and stays as long as somebody holds
 * it, also when it has left the cache. Any thread may call everything; locks
 * are held for a search of one chain.
 */
#ifndef MICROREG_GATEWAY_CACHE_H
#define MICROREG_GATEWAY_CACHE_H

#include "common/arena.h"
#include "gateway/http1_head.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cache;
struct cache_item;
struct cache_writer;

enum {
	/* After that a reply that is still being taken in gives its room up to one that has none:
	 * whoever reads slowly is not to keep others' replies from being kept. */
	CACHE_WRITER_FAIR_MS = 5000,
	CACHE_VARIANTS_MAX = 8, /* of one key; the oldest goes */
	CACHE_VARY_MAX = 8,	/* names in Vary; a reply with more is not kept */
};

/* What cache_rules_store found about a reply; kept with it. Durations that are given by nobody
 * are 0. */
struct cache_life {
	bool store;
	const char *reason;   /* when not to be stored: why; static text */
	uint64_t received_ms; /* monotonic */
	int64_t received_wall_ms;
	uint64_t age_ms;		    /* when it was received (RFC 9111 4.2.3) */
	uint64_t fresh_ms;		    /* counted from age 0 */
	uint64_t stale_if_error_ms;	    /* after freshness (RFC 5861 4) */
	uint64_t stale_while_revalidate_ms; /* after freshness (RFC 5861 3) */
	bool never_stale;		    /* must-revalidate and its like (RFC 9111 4.2.4) */
};

struct cache_entry {
	unsigned status;
	/* End-to-end fields as they are sent, each line with its CRLF. Without framing, Age,
	 * Cache-Status and what the gateway writes anew for each answer. A Date is there. */
	struct span fields;
	struct span fields_304; /* the part of them that a 304 repeats (RFC 9110 15.4.5) */
	struct span body;
	struct span etag;      /* the field's value; len 0: none */
	int64_t last_modified; /* seconds since 1970; -1: none */
	struct cache_life life;
	struct cache_item *own; /* the cache's */
};

/* Made once per request; lives in the request's arena. */
struct cache_key {
	struct span text;
	uint64_t hash;
	uint64_t since; /* see cache_key_begin */
};

struct cache_counts {
	uint64_t entries, bytes, evicted;
};

/* Holds replies of `bytes_max` in all, none over `object_max_bytes`. NULL: out of memory. */
struct cache *cache_new(uint64_t bytes_max, uint64_t object_max_bytes);
void cache_free(struct cache **cache); /* when no entry and no writer is held any more */

/* `authority` as in the request: its case does not count. -1: the arena is spent. */
int cache_key_make(struct cache_key *key, struct arena *arena, struct span service,
		   const struct http1_head *request, struct span path);

/* An instance is asked for it from now on: a reply that was asked for before it was dropped may be
 * older than what made somebody drop it, and is not kept. To be called before the request leaves;
 * without it a reply is not kept once anything of its key was dropped. */
void cache_key_begin(struct cache *cache, struct cache_key *key);

/* It was dropped since then. Also true of some that were not: what is remembered is bounded. */
bool cache_key_is_dropped(struct cache *cache, const struct cache_key *key);

/* The newest reply that this request selects (RFC 9111 4.1), or NULL. A reply with an error
 * status is found only while it is fresh; after that the good one before it is. The caller
 * unrefs. */
const struct cache_entry *cache_find(struct cache *cache, const struct cache_key *key,
				     const struct http1_head *request, uint64_t now_ms);
const struct cache_entry *cache_ref(const struct cache_entry *entry);
void cache_unref(const struct cache_entry **entry); /* leaves NULL; harmless with NULL */

/* Drops all variants. RFC 9111 4.4: due when a request with an unsafe method was answered with
 * 2xx or 3xx. */
void cache_invalidate(struct cache *cache, const struct cache_key *key);

/* What all of these have is dropped; of which nothing is said does not matter. */
struct cache_match {
	const char *service, *host; /* host: as in the URL, with its port if it has one */
	struct span prefix;	    /* of the path */
};

/* Returns how many went. Holds each shard's lock for a walk over it. */
uint64_t cache_purge(struct cache *cache, const struct cache_match *match);

/* Takes a reply in as its body comes. NULL when it can't be kept (declared longer than an object
 * may be, too many replies are being taken in, its key was dropped, out of memory): the request
 * goes on without. What is in `life` must say store. `key`, `request` and `reply` are borrowed for
 * this call. */
struct cache_writer *cache_writer_begin(struct cache *cache, const struct cache_key *key,
					const struct http1_head *request,
					const struct http1_head *reply,
					const struct cache_life *life);

/* Content without framing. When it gets too long, or has given up its room, the writer is dropped:
 * *writer is NULL then. NULL is passed over, so that a caller need not look. */
void cache_writer_append(struct cache_writer **writer, struct span piece);

/* The body is complete: from now on the reply is found. False when nothing was stored. */
bool cache_writer_commit(struct cache_writer **writer);

/* RFC 9111 4.3.4: what `old` is after `reply`, a 304 to a request about it: a head to be given to
 * cache_rules_store, in the arena. -1: it is about another one, or the arena is spent. */
int cache_renew_head(struct http1_head *head, struct arena *arena, const struct cache_entry *old,
		     const struct http1_head *reply);

/* Keeps that in the place of `old`, with its body. NULL: it was not kept. The caller unrefs. */
const struct cache_entry *cache_renew(struct cache *cache, const struct cache_key *key,
				      const struct http1_head *request,
				      const struct http1_head *head, const struct cache_life *life,
				      const struct cache_entry *old);

/* The reply was cut short. Harmless with NULL. */
void cache_writer_abort(struct cache_writer **writer);

void cache_count(struct cache *cache, struct cache_counts *counts);

#endif
