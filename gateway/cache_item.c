/* cache_item: lays a reply's head out for sending, with what selects it. */
#include "gateway/cache_item.h"
#include "common/buf.h"
#include "common/clock.h"
#include "common/http_date.h"
#include "gateway/http1_parts.h"
#include "gateway/http1_write.h"

#include <stdlib.h>
#include <string.h>

const struct cache_entry *cache_ref(const struct cache_entry *entry)
{
	atomic_fetch_add_explicit(&entry->own->refs, 1, memory_order_relaxed);
	return entry;
}

void cache_item_unref(struct cache_item *item)
{
	if (atomic_fetch_sub_explicit(&item->refs, 1, memory_order_acq_rel) > 1)
		return;
	free(item->body);
	free(item);
}

void cache_unref(const struct cache_entry **entry)
{
	if (*entry)
		cache_item_unref((*entry)->own);
	*entry = NULL;
}

bool cache_item_is_fresh(const struct cache_item *item, uint64_t now_ms)
{
	const struct cache_life *life = &item->entry.life;

	return life->age_ms + clock_since_ms(life->received_ms, now_ms) < life->fresh_ms;
}

/* ---- Vary ---- */

/* Takes `text` off the front of `left`, or says that it is not there. */
static bool cache_vary_eat(struct span *left, const char *text, size_t len)
{
	if (left->len < len || memcmp(left->at, text, len) != 0)
		return false;
	left->at += len;
	left->len -= len;
	return true;
}

static bool cache_vary_matches(const struct cache_vary *vary, const struct http1_head *request)
{
	struct span left = vary->value;
	bool present = false;

	for (size_t i = 0; i < request->field_count; i++) {
		const struct http1_field *f = &request->fields[i];

		if (!http_equal_nocase(f->name.at, f->name.len, vary->name.at, vary->name.len))
			continue;
		if (present && !cache_vary_eat(&left, ", ", 2))
			return false;
		present = true;
		if (!cache_vary_eat(&left, f->value.at, f->value.len))
			return false;
	}
	return present == vary->present && left.len == 0;
}

bool cache_item_is_selected(const struct cache_item *item, const struct http1_head *request)
{
	for (unsigned i = 0; i < item->vary_count; i++)
		if (!cache_vary_matches(&item->vary[i], request))
			return false;
	return true;
}

static bool cache_vary_is_same(const struct cache_vary *a, const struct cache_vary *b)
{
	return a->present == b->present && a->value.len == b->value.len &&
	       memcmp(a->value.at, b->value.at, a->value.len) == 0 &&
	       http_equal_nocase(a->name.at, a->name.len, b->name.at, b->name.len);
}

bool cache_item_is_same(const struct cache_item *a, const struct cache_item *b)
{
	if (a->vary_count != b->vary_count)
		return false;
	for (unsigned i = 0; i < a->vary_count; i++)
		if (!cache_vary_is_same(&a->vary[i], &b->vary[i]))
			return false;
	return true;
}

/* ---- Making one ---- */

/* What is being laid out: everything in one buf, places as offsets until it has its memory. */
struct cache_layout {
	struct buf bytes;
	size_t fields_304, fields; /* lengths */
	size_t etag, etag_len;
	size_t key;
	struct {
		size_t name, name_len, value, value_len;
		bool present;
	} vary[CACHE_VARY_MAX];
	unsigned vary_count;
};

static bool cache_field_named(const struct http1_field *f, const char *name)
{
	return http_equal_nocase(f->name.at, f->name.len, name, strlen(name));
}

/* Framing is made anew, and some fields are said anew for each answer. */
static bool cache_field_is_kept(const struct http1_field *f)
{
	if (f->hop)
		return false;
	switch ((int)f->known) {
	case HTTP1_CONTENT_LENGTH:
	case HTTP1_TRANSFER_ENCODING:
	case HTTP1_CONNECTION:
	case HTTP1_AGE:
	case HTTP1_SET_COOKIE:
	case HTTP1_X_REQUEST_ID:
	case HTTP1_MICROREG_CACHE_CONTROL:
		return false;
	default:
		return !cache_field_named(f, "Cache-Status") &&
		       !cache_field_named(f, "Proxy-Status") &&
		       !cache_field_named(f, "Server-Timing");
	}
}

/* RFC 9110 15.4.5: what tells about content that is not sent has no place in a 304. */
static bool cache_field_is_about_content(const struct http1_field *f)
{
	static const char prefix[] = "Content-";

	return f->name.len >= sizeof(prefix) - 1 &&
	       http_equal_nocase(f->name.at, sizeof(prefix) - 1, prefix, sizeof(prefix) - 1) &&
	       !cache_field_named(f, "Content-Location");
}

