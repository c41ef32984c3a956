/*
 * backoff: how long a request waits before it is sent to the same instance
 * again. Full jitter (AWS, "Exponential Backoff And Jitter"): any time up to a
 * bound that doubles, so that no two requests come back together.
 */
#ifndef MICROREG_GATEWAY_BACKOFF_H
#define MICROREG_GATEWAY_BACKOFF_H

#include <stdint.h>

enum {
	BACKOFF_MS = 25,       /* the first bound (Envoy's base) … */
	BACKOFF_MOST_MS = 250, /* … and the last: ten times that */
};

/* Milliseconds before the retry of that number, from 1; `random` is any number. */
uint64_t backoff_ms(unsigned retry, uint64_t random);

#endif
