/* cache_rules: RFC 9111 as tables: what is kept and how long, what is served to whom. */
#include "common/http_date.h"
#include "gateway/cache_control.h"
#include "gateway/cache_rules.h"
#include "tests/unit/cache_case.h"
#include "tests/unit/unit.h"

#include <stdio.h>
#include <string.h>

#define COUNT(array) ((int)(sizeof(array) / sizeof((array)[0])))
#define HOUR_MS	     3600000

/* A route without a `cache` key, one with `cache: {}`, one with a ttl, one with `cache: off`. */
static const struct settings_cache plain = {.ttl_ms = -1, .stale_if_error_ms = HOUR_MS},
				   cached = {.given = true,
					     .ttl_ms = -1,
					     .stale_if_error_ms = HOUR_MS},
				   ttl = {.given = true,
					  .ttl_ms = 30000,
					  .stale_if_error_ms = 60000},
				   off = {.given = true, .off = true, .ttl_ms = -1};

static struct arena arena;

static void setup(void)
{
	arena_init(&arena, 1 << 20);
}

static void teardown(void)
{
	arena_fini(&arena);
}

/* ---- Kept or not ---- */

static const struct {
	const char *name;
	const struct settings_cache *route;
	const char *request, *request_fields, *status, *reply_fields;
	const char *reason; /* NULL: it is stored, with these seconds */
	unsigned fresh_s, stale_s;
} kept[] = {
	{"a reply that says nothing is kept for failures", &plain, "GET /", "", "200", "", NULL, 0,
	 3600},
	{"max-age is its freshness", &plain, "GET /", "", "200", "Cache-Control: max-age=60\r\n",
	 NULL, 60, 3600},
	{"Expires minus Date is its freshness", &plain, "GET /", "", "200",
	 "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\nExpires: Sun, 06 Nov 1994 08:51:37 GMT\r\n", NULL,
	 120, 3600},
	{"Expires without Date counts from now", &plain, "GET /", "", "200",
	 "Expires: Sun, 06 Nov 1994 08:51:37 GMT\r\n", NULL, 120, 3600},
	{"Expires: 0 has expired", &ttl, "GET /", "", "200", "Expires: 0\r\n", NULL, 0, 60},
	{"max-age wins over Expires", &plain, "GET /", "", "200",
	 "Cache-Control: max-age=5\r\nExpires: Sun, 06 Nov 1994 08:51:37 GMT\r\n", NULL, 5, 3600},
	{"s-maxage wins over max-age, and forbids stale", &cached, "GET /", "", "200",
	 "Cache-Control: max-age=5, s-maxage=9\r\n", NULL, 9, 0},
	{"s-maxage without a cache key serves failures while it is fresh", &plain, "GET /", "",
	 "200", "Cache-Control: s-maxage=9\r\n", NULL, 9, 0},
	{"s-maxage=0 without a cache key could never be served", &plain, "GET /", "", "200",
	 "Cache-Control: s-maxage=0\r\n", "never stale", 0, 0},
	{"must-revalidate forbids stale", &cached, "GET /", "", "200",
	 "Cache-Control: max-age=5, must-revalidate\r\n", NULL, 5, 0},
	{"proxy-revalidate likewise", &cached, "GET /", "", "200",
	 "Cache-Control: max-age=5, proxy-revalidate\r\n", NULL, 5, 0},
	{"the route's ttl stands for an origin that says nothing", &ttl, "GET /", "", "200", "",
	 NULL, 30, 60},
	{"also when it says something else", &ttl, "GET /", "", "200", "Cache-Control: public\r\n",
	 NULL, 30, 60},
	{"but the origin's word wins", &ttl, "GET /", "", "200", "Cache-Control: max-age=5\r\n",
	 NULL, 5, 60},
	{"stale-if-error is the window", &cached, "GET /", "", "200",
	 "Cache-Control: max-age=5, stale-if-error=86400\r\n", NULL, 5, 86400},
	{"without a cache key it is an hour at most", &plain, "GET /", "", "200",
	 "Cache-Control: max-age=5, stale-if-error=86400\r\n", NULL, 5, 3600},
	{"and may be less", &plain, "GET /", "", "200",
	 "Cache-Control: max-age=5, stale-if-error=10\r\n", NULL, 5, 10},
	{"of two max-ages the shorter counts", &plain, "GET /", "", "200",
	 "Cache-Control: max-age=50\r\nCache-Control: max-age=5\r\n", NULL, 5, 3600},
	{"a max-age that is no number is stale", &ttl, "GET /", "", "200",
	 "Cache-Control: max-age=1h\r\n", NULL, 0, 60},
	{"a quoted max-age is read", &plain, "GET /", "", "200", "Cache-Control: Max-Age=\"7\"\r\n",
	 NULL, 7, 3600},
	{"a huge max-age is 2^31", &plain, "GET /", "", "200",
	 "Cache-Control: max-age=99999999999999999999\r\n", NULL, 2147483648u, 3600},
	{"a directive inside a quoted string is none", &plain, "GET /", "", "200",
	 "Cache-Control: x=\"a, no-store\\\", b\", max-age=5\r\n", NULL, 5, 3600},
	{"a string without end may have said no-store", &plain, "GET /", "", "200",
	 "Cache-Control: max-age=5, x=\"a\r\n", "no-store", 0, 0},
	{"no-store", &cached, "GET /", "", "200", "Cache-Control: no-store, max-age=5\r\n",
	 "no-store", 0, 0},
	{"no-store of the request", &cached, "GET /", "Cache-Control: no-store\r\n", "200",
	 "Cache-Control: max-age=5\r\n", "no-store", 0, 0},
	{"private", &cached, "GET /", "", "200", "Cache-Control: private, max-age=5\r\n", "private",
	 0, 0},
	{"private for one field is private", &cached, "GET /", "", "200",
	 "Cache-Control: private=\"x-a\", max-age=5\r\n", "private", 0, 0},
	{"no-cache", &ttl, "GET /", "", "200", "Cache-Control: no-cache\r\n", "no-cache", 0, 0},
	{"no-cache with a validator is kept to be asked about", &cached, "GET /", "", "200",
	 "Cache-Control: no-cache, max-age=9\r\nETag: \"a\"\r\n", NULL, 0, 0},
	{"likewise what has run out already", &cached, "GET /", "", "200",
	 "Cache-Control: max-age=0, must-revalidate\r\nETag: \"a\"\r\n", NULL, 0, 0},
	{"not where nothing is served from the cache", &plain, "GET /", "", "200",
	 "Cache-Control: no-cache\r\nETag: \"a\"\r\n", "no-cache", 0, 0},
	{"a request with Authorization", &cached, "GET /", "Authorization: Basic x\r\n", "200",
	 "Cache-Control: max-age=5\r\n", "authorization", 0, 0},
	{"with public it may be kept", &cached, "GET /", "Authorization: Basic x\r\n", "200",
	 "Cache-Control: max-age=5, public\r\n", NULL, 5, 3600},
	{"with s-maxage too", &cached, "GET /", "Authorization: Basic x\r\n", "200",
	 "Cache-Control: s-maxage=5\r\n", NULL, 5, 0},
	{"with must-revalidate too", &cached, "GET /", "Authorization: Basic x\r\n", "200",
	 "Cache-Control: max-age=5, must-revalidate\r\n", NULL, 5, 0},
	{"Set-Cookie", &ttl, "GET /", "", "200", "Set-Cookie: a=b\r\n", "set-cookie", 0, 0},
	{"an event stream", &ttl, "GET /", "", "200",
	 "Content-Type: Text/Event-Stream; charset=utf-8\r\n", "event stream", 0, 0},
	{"Vary: *", &ttl, "GET /", "", "200", "Vary: Accept, *\r\n", "vary", 0, 0},
	{"Vary with many names", &ttl, "GET /", "", "200", "Vary: a,b,c,d\r\nVary: e,f,g,h,i\r\n",
	 "vary", 0, 0},
	{"Vary with a few", &ttl, "GET /", "", "200", "Vary: a,b,c,d\r\nVary: e,f,g,h\r\n", NULL,
	 30, 60},
	{"POST", &ttl, "POST /", "", "200", "Cache-Control: max-age=5\r\n", "method", 0, 0},
	{"HEAD", &ttl, "HEAD /", "", "200", "Cache-Control: max-age=5\r\n", "method", 0, 0},
	{"a GET with a body", &ttl, "GET /", "Content-Length: 1\r\n", "200", "", "request body", 0,
	 0},
	{"206", &ttl, "GET /", "", "206", "Cache-Control: max-age=5\r\n", "status", 0, 0},
	{"500", &ttl, "GET /", "", "500", "Cache-Control: max-age=5\r\n", "status", 0, 0},
	{"404 that says nothing", &plain, "GET /", "", "404", "", "no lifetime", 0, 0},
	{"404 with a lifetime", &cached, "GET /", "", "404", "Cache-Control: max-age=5\r\n", NULL,
	 5, 3600},
	{"404 with the route's ttl", &ttl, "GET /", "", "404", "", NULL, 30, 60},
	{"301 that says nothing", &plain, "GET /", "", "301", "Location: /b\r\n", NULL, 0, 3600},
	{"302 that says nothing", &plain, "GET /", "", "302", "Location: /b\r\n", "no lifetime", 0,
	 0},
	{"a route with cache: off", &off, "GET /", "", "200", "Cache-Control: max-age=5\r\n", "off",
	 0, 0},
	{"our own field stands for Cache-Control", &cached, "GET /", "", "200",
	 "Cache-Control: no-store\r\nMicroReg-Cache-Control: max-age=8\r\n", NULL, 8, 3600},
	{"and for Expires", &ttl, "GET /", "", "200",
	 "Expires: Sun, 06 Nov 1994 08:51:37 GMT\r\nMicroReg-Cache-Control: public\r\n", NULL, 30,
	 60},
	{"and can forbid", &cached, "GET /", "", "200",
	 "Cache-Control: max-age=5\r\nMicroReg-Cache-Control: no-store\r\n", "no-store", 0, 0},
	{"one that can't be read is passed over", &cached, "GET /", "", "200",
	 "Cache-Control: max-age=5\r\nMicroReg-Cache-Control: max-age=8, x=\"\r\n", NULL, 5, 3600},
	{"an empty one too", &cached, "GET /", "", "200",
	 "Cache-Control: max-age=5\r\nMicroReg-Cache-Control:\r\n", NULL, 5, 3600},
	{"one that is older than all windows", &cached, "GET /", "", "200",
	 "Cache-Control: max-age=5\r\nAge: 3605\r\n", "too old", 0, 0},
};

