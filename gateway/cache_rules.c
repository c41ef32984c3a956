/*
 * cache_rules: the order of questions that RFC 9111 asks about a reply, and
 * about a request that finds one.
 */
#include "gateway/cache_rules.h"
#include "common/clock.h"
#include "common/http_date.h"
#include "gateway/cache_control.h"

#include <string.h>

/* ---- May it be kept? ---- */

static bool cache_rules_has_body(const struct http1_head *request)
{
	return request->framing == HTTP1_CHUNKED ||
	       (request->framing == HTTP1_LENGTH && request->content_length > 0);
}

/* What may be kept although nobody says how long (RFC 9110 15.1). 404 and 410 are of that kind
 * too, but an error that nobody asked to keep helps nobody; 204, 405, 414 and 501 likewise. */
static bool cache_rules_keeps_by_itself(unsigned status)
{
	return status == 200 || status == 203 || status == 300 || status == 301 || status == 308;
}

static bool cache_rules_keeps_when_told(unsigned status)
{
	return cache_rules_keeps_by_itself(status) || status == 204 || status == 302 ||
	       status == 307 || status == 404 || status == 410;
}

static bool cache_rules_vary_is_usable(const struct http1_head *reply)
{
	size_t names = 0;

	for (size_t i = 0; i < reply->field_count; i++) {
		struct span value = reply->fields[i].value;

		if (reply->fields[i].known != HTTP1_VARY)
			continue;
		if (memchr(value.at, '*', value.len))
			return false;
		names++;
		for (size_t k = 0; k < value.len; k++)
			names += value.at[k] == ',';
	}
	return names <= CACHE_VARY_MAX;
}

/* RFC 9213 2.2: our own field, when it is there and can be read, stands for Cache-Control and
 * Expires. True then. */
static bool cache_rules_reply_control(struct cache_control *cc, const struct http1_head *reply)
{
	cache_control_read(cc, reply, HTTP1_MICROREG_CACHE_CONTROL);
	if (cc->given && !cc->malformed)
		return true;
	cache_control_read(cc, reply, HTTP1_CACHE_CONTROL);
	/* What can't be read may have said so. */
	if (cc->malformed)
		cc->directives |= CACHE_NO_STORE;
	return false;
}

/* It has no end that would make a reply of it, and would be held until then. */
static bool cache_rules_is_stream(const struct http1_head *reply)
{
	static const char stream[] = "text/event-stream";
	const struct http1_field *type = http1_head_find_text(reply, "Content-Type");

	return type && type->value.len >= sizeof(stream) - 1 &&
	       http_equal_nocase(type->value.at, sizeof(stream) - 1, stream, sizeof(stream) - 1);
}

/* What may have to be asked for each time is worth keeping when it can be asked about. */
static bool cache_rules_has_validator(const struct settings_cache *route,
				      const struct http1_head *reply)
{
	return route->given && reply->status == 200 &&
	       (http1_head_find(reply, HTTP1_ETAG) || http1_head_find(reply, HTTP1_LAST_MODIFIED));
}

/* NULL, or why not (RFC 9111 3). */
static const char *cache_rules_forbids(const struct settings_cache *route,
				       const struct http1_head *request,
				       const struct http1_head *reply,
				       const struct cache_control *cc)
{
	struct cache_control asked;

	if (request->method != HTTP_GET)
		return "method";
	if (cache_rules_has_body(request))
		return "request body";
	if (!cache_rules_keeps_when_told(reply->status))
		return "status";
	cache_control_read(&asked, request, HTTP1_CACHE_CONTROL);
	if ((asked.directives | cc->directives) & CACHE_NO_STORE)
		return "no-store";
	if (cc->directives & CACHE_PRIVATE)
		return "private";
	if ((cc->directives & CACHE_NO_CACHE) && !cache_rules_has_validator(route, reply))
		return "no-cache";
	if (http1_head_find(request, HTTP1_AUTHORIZATION) &&
	    !(cc->directives & (CACHE_PUBLIC | CACHE_MUST_REVALIDATE)) &&
	    cc->age_s[CACHE_S_MAXAGE] < 0)
		return "authorization";
	if (http1_head_find(reply, HTTP1_SET_COOKIE))
		return "set-cookie";
	if (!cache_rules_vary_is_usable(reply))
		return "vary";
	if (cache_rules_is_stream(reply))
		return "event stream";
	return NULL;
}

static int64_t cache_rules_date(const struct http1_head *reply, enum http1_name known,
				int64_t wall_ms)
{
	const struct http1_field *field = http1_head_find(reply, known);

	if (!field)
		return -1;
	return http_date_parse(field->value.at, field->value.len, wall_ms / 1000);
}

