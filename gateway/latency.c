/* latency: buckets by the highest four bits of the time. */
#include "gateway/latency.h"

enum {
	LATENCY_UNIT_BITS = 6, /* the first bucket is all below 2^6 us */
	LATENCY_STEP_BITS = 3, /* eight buckets an octave */
};

static unsigned latency_bucket(uint64_t us)
{
	unsigned octave, step, bucket;

	if (us < 1u << LATENCY_UNIT_BITS)
		return 0;
	octave = 63 - (unsigned)__builtin_clzll(us);
	step = (unsigned)(us >> (octave - LATENCY_STEP_BITS)) & ((1u << LATENCY_STEP_BITS) - 1);
	bucket = 1 + ((octave - LATENCY_UNIT_BITS) << LATENCY_STEP_BITS) + step;
	return bucket < LATENCY_BUCKETS ? bucket : LATENCY_BUCKETS - 1;
}

/* The first time that is too long for it. */
static uint64_t latency_end(unsigned bucket)
{
	unsigned octave = bucket >> LATENCY_STEP_BITS;
	uint64_t step = (bucket & ((1u << LATENCY_STEP_BITS) - 1)) + (1u << LATENCY_STEP_BITS);

	return step << (octave + LATENCY_UNIT_BITS - LATENCY_STEP_BITS);
}

/* One thread at a time comes here, for it takes the count below the maximum at its end. What others
 * add meanwhile stays. */
static void latency_halve(struct latency *l)
{
	unsigned dropped = 0;

	for (unsigned i = 0; i < LATENCY_BUCKETS; i++) {
		unsigned half = atomic_load_explicit(&l->buckets[i], memory_order_relaxed) / 2;

		(void)atomic_fetch_sub_explicit(&l->buckets[i], half, memory_order_relaxed);
		dropped += half;
	}
	(void)atomic_fetch_sub_explicit(&l->count, dropped, memory_order_relaxed);
}

void latency_add(struct latency *l, uint64_t us)
{
	(void)atomic_fetch_add_explicit(&l->buckets[latency_bucket(us)], 1, memory_order_relaxed);
	if (atomic_fetch_add_explicit(&l->count, 1, memory_order_relaxed) + 1 == LATENCY_MOST)
		latency_halve(l);
}

uint64_t latency_quantile(const struct latency *l, unsigned permille)
{
	unsigned count = atomic_load_explicit(&l->count, memory_order_relaxed);
	uint64_t above = (uint64_t)count * (1000 - permille) / 1000, seen = 0;

	if (count < LATENCY_LEAST)
		return 0;
	for (unsigned i = LATENCY_BUCKETS; i-- > 0;) {
		seen += atomic_load_explicit(&l->buckets[i], memory_order_relaxed);
		if (seen > above)
			return latency_end(i);
	}
	return latency_end(0);
}