static const struct cache_times now = {
	.sent_ms = 500000, .received_ms = 500000, .wall_ms = CACHE_CASE_WALL_S * 1000};

START_TEST(a_reply_is_kept_by_the_rules)
{
	struct http1_head request =
		cache_case_request(&arena, kept[_i].request, kept[_i].request_fields);
	struct http1_head reply = cache_case_reply(&arena, kept[_i].status, kept[_i].reply_fields);
	struct cache_life life = cache_rules_store(kept[_i].route, &request, &reply, &now);

	ck_assert_msg(life.store == !kept[_i].reason, "%s: %s", kept[_i].name,
		      life.reason ? life.reason : "stored");
	if (kept[_i].reason) {
		ck_assert_msg(strcmp(life.reason, kept[_i].reason) == 0, "%s: %s", kept[_i].name,
			      life.reason);
		return;
	}
	ck_assert_msg(life.fresh_ms == kept[_i].fresh_s * UINT64_C(1000), "%s: fresh %llu",
		      kept[_i].name, (unsigned long long)life.fresh_ms);
	ck_assert_msg(life.stale_if_error_ms == kept[_i].stale_s * UINT64_C(1000), "%s: stale %llu",
		      kept[_i].name, (unsigned long long)life.stale_if_error_ms);
}
END_TEST

