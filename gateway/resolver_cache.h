/*
 * resolver_cache: the names that a resolver knows or asks for, at most
 * RESOLVER_NAMES_MAX of them, each with its last answer and how long that
 * holds. It asks nobody and knows no clock. One thread.
 */
#ifndef MICROREG_GATEWAY_RESOLVER_CACHE_H
#define MICROREG_GATEWAY_RESOLVER_CACHE_H

#include "common/wheel.h"
#include "gateway/resolver.h"

/* A peer chooses the names: keyed. An add that finds no memory leaves the entry out. */
#include "common/siphash.h"
#define HASH_FUNCTION(key, len, hash) ((hash) = (unsigned)siphash_process((key), (len)))
#include <uthash.h>

enum {
	RESOLVER_NAMES_MAX = 1024,
	RESOLVER_ADDRESSES_MAX = 16, /* of one name; the others are left out */
	RESOLVER_NAME_MAX = 253,     /* RFC 1035 2.3.4, as text */
	/* A time to live of 0, as /etc/hosts has, would ask for every request. */
	RESOLVER_TTL_LEAST_MS = 1000,
	RESOLVER_TTL_MOST_MS = 3600 * 1000,
	RESOLVER_FAILURE_TTL_MS = 1000,
	RESOLVER_STALE_MS = 3600 * 1000, /* after its time an answer may stand in for a failure */
};

struct resolver_entry {
	char name[RESOLVER_NAME_MAX + 1]; /* lower case; the key */
	enum resolver_status status;	  /* of the last answer; WAITING: none came yet */
	const char *reason;
	struct resolver_address addresses[RESOLVER_ADDRESSES_MAX];
	size_t count;	      /* of the last good answer */
	uint64_t fresh_until; /* the status; milliseconds */
	uint64_t stale_until; /* the addresses */
	/* The resolver's: */
	struct resolver *owner;
	bool busy; /* asked for, or somebody is to be told: stays */
	bool asking;
	bool late; /* nobody waits for the answer any more, but it may still come */
	struct resolver_query *waiters;
	struct resolver_entry *next_finished;
	bool finished;
	struct wheel_timer deadline;
	UT_hash_handle hh;
};

struct resolver_cache {
	struct resolver_entry *entries; /* uthash; the oldest first */
};

void resolver_cache_fini(struct resolver_cache *cache);

/* `name` as the key: in lower case, without a final dot. -1 when it is no host name. */
int resolver_cache_key(const char *name, char key[RESOLVER_NAME_MAX + 1]);

struct resolver_entry *resolver_cache_find(struct resolver_cache *cache, const char *key);

/* A new entry, in the place of the oldest that is not busy when there are too many. NULL when all
 * are busy, or out of memory. The key must not be there yet. */
struct resolver_entry *resolver_cache_add(struct resolver_cache *cache, const char *key);

/* Takes the entry out and frees it. */
void resolver_cache_drop(struct resolver_cache *cache, struct resolver_entry *entry);

/* A good answer: at least one address; `ttl_ms` is brought into bounds. */
void resolver_cache_put(struct resolver_entry *entry, const struct resolver_address *addresses,
			size_t count, uint64_t ttl_ms, uint64_t now_ms);
/* A failure. NOT_FOUND forgets the addresses: the name is gone. Others leave them as stale. */
void resolver_cache_put_failure(struct resolver_entry *entry, enum resolver_status status,
				const char *reason, uint64_t now_ms);

/* True while the last answer, good or bad, holds. */
bool resolver_cache_is_fresh(const struct resolver_entry *entry, uint64_t now_ms);

/* The last answer: its addresses when it was good, or when they may stand in for a failure. */
void resolver_cache_answer(const struct resolver_entry *entry, uint64_t now_ms,
			   struct resolver_answer *answer);

#endif
