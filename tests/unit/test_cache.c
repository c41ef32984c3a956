/* cache: what is stored is found by whom it is for, within its bounds, from any thread. */
#include "gateway/cache.h"
#include "tests/unit/cache_case.h"
#include "tests/unit/unit.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NOW_MS = 1000000 };

static struct arena arena;
static struct cache *cache;

static void setup(void)
{
	arena_init(&arena, 64 << 20);
	cache = cache_new(1 << 20, 100000);
	ck_assert_ptr_nonnull(cache);
}

static void teardown(void)
{
	cache_free(&cache);
	arena_fini(&arena);
}

static struct span text(const char *s)
{
	return (struct span){.at = s, .len = strlen(s)};
}

static bool span_is(struct span s, const char *want)
{
	return s.len == strlen(want) && memcmp(s.at, want, s.len) == 0;
}

static struct cache_key key_of(struct arena *a, const struct http1_head *request)
{
	struct cache_key key;

	ck_assert_int_eq(cache_key_make(&key, a, text("orders"), request, request->path), 0);
	cache_key_begin(cache, &key);
	return key;
}

/* Stores one reply as it would come: its body in two pieces. */
static bool store_in(struct arena *a, const char *line, const char *fields, const char *status,
		     const char *reply_fields, const char *body)
{
	struct cache_life life = {.store = true,
				  .received_ms = NOW_MS,
				  .received_wall_ms = CACHE_CASE_WALL_S * 1000,
				  .fresh_ms = 60000};
	struct http1_head request = cache_case_request(a, line, fields);
	struct http1_head reply = cache_case_reply(a, status, reply_fields);
	struct cache_key key = key_of(a, &request);
	struct cache_writer *w = cache_writer_begin(cache, &key, &request, &reply, &life);
	size_t half = strlen(body) / 2;

	cache_writer_append(&w, (struct span){.at = body, .len = half});
	cache_writer_append(&w, text(body + half));
	return cache_writer_commit(&w);
}

static bool store(const char *line, const char *body)
{
	return store_in(&arena, line, "", "200", "", body);
}

static const struct cache_entry *find_in(struct arena *a, const char *line, const char *fields,
					 uint64_t now_ms)
{
	struct http1_head request = cache_case_request(a, line, fields);
	struct cache_key key = key_of(a, &request);

	return cache_find(cache, &key, &request, now_ms);
}

static bool finds(const char *line, const char *fields, const char *body)
{
	const struct cache_entry *entry = find_in(&arena, line, fields, NOW_MS);
	bool same = entry ? body && span_is(entry->body, body) : !body;

	cache_unref(&entry);
	ck_assert_ptr_null(entry);
	return same;
}

START_TEST(a_reply_is_kept_as_it_will_be_sent)
{
	const struct cache_entry *entry;

	ck_assert(store_in(&arena, "GET /a?b=c", "", "200",
			   "Date: Sun, 06 Nov 1994 08:49:00 GMT\r\nConnection: x-hop\r\n"
			   "X-Hop: 1\r\nContent-Type: text/plain\r\nETag: \"v1\"\r\nAge: 3\r\n"
			   "Content-Length: 5\r\nKeep-Alive: timeout=5\r\nX-Request-Id: 7\r\n"
			   "MicroReg-Cache-Control: max-age=60\r\nCache-Status: other; hit\r\n"
			   "Cache-Control: max-age=60\r\nServer-Timing: a\r\n"
			   "Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT\r\nX-Own: kept\r\n",
			   "hello"));
	entry = find_in(&arena, "GET /a?b=c", "", NOW_MS);
	ck_assert_ptr_nonnull(entry);
	ck_assert_uint_eq(entry->status, 200);
	ck_assert(span_is(entry->body, "hello"));
	ck_assert(span_is(entry->etag, "\"v1\""));
	ck_assert_int_eq(entry->last_modified, CACHE_CASE_WALL_S);
	ck_assert(span_is(entry->fields_304,
			  "Date: Sun, 06 Nov 1994 08:49:00 GMT\r\nETag: \"v1\"\r\n"
			  "Cache-Control: max-age=60\r\n"
			  "Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT\r\nX-Own: kept\r\n"));
	ck_assert_ptr_eq(entry->fields.at, entry->fields_304.at);
	ck_assert(span_is((struct span){.at = entry->fields.at + entry->fields_304.len,
					.len = entry->fields.len - entry->fields_304.len},
			  "Content-Type: text/plain\r\n"));
	cache_unref(&entry);
}
END_TEST