static void cache_layout_fields(struct cache_layout *l, const struct http1_head *reply,
				bool about_content)
{
	for (size_t i = 0; i < reply->field_count; i++) {
		const struct http1_field *f = &reply->fields[i];

		if (!cache_field_is_kept(f) || cache_field_is_about_content(f) != about_content)
			continue;
		http1_write_span(&l->bytes, f->name, f->value);
		if (f->known == HTTP1_ETAG && !l->etag_len) {
			l->etag_len = f->value.len;
			l->etag = l->bytes.len - 2 - f->value.len; /* before the CRLF */
		}
	}
}

/* RFC 9110 6.6.1: who keeps a reply without a Date gives it one. */
static void cache_layout_date(struct cache_layout *l, const struct http1_head *reply,
			      int64_t wall_ms)
{
	char date[CLOCK_HTTP_SIZE];

	if (http1_head_find(reply, HTTP1_DATE))
		return;
	clock_http(wall_ms, date);
	http1_write_field(&l->bytes, "Date", date, strlen(date));
}

static void cache_layout_vary_name(struct cache_layout *l, const struct http1_head *request,
				   struct span name)
{
	bool present = false;

	l->vary[l->vary_count].name = l->bytes.len;
	l->vary[l->vary_count].name_len = name.len;
	(void)buf_append(&l->bytes, name.at, name.len); /* failure sticks in the buf */
	l->vary[l->vary_count].value = l->bytes.len;
	for (size_t i = 0; i < request->field_count; i++) {
		const struct http1_field *f = &request->fields[i];

		if (!http_equal_nocase(f->name.at, f->name.len, name.at, name.len))
			continue;
		if (present)
			(void)buf_append(&l->bytes, ", ", 2);
		(void)buf_append(&l->bytes, f->value.at, f->value.len);
		present = true;
	}
	l->vary[l->vary_count].value_len = l->bytes.len - l->vary[l->vary_count].value;
	l->vary[l->vary_count].present = present;
	l->vary_count++;
}

/* -1: too many names. */
static int cache_layout_vary(struct cache_layout *l, const struct http1_head *request,
			     const struct http1_head *reply)
{
	struct span rest, name;

	for (size_t i = 0; i < reply->field_count; i++) {
		if (reply->fields[i].known != HTTP1_VARY)
			continue;
		rest = reply->fields[i].value;
		while (http1_list_next(&rest, &name)) {
			if (name.len == 0)
				continue;
			if (l->vary_count == CACHE_VARY_MAX)
				return -1;
			cache_layout_vary_name(l, request, name);
		}
	}
	return 0;
}

static struct span cache_item_span(const struct cache_item *item, size_t at, size_t len)
{
	return (struct span){.at = item->bytes + at, .len = len};
}

static struct cache_item *cache_layout_make(const struct cache_layout *l, size_t key_len)
{
	size_t size = sizeof(struct cache_item) + l->bytes.len;
	struct cache_item *item = calloc(1, size);

	if (!item)
		return NULL;
	memcpy(item->bytes, l->bytes.data, l->bytes.len);
	item->size = size;
	item->entry.own = item;
	item->entry.fields = cache_item_span(item, 0, l->fields);
	item->entry.fields_304 = cache_item_span(item, 0, l->fields_304);
	item->entry.etag = cache_item_span(item, l->etag, l->etag_len);
	item->key = cache_item_span(item, l->key, key_len);
	for (unsigned i = 0; i < l->vary_count; i++)
		item->vary[i] = (struct cache_vary){
			.name = cache_item_span(item, l->vary[i].name, l->vary[i].name_len),
			.value = cache_item_span(item, l->vary[i].value, l->vary[i].value_len),
			.present = l->vary[i].present};
	item->vary_count = l->vary_count;
	return item;
}

struct cache_item *cache_item_new(const struct cache_key *key, const struct http1_head *request,
				  const struct http1_head *reply, const struct cache_life *life,
				  size_t max)
{
	const struct http1_field *modified = http1_head_find(reply, HTTP1_LAST_MODIFIED);
	struct cache_item *item = NULL;
	struct cache_layout l = {0};

	if (max < sizeof(*item))
		return NULL;
	buf_init(&l.bytes, max - sizeof(*item));
	cache_layout_date(&l, reply, life->received_wall_ms);
	cache_layout_fields(&l, reply, false);
	l.fields_304 = l.bytes.len;
	cache_layout_fields(&l, reply, true);
	l.fields = l.bytes.len;
	l.key = l.bytes.len;
	(void)buf_append(&l.bytes, key->text.at, key->text.len); /* failure sticks in the buf */
	if (cache_layout_vary(&l, request, reply) == 0 && !l.bytes.failed)
		item = cache_layout_make(&l, key->text.len);
	buf_fini(&l.bytes);
	if (!item)
		return NULL;
	atomic_init(&item->refs, 1);
	item->hash = key->hash;
	item->since = key->since;
	item->is_error = reply->status >= 400;
	item->entry.status = reply->status;
	item->entry.life = *life;
	item->entry.last_modified =
		modified ? http_date_parse(modified->value.at, modified->value.len,
					   life->received_wall_ms / 1000)
			 : -1;
	return item;
}
