/* suggest: mistyped names find the one that was meant, and no far one. */
#include "common/suggest.h"
#include "tests/unit/unit.h"

#include <string.h>

static const struct {
	const char *a, *b;
	unsigned distance;
	bool near;
} pairs[] = {
	{"orders", "orders", 0, false},
	{"orders", "ordrs", 1, true},
	{"orders", "ordesr", 1, true},
	{"orders", "0rders", 1, true},
	{"orders", "orderss", 1, true},
	{"orders", "ordr", 2, true},
	{"orders", "rodesr", 2, true},
	{"orders", "users", 3, false},
	{"orders", "products", 3, false},
	{"orders", "Orders", 0, true},
	{"ab", "ac", 1, false},
	{"abc", "abd", 1, true},
	{"abcd", "abef", 2, false},
	{"abcde", "abcfg", 2, true},
	{"", "ab", 2, false},
	{"", "", 0, false},
	{"a", "", 1, false},
	{"abc", "abcdef", 3, false},
};

START_TEST(edits_are_counted_and_near_names_are_near)
{
	const char *a = pairs[_i].a, *b = pairs[_i].b;

	ck_assert_msg(suggest_distance(a, b) == pairs[_i].distance, "%s %s: %u", a, b,
		      suggest_distance(a, b));
	ck_assert_uint_eq(suggest_distance(b, a), pairs[_i].distance);
	ck_assert_msg(suggest_is_near(a, b) == pairs[_i].near, "%s %s", a, b);
	ck_assert(suggest_is_near(b, a) == pairs[_i].near);
}
END_TEST

START_TEST(names_beyond_the_longest_are_never_near)
{
	char a[SUGGEST_NAME_MAX + 2], b[SUGGEST_NAME_MAX + 2];

	memset(a, 'x', sizeof(a));
	a[SUGGEST_NAME_MAX] = '\0';
	memcpy(b, a, sizeof(b));
	b[3] = 'y';
	ck_assert_uint_eq(suggest_distance(a, b), 1);
	a[SUGGEST_NAME_MAX] = 'x';
	a[SUGGEST_NAME_MAX + 1] = '\0';
	ck_assert_uint_eq(suggest_distance(a, b), SUGGEST_EDITS_MAX + 1);
}
END_TEST

START_TEST(the_nearest_of_the_names_offered_wins)
{
	struct suggest s = {.name = "timeot"};

	suggest_offer(&s, "retry");
	ck_assert_ptr_null(s.best);
	suggest_offer(&s, "timeouts");
	ck_assert_str_eq(s.best, "timeouts");
	suggest_offer(&s, "timeout");
	suggest_offer(&s, "timeouts");
	ck_assert_str_eq(s.best, "timeout");
}
END_TEST

int main(void)
{
	Suite *s = suite_create("suggest");
	TCase *t = tcase_create("suggest");

	tcase_add_loop_test(t, edits_are_counted_and_near_names_are_near, 0,
			    (int)(sizeof(pairs) / sizeof(pairs[0])));
	tcase_add_test(t, names_beyond_the_longest_are_never_near);
	tcase_add_test(t, the_nearest_of_the_names_offered_wins);
	suite_add_tcase(s, t);
	return unit_run(s);
}
