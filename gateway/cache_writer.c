/*
 * cache_writer: takes a reply's body in as it comes. What all writers hold
 * together is bounded, beside what the cache holds.
 */
#include "gateway/cache_item.h"
#include "common/buf.h"

#include <stdlib.h>

struct cache_writer {
	struct cache *cache;
	struct cache_item *item;
	struct buf body;
	uint64_t counted; /* bytes of this writer in limits->writing */
};

/* Brings limits->writing up to what the writer holds now. False over the bound. */
static bool cache_writer_recount(struct cache_writer *w)
{
	struct cache_limits *limits = cache_limits(w->cache);
	uint64_t more = w->item->size + w->body.cap - w->counted, before;

	before = atomic_fetch_add_explicit(&limits->writing, more, memory_order_relaxed);
	w->counted += more;
	return before + more <= limits->writing_max;
}

/* Everything but the item. */
static void cache_writer_free(struct cache_writer *w)
{
	atomic_fetch_sub_explicit(&cache_limits(w->cache)->writing, w->counted,
				  memory_order_relaxed);
	buf_fini(&w->body);
	free(w);
}

void cache_writer_abort(struct cache_writer **writer)
{
	struct cache_writer *w = *writer;

	if (!w)
		return;
	*writer = NULL;
	cache_item_unref(w->item);
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
	if (!cache_writer_recount(w))
		cache_writer_abort(&w);
	return w;
}

void cache_writer_append(struct cache_writer **writer, struct span piece)
{
	struct cache_writer *w = *writer;
	size_t cap;

	if (!w)
		return;
	cap = w->body.cap;
	if (buf_append(&w->body, piece.at, piece.len) ||
	    (w->body.cap != cap && !cache_writer_recount(w)))
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
	item = w->item;
	if (w->body.len) {
		/* The buf has doubled; what is kept for long has no spare room. */
		exact = realloc(w->body.data, w->body.len);
		item->body = exact ? exact : w->body.data;
		item->entry.body = (struct span){.at = item->body, .len = w->body.len};
		item->size += w->body.len;
		w->body.data = NULL;
	}
	added = cache_add(w->cache, item);
	cache_writer_free(w);
	return added;
}
