/* clock: reads the kernel's clocks, prints wall time. */
#include "common/clock.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

static uint64_t clock_read_us(clockid_t id)
{
	struct timespec t;

	(void)clock_gettime(id, &t); /* can't fail for these clocks */
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

uint64_t clock_us(void)
{
	return clock_read_us(CLOCK_MONOTONIC);
}

uint64_t clock_ms(void)
{
	return clock_read_us(CLOCK_MONOTONIC) / 1000;
}

uint64_t clock_boot_ms(void)
{
	return clock_read_us(CLOCK_BOOTTIME) / 1000;
}

int64_t clock_wall_ms(void)
{
	return (int64_t)(clock_read_us(CLOCK_REALTIME) / 1000);
}

/* Euclidean, so that times before 1970 print right too. */
static struct tm clock_split(int64_t wall_ms, int *ms)
{
	int64_t rest = wall_ms % 1000;
	time_t seconds;
	struct tm tm = {0};

	if (rest < 0)
		rest += 1000;
	seconds = (time_t)((wall_ms - rest) / 1000);
	(void)gmtime_r(&seconds, &tm); /* fails only for years beyond an int */
	*ms = (int)rest;
	return tm;
}

void clock_rfc3339(int64_t wall_ms, char out[CLOCK_RFC3339_SIZE])
{
	int ms;
	struct tm tm = clock_split(wall_ms, &ms);
	char text[96]; /* room for any int, so that the compiler need not fear */

	(void)snprintf(text, sizeof(text), "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", tm.tm_year + 1900,
		       tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, ms);
	(void)snprintf(out, CLOCK_RFC3339_SIZE, "%.24s", text);
}

void clock_http(int64_t wall_ms, char out[CLOCK_HTTP_SIZE])
{
	static const char days[7][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
	static const char months[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
					   "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
	int ms;
	struct tm tm = clock_split(wall_ms, &ms);
	char text[96];

	(void)snprintf(text, sizeof(text), "%s, %02d %s %04d %02d:%02d:%02d GMT", days[tm.tm_wday],
		       tm.tm_mday, months[tm.tm_mon], tm.tm_year + 1900, tm.tm_hour, tm.tm_min,
		       tm.tm_sec);
	(void)snprintf(out, CLOCK_HTTP_SIZE, "%.29s", text);
}

bool clock_read_rfc3339(const char *text, int64_t *wall_ms)
{
	struct tm tm = {0};
	const char *at = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);
	int64_t ms = 0, unit = 100;
	unsigned hours, minutes;
	char sign;
	int end = 0;

	if (!at)
		return false;
	if (*at == '.')
		for (at++; *at >= '0' && *at <= '9'; at++, unit /= 10)
			ms += (*at - '0') * unit;
	*wall_ms = (int64_t)timegm(&tm) * 1000 + ms;
	if (strcmp(at, "Z") == 0 || strcmp(at, "z") == 0)
		return true;
	if (sscanf(at, "%c%2u:%2u%n", &sign, &hours, &minutes, &end) != 3 || at[end] ||
	    (sign != '+' && sign != '-') || hours > 23 || minutes > 59)
		return false;
	*wall_ms += (sign == '+' ? -1 : 1) * (int64_t)(hours * 60 + minutes) * 60000;
	return true;
}
