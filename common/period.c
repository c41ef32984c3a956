/* period: the civil calendar, counted in days since 1970 from March to March. */
#include "common/period.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define PERIOD_DAY_MS INT64_C(86400000)

enum { PERIOD_LAST_DAY = 2932896 }; /* 9999-12-31 */

/* Years begin in March here, so that the leap day is the last. Eras are 400 years of 146,097 days;
 * day 0 of the first one is 719,468 days before 1970. */
static int64_t period_day_of(unsigned year, unsigned month, unsigned day)
{
	unsigned y = year - (month <= 2), era = y / 400, of_era = y % 400;
	unsigned of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
	unsigned days = of_era * 365 + of_era / 4 - of_era / 100 + of_year;

	return (int64_t)era * 146097 + days - 719468;
}

static void period_split(int64_t number, unsigned *year, unsigned *month, unsigned *day)
{
	unsigned days = (unsigned)(number + 719468), era = days / 146097, of_era = days % 146097;
	unsigned y = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	unsigned of_year = of_era - (365 * y + y / 4 - y / 100), m = (5 * of_year + 2) / 153;

	*day = of_year - (153 * m + 2) / 5 + 1;
	*month = m < 10 ? m + 3 : m - 9;
	*year = era * 400 + y + (*month <= 2);
}

static void period_make(struct period *period, enum period_kind kind, unsigned year, unsigned month,
			unsigned day)
{
	int64_t begin = period_day_of(year, month, day), end = begin + 1;
	char text[48]; /* room for any numbers, so that the compiler need not fear */

	if (kind == PERIOD_MONTH)
		end = month < 12 ? period_day_of(year, month + 1, 1)
				 : period_day_of(year + 1, 1, 1);
	period->begin_ms = begin * PERIOD_DAY_MS;
	period->end_ms = end * PERIOD_DAY_MS;
	(void)snprintf(text, sizeof(text), kind == PERIOD_MONTH ? "%04u-%02u" : "%04u-%02u-%02u",
		       year, month, day);
	(void)snprintf(period->name, sizeof(period->name), "%.10s", text);
}

void period_at(struct period *period, enum period_kind kind, int64_t wall_ms)
{
	int64_t number = wall_ms < 0 ? 0 : wall_ms / PERIOD_DAY_MS;
	unsigned year, month, day;

	period_split(number < PERIOD_LAST_DAY ? number : PERIOD_LAST_DAY, &year, &month, &day);
	period_make(period, kind, year, month, kind == PERIOD_MONTH ? 1 : day);
}

/* Two or four digits; 0 for anything else. */
static unsigned period_number(const char *text, unsigned digits)
{
	unsigned number = 0;

	for (unsigned i = 0; i < digits; i++) {
		if (!isdigit((unsigned char)text[i]))
			return 0;
		number = number * 10 + (unsigned)(text[i] - '0');
	}
	return number;
}

int period_parse(struct period *period, const char *name)
{
	size_t len = strlen(name);
	unsigned year, month, day = 1;

	if ((len != 7 && len != 10) || name[4] != '-' || (len == 10 && name[7] != '-'))
		return -1;
	year = period_number(name, 4);
	month = period_number(name + 5, 2);
	if (len == 10)
		day = period_number(name + 8, 2);
	if (year < 1970 || month < 1 || month > 12 || day < 1)
		return -1;
	period_make(period, len == 7 ? PERIOD_MONTH : PERIOD_DAY, year, month, day);
	/* There is no 30th of February: the calendar would call it another day. */
	if (len == 10)
		period_at(period, PERIOD_DAY, period->begin_ms);
	return strcmp(period->name, name) == 0 ? 0 : -1;
}
