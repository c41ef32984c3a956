/*
 * Out of memory in the gateway: each allocation of the codec, the settings,
 * the router, the cache, the balancing and the access log fails once. Each
 * says so or goes on without, leaks nothing, and works the next time.
 */
#include "common/json_write.h"
#include "gateway/access_line.h"
#include "gateway/access_log.h"
#include "gateway/balance.h"
#include "gateway/cache.h"
#include "gateway/endpoint.h"
#include "gateway/http1_body.h"
#include "gateway/http1_write.h"
#include "gateway/router.h"
#include "gateway/settings.h"
#include "gateway/verdicts.h"
#include "tests/unit/fail_malloc.h"
#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct span text(const char *s)
{
	return (struct span){.at = s, .len = strlen(s)};
}

/* ---- The codec ---- */

static const char request_text[] =
	"GET /orders/7?a=b HTTP/1.1\r\nHost: example.org\r\nAccept: */*\r\n"
	"Connection: x\r\nX: 1\r\nContent-Length: 5\r\n\r\n";
static const char reply_text[] = "HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nETag: \"1\"\r\n"
				 "Content-Length: 5\r\n\r\n";

static int read_head(struct arena *arena, enum http1_kind kind, const char *from,
		     struct http1_head *head)
{
	const struct http1_limits limits = {
		.line_max = 4096, .headers_max = 65536, .fields_max = 100};
	struct http1_reader reader;
	size_t len;

	http1_head_start(&reader, kind, &limits, HTTP_GET);
	if (http1_head_feed(&reader, from, strlen(from), &len) != HTTP1_DONE)
		return -1;
	return http1_head_take(&reader, from, len, arena, head) == HTTP1_DONE ? 0 : -1;
}

static int codec(void *arg)
{
	struct http1_head head;
	struct http1_body body;
	struct span content;
	struct arena arena;
	struct buf out;
	size_t used;
	int r = -1;

	(void)arg;
	arena_init(&arena, 1 << 20);
	buf_init(&out, 1 << 20);
	if (read_head(&arena, HTTP1_REQUEST, request_text, &head) == 0) {
		http1_body_start(&body, &head);
		(void)http1_body_feed(&body, "hello", 5, &used, &content);
		http1_write_request_line(&out, head.method_text, head.path, true, head.query);
		for (size_t i = 0; i < head.field_count; i++)
			http1_write_span(&out, head.fields[i].name, head.fields[i].value);
		http1_write_length(&out, 5);
		http1_write_end(&out);
		http1_write_chunk_head(&out, 5);
		http1_write_last_chunk(&out);
		http1_write_end(&out);
		r = out.failed ? -1 : 0;
	}
	buf_fini(&out);
	arena_fini(&arena);
	return r;
}

static int json(void *arg)
{
	struct access_record record = {
		.request_id = text("7"), .target = text("/a?b"), .status = 200};
	struct json_writer j;
	struct buf out;
	int r;

	(void)arg;
	buf_init(&out, 1 << 20);
	json_write_init(&j, &out);
	json_write_object(&j);
	json_write_key(&j, "a");
	json_write_string(&j, "\"b\"\n");
	json_write_object_end(&j);
	access_line_json(&out, &record);
	access_line_combined(&out, &record);
	r = out.failed || !buf_str(&out) ? -1 : 0;
	buf_fini(&out);
	return r;
}

/* ---- Settings, routes and the access log ---- */

static char settings_name[] = "/tmp/test_out_of_memory_XXXXXX";

static void settings_write(void)
{
	static const char yaml[] =
		"listen: [\"127.0.0.1:0\"]\n"
		"registry: {urls: [\"http://127.0.0.1:1/RPC2\"]}\n"
		"log: {access: /dev/null}\n"
		"services:\n"
		"  orders: {instances: [\"http://127.0.0.1:9\", \"http://127.0.0.1:10\"]}\n"
		"routes:\n"
		"  - {path: \"/orders/{id}\", methods: [GET], service: orders, cache: {ttl: 30s}}\n"
		"  - {path: \"/v2/*\", hosts: [a.example], headers: {x: y}, service: users,\n"
		"     auth: {forward: {service: authz, path: \"/{*}\", request_headers: X-A,\n"
		"            cache: {ttl: 1s, by: [header A, cookie b]}}}}\n";
	int fd = mkstemp(settings_name);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, yaml, sizeof(yaml) - 1), (ssize_t)sizeof(yaml) - 1);
	ck_assert_int_eq(close(fd), 0);
}

