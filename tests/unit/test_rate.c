/* rate: a burst, then one as often as the rate allows; each key for itself. */
#include "common/rate.h"
#include "tests/unit/unit.h"

#include <stdio.h>
#include <string.h>

enum { SECOND = 1000000 };

static unsigned taken(struct rate *rate, const char *key, unsigned a_second, unsigned tries,
		      uint64_t now_us)
{
	unsigned n = 0;

	for (unsigned i = 0; i < tries; i++)
		n += rate_take(rate, key, strlen(key), a_second, now_us);
	return n;
}

START_TEST(a_burst_is_as_large_as_a_second_s_calls)
{
	struct rate *rate = rate_new();

	ck_assert_uint_eq(taken(rate, "a", 10, 50, SECOND), 10);
	ck_assert_uint_eq(taken(rate, "a", 10, 50, SECOND + SECOND / 10), 1);
	ck_assert_uint_eq(taken(rate, "a", 10, 50, SECOND + SECOND / 10 + 1), 0);
	ck_assert_uint_eq(taken(rate, "a", 10, 50, 10 * (uint64_t)SECOND), 10);
	rate_free(&rate);
}
END_TEST

START_TEST(looking_takes_nothing)
{
	struct rate *rate = rate_new();

	for (unsigned i = 0; i < 50; i++)
		ck_assert(!rate_is_spent(rate, "a", 1, 10, SECOND));
	ck_assert_uint_eq(taken(rate, "a", 10, 50, SECOND), 10);
	ck_assert(rate_is_spent(rate, "a", 1, 10, SECOND));
	ck_assert(!rate_is_spent(rate, "a", 1, 10, SECOND + SECOND / 10));
	rate_free(&rate);
}
END_TEST

START_TEST(each_key_has_its_own)
{
	struct rate *rate = rate_new();

	ck_assert_uint_eq(taken(rate, "a", 1, 5, SECOND), 1);
	ck_assert_uint_eq(taken(rate, "b", 1, 5, SECOND), 1);
	rate_free(&rate);
}
END_TEST

START_TEST(more_keys_than_places_make_room_of_the_quietest)
{
	struct rate *rate = rate_new();
	char key[32];

	for (unsigned i = 0; i < 100000; i++) {
		(void)snprintf(key, sizeof(key), "%u", i);
		ck_assert_uint_eq(taken(rate, key, 2, 3, SECOND + i), 2);
	}
	rate_free(&rate);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("rate");
	TCase *t = tcase_create("rate");

	tcase_add_test(t, a_burst_is_as_large_as_a_second_s_calls);
	tcase_add_test(t, looking_takes_nothing);
	tcase_add_test(t, each_key_has_its_own);
	tcase_add_test(t, more_keys_than_places_make_room_of_the_quietest);
	suite_add_tcase(s, t);
	return unit_run(s);
}
