/* rate: for each key the time at which its calls so far are paid for (GCRA, ITU-T I.371). */
#include "common/rate.h"
#include "common/siphash.h"

#include <pthread.h>
#include <stdlib.h>

enum { RATE_SETS = 1024, RATE_WAYS = 8, RATE_SECOND_US = 1000000 };

struct rate_slot {
	uint64_t key; /* a keyed hash: two that share one share a rate */
	uint64_t paid_us;
};

struct rate {
	pthread_mutex_t lock; /* guards all */
	struct rate_slot slots[RATE_SETS][RATE_WAYS];
};

struct rate *rate_new(void)
{
	struct rate *r = calloc(1, sizeof(*r));

	if (r && pthread_mutex_init(&r->lock, NULL)) {
		free(r);
		return NULL;
	}
	return r;
}

void rate_free(struct rate **rate)
{
	if (*rate)
		(void)pthread_mutex_destroy(&(*rate)->lock); /* nobody holds it */
	free(*rate);
	*rate = NULL;
}

/* The key's slot, or the one that was paid for longest ago, now the key's. */
static struct rate_slot *rate_slot_locked(struct rate *r, uint64_t key)
{
	struct rate_slot *set = r->slots[key % RATE_SETS], *oldest = &set[0];

	for (size_t i = 0; i < RATE_WAYS; i++) {
		if (set[i].key == key)
			return &set[i];
		if (set[i].paid_us < oldest->paid_us)
			oldest = &set[i];
	}
	*oldest = (struct rate_slot){.key = key};
	return oldest;
}

/* `take`: and count it. */
static bool rate_allows(struct rate *rate, uint64_t key, unsigned a_second, uint64_t now_us,
			bool take)
{
	uint64_t cost = RATE_SECOND_US / a_second;
	struct rate_slot *slot;
	bool allowed;

	(void)pthread_mutex_lock(&rate->lock);
	slot = rate_slot_locked(rate, key);
	if (slot->paid_us < now_us)
		slot->paid_us = now_us;
	allowed = slot->paid_us - now_us + cost <= RATE_SECOND_US;
	if (allowed && take)
		slot->paid_us += cost;
	(void)pthread_mutex_unlock(&rate->lock);
	return allowed;
}

bool rate_take(struct rate *rate, const void *key, size_t len, unsigned a_second, uint64_t now_us)
{
	return rate_allows(rate, siphash_process(key, len), a_second, now_us, true);
}

bool rate_is_spent(struct rate *rate, const void *key, size_t len, unsigned a_second,
		   uint64_t now_us)
{
	return !rate_allows(rate, siphash_process(key, len), a_second, now_us, false);
}
