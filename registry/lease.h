/*
 * lease: how long instances live without a word, and when expiry is held back.
 *
 * Time is monotonic and always a parameter. A beat moves a deadline and no
 * timer: the timer looks at the deadline when it fires, and goes back to sleep
 * if it was moved. Any thread; guarded by the catalog's lock.
 */
#ifndef MICROREG_REGISTRY_LEASE_H
#define MICROREG_REGISTRY_LEASE_H

#include "common/instance.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct catalog;

enum {
	LEASE_KEEP_MS = 24 * 3600 * 1000, /* an expired record is kept for a day */
	LEASE_DUE_MAX = 256,
	LEASE_RETRY_MS = 1000,
	LEASE_BEAT_MS = 100,
	LEASE_BEAT_BURST = 50, /* whoever catches up, or repeats what got lost, may be faster */
};

enum lease_beat {
	LEASE_UNKNOWN = 0,
	LEASE_KNOWN,
	LEASE_FENCED,
	LEASE_TOO_OFTEN, /* more than one in LEASE_BEAT_MS in the long run; it counts for nothing */
};

struct lease_term {
	unsigned ttl_ms, heartbeat_ms; /* when the next beat is due */
	uint64_t revision;	       /* of the instance */
};

/* A heartbeat. `lease` "" means an administrator's. `load` -1: not told. */
enum lease_beat lease_beat(struct catalog *catalog, const char *service, const char *id,
			   const char *lease, int load, uint64_t now_ms, struct lease_term *out);

/* When the next heartbeat is due: about a third of the ttl, spread so that a million instances do
 * not beat in step. */
unsigned lease_heartbeat_ms(unsigned ttl_ms);

/* True when the tokens are the same; takes the same time for all wrong ones. */
bool lease_token_equal(const char *a, const char *b);

enum { LEASE_HOLDS_MAX = 16 };

struct lease_due {
	size_t hold_count; /* zones whose expiry began to be held back; not all when many */
	struct {
		char service[INSTANCE_NAME_MAX + 1], zone[INSTANCE_TEXT_MAX + 1];
		unsigned ttl_ms;
	} holds[LEASE_HOLDS_MAX];
	size_t count;
	struct {
		bool remove; /* an expired record's day is over; else a lease is */
		char service[INSTANCE_NAME_MAX + 1], id[INSTANCE_NAME_MAX + 1];
	} items[LEASE_DUE_MAX];
};

/* What is over at `now_ms`. From now on lookups leave those instances out; the caller makes it
 * durable, or calls lease_retry. */
void lease_advance(struct catalog *catalog, uint64_t now_ms, struct lease_due *due);

/* Milliseconds until lease_advance can have something to do, at most `most_ms` <=
 * INSTANCE_TTL_MIN_MS, since a lease that starts later can't end before that. */
uint64_t lease_wait_ms(struct catalog *catalog, uint64_t now_ms, uint64_t most_ms);

/* On the writer's thread, when it plans to make the end durable: true when the lease is still over.
 * From then on a beat finds it unknown, since the store may already say that it is gone, until the
 * change is applied or lease_retry takes it back. */
bool lease_end(struct catalog *catalog, const char *service, const char *id);

/* The end could not be made durable: it comes up again in LEASE_RETRY_MS. */
void lease_retry(struct catalog *catalog, const char *service, const char *id, uint64_t now_ms);

/* This process or machine slept: every instance gets its own ttl to renew. */
void lease_hold_all(struct catalog *catalog, uint64_t now_ms);

#endif