START_TEST(a_reply_without_a_date_gets_one)
{
	const struct cache_entry *entry;

	ck_assert(store("GET /a", ""));
	entry = find_in(&arena, "GET /a", "", NOW_MS);
	ck_assert(span_is(entry->fields, "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"));
	ck_assert_uint_eq(entry->body.len, 0);
	cache_unref(&entry);
}
END_TEST

START_TEST(a_key_has_service_host_path_and_query)
{
	struct http1_head request = cache_case_request(&arena, "GET /a", "");
	struct cache_key key;

	ck_assert(store("GET /a", "one"));
	ck_assert(finds("GET /a", "", "one"));
	ck_assert(finds("HEAD /a", "", "one"));
	ck_assert(finds("GET http://EXAMPLE.org/a", "", "one"));
	ck_assert(finds("GET http://example.com/a", "", NULL));
	ck_assert(finds("GET /a?", "", NULL));
	ck_assert(finds("GET /a?b", "", NULL));
	ck_assert(finds("GET /A", "", NULL));
	ck_assert_int_eq(cache_key_make(&key, &arena, text("users"), &request, request.path), 0);
	ck_assert_ptr_null(cache_find(cache, &key, &request, NOW_MS));
}
END_TEST

START_TEST(a_newer_reply_stands_for_an_older_one)
{
	struct cache_counts counts;

	ck_assert(store("GET /a", "old"));
	ck_assert(store("GET /a", "new"));
	ck_assert(finds("GET /a", "", "new"));
	cache_count(cache, &counts);
	ck_assert_uint_eq(counts.entries, 1);
}
END_TEST

START_TEST(what_is_held_stays_when_it_has_left_the_cache)
{
	const struct cache_entry *entry, *again;

	ck_assert(store("GET /a", "old"));
	entry = find_in(&arena, "GET /a", "", NOW_MS);
	again = cache_ref(entry);
	ck_assert(store("GET /a", "new"));
	cache_unref(&entry);
	ck_assert(span_is(again->body, "old"));
	cache_unref(&again);
}
END_TEST

START_TEST(variants_are_told_apart_by_what_vary_names)
{
	const char *vary = "Vary: Accept-Language, X-Device\r\n";

	ck_assert(store_in(&arena, "GET /a", "Accept-Language: de\r\n", "200", vary, "hallo"));
	ck_assert(store_in(&arena, "GET /a", "Accept-Language: fr\r\n", "200", vary, "salut"));
	ck_assert(store_in(&arena, "GET /a", "", "200", vary, "hello"));
	ck_assert(store_in(&arena, "GET /a", "Accept-Language: a\r\naccept-language: b\r\n", "200",
			   vary, "both"));
	ck_assert(finds("GET /a", "accept-language: de\r\n", "hallo"));
	ck_assert(finds("GET /a", "Accept-Language: fr\r\nX-Other: 1\r\n", "salut"));
	ck_assert(finds("GET /a", "", "hello"));
	ck_assert(finds("GET /a", "Accept-Language:\r\n", NULL));
	ck_assert(finds("GET /a", "Accept-Language: a, b\r\n", "both"));
	ck_assert(finds("GET /a", "Accept-Language: b, a\r\n", NULL));
	ck_assert(finds("GET /a", "Accept-Language: de\r\nX-Device: tv\r\n", NULL));
	ck_assert(finds("GET /a", "Accept-Language: d\r\n", NULL));
}
END_TEST

