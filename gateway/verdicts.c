/* verdicts: places for each part of the hash, as in token_memory; one block of memory each. */
#include "gateway/verdicts.h"

#include <openssl/crypto.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

enum { VERDICTS_SETS = 1024, VERDICTS_WAYS = 4 };

struct verdicts_item {
	uint8_t key[VERDICT_KEY];
	uint64_t until_ms, used;
	struct verdict verdict; /* its parts lie in: */
	char bytes[];
};

struct verdicts {
	uint8_t secret[VERDICT_KEY];
	pthread_mutex_t lock; /* of what follows */
	uint64_t clock;	      /* counts what was asked */
	struct verdicts_item *places[VERDICTS_SETS][VERDICTS_WAYS];
};

struct verdicts *verdicts_new(void)
{
	struct verdicts *v = calloc(1, sizeof(*v));

	if (!v)
		return NULL;
	if (getrandom(v->secret, sizeof(v->secret), 0) != (ssize_t)sizeof(v->secret) ||
	    pthread_mutex_init(&v->lock, NULL)) {
		free(v);
		return NULL;
	}
	return v;
}

void verdicts_free(struct verdicts **verdicts)
{
	struct verdicts *v = *verdicts;

	*verdicts = NULL;
	if (!v)
		return;
	for (size_t i = 0; i < VERDICTS_SETS; i++)
		for (size_t k = 0; k < VERDICTS_WAYS; k++)
			free(v->places[i][k]);
	(void)pthread_mutex_destroy(&v->lock); /* nobody holds it */
	free(v);
}

const uint8_t *verdicts_secret(const struct verdicts *v)
{
	return v->secret;
}

static size_t verdicts_size(const struct verdict *verdict)
{
	size_t size = 0;

	for (size_t i = 0; i < VERDICT_PART_COUNT; i++)
		size += verdict->parts[i].len;
	return size;
}

static void verdicts_copy(struct verdict *to, const struct verdict *from, char *bytes)
{
	*to = *from;
	for (size_t i = 0; i < VERDICT_PART_COUNT; i++) {
		size_t len = from->parts[i].len;

		if (len)
			memcpy(bytes, from->parts[i].at, len);
		to->parts[i] = (struct span){bytes, len};
		bytes += len;
	}
}

static struct verdicts_item **verdicts_set_locked(struct verdicts *v, const uint8_t *key)
{
	return v->places[(key[0] | (unsigned)key[1] << 8) % VERDICTS_SETS];
}

static bool verdicts_take_locked(struct verdicts *v, struct verdicts_item *item,
				 struct arena *arena, struct verdict *verdict)
{
	char *bytes = arena_alloc(arena, verdicts_size(&item->verdict) + 1);

	if (bytes)
		verdicts_copy(verdict, &item->verdict, bytes);
	item->used = ++v->clock;
	return bytes != NULL;
}

bool verdicts_find(struct verdicts *v, const uint8_t key[VERDICT_KEY], uint64_t now_ms,
		   struct arena *arena, struct verdict *verdict)
{
	struct verdicts_item **set;
	bool found = false;

	pthread_mutex_lock(&v->lock);
	set = verdicts_set_locked(v, key);
	for (size_t i = 0; i < VERDICTS_WAYS && !found; i++)
		if (set[i] && set[i]->until_ms > now_ms &&
		    CRYPTO_memcmp(set[i]->key, key, VERDICT_KEY) == 0)
			found = verdicts_take_locked(v, set[i], arena, verdict);
	pthread_mutex_unlock(&v->lock);
	return found;
}

/* Its own place, else an empty one, else the one that was not asked for the longest. */
static struct verdicts_item **verdicts_place_locked(struct verdicts *v, const uint8_t *key)
{
	struct verdicts_item **set = verdicts_set_locked(v, key), **place = &set[0];

	for (size_t i = 0; i < VERDICTS_WAYS; i++)
		if (set[i] && memcmp(set[i]->key, key, VERDICT_KEY) == 0)
			return &set[i];
	for (size_t i = 0; i < VERDICTS_WAYS; i++) {
		if (!set[i])
			return &set[i];
		if (set[i]->used < (*place)->used)
			place = &set[i];
	}
	return place;
}

bool verdicts_put(struct verdicts *v, const uint8_t key[VERDICT_KEY], const struct verdict *verdict,
		  uint64_t until_ms)
{
	size_t size = verdicts_size(verdict);
	struct verdicts_item *item, *before, **place;

	item = size <= VERDICT_BYTES ? malloc(sizeof(*item) + size) : NULL;
	if (!item)
		return false;
	memcpy(item->key, key, VERDICT_KEY);
	item->until_ms = until_ms;
	verdicts_copy(&item->verdict, verdict, item->bytes);
	pthread_mutex_lock(&v->lock);
	place = verdicts_place_locked(v, key);
	before = *place;
	item->used = ++v->clock;
	*place = item;
	pthread_mutex_unlock(&v->lock);
	free(before);
	return true;
}