static const struct {
	const char *name, *fields;
	unsigned delay_ms, age_ms;
} ages[] = {
	{"nothing said", "", 0, 0},
	{"the time it took counts", "", 1500, 1500},
	{"Age counts", "Age: 10\r\n", 500, 10500},
	{"an invalid Age does not", "Age: -1\r\n", 0, 0},
	{"a Date in the past counts", "Date: Sun, 06 Nov 1994 08:49:07 GMT\r\n", 0, 30000},
	{"the larger of both", "Age: 10\r\nDate: Sun, 06 Nov 1994 08:49:07 GMT\r\n", 0, 30000},
	{"a Date in the future does not", "Age: 10\r\nDate: Sun, 06 Nov 1994 09:49:07 GMT\r\n", 0,
	 10000},
};

START_TEST(a_reply_has_an_age_when_it_comes)
{
	struct http1_head request = cache_case_request(&arena, "GET /", "");
	struct http1_head reply = cache_case_reply(&arena, "200", ages[_i].fields);
	struct cache_times times = now;
	struct cache_life life;

	times.received_ms += ages[_i].delay_ms;
	life = cache_rules_store(&ttl, &request, &reply, &times);
	ck_assert_msg(life.age_ms == ages[_i].age_ms, "%s: %llu", ages[_i].name,
		      (unsigned long long)life.age_ms);
}
END_TEST