START_TEST(variants_of_one_key_are_few_and_the_oldest_goes)
{
	struct cache_counts counts;
	char field[32];

	for (unsigned i = 0; i <= CACHE_VARIANTS_MAX; i++) {
		(void)snprintf(field, sizeof(field), "Accept: %u\r\n", i);
		ck_assert(store_in(&arena, "GET /a", field, "200", "Vary: accept\r\n", "x"));
	}
	cache_count(cache, &counts);
	ck_assert_uint_eq(counts.entries, CACHE_VARIANTS_MAX);
	ck_assert(finds("GET /a", "Accept: 0\r\n", NULL));
	ck_assert(finds("GET /a", "Accept: 1\r\n", "x"));
}
END_TEST

START_TEST(an_error_never_evicts_a_good_one)
{
	const struct cache_entry *entry;

	ck_assert(store("GET /a", "good"));
	ck_assert(store_in(&arena, "GET /a", "", "404", "", "gone"));
	ck_assert(finds("GET /a", "", "gone")); /* while it is fresh */
	entry = find_in(&arena, "GET /a", "", NOW_MS + 60000);
	ck_assert(span_is(entry->body, "good"));
	cache_unref(&entry);
	ck_assert(store("GET /a", "good again"));
	ck_assert(finds("GET /a", "", "good again"));
}
END_TEST

START_TEST(errors_leave_the_variants_of_good_replies_alone)
{
	char field[32];

	for (unsigned i = 0; i < CACHE_VARIANTS_MAX; i++) {
		(void)snprintf(field, sizeof(field), "Accept: %u\r\n", i);
		ck_assert(store_in(&arena, "GET /a", field, "200", "Vary: accept\r\n", "x"));
	}
	ck_assert(!store_in(&arena, "GET /a", "Accept: 9\r\n", "404", "Vary: accept\r\n", "e"));
	ck_assert(finds("GET /a", "Accept: 0\r\n", "x"));
	ck_assert(finds("GET /a", "Accept: 9\r\n", NULL));
}
END_TEST

START_TEST(an_unsafe_request_drops_all_variants)
{
	struct http1_head request = cache_case_request(&arena, "DELETE /a", "");
	struct cache_key key = key_of(&arena, &request);
	struct cache_counts counts;

	ck_assert(store_in(&arena, "GET /a", "Accept: 1\r\n", "200", "Vary: accept\r\n", "1"));
	ck_assert(store_in(&arena, "GET /a", "Accept: 2\r\n", "200", "Vary: accept\r\n", "2"));
	ck_assert(store("GET /b", "b"));
	cache_invalidate(cache, &key);
	ck_assert(finds("GET /a", "Accept: 1\r\n", NULL));
	ck_assert(finds("GET /a", "Accept: 2\r\n", NULL));
	ck_assert(finds("GET /b", "", "b"));
	cache_count(cache, &counts);
	ck_assert_uint_eq(counts.entries, 1);
}
END_TEST

/* ---- Replies that were asked for before a drop ---- */

/* A reply of which half has come. */
static struct cache_writer *half(const char *line)
{
	struct cache_life life = {.store = true, .received_ms = NOW_MS, .fresh_ms = 60000};
	struct http1_head request = cache_case_request(&arena, line, "");
	struct http1_head reply = cache_case_reply(&arena, "200", "");
	struct cache_key key = key_of(&arena, &request);
	struct cache_writer *w = cache_writer_begin(cache, &key, &request, &reply, &life);

	ck_assert_ptr_nonnull(w);
	cache_writer_append(&w, text("half"));
	return w;
}

static void purge(const char *service, const char *prefix)
{
	struct cache_match match = {.service = service, .prefix = text(prefix)};

	(void)cache_purge(cache, &match);
}

START_TEST(what_was_asked_for_before_its_key_was_dropped_is_not_kept)
{
	struct http1_head request = cache_case_request(&arena, "POST /a", "");
	struct cache_key key = key_of(&arena, &request);
	struct cache_writer *w = half("GET /a"), *other = half("GET /b");

	ck_assert(!cache_key_is_dropped(cache, &key));
	cache_invalidate(cache, &key);
	ck_assert(cache_key_is_dropped(cache, &key));
	ck_assert(store("GET /a", "asked for after it"));
	ck_assert(!cache_writer_commit(&w));
	ck_assert(cache_writer_commit(&other));
	ck_assert(finds("GET /a", "", "asked for after it"));
	ck_assert(finds("GET /b", "", "half"));
}
END_TEST

