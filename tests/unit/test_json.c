/* json_check, json_walk, json_path: what is JSON, and where in it something is. */
#include "common/json_check.h"
#include "common/json_path.h"
#include "common/json_walk.h"
#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct span text(const char *s)
{
	return (struct span){s, strlen(s)};
}

/* In memory of exactly its size, so that a sanitizer sees what is read behind it. */
static int check(const char *s, size_t len, struct err *e)
{
	char *copy = malloc(len ? len : 1);
	int result;

	ck_assert_ptr_nonnull(copy);
	memcpy(copy, s, len);
	result = json_check((struct span){copy, len}, e);
	free(copy);
	return result;
}

static const char *const sound[] = {
	"null",
	" true ",
	"false",
	"0",
	"-0",
	"12.50",
	"1e5",
	"1E+5",
	"-1.5e-3",
	"\"\"",
	"\"a\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\"",
	"\"\\ud83d\\ude00\"",
	"\"\xf0\x9f\x98\x80\"",
	"[]",
	"[ ]",
	"{}",
	"{ }",
	"[1,2 , 3]",
	"{\"a\":1}",
	"{\"a\" : [ {\"a\":null} ], \"b\":{}}",
	"\t\r\n[]\n",
	"9007199254740993",
	"1e99999",
	"{\"\":1}",
	"[[[[[]]]]]",
	"\"\x7f\"",
	"{\"a\":{\"a\":{\"a\":1}}}",
	"{\"a\":{\"b\":1},\"c\":{\"b\":2}}",
	"{\"\\u0000\":0}",
};

START_TEST(what_is_sound_passes)
{
	struct err e = {0};

	ck_assert_msg(check(sound[_i], strlen(sound[_i]), &e) == 0, "%s: %s", sound[_i], e.text);
}
END_TEST

static const struct {
	const char *json, *why;
} broken[] = {
	{"", "a value is missing"},
	{"  ", "a value is missing"},
	{"nul", "no value of JSON"},
	{"True", "no value of JSON"},
	{"01", "not a number"},
	{"-", "not a number"},
	{"1.", "not a number"},
	{".5", "no value of JSON"},
	{"1e", "not a number"},
	{"+1", "no value of JSON"},
	{"NaN", "no value of JSON"},
	{"\"a", "a string without its end"},
	{"\"\\", "no such escape"},
	{"\"\\x41\"", "no such escape"},
	{"\"\\u12g4\"", "four hex digits"},
	{"\"\\ud800\"", "half of a surrogate pair"},
	{"\"\\ud800\\u0041\"", "half of a surrogate pair"},
	{"\"\\udc00\"", "half of a surrogate pair"},
	{"\"a\nb\"", "a control character"},
	{"\"\xff\"", "not UTF-8"},
	{"\"\xc0\x80\"", "not UTF-8"},
	{"\"\xed\xa0\x80\"", "not UTF-8"},
	{"\"\xf0\x9f\x98\"", "not UTF-8"},
	{"\xef\xbb\xbf{}", "no value of JSON"},
	{"[", "a value is missing"},
	{"[1", "a ',' or ']' is missing"},
	{"[1,]", "no value of JSON"},
	{"[,1]", "no value of JSON"},
	{"[1 2]", "a ',' or ']' is missing"},
	{"[1}", "a ',' or ']' is missing"},
	{"{", "the name of a member is missing"},
	{"{1:2}", "the name of a member is missing"},
	{"{\"a\"}", "a ':' is missing"},
	{"{\"a\":}", "no value of JSON"},
	{"{\"a\":1,}", "the name of a member is missing"},
	{"{\"a\":1]", "a ',' or '}' is missing"},
	{"1 2", "something follows"},
	{"{}{}", "something follows"},
	{"// no\n1", "no value of JSON"},
	{"{\"a\":1,\"a\":2}", "twice"},
	{"{\"a\":1,\"\\u0061\":2}", "twice"},
	{"[{\"b\":{\"a\":1},\"a\":1,\"b\":2}]", "twice"},
	{"{\"\xc3\xa9\":1,\"\\u00e9\":2}", "twice"},
	{"{\"\\ud83d\\ude00\":1,\"\xf0\x9f\x98\x80\":2}", "twice"},
};

START_TEST(what_is_not_says_why)
{
	struct err e = {0};

	ck_assert_int_eq(check(broken[_i].json, strlen(broken[_i].json), &e), -1);
	ck_assert_msg(strstr(e.text, broken[_i].why) != NULL, "%s: %s", broken[_i].json, e.text);
}
END_TEST

/* Each beginning of a sound text that is no number must be refused, without reading behind it. */
START_TEST(no_beginning_passes)
{
	const char *json =
		"{\"a\": [1, {\"b\\u0041\": \"\\ud83d\\ude00\xc3\xa9\"}, true], \"c\": {}}";

	for (size_t len = 0; len < strlen(json); len++)
		ck_assert_int_eq(check(json, len, NULL), -1);
}
END_TEST

