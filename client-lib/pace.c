/* pace: heartbeats in time, retries with backoff. */
#include "client-lib/pace.h"
#include "common/siphash.h"

#include <stdatomic.h>

void pace_answered(struct pace *p, uint64_t now_ms, uint64_t next_ms, uint64_t ttl_ms)
{
	if (next_ms < PACE_BEAT_LEAST_MS || next_ms >= ttl_ms)
		next_ms = ttl_ms / 3;
	if (next_ms < PACE_BEAT_LEAST_MS) /* whatever it says, it is not asked in a circle */
		next_ms = PACE_BEAT_LEAST_MS;
	p->failures = 0;
	p->answered_ms = now_ms;
	p->due_ms = now_ms + next_ms;
}

void pace_failed(struct pace *p, uint64_t now_ms, uint64_t most_ms, uint64_t random)
{
	uint64_t wait = PACE_FIRST_MS;

	for (unsigned i = 0; i < p->failures && wait < most_ms; i++)
		wait *= 2;
	if (wait > most_ms)
		wait = most_ms;
	p->failures++;
	p->due_ms = now_ms + wait / 2 + random % (wait - wait / 2 + 1);
}

bool pace_is_held(const struct pace *p, uint64_t now_ms, uint64_t ttl_ms)
{
	return now_ms < p->answered_ms + ttl_ms;
}

uint64_t pace_random(void)
{
	static atomic_uint_fast64_t turn;
	uint64_t now = atomic_fetch_add(&turn, 1);

	/* Keyed with what nobody knows, a hash of a counter is a good generator. */
	return siphash_process(&now, sizeof(now));
}
