/*
 * limiter: how much of each limit each caller has used, counted for all
 * workers of the gateway together. Exact: a request is let in by one step
 * under the lock of its counter, so that no number of workers lets in more.
 *
 *   bucket      fills by `rate` in `per`, holds `burst`; each request takes
 *               one (the generic cell rate algorithm: one time is the state)
 *   window      at most `rate` in `per`, the part of the last window that is
 *               still within `per` counted as if it had come evenly
 *   concurrent  at most `rate` at once
 *
 * Memory is bounded: a fixed number of counters, found by a keyed hash. A
 * counter that says nothing any more (a full bucket) gives its place away;
 * when all eight places that a key has are in use, the one that would say
 * nothing first does.
 */
#ifndef MICROREG_GATEWAY_LIMITER_H
#define MICROREG_GATEWAY_LIMITER_H

#include <stdbool.h>
#include <stdint.h>

struct limiter;
struct settings_limit;

/* What a step found. Times are microseconds. */
struct limiter_answer {
	bool allowed;
	uint64_t left;	   /* that could follow at once */
	uint64_t reset_us; /* until nothing of it is used */
	uint64_t retry_us; /* when not allowed: until it would be; 0 for concurrent ones */
};

/* Room for the counters of `keys` callers. NULL: out of memory. */
struct limiter *limiter_new(uint64_t keys);
void limiter_free(struct limiter **limiter);

/* The hash of a limit and whom it counts for: `id` is settings_limit.id. */
uint64_t limiter_key(uint64_t id, const void *whom, uint64_t len);

/* Takes `cost` (1 for concurrent ones), or nothing. Any thread. `now_us` is monotonic. */
struct limiter_answer limiter_take(struct limiter *limiter, const struct settings_limit *limit,
				   uint64_t key, uint64_t cost, uint64_t now_us);

/* Gives it back: the request was refused by another limit, or a concurrent one has ended. Harmless
 * when the counter is gone. */
void limiter_give(struct limiter *limiter, const struct settings_limit *limit, uint64_t key,
		  uint64_t cost);

#endif
