/* route_pattern: patterns are read strictly; paths take one form before they are matched. */
#include "common/route_pattern.h"
#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* NULL: refused. */
static const struct {
	const char *name, *path, *normal;
} paths[] = {
	{"a plain path stays", "/orders/7", "/orders/7"},
	{"the root stays", "/", "/"},
	{"empty segments stay", "//a//b//", "//a//b//"},
	{"a dot inside a name stays", "/a.b/c.", "/a.b/c."},
	{"a hidden file stays", "/.well-known/x", "/.well-known/x"},
	{"three dots are a name", "/.../a", "/.../a"},
	{"escaped letters are decoded", "/%61%62%2D%7e/%5F", "/ab-~/_"},
	{"hex of other escapes is upper-cased", "/a%2fb%c3%a9", "/a%2Fb%C3%A9"},
	{"an escaped slash does not split", "/a/..%2fb", "/a/..%2Fb"},
	{"an escaped percent is not decoded twice", "/%2561", "/%2561"},
	{"a single dot goes", "/a/./b", "/a/b"},
	{"a final single dot leaves the slash", "/a/.", "/a/"},
	{"two dots take a segment away", "/a/b/../c", "/a/c"},
	{"final two dots leave the slash", "/a/b/..", "/a/"},
	{"two dots take an empty segment away", "/a//../b", "/a/b"},
	{"plain dots at the root are dropped", "/../../a", "/a"},
	{"plain dots above the root are dropped", "/a/../../b", "/b"},
	{"the root's dot", "/.", "/"},
	{"the root's dots", "/..", "/"},
	{"escaped dots are dots", "/a/%2e%2E/b", "/b"},
	{"half escaped dots are dots", "/a/b/.%2e/c", "/a/c"},
	{"half escaped dots the other way round", "/a/b/%2e./c", "/a/c"},
	{"an escaped single dot goes", "/%2e/a", "/a"},
	{"an escape before dots in one segment", "/%61../b", "/a../b"},
	{"a long way back", "/a/b/c/d/../../../../e", "/e"},
	{"escaped dots at the root are refused", "/%2e%2e/a", NULL},
	{"escaped dots above the root are refused", "/a/../%2e./a", NULL},
	{"a cut escape is refused", "/a%2", NULL},
	{"a bare percent is refused", "/%", NULL},
	{"an escape without hex is refused", "/%g1", NULL},
	{"an escape with a slash in it is refused", "/%2/1", NULL},
	{"NUL is refused", "/a%00", NULL},
	{"no slash is refused", "a", NULL},
	{"an empty path is refused", "", NULL},
	{"an absolute URL is refused", "http://a/", NULL},
};

START_TEST(a_path_takes_its_normal_form)
{
	char path[200];
	size_t len = strlen(paths[_i].path);
	int refused;

	memcpy(path, paths[_i].path, len + 1);
	memset(path + len, 'X', 8); /* nothing behind the path is read or kept */
	refused = route_path_normalize(path, &len) < 0;
	ck_assert_msg(refused == (paths[_i].normal == NULL), "%s", paths[_i].name);
	if (refused)
		return;
	path[len] = '\0';
	ck_assert_msg(strcmp(path, paths[_i].normal) == 0, "%s: %s", paths[_i].name, path);
	ck_assert_int_eq(route_path_normalize(path, &len), 0); /* and stays so */
	path[len] = '\0';
	ck_assert_str_eq(path, paths[_i].normal);
}
END_TEST

START_TEST(random_paths_never_keep_a_dot_segment)
{
	static const char *const parts[] = {"/",   ".",	 "%2e",	 "%2E", "a",
					    "%2f", "..", "/../", "%61"};

	srandom(5);
	for (unsigned round = 0; round < 50000; round++) {
		char path[128] = "/";
		size_t len;

		for (unsigned n = (unsigned)random() % 16; n; n--) {
			const char *part =
				parts[(size_t)random() % (sizeof(parts) / sizeof(*parts))];

			memcpy(path + strlen(path), part, strlen(part) + 1);
		}
		len = strlen(path);
		if (route_path_normalize(path, &len) < 0)
			continue;
		path[len] = '\0';
		ck_assert_int_eq(path[0], '/');
		for (char *s = path; s; s = strchr(s + 1, '/')) {
			size_t n = strcspn(s + 1, "/");

			ck_assert_msg(!(n == 1 && s[1] == '.') &&
					      !(n == 2 && s[1] == '.' && s[2] == '.'),
				      "%s", path);
		}
	}
}
END_TEST

static const struct {
	const char *text, *mistake; /* a part of it */
} bad[] = {
	{"", "does not start with '/'"},
	{"orders", "write \"/orders\""},
	{"*", "does not start with '/'"},
	{"/{}", "parameter without a name"},
	{"/{a b}", "a parameter's name is made of"},
	{"/{a-b}", "not '-'"},
	{"/{id}/x/{id}", "has {id} twice"},
	{"/a{id}", "{name} stands for a whole segment"},
	{"/{id", "{name} stands for a whole segment"},
	{"/id}", "{name} stands for a whole segment"},
	{"/{a}{b}", "not '}'"},
	{"/*/a", "a '*' stands at the end only"},
	{"/*/", "a '*' stands at the end only"},
	{"/a*", "a '*' is the whole last segment"},
	{"/**", "a '*' is the whole last segment"},
	{"/a?x=1", "'?' is not part of a path"},
	{"/a#b", "'#' is not part of a path"},
	{"/a b", "write %20"},
	{"/caf\xc3\xa9", "write %C3"},
	{"/a%", "bad escape"},
	{"/a%zz", "bad escape"},
	{"/a%00", "bad escape"},
	{"/a/../b", "dot segment"},
	{"/.", "dot segment"},
	{"/a/%2e%2E/b", "dot segment"},
};