/* RFC 9111 4.2.1, in seconds; -1 when the origin says nothing. */
static int64_t cache_rules_lifetime(const struct http1_head *reply, const struct cache_control *cc,
				    bool targeted, int64_t wall_ms)
{
	int64_t date, expires;

	if (cc->age_s[CACHE_S_MAXAGE] >= 0)
		return cc->age_s[CACHE_S_MAXAGE];
	if (cc->age_s[CACHE_MAX_AGE] >= 0)
		return cc->age_s[CACHE_MAX_AGE];
	if (targeted || !http1_head_find(reply, HTTP1_EXPIRES))
		return -1;
	expires = cache_rules_date(reply, HTTP1_EXPIRES, wall_ms);
	date = cache_rules_date(reply, HTTP1_DATE, wall_ms);
	if (date < 0)
		date = wall_ms / 1000;
	/* RFC 9111 5.3: an invalid date, "0" above all, has expired. */
	if (expires <= date)
		return 0;
	return expires - date < CACHE_AGE_MAX ? expires - date : CACHE_AGE_MAX;
}

/* RFC 9111 4.2.3: when it was received. */
static uint64_t cache_rules_initial_age_ms(const struct http1_head *reply,
					   const struct cache_times *times)
{
	const struct http1_field *field = http1_head_find(reply, HTTP1_AGE);
	int64_t date = cache_rules_date(reply, HTTP1_DATE, times->wall_ms);
	int64_t told = field ? cache_control_seconds(field->value) : 0;
	uint64_t apparent = 0, corrected;

	if (date >= 0 && times->wall_ms / 1000 > date)
		apparent = (uint64_t)(times->wall_ms / 1000 - date) * 1000;
	corrected = (told > 0 ? (uint64_t)told * 1000 : 0) + times->received_ms - times->sent_ms;
	return apparent > corrected ? apparent : corrected;
}

/* RFC 5861: what the origin allows, else what the route does; without a `cache` key never more
 * than the route's. */
static uint64_t cache_rules_window_ms(const struct settings_cache *route, int64_t told_s,
				      int64_t otherwise_ms)
{
	int64_t ms = told_s >= 0 ? told_s * 1000 : otherwise_ms;

	if (!route->given && ms > otherwise_ms)
		ms = otherwise_ms;
	return ms > 0 ? (uint64_t)ms : 0;
}

static void cache_rules_set_times(struct cache_life *life, const struct settings_cache *route,
				  const struct cache_control *cc, int64_t lifetime_s)
{
	if (cc->directives & CACHE_NO_CACHE) { /* not without asking, whatever happens */
		life->never_stale = true;
		return;
	}
	if (lifetime_s >= 0)
		life->fresh_ms = (uint64_t)lifetime_s * 1000;
	else if (route->ttl_ms > 0)
		life->fresh_ms = (uint64_t)route->ttl_ms;
	/* RFC 9111 4.2.4; s-maxage means proxy-revalidate too (5.2.2.10). */
	life->never_stale = (cc->directives & (CACHE_MUST_REVALIDATE | CACHE_PROXY_REVALIDATE)) ||
			    cc->age_s[CACHE_S_MAXAGE] >= 0;
	if (life->never_stale)
		return;
	life->stale_if_error_ms = cache_rules_window_ms(route, cc->age_s[CACHE_AGE_STALE_IF_ERROR],
							route->stale_if_error_ms);
	if (route->given)
		life->stale_while_revalidate_ms =
			cache_rules_window_ms(route, cc->age_s[CACHE_AGE_STALE_WHILE_REVALIDATE],
					      route->stale_while_revalidate_ms);
}

struct cache_life cache_rules_store(const struct settings_cache *route,
				    const struct http1_head *request,
				    const struct http1_head *reply, const struct cache_times *times)
{
	struct cache_life life = {.received_ms = times->received_ms,
				  .received_wall_ms = times->wall_ms};
	struct cache_control cc;
	bool targeted = cache_rules_reply_control(&cc, reply);
	int64_t lifetime_s;

	life.reason = route->off ? "off" : cache_rules_forbids(route, request, reply, &cc);
	if (life.reason)
		return life;
	lifetime_s = cache_rules_lifetime(reply, &cc, targeted, times->wall_ms);
	life.age_ms = cache_rules_initial_age_ms(reply, times);
	cache_rules_set_times(&life, route, &cc, lifetime_s);
	if (lifetime_s < 0 && route->ttl_ms < 0 && !cache_rules_keeps_by_itself(reply->status))
		life.reason = "no lifetime";
	else if (!route->given && life.stale_if_error_ms == 0 && life.fresh_ms == 0)
		life.reason = "never stale";
	else if (life.age_ms >=
			 life.fresh_ms + life.stale_if_error_ms + life.stale_while_revalidate_ms &&
		 !cache_rules_has_validator(route, reply))
		life.reason = "too old";
	life.store = life.reason == NULL;
	return life;
}