START_TEST(depth_is_bounded)
{
	char deep[2 * JSON_DEPTH_MAX + 2];
	struct err e = {0};

	memset(deep, '[', JSON_DEPTH_MAX);
	memset(deep + JSON_DEPTH_MAX, ']', JSON_DEPTH_MAX);
	ck_assert_int_eq(check(deep, sizeof(deep) - 2, &e), 0);
	memset(deep, '[', JSON_DEPTH_MAX + 1);
	memset(deep + JSON_DEPTH_MAX + 1, ']', JSON_DEPTH_MAX + 1);
	ck_assert_int_eq(check(deep, sizeof(deep), &e), -1);
	ck_assert_msg(strstr(e.text, "too deep") != NULL, "%s", e.text);
}
END_TEST

/* An object of so many members, the last named like the one at `twin`. */
static int check_members(size_t count, size_t twin)
{
	struct buf json;
	int result;

	buf_init(&json, 64 << 20);
	(void)buf_putc(&json, '{');
	for (size_t i = 0; i < count; i++)
		(void)buf_printf(&json, "%s\"%s%zu\":{\"x\":%zu}", i ? "," : "",
				 i % 3 ? "key" : "\\u006bey", i, i);
	(void)buf_printf(&json, ",\"\\u006bey%zu\":0}", twin);
	ck_assert(!json.failed);
	result = json_check((struct span){json.data, json.len}, NULL);
	buf_fini(&json);
	return result;
}

START_TEST(twins_are_found_among_many)
{
	static const size_t counts[] = {15, 16, 17, 100, 200, 100000};
	size_t count = counts[_i];

	ck_assert_int_eq(check_members(count, count), 0);
	ck_assert_int_eq(check_members(count, 0), -1);
	ck_assert_int_eq(check_members(count, count / 2), -1);
	ck_assert_int_eq(check_members(count, count - 1), -1);
}
END_TEST

START_TEST(members_and_elements_come_in_order)
{
	struct span doc = json_value(text(" {\"a\" : 1.50 ,\"b\\\"\":[ 1, \"]\" ] , \"c\":{}} "));
	static const char *const want[] = {"\"a\"=1.50;", "\"b\\\"\"=[ 1, \"]\" ];", "\"c\"={};"};
	struct json_iter iter;
	struct span name, value;
	char line[64];
	size_t n = 0;

	ck_assert_int_eq(json_kind(doc), JSON_KIND_OBJECT);
	json_iter_init(&iter, doc);
	while (json_iter_next(&iter, &name, &value)) {
		(void)snprintf(line, sizeof(line), "%.*s=%.*s;", (int)name.len, name.at,
			       (int)value.len, value.at);
		ck_assert_str_eq(line, want[n++]);
	}
	ck_assert_uint_eq(n, 3);
	ck_assert(json_member(doc, text("b\""), &value));
	ck_assert(!json_member(doc, text("d"), &value));
}
END_TEST

/* Each name and scalar, going into all but what is called "whole". */
static void walk(struct json_iter *at, char *line, size_t size)
{
	struct json_iter iter;
	struct span name, value;

	json_iter_enter(at, &iter);
	(void)strncat(line, iter.object ? "{" : "[", size - strlen(line) - 1);
	while (json_iter_step(&iter, &name, &value)) {
		bool whole = name.len && json_string_is(name, text("whole"));

		if (whole)
			json_iter_whole(&iter, &value);
		(void)snprintf(line + strlen(line), size - strlen(line), "%.*s ", (int)name.len,
			       name.at ? name.at : "");
		if (whole || json_kind(value) < JSON_KIND_ARRAY)
			(void)snprintf(line + strlen(line), size - strlen(line), "%.*s;",
				       (int)value.len, value.at);
		else
			walk(&iter, line, size);
	}
	(void)strncat(line, iter.object ? "}" : "]", size - strlen(line) - 1);
	json_iter_leave(at, &iter);
}

START_TEST(values_are_walked_without_a_look_for_their_ends)
{
	struct span doc = text("{\"a\": [ 1,[], {} ,[{\"b\":\"]}\"}],2], \"whole\":{\"c\":[3]},"
			       "\"whole\" :4 , \"d\":{\"e\":null}}");
	struct json_iter at = {.at = doc.at, .end = doc.at + doc.len};
	char line[200] = "";

	walk(&at, line, sizeof(line));
	ck_assert_str_eq(line, "{\"a\" [ 1; [] {} [ {\"b\" \"]}\";}] 2;]\"whole\" {\"c\":[3]};"
			       "\"whole\" 4;\"d\" {\"e\" null;}}");
	ck_assert_ptr_eq(at.at, at.end);
}
END_TEST

