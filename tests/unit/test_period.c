/* period: days and months begin and end where the calendar says, leap years and all. */
#include "common/period.h"
#include "common/clock.h"
#include "tests/unit/unit.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

static const struct period_case {
	const char *name;
	enum period_kind kind;
	const char *at, *period, *end;
} cases[] = {
	{"a day from its first moment", PERIOD_DAY, "2026-01-31T00:00:00.000Z", "2026-01-31",
	 "2026-02-01T00:00:00.000Z"},
	{"a day to its last", PERIOD_DAY, "2026-01-31T23:59:59.999Z", "2026-01-31",
	 "2026-02-01T00:00:00.000Z"},
	{"a month to its last moment", PERIOD_MONTH, "2026-01-31T23:59:59.999Z", "2026-01",
	 "2026-02-01T00:00:00.000Z"},
	{"a short month", PERIOD_MONTH, "2026-02-28T12:00:00.000Z", "2026-02",
	 "2026-03-01T00:00:00.000Z"},
	{"a leap year's February", PERIOD_MONTH, "2028-02-29T12:00:00.000Z", "2028-02",
	 "2028-03-01T00:00:00.000Z"},
	{"a leap day", PERIOD_DAY, "2028-02-29T23:59:59.999Z", "2028-02-29",
	 "2028-03-01T00:00:00.000Z"},
	{"the day before a leap day", PERIOD_DAY, "2028-02-28T23:59:59.999Z", "2028-02-28",
	 "2028-02-29T00:00:00.000Z"},
	{"a century that is none", PERIOD_MONTH, "2100-02-28T23:59:59.999Z", "2100-02",
	 "2100-03-01T00:00:00.000Z"},
	{"a century that is one", PERIOD_DAY, "2000-02-29T00:00:00.000Z", "2000-02-29",
	 "2000-03-01T00:00:00.000Z"},
	{"the last of a year", PERIOD_MONTH, "2026-12-31T23:59:59.999Z", "2026-12",
	 "2027-01-01T00:00:00.000Z"},
	{"the last day of a year", PERIOD_DAY, "2026-12-31T00:00:00.000Z", "2026-12-31",
	 "2027-01-01T00:00:00.000Z"},
	{"the first of all", PERIOD_DAY, "1970-01-01T00:00:00.000Z", "1970-01-01",
	 "1970-01-02T00:00:00.000Z"},
};

/* What clock_rfc3339 printed, back. */
static int64_t wall(const char *text)
{
	struct tm tm = {0};
	const char *rest = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);

	ck_assert_ptr_nonnull(rest);
	return (int64_t)timegm(&tm) * 1000 + strtol(rest + 1, NULL, 10);
}

START_TEST(a_moment_is_in_its_period)
{
	const struct period_case *c = &cases[_i];
	char end[CLOCK_RFC3339_SIZE];
	struct period period, parsed;

	period_at(&period, c->kind, wall(c->at));
	clock_rfc3339(period.end_ms, end);
	ck_assert_msg(strcmp(period.name, c->period) == 0 && strcmp(end, c->end) == 0,
		      "%s: %s until %s", c->name, period.name, end);
	ck_assert_msg(period.begin_ms <= wall(c->at) && wall(c->at) < period.end_ms, "%s", c->name);
	ck_assert_int_eq(period_parse(&parsed, period.name), 0);
	ck_assert_int_eq(parsed.begin_ms, period.begin_ms);
	ck_assert_int_eq(parsed.end_ms, period.end_ms);
}
END_TEST

START_TEST(periods_follow_each_other_without_a_gap)
{
	const enum period_kind kind = _i ? PERIOD_MONTH : PERIOD_DAY;
	int64_t at = 0, until = wall("2420-01-01T00:00:00.000Z");
	struct period period;
	char date[CLOCK_RFC3339_SIZE];

	while (at < until) {
		period_at(&period, kind, at);
		clock_rfc3339(at, date);
		ck_assert_int_eq(period.begin_ms, at);
		ck_assert(strncmp(date, period.name, strlen(period.name)) == 0);
		at = period.end_ms;
	}
}
END_TEST

START_TEST(what_is_no_period_is_refused)
{
	static const char *const texts[] = {
		"",	      "2026",	     "2026-1",	   "2026-13",	 "2026-00",   "2026-02-30",
		"2026-02-29", "2100-02-29",  "2026-04-31", "2026-01-00", "2026-01-1", "2026/01/01",
		"1969-12-31", "2026-01-01T", "20x6-01",	   "2026-01+01"};
	struct period period;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		ck_assert_msg(period_parse(&period, texts[i]) < 0, "\"%s\"", texts[i]);
}
END_TEST

START_TEST(clocks_that_are_out_of_their_mind_do_no_harm)
{
	struct period period;

	period_at(&period, PERIOD_DAY, -1);
	ck_assert_str_eq(period.name, "1970-01-01");
	period_at(&period, PERIOD_MONTH, INT64_MAX);
	ck_assert_str_eq(period.name, "9999-12");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("period");
	TCase *tc = tcase_create("period");

	tcase_add_loop_test(tc, a_moment_is_in_its_period, 0, sizeof(cases) / sizeof(cases[0]));
	tcase_add_loop_test(tc, periods_follow_each_other_without_a_gap, 0, 2);
	tcase_add_test(tc, what_is_no_period_is_refused);
	tcase_add_test(tc, clocks_that_are_out_of_their_mind_do_no_harm);
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}