/* ---- Served or not ---- */

enum { SERVE = 1, REFRESH = 2, ON_FAILURE = 4, ONLY_CACHED = 8 };

/* Entries: max-age=60; the same that forbids stale; the same with stale-while-revalidate=30. All
 * have an hour of stale-if-error but the second. */
static const struct cache_life life_60 = {.store = true,
					  .received_ms = 500000,
					  .fresh_ms = 60000,
					  .stale_if_error_ms = HOUR_MS},
			       life_strict = {.store = true,
					      .received_ms = 500000,
					      .fresh_ms = 60000,
					      .never_stale = true},
			       life_swr = {.store = true,
					   .received_ms = 500000,
					   .fresh_ms = 60000,
					   .stale_while_revalidate_ms = 30000,
					   .stale_if_error_ms = HOUR_MS};

static const struct {
	const char *name;
	const struct settings_cache *route;
	const struct cache_life *life; /* NULL: nothing was found */
	unsigned age_s;
	const char *request, *fields;
	unsigned uses;
	const char *status; /* of the first of: served, on failure, forwarded */
} served[] = {
	{"a fresh one", &cached, &life_60, 20, "GET /", "", SERVE | ON_FAILURE,
	 "microreg; hit; ttl=40"},
	{"a fresh one for HEAD", &cached, &life_60, 20, "HEAD /", "", SERVE | ON_FAILURE,
	 "microreg; hit; ttl=40"},
	{"nothing found", &cached, NULL, 0, "GET /", "", 0, "microreg; fwd=miss"},
	{"a stale one", &cached, &life_60, 61, "GET /", "", ON_FAILURE,
	 "microreg; hit; ttl=-1; detail=stale-if-error"},
	{"just at its end it is stale", &cached, &life_60, 60, "GET /", "", ON_FAILURE,
	 "microreg; hit; ttl=0; detail=stale-if-error"},
	{"stale for long", &cached, &life_60, 472, "GET /", "", ON_FAILURE,
	 "microreg; hit; ttl=-412; detail=stale-if-error"},
	{"too stale", &cached, &life_60, 3660, "GET /", "", 0, "microreg; fwd=stale"},
	{"a fresh one on a route without a cache key", &plain, &life_60, 20, "GET /", "",
	 ON_FAILURE, "microreg; hit; ttl=40"},
	{"when it is too old there too", &plain, &life_60, 3660, "GET /", "", 0,
	 "microreg; fwd=miss"},
	{"one that is never stale, when it is", &cached, &life_strict, 61, "GET /", "", 0,
	 "microreg; fwd=stale"},
	{"one that is never stale, while fresh", &cached, &life_strict, 59, "GET /", "",
	 SERVE | ON_FAILURE, "microreg; hit; ttl=1"},
	{"max-stale does not help it", &cached, &life_strict, 61, "GET /",
	 "Cache-Control: max-stale\r\n", 0, "microreg; fwd=stale"},
	{"stale-while-revalidate", &cached, &life_swr, 70, "GET /", "",
	 SERVE | REFRESH | ON_FAILURE, "microreg; hit; ttl=-10; detail=stale-while-revalidate"},
	{"after its window", &cached, &life_swr, 90, "GET /", "", ON_FAILURE,
	 "microreg; hit; ttl=-30; detail=stale-if-error"},
	{"not on a route without a cache key", &plain, &life_swr, 70, "GET /", "", ON_FAILURE,
	 "microreg; hit; ttl=-10; detail=stale-if-error"},
	{"no-cache insists", &cached, &life_60, 20, "GET /", "Cache-Control: no-cache\r\n", 0,
	 "microreg; fwd=request"},
	{"Pragma: no-cache too", &cached, &life_60, 20, "GET /", "Pragma: no-cache\r\n", 0,
	 "microreg; fwd=request"},
	{"but not beside Cache-Control", &cached, &life_60, 20, "GET /",
	 "Pragma: no-cache\r\nCache-Control: max-age=30\r\n", SERVE | ON_FAILURE,
	 "microreg; hit; ttl=40"},
	{"max-age that it meets", &cached, &life_60, 20, "GET /", "Cache-Control: max-age=20\r\n",
	 SERVE | ON_FAILURE, "microreg; hit; ttl=40"},
	{"max-age that it does not", &cached, &life_60, 20, "GET /",
	 "Cache-Control: max-age=19\r\n", ON_FAILURE, "microreg; hit; ttl=40"},
	{"a reload of a browser, when the service is down", &cached, &life_60, 70, "GET /",
	 "Cache-Control: max-age=0\r\n", ON_FAILURE,
	 "microreg; hit; ttl=-10; detail=stale-if-error"},
	{"min-fresh that it meets", &cached, &life_60, 20, "GET /",
	 "Cache-Control: min-fresh=40\r\n", SERVE | ON_FAILURE, "microreg; hit; ttl=40"},
	{"min-fresh that it does not", &cached, &life_60, 20, "GET /",
	 "Cache-Control: min-fresh=41\r\n", ON_FAILURE, "microreg; hit; ttl=40"},
	{"max-stale of any length", &cached, &life_60, 600, "GET /", "Cache-Control: max-stale\r\n",
	 SERVE | ON_FAILURE, "microreg; hit; ttl=-540; detail=max-stale"},
	{"max-stale that reaches", &cached, &life_60, 70, "GET /",
	 "Cache-Control: max-stale=10\r\n", SERVE | ON_FAILURE,
	 "microreg; hit; ttl=-10; detail=max-stale"},
	{"max-stale that does not", &cached, &life_60, 70, "GET /",
	 "Cache-Control: max-stale=9\r\n", ON_FAILURE,
	 "microreg; hit; ttl=-10; detail=stale-if-error"},
	{"stale-if-error of the request makes it shorter", &cached, &life_60, 70, "GET /",
	 "Cache-Control: stale-if-error=10\r\n", 0, "microreg; fwd=stale"},
	{"only-if-cached with a fresh one", &cached, &life_60, 20, "GET /",
	 "Cache-Control: only-if-cached\r\n", SERVE | ON_FAILURE | ONLY_CACHED,
	 "microreg; hit; ttl=40"},
	{"only-if-cached with nothing", &cached, NULL, 0, "GET /",
	 "Cache-Control: only-if-cached\r\n", ONLY_CACHED, "microreg; fwd=miss"},
	{"only-if-cached where nothing is served from the cache", &plain, NULL, 0, "GET /",
	 "Cache-Control: only-if-cached\r\n", 0, "microreg; fwd=miss"},
	{"POST", &cached, &life_60, 20, "POST /", "", 0, ""},
	{"a GET with a body", &cached, &life_60, 20, "GET /", "Content-Length: 4\r\n", 0, ""},
	{"a route with cache: off", &off, &life_60, 20, "GET /", "", 0, ""},
	{"no-store of the request may be served", &cached, &life_60, 20, "GET /",
	 "Cache-Control: no-store\r\n", SERVE | ON_FAILURE, "microreg; hit; ttl=40"},
};

