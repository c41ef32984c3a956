/* cache_range: RFC 9110 14 as a table. */
#include "gateway/cache_range.h"
#include "tests/unit/cache_case.h"
#include "tests/unit/unit.h"

#include <stdio.h>
#include <string.h>

#define COUNT(array) ((int)(sizeof(array) / sizeof((array)[0])))
#define CHANGED	     784111777 /* Sun, 06 Nov 1994 08:49:37 GMT */

static struct arena arena;

static void setup(void)
{
	arena_init(&arena, 1 << 20);
}

static void teardown(void)
{
	arena_fini(&arena);
}

static const struct {
	const char *fields;
	const char *part; /* NULL: the whole; "": 416 */
} cases[] = {
	{"", NULL},
	{"Range: bytes=0-3\r\n", "0123"},
	{"Range: BYTES=2-2\r\n", "2"},
	{"Range: bytes=8-\r\n", "89"},
	{"Range: bytes=8-99999999999999999999999999\r\n", "89"},
	{"Range: bytes=-3\r\n", "789"},
	{"Range: bytes=-99999999999999999999999999\r\n", "0123456789"},
	{"Range: bytes=0-\r\n", "0123456789"},
	{"Range: bytes=10-\r\n", ""},
	{"Range: bytes=99999999999999999999999999-\r\n", ""},
	{"Range: bytes=-0\r\n", ""},
	{"Range: bytes=3-2\r\n", NULL},
	{"Range: bytes=0-1,3-4\r\n", NULL},
	{"Range: bytes=\r\n", NULL},
	{"Range: bytes=-\r\n", NULL},
	{"Range: bytes=--1\r\n", NULL},
	{"Range: bytes=1\r\n", NULL},
	{"Range: bytes= 1-2\r\n", NULL},
	{"Range: bytes=1-2x\r\n", NULL},
	{"Range: lines=1-2\r\n", NULL},
	{"Range: bytes\r\n", NULL},
	{"Range: bytes=1-2\r\nRange: bytes=1-2\r\n", NULL},
	{"Range: bytes=1-2\r\nIf-Range: \"a\"\r\n", "12"},
	{"Range: bytes=1-2\r\nIf-Range: \"b\"\r\n", NULL},
	{"Range: bytes=1-2\r\nIf-Range: W/\"a\"\r\n", NULL},
	{"Range: bytes=1-2\r\nIf-Range: Sun, 06 Nov 1994 08:49:37 GMT\r\n", "12"},
	{"Range: bytes=1-2\r\nIf-Range: Sun, 06 Nov 1994 08:49:38 GMT\r\n", NULL},
	{"Range: bytes=1-2\r\nIf-Range:\r\n", NULL},
};

static struct cache_entry entry_of(void)
{
	return (struct cache_entry){.status = 200,
				    .body = {"0123456789", 10},
				    .etag = {"\"a\"", 3},
				    .last_modified = CHANGED,
				    .life.received_wall_ms = (CHANGED + 60) * INT64_C(1000)};
}

START_TEST(a_request_gets_the_part_it_asks_for)
{
	struct http1_head request = cache_case_request(&arena, "GET /", cases[_i].fields);
	struct cache_entry entry = entry_of();
	struct span part = {NULL, 0};
	enum cache_range range = cache_range_read(&request, &entry, &part);

	if (!cases[_i].part)
		ck_assert_msg(range == CACHE_RANGE_WHOLE, "%s", cases[_i].fields);
	else if (!*cases[_i].part)
		ck_assert_msg(range == CACHE_RANGE_OUTSIDE, "%s", cases[_i].fields);
	else
		ck_assert_msg(range == CACHE_RANGE_PART && part.len == strlen(cases[_i].part) &&
				      memcmp(part.at, cases[_i].part, part.len) == 0,
			      "%s: %.*s", cases[_i].fields, (int)part.len, part.at);
}
END_TEST

START_TEST(only_a_get_of_a_good_reply_has_parts)
{
	struct http1_head request = cache_case_request(&arena, "HEAD /", "Range: bytes=0-1\r\n");
	struct cache_entry entry = entry_of();
	struct span part;

	ck_assert_int_eq(cache_range_read(&request, &entry, &part), CACHE_RANGE_WHOLE);
	request = cache_case_request(&arena, "GET /", "Range: bytes=0-1\r\n");
	entry.status = 404;
	ck_assert_int_eq(cache_range_read(&request, &entry, &part), CACHE_RANGE_WHOLE);
}
END_TEST

START_TEST(an_empty_body_has_no_parts)
{
	struct http1_head request = cache_case_request(&arena, "GET /", "Range: bytes=0-\r\n");
	struct cache_entry entry = entry_of();
	struct span part;

	entry.body.len = 0;
	ck_assert_int_eq(cache_range_read(&request, &entry, &part), CACHE_RANGE_OUTSIDE);
	request = cache_case_request(&arena, "GET /", "Range: bytes=-1\r\n");
	ck_assert_int_eq(cache_range_read(&request, &entry, &part), CACHE_RANGE_OUTSIDE);
}
END_TEST

START_TEST(a_time_of_change_that_was_not_settled_proves_nothing)
{
	struct http1_head request = cache_case_request(
		&arena, "GET /", "Range: bytes=1-2\r\nIf-Range: Sun, 06 Nov 1994 08:49:37 GMT\r\n");
	struct cache_entry entry = entry_of();
	struct span part;

	entry.life.received_wall_ms -= 1000;
	ck_assert_int_eq(cache_range_read(&request, &entry, &part), CACHE_RANGE_WHOLE);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("cache_range");
	TCase *t = tcase_create("cache_range");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, a_request_gets_the_part_it_asks_for, 0, COUNT(cases));
	tcase_add_test(t, only_a_get_of_a_good_reply_has_parts);
	tcase_add_test(t, an_empty_body_has_no_parts);
	tcase_add_test(t, a_time_of_change_that_was_not_settled_proves_nothing);
	suite_add_tcase(s, t);
	return unit_run(s);
}
