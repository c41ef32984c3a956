/*
 * latency: how long the last few thousand requests to a service took, as a
 * histogram with buckets of an eighth of an octave: for "longer than nineteen
 * of twenty". A sketch: results are at most an eighth too large.
 *
 * Any thread; no lock. All zero is empty.
 */
#ifndef MICROREG_GATEWAY_LATENCY_H
#define MICROREG_GATEWAY_LATENCY_H

#include <stdatomic.h>
#include <stdint.h>

enum {
	LATENCY_BUCKETS = 176, /* from 64 us to over two minutes */
	LATENCY_LEAST = 100,   /* fewer samples tell nothing */
	LATENCY_MOST = 4096,   /* at so many, all that came before counts half */
};

struct latency {
	atomic_uint buckets[LATENCY_BUCKETS];
	atomic_uint count; /* about their sum */
};

void latency_add(struct latency *latency, uint64_t us);

/* So many of a thousand took no longer than the result, in us. 0: too few samples. */
uint64_t latency_quantile(const struct latency *latency, unsigned permille);

#endif
