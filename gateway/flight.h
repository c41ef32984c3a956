/*
 * flight: one request to an instance for all that miss the same key of the
 * cache at once, whatever worker they are at, and one prober for all that
 * find an old reply there while the origin fails.
 *
 *   first --LEADS--> asks --flight_end--> the others look again, or go alone
 *   others --WAITS--^                     (after FLIGHT_WAIT_MS anyway)
 *
 * What is remembered beyond that fits in tables of a fixed size, in which a
 * newer key takes an older one's place: to forget costs a request more.
 *
 * Any thread, unless said otherwise; locks are held for a search.
 */
#ifndef MICROREG_GATEWAY_FLIGHT_H
#define MICROREG_GATEWAY_FLIGHT_H

#include "common/loop.h"
#include "gateway/cache.h"

#include <stdbool.h>
#include <stdint.h>

struct flight;
struct flights;
struct flight_waiter;

enum {
	FLIGHT_WAIT_MS = 5000,
	FLIGHT_ALONE_MS = 10000,  /* how long nobody waits for what could not be shared */
	FLIGHT_PROBE_MS = 1000,	  /* before a failed origin is asked again, doubled … */
	FLIGHT_PROBE_MOST = 8000, /* … up to here */
};

struct flights *flights_new(void);
void flights_free(struct flights **flights); /* when nobody leads or waits any more */

enum flight_part {
	FLIGHT_ALONE = 0, /* there is nothing to wait for: ask, for this one only */
	FLIGHT_LEADS,	  /* ask, and flight_end when it is known what came of it */
	FLIGHT_WAITS,	  /* to be told, or flight_leave */
};

/* What came of it, for those that wait. */
enum flight_outcome {
	FLIGHT_DROPPED = 0, /* nobody asks any more: another may */
	FLIGHT_SHARED,	    /* it is in the cache */
	FLIGHT_PRIVATE,	    /* it was not for others, nor will the next be */
	FLIGHT_FAILED,
};

/* Told on the loop it was given, once, unless flight_leave came before. The waiter is gone then. */
typedef void flight_landed(void *arg, enum flight_outcome outcome);

/* What the joiner hands over to wait. */
struct flight_ticket {
	struct loop *loop; /* its own */
	uint64_t wait_ms;
	flight_landed *landed; /* NULL: it only leads, if nobody does, whoever may wait for it */
	void *arg;
};

/* LEADS sets *flight, WAITS sets *waiter; each is the caller's to end. `key` is copied. */
enum flight_part flight_join(struct flights *flights, const struct cache_key *key,
			     const struct flight_ticket *ticket, struct flight **flight,
			     struct flight_waiter **waiter);

/* Tells all that wait. Leaves NULL; harmless with NULL. */
void flight_end(struct flight **flight, enum flight_outcome outcome, uint64_t now_ms);

/* Waits no more. The waiter's own thread. Leaves NULL; harmless with NULL. */
void flight_leave(struct flight_waiter **waiter);

/* True while no origin fails: nothing is held then. Takes no lock. */
bool flight_is_quiet(const struct flights *flights);

/* True when the origin has failed for this key and is to be left alone now. Otherwise this request
 * asks, and if the origin has failed before, it alone does so for `hold_ms`. `origin` stands for
 * the instances that there are: others may do better, so they are asked. */
bool flight_is_held(struct flights *flights, const struct cache_key *key, const void *origin,
		    uint64_t hold_ms, uint64_t now_ms);

/* How a request for this key went. */
void flight_succeeded(struct flights *flights, const struct cache_key *key);
void flight_failed(struct flights *flights, const struct cache_key *key, const void *origin,
		   uint64_t now_ms);

#endif
