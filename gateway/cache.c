/*
 * cache: shards of chained hash tables with a list by last use each.
 *
 * A chain has the newest first, so that the first reply which a request
 * selects is the newest. An item is counted: once by the table while it is in
 * it, once by each who holds it.
 */
#include "gateway/cache.h"
#include "common/clock.h"
#include "gateway/cache_item.h"
#include "common/siphash.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum {
	CACHE_SHARDS = 16,
	CACHE_BUCKETS_MIN = 64,
	CACHE_BUCKETS_MAX = 65536,
	CACHE_BYTES_A_BUCKET = 4096,
	/* How long a place in the list by last use is good enough. */
	CACHE_TOUCH_MS = 1000,
	CACHE_DROPS = 256, /* of a shard, are remembered by the hash of their key */
};

struct cache_shard {
	_Alignas(64) pthread_mutex_t lock; /* guards everything here, and the links of its items */
	struct cache_item **buckets;
	struct cache_item *newest, *oldest; /* by last use */
	uint64_t bytes, entries, evicted;
	/* The number of the last drop of a key. Keys that share a place are dropped together, which
	 * costs a reply that could have been kept. */
	uint64_t dropped[CACHE_DROPS];
};

struct cache {
	atomic_uint_fast64_t drops; /* the number of the newest */
	struct cache_purges purges;
	struct cache_shard shards[CACHE_SHARDS];
	unsigned shard_count;
	size_t bucket_count; /* of each shard; a power of two */
	uint64_t shard_bytes_max;
	struct cache_limits limits;
};

struct cache *cache_new(uint64_t bytes_max, uint64_t object_max_bytes)
{
	struct cache *cache = aligned_alloc(_Alignof(struct cache), sizeof(*cache));
	bool ok = cache != NULL;

	if (!ok)
		return NULL;
	memset(cache, 0, sizeof(*cache));
	if (pthread_mutex_init(&cache->purges.lock, NULL) != 0) {
		free(cache);
		return NULL;
	}
	(void)pthread_mutex_init(&cache->limits.lock, NULL); /* never fails on Linux */
	cache->limits.last = &cache->limits.first;
	/* Each shard must hold a few of the largest. */
	cache->shard_count = CACHE_SHARDS;
	while (cache->shard_count > 1 && bytes_max / cache->shard_count / 4 < object_max_bytes)
		cache->shard_count /= 2;
	cache->shard_bytes_max = bytes_max / cache->shard_count;
	cache->limits.object_max = object_max_bytes < cache->shard_bytes_max
					   ? object_max_bytes
					   : cache->shard_bytes_max;
	cache->limits.writing_max =
		bytes_max / 4 > cache->limits.object_max ? bytes_max / 4 : cache->limits.object_max;
	cache->bucket_count = CACHE_BUCKETS_MIN;
	while (cache->bucket_count < CACHE_BUCKETS_MAX &&
	       cache->bucket_count * CACHE_BYTES_A_BUCKET < cache->shard_bytes_max)
		cache->bucket_count *= 2;
	for (unsigned i = 0; ok && i < cache->shard_count; i++) {
		ok = pthread_mutex_init(&cache->shards[i].lock, NULL) == 0;
		if (ok)
			cache->shards[i].buckets =
				calloc(cache->bucket_count, sizeof(*cache->shards[i].buckets));
		else
			cache->shard_count = i;
		ok = ok && cache->shards[i].buckets;
	}
	if (!ok)
		cache_free(&cache);
	return cache;
}

void cache_free(struct cache **cache)
{
	struct cache *c = *cache;

	if (!c)
		return;
	*cache = NULL;
	for (unsigned i = 0; i < c->shard_count; i++) {
		struct cache_item *item = c->shards[i].newest;

		while (item) {
			struct cache_item *next = item->older;

			cache_item_unref(item);
			item = next;
		}
		free(c->shards[i].buckets);
		(void)pthread_mutex_destroy(&c->shards[i].lock);
	}
	(void)pthread_mutex_destroy(&c->purges.lock);
	(void)pthread_mutex_destroy(&c->limits.lock);
	free(c);
}

/* ---- Keys ---- */

int cache_key_make(struct cache_key *key, struct arena *arena, struct span service,
		   const struct http1_head *request, struct span path)
{
	size_t len = service.len + 1 + request->authority.len + 1 + path.len +
		     (request->has_query ? 1 + request->query.len : 0);
	char *to = arena_alloc(arena, len);

	key->text = (struct span){.at = to, .len = len};
	key->since = 0;
	if (!to)
		return -1;
	/* NUL and '?' are in none of the parts before them, so that no two keys are alike. */
	memcpy(to, service.at, service.len);
	to += service.len;
	*to++ = '\0';
	for (size_t i = 0; i < request->authority.len; i++) {
		char c = request->authority.at[i];

		*to++ = c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
	}
	*to++ = '\0';
	memcpy(to, path.at, path.len);
	to += path.len;
	if (request->has_query) {
		*to++ = '?';
		memcpy(to, request->query.at, request->query.len);
	}
	key->hash = siphash_process(key->text.at, len);
	return 0;
}