START_TEST(what_was_found_is_served_by_the_rules)
{
	struct http1_head request =
		cache_case_request(&arena, served[_i].request, served[_i].fields);
	struct cache_entry entry = {.status = 200, .last_modified = -1};
	struct cache_use use;
	char status[CACHE_STATUS_SIZE];
	unsigned uses;

	if (served[_i].life)
		entry.life = *served[_i].life;
	use = cache_rules_serve(served[_i].route, &request, served[_i].life ? &entry : NULL,
				500000 + served[_i].age_s * UINT64_C(1000));
	uses = (use.serve ? SERVE : 0) | (use.refresh ? REFRESH : 0) |
	       (use.on_failure ? ON_FAILURE : 0) | (use.only_if_cached ? ONLY_CACHED : 0);
	ck_assert_msg(uses == served[_i].uses, "%s: %u", served[_i].name, uses);
	(void)cache_status_write(use.serve	  ? &use.hit
				 : use.on_failure ? &use.on_failure_hit
						  : &use.forwarded,
				 status);
	ck_assert_msg(strcmp(status, served[_i].status) == 0, "%s: %s", served[_i].name, status);
}
END_TEST

START_TEST(a_forwarded_request_says_why_and_what_became_of_it)
{
	static const struct {
		struct cache_status status;
		const char *text, *name;
	} cases[] = {
		{{.outcome = CACHE_FORWARD_MISS, .stored = true},
		 "microreg; fwd=miss; stored",
		 "miss"},
		{{.outcome = CACHE_FORWARD_MISS, .collapsed = true},
		 "microreg; fwd=miss; collapsed",
		 "miss"},
		{{.outcome = CACHE_FORWARD_STALE, .validated = true},
		 "microreg; fwd=stale; fwd-status=304",
		 "miss"},
		{{.outcome = CACHE_FORWARD_STALE, .stored = true},
		 "microreg; fwd=stale; stored",
		 "miss"},
		{{.outcome = CACHE_FORWARD_REQUEST}, "microreg; fwd=request", "miss"},
		{{.outcome = CACHE_STALE_IF_ERROR, .ttl_s = INT64_MIN},
		 "microreg; hit; ttl=-9223372036854775808; detail=stale-if-error",
		 "stale"},
		{{.outcome = CACHE_UNUSED}, "", ""},
	};
	char text[CACHE_STATUS_SIZE];

	for (int i = 0; i < COUNT(cases); i++) {
		ck_assert_uint_eq(cache_status_write(&cases[i].status, text),
				  strlen(cases[i].text));
		ck_assert_str_eq(text, cases[i].text);
		ck_assert_str_eq(cache_status_name(&cases[i].status), cases[i].name);
	}
}
END_TEST

