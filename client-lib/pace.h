/*
 * pace: when to call the registry next: heartbeats as it asks, and ever less
 * often, at random, while nobody answers. Time is a parameter.
 */
#ifndef MICROREG_CLIENT_PACE_H
#define MICROREG_CLIENT_PACE_H

#include <stdbool.h>
#include <stdint.h>

enum {
	PACE_FIRST_MS = 100, /* the wait after the first failure, at most */
	PACE_MOST_MS = 5000,
	PACE_BEAT_LEAST_MS = 50,
};

struct pace {
	uint64_t due_ms;      /* of the next call */
	uint64_t answered_ms; /* when the last answer came */
	unsigned failures;    /* in a row */
};

/* The registry answered and wants the next heartbeat in `next_ms`; what no registry would ask of a
 * lease of `ttl_ms` becomes a third of that. */
void pace_answered(struct pace *p, uint64_t now_ms, uint64_t next_ms, uint64_t ttl_ms);

/* Nobody answered. The wait doubles up to `most_ms`; of it a random part between half and all is
 * waited, so that the clients of one registry do not come back in step. */
void pace_failed(struct pace *p, uint64_t now_ms, uint64_t most_ms, uint64_t random);

/* True while the last answer is younger than `ttl_ms`: the registry still lists the instance. */
bool pace_is_held(const struct pace *p, uint64_t now_ms, uint64_t ttl_ms);

/* A random number; any thread. */
uint64_t pace_random(void);

#endif
