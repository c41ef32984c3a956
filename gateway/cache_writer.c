/*
 * cache_writer: takes a reply's body in as it comes. What all writers hold
 * together is bounded, beside what the cache holds.
 */
#include "gateway/cache_item.h"
#include "common/buf.h"

#include <pthread.h>
#include <stdlib.h>

struct cache_writer {
	struct cache *cache;
	uint64_t began_ms;
	struct cache_writer *next, **link; /* see cache_limits; link NULL: it has left */
	/* Guards what follows while it is listed: its owner writes, another may take its room, who
	 * only tries this lock, for whoever holds it makes headway. */
	pthread_mutex_t lock;
	struct cache_item *item; /* NULL: it has given up its room */
	struct buf body;
	uint64_t counted; /* bytes of this writer in limits->writing */
};

/* ---- The list ---- */

static void cache_writer_list(struct cache_writer *w)
{
	struct cache_limits *limits = cache_limits(w->cache);

	pthread_mutex_lock(&limits->lock);
	if (w->began_ms > limits->now_ms)
		limits->now_ms = w->began_ms;
	w->link = limits->last;
	*w->link = w;
	limits->last = &w->next;
	pthread_mutex_unlock(&limits->lock);
}

static void cache_writer_unlist_locked(struct cache_limits *limits, struct cache_writer *w)
{
	if (!w->link)
		return;
	*w->link = w->next;
	*(w->next ? &w->next->link : &limits->last) = w->link;
	w->link = NULL;
}

/* From now on it is its owner's alone. */
static void cache_writer_unlist(struct cache_writer *w)
{
	struct cache_limits *limits = cache_limits(w->cache);

	pthread_mutex_lock(&limits->lock);
	cache_writer_unlist_locked(limits, w);
	pthread_mutex_unlock(&limits->lock);
}

static void cache_writer_give_up(struct cache_limits *limits, struct cache_writer *w)
{
	if (w->item)
		cache_item_unref(w->item);
	w->item = NULL;
	buf_fini(&w->body);
	atomic_fetch_sub_explicit(&limits->writing, w->counted, memory_order_relaxed);
	w->counted = 0;
}

/* Those that have had their time go, the first ones first, until there is room. False: there is
 * none. */
static bool cache_writers_make_room(struct cache_limits *limits, const struct cache_writer *who)
{
	struct cache_writer *w, *next;

	pthread_mutex_lock(&limits->lock);
	for (w = limits->first; w && atomic_load(&limits->writing) > limits->writing_max;
	     w = next) {
		next = w->next;
		if (w->began_ms + CACHE_WRITER_FAIR_MS > limits->now_ms)
			break;
		if (w == who || pthread_mutex_trylock(&w->lock) != 0)
			continue;
		cache_writer_unlist_locked(limits, w);
		cache_writer_give_up(limits, w);
		pthread_mutex_unlock(&w->lock);
	}
	pthread_mutex_unlock(&limits->lock);
	return atomic_load(&limits->writing) <= limits->writing_max;
}

/* Brings limits->writing up to what the writer holds now. False over the bound. */
static bool cache_writer_recount_locked(struct cache_writer *w)
{
	struct cache_limits *limits = cache_limits(w->cache);
	uint64_t more = w->item->size + w->body.cap - w->counted, before;

	before = atomic_fetch_add_explicit(&limits->writing, more, memory_order_relaxed);
	w->counted += more;
	return before + more <= limits->writing_max || cache_writers_make_room(limits, w);
}

/* ---- The writer ---- */

/* It is not listed. */
static void cache_writer_free(struct cache_writer *w)
{
	cache_writer_give_up(cache_limits(w->cache), w);
	(void)pthread_mutex_destroy(&w->lock);
	free(w);
}

void cache_writer_abort(struct cache_writer **writer)
{
	struct cache_writer *w = *writer;

	if (!w)
		return;
	*writer = NULL;
	cache_writer_unlist(w);
	cache_writer_free(w);
}

struct cache_writer *cache_writer_begin(struct cache *cache, const struct cache_key *key,
					const struct http1_head *request,
					const struct http1_head *reply,
					const struct cache_life *life)
{
	uint64_t max = cache_limits(cache)->object_max;
	struct cache_writer *w;

	if (!life->store || cache_key_is_dropped(cache, key) ||
	    (reply->framing == HTTP1_LENGTH && reply->content_length > max))
		return NULL;
	w = calloc(1, sizeof(*w));
	if (!w)
		return NULL;
	w->cache = cache;
	w->item = cache_item_new(key, request, reply, life, (size_t)max);
	if (!w->item) {
		free(w);
		return NULL;
	}
	buf_init(&w->body, (size_t)max - w->item->size);
	(void)pthread_mutex_init(&w->lock, NULL); /* never fails on Linux */
	w->began_ms = life->received_ms;
	cache_writer_list(w);
	cache_writer_append(&w, (struct span){0}); /* counts it */
	return w;
}

void cache_writer_append(struct cache_writer **writer, struct span piece)
{
	struct cache_writer *w = *writer;
	bool ok;

	if (!w)
		return;
	pthread_mutex_lock(&w->lock);
	ok = w->item && (!piece.len || buf_append(&w->body, piece.at, piece.len) == 0) &&
	     (w->item->size + w->body.cap == w->counted || cache_writer_recount_locked(w));
	pthread_mutex_unlock(&w->lock);
	if (!ok)
		cache_writer_abort(writer);
}

bool cache_writer_commit(struct cache_writer **writer)
{
	struct cache_writer *w = *writer;
	struct cache_item *item;
	bool added;
	char *exact;

	if (!w)
		return false;
	*writer = NULL;
	cache_writer_unlist(w);
	item = w->item;
	w->item = NULL;
	if (item && w->body.len) {
		/* The buf has doubled; what is kept for long has no spare room. */
		exact = realloc(w->body.data, w->body.len);
		item->body = exact ? exact : w->body.data;
		item->entry.body = (struct span){.at = item->body, .len = w->body.len};
		item->size += w->body.len;
		w->body.data = NULL;
	}
	added = item && cache_add(w->cache, item);
	cache_writer_free(w);
	return added;
}