START_TEST(age_goes_on_while_it_is_kept)
{
	struct cache_entry entry = {.life = {.received_ms = 1000, .age_ms = 2500}};

	ck_assert_uint_eq(cache_rules_age_s(&entry, 1000), 2);
	ck_assert_uint_eq(cache_rules_age_s(&entry, 1500), 3);
	ck_assert_uint_eq(cache_rules_age_s(&entry, 900), 2); /* another worker's earlier turn */
}
END_TEST

START_TEST(errors_and_unsafe_methods_are_told_apart)
{
	static const unsigned errors[] = {500, 502, 503, 504}, fine[] = {200, 304, 404, 429, 501};

	for (int i = 0; i < COUNT(errors); i++)
		ck_assert(cache_rules_is_error(errors[i]));
	for (int i = 0; i < COUNT(fine); i++)
		ck_assert(!cache_rules_is_error(fine[i]));
	ck_assert(cache_rules_invalidates(HTTP_POST, 201));
	ck_assert(cache_rules_invalidates(HTTP_DELETE, 204));
	ck_assert(cache_rules_invalidates(HTTP_OTHER, 302));
	ck_assert(!cache_rules_invalidates(HTTP_PUT, 500));
	ck_assert(!cache_rules_invalidates(HTTP_PUT, 409));
	ck_assert(!cache_rules_invalidates(HTTP_GET, 200));
	ck_assert(!cache_rules_invalidates(HTTP_OPTIONS, 200));
}
END_TEST