static void settings_unlink(void)
{
	ck_assert_int_eq(unlink(settings_name), 0);
}

static int settings(void *arg)
{
	struct settings *s;
	struct buf mistakes;

	(void)arg;
	buf_init(&mistakes, 1 << 20);
	s = settings_read(settings_name, &mistakes);
	buf_fini(&mistakes);
	if (!s)
		return -1;
	settings_free(&s);
	return 0;
}

static int router(void *arg)
{
	const struct settings *s = arg;
	struct err e = {0};
	struct router *made = router_new(s->routes, s->route_count, &e);

	if (!made)
		return e.text[0] ? -1 : -2;
	router_free(&made);
	return 0;
}

static int access_logging(void *arg)
{
	struct access_record record = {
		.request_id = text("7"), .target = text("/a?b"), .status = 200};

	access_log_write(arg, &record); /* the line may be dropped */
	return 0;
}

static int access_opening(void *arg)
{
	const struct settings *s = arg;
	struct err e = {0};
	struct access_log *log = access_log_open(&s->log, &e);

	if (!log)
		return e.text[0] ? -1 : -2;
	(void)access_logging(log);
	access_log_close(&log);
	return 0;
}

static void never_without_words(void *arg, int r)
{
	(void)arg;
	ck_assert_int_ne(r, -2);
}

/* ---- The cache ---- */

static int caching(void *arg)
{
	struct cache_life life = {.store = true, .fresh_ms = 60000};
	struct cache *cache = cache_new(1 << 20, 100000);
	const struct cache_entry *found = NULL;
	struct http1_head request, reply;
	struct cache_writer *w = NULL;
	struct cache_key key;
	struct arena arena;
	int r = -1;

	(void)arg;
	arena_init(&arena, 1 << 20);
	if (cache && read_head(&arena, HTTP1_REQUEST, request_text, &request) == 0 &&
	    read_head(&arena, HTTP1_REPLY, reply_text, &reply) == 0 &&
	    cache_key_make(&key, &arena, text("orders"), &request, request.path) == 0) {
		w = cache_writer_begin(cache, &key, &request, &reply, &life);
		cache_writer_append(&w, text("he"));
		cache_writer_append(&w, text("llo"));
		if (cache_writer_commit(&w))
			found = cache_find(cache, &key, &request, 1);
		r = found ? 0 : -1;
	}
	cache_unref(&found);
	cache_free(&cache);
	arena_fini(&arena);
	return r;
}

/* A reply that could not be kept leaves the one before. */
static int cache_again(void *arg)
{
	struct cache *cache = arg;
	struct cache_life life = {.store = true, .fresh_ms = 60000};
	struct http1_head request, reply;
	struct cache_writer *w;
	struct cache_key key;
	struct arena arena;
	int r = -1;

	arena_init(&arena, 1 << 20);
	if (read_head(&arena, HTTP1_REQUEST, request_text, &request) == 0 &&
	    read_head(&arena, HTTP1_REPLY, reply_text, &reply) == 0 &&
	    cache_key_make(&key, &arena, text("orders"), &request, request.path) == 0) {
		w = cache_writer_begin(cache, &key, &request, &reply, &life);
		cache_writer_append(&w, text("hello"));
		r = cache_writer_commit(&w) ? 0 : -1;
	}
	arena_fini(&arena);
	return r;
}

static void cache_still_has_it(void *arg, int r)
{
	struct cache *cache = arg;
	struct http1_head request;
	const struct cache_entry *found;
	struct cache_key key;
	struct arena arena;

	(void)r;
	arena_init(&arena, 1 << 20);
	ck_assert_int_eq(read_head(&arena, HTTP1_REQUEST, request_text, &request), 0);
	ck_assert_int_eq(cache_key_make(&key, &arena, text("orders"), &request, request.path), 0);
	found = cache_find(cache, &key, &request, 1);
	ck_assert_ptr_nonnull(found);
	ck_assert_uint_eq(found->body.len, 5);
	cache_unref(&found);
	arena_fini(&arena);
}

