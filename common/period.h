/*
 * period: the days and months of the calendar, in UTC, over which quotas are
 * counted. They have names that sort by time: "2026-01-31" and "2026-01".
 */
#ifndef MICROREG_COMMON_PERIOD_H
#define MICROREG_COMMON_PERIOD_H

#include <stdint.h>

enum period_kind { PERIOD_DAY = 0, PERIOD_MONTH };

enum { PERIOD_NAME_SIZE = 11 };

struct period {
	int64_t begin_ms, end_ms; /* since 1970; the end is the next one's begin */
	char name[PERIOD_NAME_SIZE];
};

/* The one that wall time lies in. What is before 1970 or after 9999 counts as these ends. */
void period_at(struct period *period, enum period_kind kind, int64_t wall_ms);

/* The one of that name: a month by 7 characters, a day by 10. -1 when there is none. */
int period_parse(struct period *period, const char *name);

#endif
