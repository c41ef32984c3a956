/* blame: failures of the last minute, by instance and by service. */
#include "registry/blame.h"
#include "tests/unit/unit.h"

#include <stdio.h>

static struct blame *b;

enum { START = 10 * BLAME_PERIOD_MS };

static void setup(void)
{
	b = blame_new();
	ck_assert_ptr_nonnull(b);
}

static void teardown(void)
{
	blame_free(&b);
	ck_assert_ptr_null(b);
}

START_TEST(failures_add_up_and_are_told_apart)
{
	ck_assert(!blame_has(b, "s", START));
	blame_note(b, "s", "x", 2, START);
	blame_note(b, "s", "x", 3, START + 1);
	blame_note(b, "s", "y", 1, START);
	blame_note(b, "s", "z", 0, START);
	ck_assert_uint_eq(blame_count(b, "s", "x", START + 1), 5);
	ck_assert_uint_eq(blame_count(b, "s", "y", START + 1), 1);
	ck_assert_uint_eq(blame_count(b, "s", "z", START + 1), 0);
	ck_assert_uint_eq(blame_count(b, "t", "x", START + 1), 0);
	ck_assert(blame_has(b, "s", START + 1));
	ck_assert(!blame_has(b, "t", START + 1));
}
END_TEST

START_TEST(they_are_forgotten_after_a_minute)
{
	blame_note(b, "s", "x", 4, START);
	ck_assert_uint_eq(blame_count(b, "s", "x", START + BLAME_PERIOD_MS), 4);
	blame_note(b, "s", "x", 1, START + BLAME_PERIOD_MS);
	ck_assert_uint_eq(blame_count(b, "s", "x", START + BLAME_PERIOD_MS), 5);
	ck_assert_uint_eq(blame_count(b, "s", "x", START + 2 * BLAME_PERIOD_MS), 1);
	ck_assert_uint_eq(blame_count(b, "s", "x", START + 4 * BLAME_PERIOD_MS), 0);
	ck_assert(!blame_has(b, "s", START + 4 * BLAME_PERIOD_MS));
}
END_TEST

START_TEST(a_flood_of_names_is_bounded_and_makes_room_again)
{
	char id[24];

	for (int i = 0; i < 4 * BLAME_MAX; i++) {
		(void)snprintf(id, sizeof(id), "%d", i);
		blame_note(b, "s", id, 1, START);
	}
	ck_assert_uint_eq(blame_count(b, "s", "0", START), 1);
	ck_assert_uint_eq(blame_count(b, "s", id, START), 0);
	blame_note(b, "s", id, 1, START + 2 * BLAME_PERIOD_MS);
	ck_assert_uint_eq(blame_count(b, "s", id, START + 2 * BLAME_PERIOD_MS), 1);
}
END_TEST

START_TEST(counts_do_not_overflow)
{
	for (int i = 0; i < 5; i++)
		blame_note(b, "s", "x", UINT32_MAX, START);
	ck_assert_uint_eq(blame_count(b, "s", "x", START), INT32_MAX);
}
END_TEST

START_TEST(without_a_table_nothing_is_known)
{
	blame_note(NULL, "s", "x", 1, START);
	ck_assert(!blame_has(NULL, "s", START));
	ck_assert_uint_eq(blame_count(NULL, "s", "x", START), 0);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("blame");
	TCase *t = tcase_create("blame");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, failures_add_up_and_are_told_apart);
	tcase_add_test(t, they_are_forgotten_after_a_minute);
	tcase_add_test(t, a_flood_of_names_is_bounded_and_makes_room_again);
	tcase_add_test(t, counts_do_not_overflow);
	tcase_add_test(t, without_a_table_nothing_is_known);
	suite_add_tcase(s, t);
	return unit_run(s);
}