/* ---- 304 ---- */

static const struct {
	const char *name, *request, *fields, *etag;
	int64_t modified;
	unsigned status;
	bool not_modified;
} conditions[] = {
	{"no condition", "GET /", "", "\"a\"", -1, 200, false},
	{"its tag", "GET /", "If-None-Match: \"a\"\r\n", "\"a\"", -1, 200, true},
	{"its tag for HEAD", "HEAD /", "If-None-Match: \"a\"\r\n", "\"a\"", -1, 200, true},
	{"its tag, weak in the request", "GET /", "If-None-Match: W/\"a\"\r\n", "\"a\"", -1, 200,
	 true},
	{"its tag, weak in the reply", "GET /", "If-None-Match: \"a\"\r\n", "W/\"a\"", -1, 200,
	 true},
	{"another tag", "GET /", "If-None-Match: \"b\"\r\n", "\"a\"", -1, 200, false},
	{"among others", "GET /", "If-None-Match: \"b\", W/\"c,\", \"a\"\r\n", "\"a\"", -1, 200,
	 true},
	{"in a second line", "GET /", "If-None-Match: \"b\"\r\nIf-None-Match: \"a\"\r\n", "\"a\"",
	 -1, 200, true},
	{"a part of another tag", "GET /", "If-None-Match: \"x\"a\"y\"\r\n", "\"xa\"", -1, 200,
	 false},
	{"a tag without end", "GET /", "If-None-Match: \"a\r\n", "\"a\"", -1, 200, false},
	{"any", "GET /", "If-None-Match: *\r\n", "", -1, 200, true},
	{"a tag, but the reply has none", "GET /", "If-None-Match: \"a\"\r\n", "", -1, 200, false},
	{"not of a 404", "GET /", "If-None-Match: *\r\n", "\"a\"", -1, 404, false},
	{"unchanged since", "GET /", "If-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT\r\n", "",
	 CACHE_CASE_WALL_S, 200, true},
	{"changed since", "GET /", "If-Modified-Since: Sun, 06 Nov 1994 08:49:36 GMT\r\n", "",
	 CACHE_CASE_WALL_S, 200, false},
	{"a date that is none", "GET /", "If-Modified-Since: yesterday\r\n", "", CACHE_CASE_WALL_S,
	 200, false},
	{"a date, but the reply has none", "GET /",
	 "If-Modified-Since: Sun, 06 Nov 1994 08:49:36 GMT\r\n", "", -1, 200, false},
	{"a tag wins over a date", "GET /",
	 "If-None-Match: \"b\"\r\nIf-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT\r\n", "\"a\"",
	 CACHE_CASE_WALL_S, 200, false},
};

START_TEST(a_client_that_has_it_is_told_so)
{
	struct http1_head request =
		cache_case_request(&arena, conditions[_i].request, conditions[_i].fields);
	struct cache_entry entry = {
		.status = conditions[_i].status,
		.etag = {.at = conditions[_i].etag, .len = strlen(conditions[_i].etag)},
		.last_modified = conditions[_i].modified,
		.life = {.received_wall_ms = CACHE_CASE_WALL_S * 1000}};

	ck_assert_msg(cache_rules_not_modified(&request, &entry) == conditions[_i].not_modified,
		      "%s", conditions[_i].name);
}
END_TEST