/* The lowest bits choose the shard, the next ones the bucket. */
static struct cache_shard *cache_shard_of(struct cache *cache, uint64_t hash)
{
	return &cache->shards[hash % cache->shard_count];
}

static struct cache_item **cache_bucket_locked(struct cache *cache, struct cache_shard *shard,
					       uint64_t hash)
{
	return &shard->buckets[(hash / CACHE_SHARDS) & (cache->bucket_count - 1)];
}

static bool cache_item_has_key(const struct cache_item *item, uint64_t hash, struct span text)
{
	return item->hash == hash && item->key.len == text.len &&
	       memcmp(item->key.at, text.at, text.len) == 0;
}

/* ---- The list by last use, and the chain ---- */

static void cache_list_remove_locked(struct cache_shard *shard, struct cache_item *item)
{
	*(item->newer ? &item->newer->older : &shard->newest) = item->older;
	*(item->older ? &item->older->newer : &shard->oldest) = item->newer;
}

static void cache_list_add_locked(struct cache_shard *shard, struct cache_item *item)
{
	item->newer = NULL;
	item->older = shard->newest;
	*(item->older ? &item->older->newer : &shard->oldest) = item;
	shard->newest = item;
}

/* Takes the item `*link` of a chain out of the shard and puts it to `gone`, whose items are
 * unreffed without the lock. */
static void cache_remove_locked(struct cache_shard *shard, struct cache_item **link,
				struct cache_item **gone)
{
	struct cache_item *item = *link;

	*link = item->chain;
	cache_list_remove_locked(shard, item);
	shard->bytes -= item->size;
	shard->entries--;
	item->chain = *gone;
	*gone = item;
}

static void cache_drop(struct cache_item *gone)
{
	while (gone) {
		struct cache_item *next = gone->chain;

		cache_item_unref(gone);
		gone = next;
	}
}

static void cache_evict_locked(struct cache *cache, struct cache_shard *shard,
			       struct cache_item **gone)
{
	while (shard->bytes > cache->shard_bytes_max && shard->oldest) {
		struct cache_item **link = cache_bucket_locked(cache, shard, shard->oldest->hash);

		while (*link != shard->oldest)
			link = &(*link)->chain;
		cache_remove_locked(shard, link, gone);
		shard->evicted++;
	}
}

/* ---- Find ---- */

const struct cache_entry *cache_find(struct cache *cache, const struct cache_key *key,
				     const struct http1_head *request, uint64_t now_ms)
{
	struct cache_shard *shard = cache_shard_of(cache, key->hash);
	struct cache_item *item;

	pthread_mutex_lock(&shard->lock);
	item = *cache_bucket_locked(cache, shard, key->hash);
	for (; item; item = item->chain)
		if (cache_item_has_key(item, key->hash, key->text) &&
		    (!item->is_error || cache_item_is_fresh(item, now_ms)) &&
		    cache_item_is_selected(item, request))
			break;
	if (item) {
		(void)cache_ref(&item->entry);
		if (clock_since_ms(item->touched_ms, now_ms) >= CACHE_TOUCH_MS) {
			item->touched_ms = now_ms;
			cache_list_remove_locked(shard, item);
			cache_list_add_locked(shard, item);
		}
	}
	pthread_mutex_unlock(&shard->lock);
	return item ? &item->entry : NULL;
}

/* ---- Drop ---- */

void cache_key_begin(struct cache *cache, struct cache_key *key)
{
	key->since = atomic_load(&cache->drops);
}

static uint64_t *cache_drop_place_locked(struct cache_shard *shard, uint64_t hash)
{
	return &shard->dropped[hash / CACHE_SHARDS % CACHE_DROPS];
}

/* A drop is written down before it goes through the shard, under whose lock this is asked: what
 * comes before it is found there, what comes after it is known here. */
static bool cache_is_dropped_locked(struct cache *cache, struct cache_shard *shard,
				    const struct cache_key *key)
{
	if (key->since == atomic_load(&cache->drops))
		return false;
	return *cache_drop_place_locked(shard, key->hash) > key->since ||
	       cache_purges_have(&cache->purges, key->text, key->since);
}

bool cache_key_is_dropped(struct cache *cache, const struct cache_key *key)
{
	struct cache_shard *shard = cache_shard_of(cache, key->hash);
	bool dropped;

	pthread_mutex_lock(&shard->lock);
	dropped = cache_is_dropped_locked(cache, shard, key);
	pthread_mutex_unlock(&shard->lock);
	return dropped;
}

