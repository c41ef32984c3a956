/* tempo: a peer that is waited for has time as long as it is quick enough. */
#include "gateway/tempo.h"
#include "gateway/settings.h"
#include "tests/unit/unit.h"

static const struct settings_limits limits = {
	.idle_timeout_ms = 60000, .rate_bytes = 100, .rate_grace_ms = 10000};

START_TEST(nobody_is_late_who_is_not_waited_for)
{
	struct tempo t = {0};

	tempo_update(&t, false, 0, 1000, &limits);
	ck_assert_uint_eq(tempo_due_ms(&t), UINT64_MAX);
	tempo_update(&t, true, 0, 1000, &limits);
	tempo_update(&t, false, 0, 2000, &limits);
	ck_assert_uint_eq(tempo_due_ms(&t), UINT64_MAX);
}
END_TEST

START_TEST(a_wait_begins_with_the_grace)
{
	struct tempo t = {0};

	tempo_update(&t, true, 12345, 1000, &limits);
	ck_assert_uint_eq(tempo_due_ms(&t), 11000);
	tempo_update(&t, true, 12345, 9000, &limits);
	ck_assert_uint_eq(tempo_due_ms(&t), 11000);
}
END_TEST

START_TEST(bytes_earn_the_time_that_the_rate_gives_them)
{
	struct tempo t = {0};

	tempo_update(&t, true, 0, 1000, &limits);
	tempo_update(&t, true, 50, 2000, &limits);
	ck_assert_uint_eq(tempo_due_ms(&t), 11500);
}
END_TEST

START_TEST(single_bytes_earn_as_much_as_many_at_once)
{
	static const struct settings_limits fast = {
		.idle_timeout_ms = 600000, .rate_bytes = 240, .rate_grace_ms = 10000};
	struct tempo t = {0};

	tempo_update(&t, true, 0, 1000, &fast);
	for (uint64_t n = 1; n <= 2400; n++)
		tempo_update(&t, true, n, 1000, &fast);
	ck_assert_uint_ge(tempo_due_ms(&t), 20990);
	ck_assert_uint_le(tempo_due_ms(&t), 21000);
}
END_TEST

START_TEST(a_rate_above_a_byte_a_millisecond_is_counted_exactly)
{
	static const struct settings_limits fast = {
		.idle_timeout_ms = 600000, .rate_bytes = 7000, .rate_grace_ms = 10000};
	struct tempo t = {0};

	tempo_update(&t, true, 0, 1000, &fast);
	for (uint64_t n = 1; n <= 7000; n++)
		tempo_update(&t, true, n, 1000, &fast);
	ck_assert_uint_ge(tempo_due_ms(&t), 11990);
	ck_assert_uint_le(tempo_due_ms(&t), 12000);
}
END_TEST

START_TEST(a_burst_earns_no_more_than_the_idle_timeout)
{
	struct tempo t = {0};

	tempo_update(&t, true, 0, 1000, &limits);
	tempo_update(&t, true, 10000000, 2000, &limits);
	ck_assert_uint_eq(tempo_due_ms(&t), 62000);
	tempo_update(&t, true, 10000001, 61000, &limits);
	ck_assert_uint_eq(tempo_due_ms(&t),
			  62010); /* a drip after it does not hold the wait open */
}
END_TEST

START_TEST(an_idle_timeout_below_the_grace_counts)
{
	static const struct settings_limits strict = {
		.idle_timeout_ms = 500, .rate_bytes = 240, .rate_grace_ms = 10000};
	struct tempo t = {0};

	tempo_update(&t, true, 0, 1000, &strict);
	ck_assert_uint_eq(tempo_due_ms(&t), 1500);
}
END_TEST

START_TEST(without_a_rate_any_byte_restarts_the_idle_timeout)
{
	static const struct settings_limits any = {.idle_timeout_ms = 500, .rate_grace_ms = 10};
	struct tempo t = {0};

	tempo_update(&t, true, 7, 1000, &any);
	ck_assert_uint_eq(tempo_due_ms(&t), 1500);
	tempo_update(&t, true, 7, 1400, &any);
	ck_assert_uint_eq(tempo_due_ms(&t), 1500);
	tempo_update(&t, true, 8, 1400, &any);
	ck_assert_uint_eq(tempo_due_ms(&t), 1900);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("tempo");
	TCase *t = tcase_create("tempo");

	tcase_add_test(t, nobody_is_late_who_is_not_waited_for);
	tcase_add_test(t, a_wait_begins_with_the_grace);
	tcase_add_test(t, bytes_earn_the_time_that_the_rate_gives_them);
	tcase_add_test(t, single_bytes_earn_as_much_as_many_at_once);
	tcase_add_test(t, a_rate_above_a_byte_a_millisecond_is_counted_exactly);
	tcase_add_test(t, a_burst_earns_no_more_than_the_idle_timeout);
	tcase_add_test(t, an_idle_timeout_below_the_grace_counts);
	tcase_add_test(t, without_a_rate_any_byte_restarts_the_idle_timeout);
	suite_add_tcase(s, t);
	return unit_run(s);
}
