/* cache_range: `bytes=1-2`, `bytes=1-`, `bytes=-2`, and If-Range. */
#include "gateway/cache_range.h"
#include "common/http_date.h"

#include <string.h>

enum {
	/* RFC 9110 8.8.2.2: a time of change is no strong validator before so long after it. */
	CACHE_RANGE_SETTLED_S = 60,
};

/* RFC 9110 13.1.5: compared strongly. */
static bool cache_range_holds(const struct http1_head *request, const struct cache_entry *entry)
{
	const struct http1_field *field = http1_head_find_text(request, "If-Range");
	int64_t received_s = entry->life.received_wall_ms / 1000;
	struct span value;

	if (!field)
		return true;
	value = field->value;
	if (value.len && value.at[0] == '"')
		return value.len == entry->etag.len &&
		       memcmp(value.at, entry->etag.at, value.len) == 0;
	return entry->last_modified >= 0 &&
	       http_date_parse(value.at, value.len, received_s) == entry->last_modified &&
	       received_s >= entry->last_modified + CACHE_RANGE_SETTLED_S;
}

/* Digits up to the end or a '-', capped where no body reaches. False: there are none. */
static bool cache_range_number(struct span *text, uint64_t *n)
{
	size_t i = 0;

	*n = 0;
	for (; i < text->len && text->at[i] >= '0' && text->at[i] <= '9'; i++)
		if (*n < UINT64_MAX / 100)
			*n = *n * 10 + (uint64_t)(text->at[i] - '0');
	text->at += i;
	text->len -= i;
	return i > 0;
}

static bool cache_range_dash(struct span *text)
{
	if (!text->len || text->at[0] != '-')
		return false;
	text->at++;
	text->len--;
	return true;
}

/* The last n bytes. */
static enum cache_range cache_range_suffix(struct span text, struct span body, struct span *part)
{
	uint64_t n;

	if (!cache_range_number(&text, &n) || text.len)
		return CACHE_RANGE_WHOLE;
	if (!n || !body.len)
		return CACHE_RANGE_OUTSIDE;
	if (n > body.len)
		n = body.len;
	*part = (struct span){body.at + body.len - n, (size_t)n};
	return CACHE_RANGE_PART;
}

static enum cache_range cache_range_cut(struct span text, struct span body, struct span *part)
{
	uint64_t first, last = UINT64_MAX;

	if (cache_range_dash(&text))
		return cache_range_suffix(text, body, part);
	if (!cache_range_number(&text, &first) || !cache_range_dash(&text))
		return CACHE_RANGE_WHOLE;
	if (text.len && (!cache_range_number(&text, &last) || text.len || last < first))
		return CACHE_RANGE_WHOLE;
	if (first >= body.len)
		return CACHE_RANGE_OUTSIDE;
	if (last >= body.len)
		last = body.len - 1;
	*part = (struct span){body.at + first, (size_t)(last - first) + 1};
	return CACHE_RANGE_PART;
}

enum cache_range cache_range_read(const struct http1_head *request, const struct cache_entry *entry,
				  struct span *part)
{
	static const char unit[] = "bytes=";
	const struct http1_field *range = NULL;
	size_t len = sizeof(unit) - 1;

	if (request->method != HTTP_GET || entry->status != 200)
		return CACHE_RANGE_WHOLE;
	for (size_t i = 0; i < request->field_count; i++) {
		if (request->fields[i].known != HTTP1_RANGE)
			continue;
		if (range)
			return CACHE_RANGE_WHOLE;
		range = &request->fields[i];
	}
	if (!range || range->value.len < len ||
	    !http_equal_nocase(range->value.at, len, unit, len) ||
	    !cache_range_holds(request, entry))
		return CACHE_RANGE_WHOLE;
	return cache_range_cut((struct span){range->value.at + len, range->value.len - len},
			       entry->body, part);
}