void cache_invalidate(struct cache *cache, const struct cache_key *key)
{
	struct cache_shard *shard = cache_shard_of(cache, key->hash);
	struct cache_item **link, *gone = NULL;

	pthread_mutex_lock(&shard->lock);
	*cache_drop_place_locked(shard, key->hash) = atomic_fetch_add(&cache->drops, 1) + 1;
	link = cache_bucket_locked(cache, shard, key->hash);
	while (*link)
		if (cache_item_has_key(*link, key->hash, key->text))
			cache_remove_locked(shard, link, &gone);
		else
			link = &(*link)->chain;
	pthread_mutex_unlock(&shard->lock);
	cache_drop(gone);
}

static void cache_purge_bucket_locked(struct cache_shard *shard, struct cache_item **link,
				      const struct cache_match *match, struct cache_item **gone)
{
	while (*link)
		if (cache_is_match((*link)->key, match))
			cache_remove_locked(shard, link, gone);
		else
			link = &(*link)->chain;
}

uint64_t cache_purge(struct cache *cache, const struct cache_match *match)
{
	uint64_t dropped = 0;

	cache_purges_add(&cache->purges, atomic_fetch_add(&cache->drops, 1) + 1, match);
	for (unsigned i = 0; i < cache->shard_count; i++) {
		struct cache_shard *shard = &cache->shards[i];
		struct cache_item *gone = NULL;

		pthread_mutex_lock(&shard->lock);
		dropped += shard->entries;
		for (size_t k = 0; k < cache->bucket_count; k++)
			cache_purge_bucket_locked(shard, &shard->buckets[k], match, &gone);
		dropped -= shard->entries;
		pthread_mutex_unlock(&shard->lock);
		cache_drop(gone);
	}
	return dropped;
}

/* ---- Add ---- */

/* Removes what `item` stands for from now on. An error stands only for errors. */
static void cache_replace_locked(struct cache_shard *shard, struct cache_item **link,
				 const struct cache_item *item, struct cache_item **gone)
{
	while (*link)
		if (cache_item_has_key(*link, item->hash, item->key) &&
		    ((*link)->is_error || !item->is_error) && cache_item_is_same(*link, item))
			cache_remove_locked(shard, link, gone);
		else
			link = &(*link)->chain;
}

/* Keeps the variants of a key few: the oldest error goes, else the oldest. False: there is no room
 * for an error among good ones. */
static bool cache_make_room_locked(struct cache_shard *shard, struct cache_item **link,
				   const struct cache_item *item, struct cache_item **gone)
{
	struct cache_item **oldest = NULL, **oldest_error = NULL;
	unsigned count = 0;

	for (; *link; link = &(*link)->chain) {
		if (!cache_item_has_key(*link, item->hash, item->key))
			continue;
		count++;
		oldest = link;
		if ((*link)->is_error)
			oldest_error = link;
	}
	if (count < CACHE_VARIANTS_MAX)
		return true;
	if (oldest_error)
		oldest = oldest_error;
	else if (item->is_error)
		return false;
	cache_remove_locked(shard, oldest, gone);
	return true;
}

bool cache_add(struct cache *cache, struct cache_item *item)
{
	struct cache_shard *shard = cache_shard_of(cache, item->hash);
	struct cache_key key = {.text = item->key, .hash = item->hash, .since = item->since};
	struct cache_item **bucket, *gone = NULL;
	bool added;

	pthread_mutex_lock(&shard->lock);
	bucket = cache_bucket_locked(cache, shard, item->hash);
	added = !cache_is_dropped_locked(cache, shard, &key);
	if (added)
		cache_replace_locked(shard, bucket, item, &gone);
	added = added && item->size <= cache->shard_bytes_max &&
		cache_make_room_locked(shard, bucket, item, &gone);
	if (added) {
		item->chain = *bucket;
		*bucket = item;
		item->touched_ms = item->entry.life.received_ms;
		cache_list_add_locked(shard, item);
		shard->bytes += item->size;
		shard->entries++;
		cache_evict_locked(cache, shard, &gone);
	}
	pthread_mutex_unlock(&shard->lock);
	cache_drop(gone);
	if (!added)
		cache_item_unref(item);
	return added;
}

struct cache_limits *cache_limits(struct cache *cache)
{
	return &cache->limits;
}

void cache_count(struct cache *cache, struct cache_counts *counts)
{
	*counts = (struct cache_counts){0};
	for (unsigned i = 0; i < cache->shard_count; i++) {
		struct cache_shard *shard = &cache->shards[i];

		pthread_mutex_lock(&shard->lock);
		counts->entries += shard->entries;
		counts->bytes += shard->bytes;
		counts->evicted += shard->evicted;
		pthread_mutex_unlock(&shard->lock);
	}
}