/* ---- May it be served? ---- */

static uint64_t cache_rules_age_ms(const struct cache_entry *entry, uint64_t now_ms)
{
	return entry->life.age_ms + clock_since_ms(entry->life.received_ms, now_ms);
}

uint64_t cache_rules_age_s(const struct cache_entry *entry, uint64_t now_ms)
{
	return cache_rules_age_ms(entry, now_ms) / 1000;
}

static void cache_rules_request_control(struct cache_control *cc, const struct http1_head *request)
{
	cache_control_read(cc, request, HTTP1_CACHE_CONTROL);
	/* RFC 9111 5.4: an old client's way to say no-cache. */
	if (!cc->given && http1_head_has_token(request, HTTP1_PRAGMA, "no-cache"))
		cc->directives |= CACHE_NO_CACHE;
}

/* An age in the request, in ms; `otherwise` when it is not given. */
static int64_t cache_rules_asked_ms(const struct cache_control *asked, enum cache_age which,
				    int64_t otherwise)
{
	return asked->age_s[which] < 0 ? otherwise : asked->age_s[which] * 1000;
}

/* What may be answered without asking an instance; a forwarded outcome otherwise. */
static enum cache_outcome cache_rules_now(const struct settings_cache *route,
					  const struct cache_control *asked,
					  const struct cache_life *life, int64_t age_ms,
					  int64_t left_ms)
{
	int64_t max_stale_ms = cache_rules_asked_ms(asked, CACHE_MAX_STALE, -1);

	if (!route->given) /* kept for failures: for this request there is none */
		return CACHE_FORWARD_MISS;
	if (asked->directives & CACHE_NO_CACHE)
		return CACHE_FORWARD_REQUEST;
	if (age_ms > cache_rules_asked_ms(asked, CACHE_MAX_AGE, INT64_MAX))
		return CACHE_FORWARD_REQUEST;
	if (left_ms > 0)
		return left_ms < cache_rules_asked_ms(asked, CACHE_MIN_FRESH, 0)
			       ? CACHE_FORWARD_REQUEST
			       : CACHE_HIT;
	if (life->never_stale)
		return CACHE_FORWARD_STALE;
	if (max_stale_ms >= 0 &&
	    (asked->age_s[CACHE_MAX_STALE] == CACHE_AGE_ANY || -left_ms <= max_stale_ms))
		return CACHE_STALE_ASKED;
	if (-left_ms < (int64_t)life->stale_while_revalidate_ms &&
	    asked->age_s[CACHE_MIN_FRESH] < 0)
		return CACHE_STALE_WHILE_REVALIDATE;
	return CACHE_FORWARD_STALE;
}

/* RFC 5861 4: an error makes a stale reply good enough whatever else was asked for; only no-cache
 * insists. */
static bool cache_rules_on_failure(const struct cache_control *asked, const struct cache_life *life,
				   int64_t left_ms)
{
	int64_t window = (int64_t)life->stale_if_error_ms;
	int64_t asked_ms = cache_rules_asked_ms(asked, CACHE_AGE_STALE_IF_ERROR, window);

	if (asked->directives & CACHE_NO_CACHE)
		return false;
	if (left_ms > 0)
		return true;
	return !life->never_stale && -left_ms < (asked_ms < window ? asked_ms : window);
}

/* Rounded down, so that a stale one never says 0. */
static int64_t cache_rules_ttl_s(int64_t left_ms)
{
	return left_ms > 0 ? left_ms / 1000 : (left_ms - 999) / 1000;
}

/* Whether its answer may be for all that ask for the same now. */
static bool cache_rules_shares(const struct settings_cache *route, const struct http1_head *request,
			       const struct cache_control *asked, enum cache_outcome outcome)
{
	return route->given && request->method == HTTP_GET &&
	       (outcome == CACHE_FORWARD_MISS || outcome == CACHE_FORWARD_STALE) &&
	       !(asked->directives & (CACHE_NO_STORE | CACHE_NO_CACHE)) &&
	       !http1_head_find(request, HTTP1_RANGE) &&
	       !http1_head_find(request, HTTP1_AUTHORIZATION);
}

/* Whether to ask by our validators instead of the client's. What it asks about a part, or under a
 * condition of its own, is for it to know. */
