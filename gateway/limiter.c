/* limiter: sets of eight counters, each set under one of many locks. */
#include "gateway/limiter.h"
#include "common/siphash.h"
#include "gateway/settings_policy.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum {
	LIMITER_WAYS = 8,
	LIMITER_LOCKS = 1024,
	LIMITER_SKEW_NS = 1000000000, /* clocks of workers, read once a turn, differ by less */
};

struct limiter_counter {
	uint64_t key; /* 0: free */
	uint64_t a,
		b; /* bucket: when it is full again, ns; window: which, and counts; else a count */
	uint64_t until_us; /* from then on it says nothing */
};

/* As large as a cache line, so that two workers do not share one. */
struct limiter_lock {
	_Alignas(64) pthread_mutex_t lock;
};

struct limiter {
	struct limiter_lock locks[LIMITER_LOCKS];
	struct limiter_counter *counters; /* each set is guarded by the lock of its number */
	uint64_t mask;			  /* of sets; their number is a power of two */
	size_t bytes;
};

struct limiter *limiter_new(uint64_t keys)
{
	struct limiter *l = aligned_alloc(_Alignof(struct limiter), sizeof(*l));
	uint64_t sets = LIMITER_LOCKS;
	void *memory;

	if (!l)
		return NULL;
	while (sets * LIMITER_WAYS < 2 * keys) /* half full, a set of eight seldom runs over */
		sets *= 2;
	l->mask = sets - 1;
	l->bytes = sets * LIMITER_WAYS * sizeof(*l->counters);
	/* Pages that no key has touched cost nothing. */
	memory = mmap(NULL, l->bytes, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (memory == MAP_FAILED) {
		free(l);
		return NULL;
	}
	l->counters = memory;
	for (size_t i = 0; i < LIMITER_LOCKS; i++)
		(void)pthread_mutex_init(&l->locks[i].lock, NULL); /* never fails on Linux */
	return l;
}

void limiter_free(struct limiter **limiter)
{
	struct limiter *l = *limiter;

	*limiter = NULL;
	if (!l)
		return;
	for (size_t i = 0; i < LIMITER_LOCKS; i++)
		(void)pthread_mutex_destroy(&l->locks[i].lock);
	(void)munmap(l->counters, l->bytes);
	free(l);
}

uint64_t limiter_key(uint64_t id, const void *whom, uint64_t len)
{
	uint8_t text[8 + 256];
	uint64_t key;

	memcpy(text, &id, 8);
	if (len > sizeof(text) - 8) { /* what is longer is hashed first */
		uint64_t hash = siphash_process(whom, len);

		memcpy(text + 8, &hash, 8);
		len = 8;
	} else if (len) {
		memcpy(text + 8, whom, len);
	}
	key = siphash_process(text, 8 + len);
	return key ? key : 1;
}

/* ---- One counter ---- */

static struct limiter_answer limiter_bucket(struct limiter_counter *c,
					    const struct settings_limit *limit, uint64_t cost,
					    uint64_t now_us)
{
	uint64_t now = now_us * 1000, room = limit->burst * limit->step_ns;
	uint64_t full = c->a > now ? c->a : now, next;
	struct limiter_answer answer = {0};

	/* Emptier than empty, and by more than workers' clocks differ: the limit was another one
	 * before a reload, whose debt is not the new one's. */
	if (full - now > room + LIMITER_SKEW_NS)
		c->a = full = now + room;
	next = full + cost * limit->step_ns;
	answer.allowed = next - now <= room;
	if (answer.allowed)
		c->a = full = next;
	else
		answer.retry_us = (next - now - room + 999) / 1000;
	answer.left = full - now < room ? (room - (full - now)) / limit->step_ns : 0;
	answer.reset_us = (full - now + 999) / 1000;
	c->until_us = full / 1000 + 1;
	return answer;
}

/* How long until the window holds no more than `most` of `count` that came evenly in the last. */
static uint64_t limiter_fade_us(uint64_t count, uint64_t most, uint64_t per_us)
{
	if (count <= most)
		return 0;
	return per_us - (uint64_t)((double)per_us * (double)most / (double)count) + 1;
}

static uint64_t limiter_window_retry(const struct settings_limit *limit, uint64_t last,
				     uint64_t this, uint64_t cost, uint64_t gone_us)
{
	uint64_t per_us = limit->per_ms * UINT64_C(1000), at;

	if (this + cost <= limit->rate) { /* as soon as enough of the last has faded */
		at = limiter_fade_us(last, limit->rate - this - cost, per_us);
		return at > gone_us ? at - gone_us : 1;
	}
	return per_us - gone_us + limiter_fade_us(this, limit->rate - cost, per_us);
}

static struct limiter_answer limiter_window(struct limiter_counter *c,
					    const struct settings_limit *limit, uint64_t cost,
					    uint64_t now_us)
{
	uint64_t per_us = limit->per_ms * UINT64_C(1000), number = now_us / per_us;
	uint64_t gone_us = now_us % per_us, last = c->b >> 32, this = c->b & UINT32_MAX, used;
	struct limiter_answer answer = {0};

	if (number + 1 == c->a) { /* another worker's clock is ahead */
		number = c->a;
		gone_us = 0;
	}
	if (number != c->a) { /* far ahead: it was counted in shorter windows before a reload */
		last = number == c->a + 1 ? this : 0;
		this = 0;
	}
	/* Rounded up: never more than the limit. */
	used = this + (last * (per_us - gone_us) + per_us - 1) / per_us;
	answer.allowed = used + cost <= limit->rate;
	if (answer.allowed) {
		this += cost;
		used += cost;
	} else {
		answer.retry_us = limiter_window_retry(limit, last, this, cost, gone_us);
	}
	c->a = number;
	c->b = last << 32 | this;
	c->until_us = (number + 2) * per_us;
	answer.left = used < limit->rate ? limit->rate - used : 0;
	answer.reset_us = per_us - gone_us;
	return answer;
}

static struct limiter_answer limiter_concurrent(struct limiter_counter *c,
						const struct settings_limit *limit)
{
	struct limiter_answer answer = {.allowed = c->a < limit->rate};

	if (answer.allowed)
		c->a++;
	answer.left = limit->rate - c->a;
	c->until_us = c->a ? UINT64_MAX : 0;
	return answer;
}

/* ---- Finding it ---- */

static struct limiter_counter *limiter_set(const struct limiter *l, uint64_t key)
{
	return &l->counters[(key & l->mask) * LIMITER_WAYS];
}

static pthread_mutex_t *limiter_lock(struct limiter *l, uint64_t key)
{
	return &l->locks[(key & l->mask) % LIMITER_LOCKS].lock;
}

/* The key's own counter, or the place that is given to it. */
static struct limiter_counter *limiter_find_locked(struct limiter_counter *set, uint64_t key,
						   uint64_t now_us)
{
	struct limiter_counter *best = &set[0];

	for (size_t i = 0; i < LIMITER_WAYS; i++)
		if (set[i].key == key)
			return &set[i];
	for (size_t i = 0; i < LIMITER_WAYS; i++) {
		if (!set[i].key || set[i].until_us <= now_us) {
			best = &set[i];
			break;
		}
		if (set[i].until_us < best->until_us)
			best = &set[i];
	}
	*best = (struct limiter_counter){.key = key};
	return best;
}

struct limiter_answer limiter_take(struct limiter *l, const struct settings_limit *limit,
				   uint64_t key, uint64_t cost, uint64_t now_us)
{
	struct limiter_counter *c;
	struct limiter_answer answer = {0};

	(void)pthread_mutex_lock(limiter_lock(l, key));
	c = limiter_find_locked(limiter_set(l, key), key, now_us);
	switch (limit->kind) {
	case LIMIT_BUCKET:
		answer = limiter_bucket(c, limit, cost, now_us);
		break;
	case LIMIT_WINDOW:
		answer = limiter_window(c, limit, cost, now_us);
		break;
	case LIMIT_CONCURRENT:
		answer = limiter_concurrent(c, limit);
		break;
	case LIMIT_QUOTA: /* is counted elsewhere */
		break;
	}
	(void)pthread_mutex_unlock(limiter_lock(l, key));
	return answer;
}

void limiter_give(struct limiter *l, const struct settings_limit *limit, uint64_t key,
		  uint64_t cost)
{
	struct limiter_counter *set = limiter_set(l, key), *c = NULL;

	(void)pthread_mutex_lock(limiter_lock(l, key));
	for (size_t i = 0; i < LIMITER_WAYS && !c; i++)
		if (set[i].key == key)
			c = &set[i];
	if (c && limit->kind == LIMIT_BUCKET) {
		uint64_t back = cost * limit->step_ns;

		/* A slow limit gives back more time than a machine may have been up. */
		c->a -= back < c->a ? back : c->a;
	} else if (c && limit->kind == LIMIT_WINDOW) {
		uint64_t this = c->b & UINT32_MAX; /* a window that has passed forgives it */

		c->b -= cost < this ? cost : this;
	} else if (c && c->a) {
		c->until_us = --c->a ? UINT64_MAX : 0;
	}
	(void)pthread_mutex_unlock(limiter_lock(l, key));
}