START_TEST(what_was_asked_for_before_a_purge_is_not_kept)
{
	struct cache_writer *w = half("GET /a/1"), *other = half("GET /b/1");

	purge("orders", "/a");
	purge("users", "/b");
	ck_assert(!cache_writer_commit(&w));
	ck_assert(finds("GET /a/1", "", NULL));
	ck_assert(cache_writer_commit(&other));
	ck_assert(store("GET /a/1", "asked for after it"));
	w = half("GET /a/1");
	purge(NULL, "");
	ck_assert(!cache_writer_commit(&w));
	ck_assert(finds("GET /a/1", "", NULL));
}
END_TEST

START_TEST(of_more_purges_than_are_remembered_each_counts_for_all)
{
	struct cache_writer *w = half("GET /a"), *other = half("GET /a");
	char *service = arena_alloc(&arena, 1001);

	for (unsigned i = 0; i < 32; i++)
		purge("orders", "/b");
	ck_assert(cache_writer_commit(&w));
	purge("orders", "/b");
	w = half("GET /a");
	purge("orders", "/b");
	ck_assert(cache_writer_commit(&w));
	ck_assert(!cache_writer_commit(&other));
	/* One with a longer text than is remembered counts for more than it says, never for less.
	 */
	memset(service, 's', 1000);
	service[1000] = '\0';
	w = half("GET /a");
	other = half("GET /b");
	purge(service, "/a");
	ck_assert(!cache_writer_commit(&w));
	ck_assert(cache_writer_commit(&other));
}
END_TEST

START_TEST(a_304_to_what_was_asked_before_a_drop_renews_nothing)
{
	struct cache_life life = {.store = true, .received_ms = NOW_MS, .fresh_ms = 60000};
	struct http1_head request = cache_case_request(&arena, "GET /a", "");
	struct http1_head reply = cache_case_reply(&arena, "304", ""), head;
	struct cache_key key = key_of(&arena, &request);
	const struct cache_entry *old;

	ck_assert(store("GET /a", "old"));
	old = find_in(&arena, "GET /a", "", NOW_MS);
	ck_assert_int_eq(cache_renew_head(&head, &arena, old, &reply), 0);
	cache_invalidate(cache, &key);
	ck_assert_ptr_null(cache_renew(cache, &key, &request, &head, &life, old));
	ck_assert(finds("GET /a", "", NULL));
	cache_unref(&old);
}
END_TEST

/* ---- Bounds ---- */

static char *filler(size_t len)
{
	char *body = arena_alloc(&arena, len + 1);

	memset(body, 'x', len);
	body[len] = '\0';
	return body;
}

START_TEST(what_was_used_last_stays)
{
	const char *body = filler(10000);
	struct cache_counts counts;
	char line[32];
	unsigned there = 0;

	ck_assert(store("GET /used", body));
	for (unsigned i = 0; i < 500; i++) {
		const struct cache_entry *entry;

		(void)snprintf(line, sizeof(line), "GET /%u", i);
		ck_assert(store(line, body));
		entry = find_in(&arena, "GET /used", "", NOW_MS + i * 1000);
		ck_assert_ptr_nonnull(entry);
		cache_unref(&entry);
		cache_count(cache, &counts);
		ck_assert_uint_le(counts.bytes, 1 << 20);
	}
	for (unsigned i = 0; i < 500; i++) {
		(void)snprintf(line, sizeof(line), "GET /%u", i);
		there += finds(line, "", body);
	}
	ck_assert_uint_eq(there + 1, counts.entries);
	ck_assert_uint_eq(counts.evicted, 501 - counts.entries);
	ck_assert_uint_gt(there, 60);
}
END_TEST