static bool cache_rules_validates(const struct settings_cache *route,
				  const struct http1_head *request, const struct cache_entry *entry)
{
	return route->given && request->method == HTTP_GET && entry->status == 200 &&
	       (entry->etag.len || entry->last_modified >= 0) &&
	       !http1_head_find(request, HTTP1_RANGE) &&
	       !http1_head_find_text(request, "If-Match") &&
	       !http1_head_find_text(request, "If-Unmodified-Since");
}

struct cache_use cache_rules_serve(const struct settings_cache *route,
				   const struct http1_head *request,
				   const struct cache_entry *entry, uint64_t now_ms)
{
	struct cache_use use = {0};
	struct cache_control asked;
	enum cache_outcome now;
	int64_t age_ms, left_ms, ttl_s;

	if (route->off || !(request->method & (HTTP_GET | HTTP_HEAD)) ||
	    cache_rules_has_body(request))
		return use;
	cache_rules_request_control(&asked, request);
	use.only_if_cached = route->given && (asked.directives & CACHE_ONLY_IF_CACHED);
	use.forwarded.outcome = CACHE_FORWARD_MISS;
	if (!entry) {
		use.share = cache_rules_shares(route, request, &asked, CACHE_FORWARD_MISS);
		return use;
	}
	age_ms = (int64_t)cache_rules_age_ms(entry, now_ms);
	left_ms = (int64_t)entry->life.fresh_ms - age_ms;
	ttl_s = cache_rules_ttl_s(left_ms);
	now = cache_rules_now(route, &asked, &entry->life, age_ms, left_ms);
	use.serve =
		now == CACHE_HIT || now == CACHE_STALE_ASKED || now == CACHE_STALE_WHILE_REVALIDATE;
	use.refresh = now == CACHE_STALE_WHILE_REVALIDATE;
	use.forwarded.outcome = use.serve ? CACHE_FORWARD_STALE : now;
	use.share = cache_rules_shares(route, request, &asked, use.forwarded.outcome);
	if (now != CACHE_HIT)
		use.validate = cache_rules_validates(route, request, entry);
	if (use.serve)
		use.hit = (struct cache_status){.outcome = now, .ttl_s = ttl_s};
	use.on_failure = cache_rules_on_failure(&asked, &entry->life, left_ms);
	if (use.on_failure)
		use.on_failure_hit = (struct cache_status){
			.outcome = left_ms > 0 ? CACHE_HIT : CACHE_STALE_IF_ERROR, .ttl_s = ttl_s};
	return use;
}

bool cache_rules_is_error(unsigned status)
{
	return status == 500 || status == 502 || status == 503 || status == 504;
}

bool cache_rules_invalidates(enum http_method method, unsigned status)
{
	return !(method & (HTTP_GET | HTTP_HEAD | HTTP_OPTIONS | HTTP_TRACE)) && status >= 200 &&
	       status < 400;
}

/* ---- Has the client got it? ---- */

static struct span cache_rules_weak(struct span etag)
{
	if (etag.len >= 2 && etag.at[0] == 'W' && etag.at[1] == '/')
		return (struct span){.at = etag.at + 2, .len = etag.len - 2};
	return etag;
}

bool cache_rules_tags_match(struct span list, struct span etag)
{
	const char *at = list.at, *end = list.at + list.len;

	etag = cache_rules_weak(etag);
	while (at < end) {
		const char *close;

		if (*at == '*')
			return true;
		if (*at != '"') { /* between tags, or the W/ of one */
			at++;
			continue;
		}
		close = memchr(at + 1, '"', (size_t)(end - at - 1));
		if (!close)
			return false;
		if ((size_t)(close + 1 - at) == etag.len && memcmp(at, etag.at, etag.len) == 0)
			return true;
		at = close + 1;
	}
	return false;
}

bool cache_rules_not_modified(const struct http1_head *request, const struct cache_entry *entry)
{
	const struct http1_field *since;
	bool tags = false;
	int64_t date;

	if (entry->status != 200 || !(request->method & (HTTP_GET | HTTP_HEAD)))
		return false;
	for (size_t i = 0; i < request->field_count; i++) {
		if (request->fields[i].known != HTTP1_IF_NONE_MATCH)
			continue;
		tags = true;
		if (cache_rules_tags_match(request->fields[i].value, entry->etag))
			return true;
	}
	since = http1_head_find(request, HTTP1_IF_MODIFIED_SINCE);
	/* RFC 9110 13.1.3: not looked at beside If-None-Match. */
	if (tags || !since || entry->last_modified < 0)
		return false;
	date = http_date_parse(since->value.at, since->value.len,
			       entry->life.received_wall_ms / 1000);
	return date >= entry->last_modified;
}
