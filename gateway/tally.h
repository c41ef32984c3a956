/*
 * tally: what is counted of one route, one service, one instance. Each worker
 * has a tally of its own of each; a scrape adds them up.
 *
 * They are kept by name, over reloads: a row per name, of each kind at most
 * so many as the settings say. What is named beyond that is counted together,
 * in the row `other`. A row that nobody holds any more stays until its place
 * is needed.
 */
#ifndef MICROREG_GATEWAY_TALLY_H
#define MICROREG_GATEWAY_TALLY_H

#include "common/buf.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum tally_kind { TALLY_ROUTE = 0, TALLY_SERVICE, TALLY_INSTANCE, TALLY_KIND_COUNT };

enum tally_count {
	TALLY_IN_FLIGHT = 0, /* now: requests of a route, attempts at an instance */
	TALLY_ABANDONED,
	TALLY_BYTES_IN,
	TALLY_BYTES_OUT,
	TALLY_CACHE_HIT,
	TALLY_CACHE_STALE,
	TALLY_CACHE_MISS,
	TALLY_CACHE_STORED,
	TALLY_RETRIES,
	TALLY_FAILURES,
	TALLY_EJECTIONS,
	TALLY_EJECTED_UNTIL_MS, /* of the loop's clock; 0: this worker has not ejected it */
	TALLY_CONNECTIONS,	/* now */
	TALLY_IDLE,		/* now: of those, in the pool */
	TALLY_REUSES,
	TALLY_RECENT_US, /* the mean time to a first byte; later ones count more */
	TALLY_COUNT_COUNT,
};

enum {
	TALLY_BOUNDS = 14, /* of the histograms */
	TALLY_CODES = 12,  /* status codes that one tally tells apart; others count as 0 */
	TALLY_ROWS = 1000, /* of a kind, unless the settings say otherwise */
};

extern const uint64_t tally_bounds_us[TALLY_BOUNDS];

/* Written by one worker, read by any thread. */
struct tally {
	_Alignas(64) atomic_uint_fast64_t counts[TALLY_COUNT_COUNT];
	atomic_uint_fast64_t durations[TALLY_BOUNDS + 1];
	atomic_uint_fast64_t duration_sum_us;
	atomic_uint_fast64_t code_counts[TALLY_CODES + 1]; /* the last: of all other codes */
	atomic_ushort codes[TALLY_CODES];		   /* 0: free, and so are those after it */
};

struct tally_row {
	struct tally *tallies; /* one per worker */
	const char *group;     /* of an instance: its service; else "" */
	const char *name;
};

struct tallies;

/* NULL: out of memory. */
struct tallies *tallies_new(unsigned workers);
void tallies_free(struct tallies **all);

/* At most so many rows of a kind from now on; those that are there stay. Any thread. */
void tallies_set_max(struct tallies *all, unsigned rows_max);

/* Finds or makes, and holds: the caller gives back. `other` when there is no room or no memory.
 * NULL only when `all` is. Any thread; locks. */
struct tally_row *tallies_hold(struct tallies *all, enum tally_kind kind, const char *group,
			       const char *name);
void tallies_release(struct tallies *all, struct tally_row **row); /* harmless with NULL */

/* Only the owner writes, so a load and a store do. All are harmless with NULL. */
static inline void tally_add(struct tally *t, enum tally_count which, uint64_t n)
{
	if (t)
		atomic_store_explicit(
			&t->counts[which],
			atomic_load_explicit(&t->counts[which], memory_order_relaxed) + n,
			memory_order_relaxed);
}

static inline void tally_inc(struct tally *t, enum tally_count which)
{
	tally_add(t, which, 1);
}

static inline void tally_dec(struct tally *t, enum tally_count which)
{
	tally_add(t, which, (uint64_t)-1);
}

static inline void tally_set(struct tally *t, enum tally_count which, uint64_t value)
{
	if (t)
		atomic_store_explicit(&t->counts[which], value, memory_order_relaxed);
}

/* An answer with this status after so long; of a 101 the time, which may be a tunnel's, is left
 * out. */
void tally_reply(struct tally *t, unsigned status, uint64_t duration_us);
void tally_recent(struct tally *t, uint64_t duration_us);

/* All workers together. */
struct tally_sum {
	uint64_t counts[TALLY_COUNT_COUNT]; /* of EJECTED_UNTIL_MS the latest, RECENT_US the mean */
	unsigned ejectors;		    /* workers that have ejected it */
	uint64_t durations[TALLY_BOUNDS + 1], duration_sum_us;
	uint64_t measured, replies; /* those with a duration, and all */
	uint64_t codes[600];	    /* 0: those that were not told apart */
};

/* False when there is no such row. Any thread; locks. */
bool tallies_read(struct tallies *all, enum tally_kind kind, const char *group, const char *name,
		  uint64_t now_ms, struct tally_sum *sum);

/* Whether this name has a row of its own. Any thread; locks. */
bool tallies_has(struct tallies *all, enum tally_kind kind, const char *group, const char *name);

/* The samples in the Prometheus text format. Any thread. */
void tallies_write(struct tallies *all, uint64_t now_ms, struct buf *out);
void tallies_print_reference(struct buf *out);

/* ---- for tally_write.c ---- */

/* Calls it with each row's sum, those of one kind, with the lock held. What counted nothing is left
 * out, but for instances that are known. */
void tallies_each(struct tallies *all, enum tally_kind kind, uint64_t now_ms,
		  void (*call)(void *arg, const struct tally_row *row, const struct tally_sum *sum),
		  void *arg);

#endif
