/* clock: monotonic clocks do not go back; wall time prints as the standards say. */
#include "common/clock.h"
#include "tests/unit/unit.h"

static const struct {
	int64_t wall_ms;
	const char *rfc3339, *http;
} times[] = {
	{0, "1970-01-01T00:00:00.000Z", "Thu, 01 Jan 1970 00:00:00 GMT"},
	{784111777123, "1994-11-06T08:49:37.123Z", "Sun, 06 Nov 1994 08:49:37 GMT"},
	{951782400000, "2000-02-29T00:00:00.000Z", "Tue, 29 Feb 2000 00:00:00 GMT"},
	{-1, "1969-12-31T23:59:59.999Z", "Wed, 31 Dec 1969 23:59:59 GMT"},
	{4102444799999, "2099-12-31T23:59:59.999Z", "Thu, 31 Dec 2099 23:59:59 GMT"},
};

START_TEST(wall_time_prints_in_both_forms)
{
	char rfc3339[CLOCK_RFC3339_SIZE], http[CLOCK_HTTP_SIZE];

	clock_rfc3339(times[_i].wall_ms, rfc3339);
	clock_http(times[_i].wall_ms, http);
	ck_assert_str_eq(rfc3339, times[_i].rfc3339);
	ck_assert_str_eq(http, times[_i].http);
}
END_TEST

START_TEST(monotonic_clocks_never_go_back)
{
	uint64_t us = clock_us(), boot = clock_boot_ms();

	for (int i = 0; i < 10000; i++) {
		uint64_t now = clock_us(), now_boot = clock_boot_ms();

		ck_assert_uint_ge(now, us);
		ck_assert_uint_ge(now_boot, boot);
		us = now;
		boot = now_boot;
	}
}
END_TEST

int main(void)
{
	Suite *s = suite_create("clock");
	TCase *t = tcase_create("clock");

	tcase_add_loop_test(t, wall_time_prints_in_both_forms, 0,
			    (int)(sizeof(times) / sizeof(times[0])));
	tcase_add_test(t, monotonic_clocks_never_go_back);
	suite_add_tcase(s, t);
	return unit_run(s);
}
