/* cache_renew: a kept reply whose origin said that it still is as it was. */
#include "gateway/cache_item.h"
#include "gateway/http1_parts.h"

#include <stdlib.h>
#include <string.h>

/* What tells about the content is the kept reply's to say: a 304 has none (RFC 9111 3.2). */
static bool cache_renews(const struct http1_field *field)
{
	static const char about[] = "Content-";
	size_t len = sizeof(about) - 1;

	return field->name.len < len || !http_equal_nocase(field->name.at, len, about, len);
}

static bool cache_renew_has(const struct http1_head *reply, struct span name)
{
	for (size_t i = 0; i < reply->field_count; i++) {
		const struct http1_field *field = &reply->fields[i];

		if (cache_renews(field) &&
		    http_equal_nocase(field->name.at, field->name.len, name.at, name.len))
			return true;
	}
	return false;
}

/* Lines as the item laid them out: checked once, each with its CRLF. */
static size_t cache_count_lines(struct span lines)
{
	size_t count = 0;

	for (size_t i = 0; i < lines.len; i++)
		count += lines.at[i] == '\n';
	return count;
}

static void cache_renew_old(struct http1_head *head, struct span lines,
			    const struct http1_head *reply)
{
	while (lines.len) {
		const char *end = memchr(lines.at, '\n', lines.len);
		size_t len = end ? (size_t)(end - lines.at) + 1 : lines.len;
		struct http1_field *field = &head->fields[head->field_count];

		http1_field_cut(http1_span(lines.at, len - 2), field);
		/* A 304 without a Date came now (RFC 9110 6.6.1). */
		if (field->known != HTTP1_DATE && !cache_renew_has(reply, field->name))
			head->field_count++;
		lines.at += len;
		lines.len -= len;
	}
}

static struct span cache_weak(struct span etag)
{
	if (etag.len >= 2 && memcmp(etag.at, "W/", 2) == 0)
		return http1_span(etag.at + 2, etag.len - 2);
	return etag;
}

/* A 304 about another reply than the one that was asked about would give that one's fields to this
 * one's body. */
static bool cache_is_about(const struct cache_entry *old, const struct http1_head *reply)
{
	const struct http1_field *field = http1_head_find(reply, HTTP1_ETAG);
	struct span now, then = cache_weak(old->etag);

	if (!field)
		return true;
	now = cache_weak(field->value);
	return now.len == then.len && (!now.len || memcmp(now.at, then.at, now.len) == 0);
}

int cache_renew_head(struct http1_head *head, struct arena *arena, const struct cache_entry *old,
		     const struct http1_head *reply)
{
	size_t room = cache_count_lines(old->fields) + reply->field_count + 1;

	if (!cache_is_about(old, reply))
		return -1;
	*head = (struct http1_head){.status = old->status, .minor = 1};
	head->fields = arena_alloc(arena, room * sizeof(*head->fields));
	if (!head->fields)
		return -1;
	cache_renew_old(head, old->fields, reply);
	for (size_t i = 0; i < reply->field_count; i++)
		if (cache_renews(&reply->fields[i]))
			head->fields[head->field_count++] = reply->fields[i];
	return 0;
}

const struct cache_entry *cache_renew(struct cache *cache, const struct cache_key *key,
				      const struct http1_head *request,
				      const struct http1_head *head, const struct cache_life *life,
				      const struct cache_entry *old)
{
	uint64_t max = cache_limits(cache)->object_max;
	struct cache_item *item;

	if (!life->store || old->body.len > max)
		return NULL;
	item = cache_item_new(key, request, head, life, (size_t)(max - old->body.len));
	if (!item)
		return NULL;
	if (old->body.len) {
		item->body = malloc(old->body.len);
		if (!item->body) {
			cache_item_unref(item);
			return NULL;
		}
		memcpy(item->body, old->body.at, old->body.len);
		item->entry.body = http1_span(item->body, old->body.len);
		item->size += old->body.len;
	}
	(void)cache_ref(&item->entry);
	if (cache_add(cache, item))
		return &item->entry;
	cache_item_unref(item);
	return NULL;
}