static const struct {
	const char *path, *json, *found; /* each followed by a space */
} paths[] = {
	{".a", "{\"a\": 0.10}", "0.10 "},
	{"a", "{\"b\": 1}", ""},
	{".a.b", "{\"a\": {\"c\": 1, \"b\": null}}", "null "},
	{".a[1]", "{\"a\": [1, 2, 3]}", "2 "},
	{".a[3]", "{\"a\": [1, 2, 3]}", ""},
	{".a[0]", "{\"a\": {\"0\": 1}}", ""},
	{".a[]", "{\"a\": [1, 2, 3]}", "1 2 3 "},
	{".a[]", "{\"a\": {\"x\": 1, \"y\": 2}}", "1 2 "},
	{".a[].b", "{\"a\": [{\"b\": 1}, {}, 5, {\"b\": 2}]}", "1 2 "},
	{".a[].b[].c", "{\"a\": [{\"b\": [{\"c\": 1}]}, {\"b\": []}, {\"b\": [{\"c\": 2}, {}]}]}",
	 "1 2 "},
	{".a[][]", "{\"a\": [[1, 2], [], [[3]]]}", "1 2 [3] "},
	{".a[]", "{\"a\": []}", ""},
	{".a[]", "{\"a\": 7}", ""},
	{".a.\"b c\"", "{\"a\": {\"b c\": 1}}", "1 "},
	{".a[\"b c\"]", "{\"a\": {\"b\\u0020c\": 1}}", "1 "},
};

START_TEST(paths_lead_there)
{
	struct json_path_iter iter;
	struct json_path path;
	struct arena arena;
	struct span found;
	struct err e = {0};
	char got[100] = "";
	size_t used = 0;

	arena_init(&arena, 1 << 20);
	ck_assert_msg(json_path_parse(&path, &arena, paths[_i].path, &e) == 0, "%s", e.text);
	ck_assert_int_eq(json_check(text(paths[_i].json), &e), 0);
	json_path_start(&iter, &path, 0, text(paths[_i].json));
	while (json_path_next(&iter, &found))
		used += (size_t)snprintf(got + used, sizeof(got) - used, "%.*s ", (int)found.len,
					 found.at);
	ck_assert_str_eq(got, paths[_i].found);
	if (!path.each)
		ck_assert_int_eq(json_path_find(&path, 0, text(paths[_i].json), &found), used > 0);
	arena_fini(&arena);
}
END_TEST

static const char *const no_paths[] = {
	"",	  ".",	 "..a", ".a.",	 ".a[",	 ".a[1", ".a[x]",
	".a | b", ".a?", "[]",	".a..b", ".\"a", ".a b", ".a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p.q"};

START_TEST(what_is_no_path_is_refused)
{
	struct json_path path;
	struct arena arena;
	struct err e = {0};

	arena_init(&arena, 1 << 20);
	ck_assert_int_eq(json_path_parse(&path, &arena, no_paths[_i], &e), -1);
	ck_assert(e.text[0]);
	arena_fini(&arena);
}
END_TEST

START_TEST(strings_decode)
{
	struct buf out;

	buf_init(&out, 100);
	json_string_decode(text("\"a\\n\\u00e9\\ud83d\\ude00\\/z\""), &out);
	ck_assert_str_eq(buf_str(&out), "a\n\xc3\xa9\xf0\x9f\x98\x80/z");
	ck_assert(json_string_is(text("\"\\u0061\""), text("a")));
	ck_assert(!json_string_is(text("\"\\u0061\""), text("\\u0061")));
	ck_assert(!json_string_is(text("\"a\""), text("ab")));
	ck_assert_int_lt(json_string_compare(text("\"a\""), text("\"a\\u0000\"")), 0);
	buf_fini(&out);
}
END_TEST

#define COUNT(list) ((int)(sizeof(list) / sizeof((list)[0])))

static Suite *suite(void)
{
	Suite *s = suite_create("json");
	TCase *t = tcase_create("json");

	tcase_add_loop_test(t, what_is_sound_passes, 0, COUNT(sound));
	tcase_add_loop_test(t, what_is_not_says_why, 0, COUNT(broken));
	tcase_add_test(t, no_beginning_passes);
	tcase_add_test(t, depth_is_bounded);
	tcase_add_loop_test(t, twins_are_found_among_many, 0, 6);
	tcase_add_test(t, members_and_elements_come_in_order);
	tcase_add_test(t, values_are_walked_without_a_look_for_their_ends);
	tcase_add_loop_test(t, paths_lead_there, 0, COUNT(paths));
	tcase_add_loop_test(t, what_is_no_path_is_refused, 0, COUNT(no_paths));
	tcase_add_test(t, strings_decode);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	return unit_run(suite());
}