/* ---- What services say of callers ---- */

static int verdict_keeping(void *arg)
{
	static const uint8_t key[VERDICT_KEY];
	struct verdict verdict = {.status = 200}, found;
	struct verdicts *verdicts = verdicts_new();
	struct arena arena;
	int r = -1;

	(void)arg;
	arena_init(&arena, 1 << 20);
	verdict.parts[VERDICT_ID] = text("ada");
	if (verdicts && verdicts_put(verdicts, key, &verdict, 2) &&
	    verdicts_find(verdicts, key, 1, &arena, &found))
		r = 0;
	arena_fini(&arena);
	verdicts_free(&verdicts);
	return r;
}

/* ---- Balancing ---- */

static int balancing(void *arg)
{
	struct endpoint_set set = {.items = calloc(3, sizeof(*set.items)), .changed = true};
	int r = -1;

	(void)arg;
	for (; set.items && set.count < 3; set.count++) {
		const struct endpoint_place place = {.id = set.count ? "b" : "a",
						     .host = "127.0.0.1",
						     .port = 80,
						     .weight = 1 + (unsigned)set.count};

		set.items[set.count] = endpoint_new(&place);
		if (!set.items[set.count])
			break;
		set.items[set.count]->up = set.items[set.count]->listed = true;
	}
	set.up_count = set.count;
	if (set.count == 3)
		r = balance_build(&set, 1);
	endpoint_set_fini(&set);
	return r;
}

/* ---- All of them ---- */

static const struct {
	const char *name;
	int (*run)(void *arg);
	bool copes; /* some things it can do without */
} steps[] = {
	{"codec", codec, false},       {"json", json, false},
	{"settings", settings, false}, {"cache", caching, true},
	{"balance", balancing, false}, {"verdicts", verdict_keeping, false},
};

START_TEST(every_failed_allocation_is_told)
{
	struct fail_malloc_count count = fail_malloc_each(steps[_i].run, NULL, NULL);

	ck_assert_msg(steps[_i].copes ? count.refused : count.refused == count.rounds,
		      "%s: %zu of %zu", steps[_i].name, count.refused, count.rounds);
}
END_TEST

START_TEST(routes_and_the_access_log_say_why)
{
	struct access_log *log;
	struct settings *s;
	struct err e = {0};
	struct buf mistakes;

	buf_init(&mistakes, 1 << 20);
	s = settings_read(settings_name, &mistakes);
	ck_assert_msg(s != NULL, "%s", buf_str(&mistakes));
	(void)fail_malloc_each(router, never_without_words, s);
	if (fail_malloc_spares_threads())
		(void)fail_malloc_each(access_opening, never_without_words, s);
	log = access_log_open(&s->log, &e);
	ck_assert_msg(log != NULL, "%s", e.text);
	for (size_t nth = 1; nth < 10; nth++) {
		fail_malloc_arm(nth, true);
		(void)access_logging(log);
		(void)fail_malloc_disarm(); /* it may need none */
	}
	access_log_close(&log);
	settings_free(&s);
	buf_fini(&mistakes);
}
END_TEST

START_TEST(what_was_cached_stays)
{
	struct cache *cache = cache_new(1 << 20, 100000);

	ck_assert_int_eq(cache_again(cache), 0);
	(void)fail_malloc_each(cache_again, cache_still_has_it, cache);
	cache_free(&cache);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("out_of_memory_gateway");
	TCase *t = tcase_create("gateway");

	tcase_add_checked_fixture(t, settings_write, settings_unlink);
	tcase_add_loop_test(t, every_failed_allocation_is_told, 0,
			    sizeof(steps) / sizeof(steps[0]));
	tcase_add_test(t, routes_and_the_access_log_say_why);
	tcase_add_test(t, what_was_cached_stays);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	return unit_run(suite());
}