START_TEST(a_body_over_the_maximum_is_not_kept)
{
	ck_assert(store("GET /a", filler(90000)));
	ck_assert(!store("GET /b", filler(100000)));
	ck_assert(finds("GET /b", "", NULL));
	ck_assert(!store_in(&arena, "GET /c", "", "200", "Content-Length: 100001\r\n", ""));
}
END_TEST

START_TEST(what_all_writers_hold_is_bounded)
{
	struct cache_life life = {.store = true, .received_ms = NOW_MS};
	struct http1_head request = cache_case_request(&arena, "GET /a", "");
	struct http1_head reply = cache_case_reply(&arena, "200", "");
	struct cache_key key = key_of(&arena, &request);
	struct cache_writer *writers[100];
	struct span body = text(filler(50000));
	unsigned going = 0;

	for (unsigned i = 0; i < 100; i++) {
		writers[i] = cache_writer_begin(cache, &key, &request, &reply, &life);
		cache_writer_append(&writers[i], body);
		going += writers[i] != NULL;
	}
	ck_assert_uint_ge(going, 2);
	ck_assert_uint_le(going * 50000, 1 << 18);
	for (unsigned i = 0; i < 100; i++)
		cache_writer_abort(&writers[i]);
	ck_assert(finds("GET /a", "", NULL));
	ck_assert(store("GET /a", body.at)); /* all was given back */
}
END_TEST

/* A writer that began so late, with 50000 bytes if there is room for them. */
static struct cache_writer *write_at(uint64_t now_ms, const char *line)
{
	struct cache_life life = {.store = true, .received_ms = now_ms, .fresh_ms = 60000};
	struct http1_head request = cache_case_request(&arena, line, "");
	struct http1_head reply = cache_case_reply(&arena, "200", "");
	struct cache_key key = key_of(&arena, &request);
	struct cache_writer *w = cache_writer_begin(cache, &key, &request, &reply, &life);

	cache_writer_append(&w, text(filler(50000)));
	return w;
}

START_TEST(what_takes_long_gives_its_room_up_to_others)
{
	struct cache_writer *slow[100], *w;
	unsigned count = 0, kept = 0;

	while ((slow[count] = write_at(NOW_MS, "GET /slow")) != NULL)
		count++;
	ck_assert_uint_ge(count, 2);
	ck_assert_ptr_null(write_at(NOW_MS + CACHE_WRITER_FAIR_MS - 1, "GET /a"));
	w = write_at(NOW_MS + CACHE_WRITER_FAIR_MS, "GET /a");
	ck_assert(cache_writer_commit(&w));
	ck_assert(finds("GET /a", "", filler(50000)));
	/* No more than was needed, and the first one first. */
	cache_writer_append(&slow[0], text("more"));
	ck_assert_ptr_null(slow[0]);
	for (unsigned i = 0; i < count; i++)
		kept += cache_writer_commit(&slow[i]);
	ck_assert_uint_ge(kept, count - 2);
	ck_assert_uint_lt(kept, count);
	for (unsigned i = 0; i < 20; i++) { /* all was given back */
		w = write_at(NOW_MS, "GET /b");
		ck_assert(cache_writer_commit(&w));
	}
}
END_TEST

/* One that does not end holds its room while nobody needs it. */
START_TEST(what_takes_long_is_kept_when_there_is_room)
{
	struct cache_writer *slow = write_at(NOW_MS, "GET /slow");
	struct cache_writer *w = write_at(NOW_MS + 100000, "GET /a");

	ck_assert(cache_writer_commit(&w));
	ck_assert(cache_writer_commit(&slow));
}
END_TEST

START_TEST(a_cache_of_nothing_keeps_nothing)
{
	cache_free(&cache);
	ck_assert_ptr_null(cache);
	cache = cache_new(0, 100000);
	ck_assert(!store("GET /a", "x"));
	ck_assert(finds("GET /a", "", NULL));
	cache_free(&cache);
	cache = cache_new(1 << 20, 0);
	ck_assert(!store("GET /a", "x"));
}
END_TEST

/* ---- Threads ---- */

