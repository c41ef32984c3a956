/* latency: quantiles of what was added last. */
#include "gateway/latency.h"
#include "tests/unit/unit.h"

static struct latency l;

static void setup(void)
{
	l = (struct latency){0};
}

static void add(unsigned count, uint64_t us)
{
	while (count--)
		latency_add(&l, us);
}

START_TEST(too_few_tell_nothing)
{
	add(99, 1000);
	ck_assert_uint_eq(latency_quantile(&l, 950), 0);
	add(1, 1000);
	ck_assert_uint_gt(latency_quantile(&l, 950), 0);
}
END_TEST

static const uint64_t times[] = {0,    1,     63,     64,      65,	 100,	   999,
				 1000, 12345, 100000, 1000000, 10000000, 60000000, 120000000};

START_TEST(a_time_is_told_at_most_an_eighth_too_large)
{
	uint64_t us = times[_i], told;

	add(200, us);
	told = latency_quantile(&l, 950);
	ck_assert_uint_gt(told, us);
	ck_assert_uint_le(told, us < 64 ? 64 : us + us / 8 + 1);
}
END_TEST

START_TEST(endless_times_count_as_the_longest)
{
	add(200, UINT64_MAX);
	ck_assert_uint_gt(latency_quantile(&l, 500), 120000000);
}
END_TEST

START_TEST(so_many_of_a_thousand_took_no_longer)
{
	add(960, 1000);
	add(40, 50000);
	ck_assert_uint_lt(latency_quantile(&l, 950), 1200);
	ck_assert_uint_gt(latency_quantile(&l, 970), 50000);
}
END_TEST

START_TEST(what_was_long_ago_is_forgotten)
{
	add(4000, 1000000);
	add(40000, 1000);
	ck_assert_uint_lt(latency_quantile(&l, 990), 1200);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("latency");
	TCase *t = tcase_create("latency");

	tcase_add_checked_fixture(t, setup, NULL);
	tcase_add_test(t, too_few_tell_nothing);
	tcase_add_loop_test(t, a_time_is_told_at_most_an_eighth_too_large, 0,
			    (int)(sizeof(times) / sizeof(times[0])));
	tcase_add_test(t, endless_times_count_as_the_longest);
	tcase_add_test(t, so_many_of_a_thousand_took_no_longer);
	tcase_add_test(t, what_was_long_ago_is_forgotten);
	suite_add_tcase(s, t);
	return unit_run(s);
}