START_TEST(a_bad_pattern_says_what_is_wrong)
{
	struct route_pattern p;
	struct err e = {0};

	ck_assert_int_eq(route_pattern_parse(&p, bad[_i].text, &e), -1);
	ck_assert_msg(strstr(e.text, bad[_i].mistake), "%s: %s", bad[_i].text, e.text);
}
END_TEST

START_TEST(patterns_over_their_limits_are_refused)
{
	char text[ROUTE_PATTERN_BYTES_MAX + 2] = "";
	struct route_pattern p;
	struct err e;

	for (size_t i = 0; i < ROUTE_PATTERN_SEGMENTS_MAX; i++)
		memcpy(text + strlen(text), "/a", 3);
	ck_assert_int_eq(route_pattern_parse(&p, text, &e), 0);
	ck_assert_uint_eq(p.count, ROUTE_PATTERN_SEGMENTS_MAX);
	memcpy(text + strlen(text), "/a", 3);
	ck_assert_int_eq(route_pattern_parse(&p, text, &e), -1);
	ck_assert_ptr_nonnull(strstr(e.text, "more than 32 segments"));

	memset(text, 'a', sizeof(text) - 1);
	text[0] = '/';
	text[ROUTE_PATTERN_BYTES_MAX - 1] = '\0';
	ck_assert_int_eq(route_pattern_parse(&p, text, &e), 0);
	text[ROUTE_PATTERN_BYTES_MAX - 1] = 'a';
	text[ROUTE_PATTERN_BYTES_MAX] = '\0';
	ck_assert_int_eq(route_pattern_parse(&p, text, &e), -1);
	ck_assert_ptr_nonnull(strstr(e.text, "at most 1023"));
}
END_TEST

START_TEST(segments_are_told_apart)
{
	struct route_pattern p;
	struct err e;

	ck_assert_int_eq(route_pattern_parse(&p, "/v%32//{id}/a%2fb/*", &e), 0);
	ck_assert_uint_eq(p.count, 5);
	ck_assert_int_eq(p.segments[0].kind, ROUTE_LITERAL);
	ck_assert_str_eq(p.segments[0].text, "v2");
	ck_assert_uint_eq(p.segments[1].len, 0);
	ck_assert_int_eq(p.segments[2].kind, ROUTE_PARAMETER);
	ck_assert_str_eq(p.segments[2].text, "id");
	ck_assert_uint_eq(p.segments[2].len, 2);
	ck_assert_str_eq(p.segments[3].text, "a%2Fb");
	ck_assert_int_eq(p.segments[4].kind, ROUTE_REST);
	ck_assert_int_eq(route_pattern_parse(&p, "/", &e), 0);
	ck_assert_uint_eq(p.count, 1);
	ck_assert_int_eq(p.segments[0].kind, ROUTE_LITERAL);
	ck_assert_uint_eq(p.segments[0].len, 0);
}
END_TEST

static int parsed_compare(const char *a, const char *b, bool *equal)
{
	static struct route_pattern p, q;

	ck_assert_int_eq(route_pattern_parse(&p, a, NULL), 0);
	ck_assert_int_eq(route_pattern_parse(&q, b, NULL), 0);
	*equal = route_pattern_equal(&p, &q);
	ck_assert(*equal == route_pattern_equal(&q, &p));
	ck_assert_int_eq(route_pattern_compare(&p, &q), -route_pattern_compare(&q, &p));
	return route_pattern_compare(&p, &q);
}

START_TEST(the_more_specific_pattern_comes_first)
{
	bool equal;

	ck_assert_int_lt(parsed_compare("/a/b", "/a/{id}", &equal), 0);
	ck_assert_int_lt(parsed_compare("/a/{id}", "/a/*", &equal), 0);
	ck_assert_int_lt(parsed_compare("/a/b", "/*", &equal), 0);
	ck_assert_int_lt(parsed_compare("/a/{id}/c", "/a/{id}", &equal), 0);
	ck_assert_int_lt(parsed_compare("/a/{x}/{y}", "/{x}/b/c", &equal), 0);
	ck_assert_int_lt(parsed_compare("/a/b/*", "/a/*", &equal), 0);
	ck_assert_int_eq(parsed_compare("/a", "/b", &equal), 0);
	ck_assert(!equal);
	ck_assert_int_eq(parsed_compare("/a/{id}", "/a/{name}", &equal), 0);
	ck_assert(equal);
	ck_assert_int_eq(parsed_compare("/%61", "/a", &equal), 0);
	ck_assert(equal);
	ck_assert_int_ne(parsed_compare("/a", "/a/", &equal), 0);
	ck_assert(!equal);
	ck_assert_int_eq(parsed_compare("/A", "/a", &equal), 0);
	ck_assert(!equal);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("route_pattern");
	TCase *t = tcase_create("route_pattern");

	tcase_add_loop_test(t, a_path_takes_its_normal_form, 0,
			    (int)(sizeof(paths) / sizeof(paths[0])));
	tcase_add_test(t, random_paths_never_keep_a_dot_segment);
	tcase_add_loop_test(t, a_bad_pattern_says_what_is_wrong, 0,
			    (int)(sizeof(bad) / sizeof(bad[0])));
	tcase_add_test(t, patterns_over_their_limits_are_refused);
	tcase_add_test(t, segments_are_told_apart);
	tcase_add_test(t, the_more_specific_pattern_comes_first);
	suite_add_tcase(s, t);
	return unit_run(s);
}