/* A reply that is never whole, in the place of one whose room others may have taken meanwhile. */
static void leave(struct cache_writer **left, struct arena *mine, const char *line, uint64_t now_ms)
{
	struct cache_life life = {.store = true, .received_ms = now_ms, .fresh_ms = 60000};
	struct http1_head request = cache_case_request(mine, line, "");
	struct http1_head reply = cache_case_reply(mine, "200", "");
	struct cache_key key = key_of(mine, &request);

	cache_writer_append(left, text("more"));
	cache_writer_abort(left);
	*left = cache_writer_begin(cache, &key, &request, &reply, &life);
}

static void *hammer(void *arg)
{
	unsigned seed = *(unsigned *)arg;
	struct cache_writer *left[16] = {NULL};
	struct arena mine;
	char line[32], body[64];

	arena_init(&mine, 64 << 20);
	for (unsigned i = 0; i < 4000; i++) {
		unsigned n = (unsigned)rand_r(&seed) % 200;
		const struct cache_entry *entry;

		arena_reset(&mine);
		(void)snprintf(line, sizeof(line), "GET /%u", n);
		(void)snprintf(body, sizeof(body), "body of %u", n);
		entry = find_in(&mine, line, "", NOW_MS + i * 10);
		if (entry)
			ck_assert(span_is(entry->body, body));
		else if (i % 7 == 0)
			leave(&left[i % 16], &mine, line, NOW_MS + (uint64_t)i * 10);
		else
			(void)store_in(&mine, line, "", "200", "", body);
		cache_unref(&entry);
		if (i % 50 == 0) {
			struct http1_head request = cache_case_request(&mine, line, "");
			struct cache_key key = key_of(&mine, &request);

			cache_invalidate(cache, &key);
		}
	}
	for (unsigned i = 0; i < 16; i++)
		cache_writer_abort(&left[i]);
	arena_fini(&mine);
	return NULL;
}

START_TEST(threads_find_whole_replies_under_churn)
{
	unsigned seeds[4] = {1, 2, 3, 4};
	pthread_t threads[4];
	struct cache_counts counts;

	cache_free(&cache);
	cache = cache_new(100000, 1000); /* too small for all 200, so that some are evicted */
	for (unsigned i = 0; i < 4; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, hammer, &seeds[i]), 0);
	for (unsigned i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	cache_count(cache, &counts);
	ck_assert_uint_le(counts.bytes, 100000);
	ck_assert_uint_gt(counts.evicted, 0);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("cache");
	TCase *t = tcase_create("cache");

	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, a_reply_is_kept_as_it_will_be_sent);
	tcase_add_test(t, a_reply_without_a_date_gets_one);
	tcase_add_test(t, a_key_has_service_host_path_and_query);
	tcase_add_test(t, a_newer_reply_stands_for_an_older_one);
	tcase_add_test(t, what_is_held_stays_when_it_has_left_the_cache);
	tcase_add_test(t, variants_are_told_apart_by_what_vary_names);
	tcase_add_test(t, variants_of_one_key_are_few_and_the_oldest_goes);
	tcase_add_test(t, an_error_never_evicts_a_good_one);
	tcase_add_test(t, errors_leave_the_variants_of_good_replies_alone);
	tcase_add_test(t, an_unsafe_request_drops_all_variants);
	tcase_add_test(t, what_was_asked_for_before_its_key_was_dropped_is_not_kept);
	tcase_add_test(t, what_was_asked_for_before_a_purge_is_not_kept);
	tcase_add_test(t, of_more_purges_than_are_remembered_each_counts_for_all);
	tcase_add_test(t, a_304_to_what_was_asked_before_a_drop_renews_nothing);
	tcase_add_test(t, what_was_used_last_stays);
	tcase_add_test(t, a_body_over_the_maximum_is_not_kept);
	tcase_add_test(t, what_all_writers_hold_is_bounded);
	tcase_add_test(t, what_takes_long_gives_its_room_up_to_others);
	tcase_add_test(t, what_takes_long_is_kept_when_there_is_room);
	tcase_add_test(t, a_cache_of_nothing_keeps_nothing);
	tcase_add_test(t, threads_find_whole_replies_under_churn);
	suite_add_tcase(s, t);
	return unit_run(s);
}