/* ---- Dates ---- */

static const struct {
	const char *text;
	int64_t seconds;
} dates[] = {
	{"Sun, 06 Nov 1994 08:49:37 GMT", CACHE_CASE_WALL_S},
	{"Sunday, 06-Nov-94 08:49:37 GMT", CACHE_CASE_WALL_S},
	{"Sun Nov  6 08:49:37 1994", CACHE_CASE_WALL_S},
	{"Sun Nov 16 08:49:37 1994", CACHE_CASE_WALL_S + 10 * 86400},
	{"Thu, 01 Jan 1970 00:00:00 GMT", 0},
	{"Tue, 29 Feb 2000 23:59:59 GMT", 951868799},
	{"Fri, 01 Mar 2024 00:00:00 GMT", 1709251200},
	{"Tue, 19 Jan 2038 03:14:08 GMT", 2147483648},
	{"Fri, 31 Dec 9999 23:59:59 GMT", 253402300799},
	{"Sat, 31 Dec 2016 23:59:60 GMT", 1483228799},
	{"Tuesday, 19-Jan-38 03:14:08 GMT", 2147483648},
	{"Sunday, 06-Nov-70 08:49:37 GMT", 26729377},
	{"Wed, 29 Feb 2023 00:00:00 GMT", -1},
	{"Thu, 29 Feb 1900 00:00:00 GMT", -1},
	{"Wed, 31 Dec 1969 23:59:59 GMT", -1},
	{"Sun, 00 Nov 1994 08:49:37 GMT", -1},
	{"Sun, 06 Nov 1994 24:00:00 GMT", -1},
	{"Sun, 06 Nov 1994 08:60:37 GMT", -1},
	{"Sun, 06 Nov 1994 08:49:61 GMT", -1},
	{"Sun, 06 Nov 1994 08:49:37 UTC", -1},
	{"Sun, 06 Nov 1994 08:49:37", -1},
	{"Sun, 06 Nov 1994 08:49:37 GMT ", -1},
	{"sun, 06 nov 1994 08:49:37 GMT", -1},
	{"Sun, 6 Nov 1994 08:49:37 GMT", -1},
	{"Wednesday, 06-Nov-94 08:49:37 GMT and more", -1},
	{"Sun", -1},
	{"0", -1},
	{"", -1},
};

START_TEST(a_date_is_read_in_its_three_forms)
{
	ck_assert_msg(http_date_parse(dates[_i].text, strlen(dates[_i].text), CACHE_CASE_WALL_S) ==
			      dates[_i].seconds,
		      "%s: %lld", dates[_i].text,
		      (long long)http_date_parse(dates[_i].text, strlen(dates[_i].text),
						 CACHE_CASE_WALL_S));
}
END_TEST

int main(void)
{
	Suite *s = suite_create("cache_rules");
	TCase *t = tcase_create("rules");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, a_reply_is_kept_by_the_rules, 0, COUNT(kept));
	tcase_add_loop_test(t, a_reply_has_an_age_when_it_comes, 0, COUNT(ages));
	tcase_add_loop_test(t, what_was_found_is_served_by_the_rules, 0, COUNT(served));
	tcase_add_test(t, a_forwarded_request_says_why_and_what_became_of_it);
	tcase_add_test(t, age_goes_on_while_it_is_kept);
	tcase_add_test(t, errors_and_unsafe_methods_are_told_apart);
	tcase_add_loop_test(t, a_client_that_has_it_is_told_so, 0, COUNT(conditions));
	tcase_add_loop_test(t, a_date_is_read_in_its_three_forms, 0, COUNT(dates));
	suite_add_tcase(s, t);
	return unit_run(s);
}
