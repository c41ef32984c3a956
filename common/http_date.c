/* http_date: three fixed formats, tried in turn against templates. */
#include "common/http_date.h"

#include <stdbool.h>
#include <string.h>

struct http_date {
	unsigned year, month, day, hour, minute, second;
};

static bool http_date_digits(const char **at, unsigned count, unsigned *value)
{
	*value = 0;
	for (; count; count--, (*at)++) {
		if (**at < '0' || **at > '9')
			return false;
		*value = *value * 10 + (unsigned)(**at - '0');
	}
	return true;
}

/* 0 to count - 1 for one of the names, or -1. */
static int http_date_name(const char **at, const char *const *names, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		size_t len = strlen(names[i]);

		if (strncmp(*at, names[i], len) == 0) {
			*at += len;
			return (int)i;
		}
	}
	return -1;
}

static bool http_date_part(const char **at, char part, struct http_date *d)
{
	static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
					     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
	static const char *const long_days[] = {"Sunday",   "Monday", "Tuesday", "Wednesday",
						"Thursday", "Friday", "Saturday"};
	static const char *const days[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
	int month;

	switch (part) {
	case 'a':
		return http_date_name(at, days, 7) >= 0;
	case 'A':
		return http_date_name(at, long_days, 7) >= 0;
	case 'b':
		month = http_date_name(at, months, 12);
		d->month = (unsigned)(month + 1);
		return month >= 0;
	case 'd':
		return http_date_digits(at, 2, &d->day);
	case 'e': /* asctime pads with a space */
		if (**at == ' ') {
			(*at)++;
			return http_date_digits(at, 1, &d->day);
		}
		return http_date_digits(at, 2, &d->day);
	case 'Y':
		return http_date_digits(at, 4, &d->year);
	case 'y':
		return http_date_digits(at, 2, &d->year);
	case 'T':
		if (!http_date_digits(at, 2, &d->hour) || *(*at)++ != ':' ||
		    !http_date_digits(at, 2, &d->minute) || *(*at)++ != ':')
			return false;
		return http_date_digits(at, 2, &d->second);
	default:
		return false;
	}
}

/* `text` is NUL-terminated, so that a part never reads past its end. */
static bool http_date_match(const char *text, const char *format, struct http_date *d)
{
	for (; *format; format++) {
		if (*format != '%') {
			if (*text++ != *format)
				return false;
			continue;
		}
		if (!http_date_part(&text, *++format, d))
			return false;
	}
	return *text == '\0';
}

static bool http_date_is_leap(int64_t year)
{
	return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

/* Days from 1970-01-01 to the first of January (proleptic Gregorian). */
static int64_t http_date_year_days(int64_t year)
{
	int64_t before = year - 1;

	return 365 * (year - 1970) + (before / 4 - before / 100 + before / 400) -
	       (1969 / 4 - 1969 / 100 + 1969 / 400);
}

static int64_t http_date_seconds(const struct http_date *d)
{
	static const unsigned month_days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool leap = http_date_is_leap(d->year);
	unsigned second = d->second == 60 ? 59 : d->second;
	int64_t days;

	if (d->year < 1970 || d->day < 1 || d->hour > 23 || d->minute > 59 || second > 59 ||
	    d->day > month_days[d->month - 1] + (leap && d->month == 2))
		return -1;
	days = http_date_year_days(d->year) + d->day - 1;
	for (unsigned m = 1; m < d->month; m++)
		days += month_days[m - 1] + (leap && m == 2);
	return ((days * 24 + d->hour) * 60 + d->minute) * 60 + second;
}

int64_t http_date_parse(const char *text, size_t len, int64_t now_s)
{
	enum { LONGEST = 33 }; /* "Wednesday, 06-Nov-94 08:49:37 GMT" */
	char copy[LONGEST + 1];
	struct http_date d = {0};
	int64_t s;

	if (len > LONGEST)
		return -1;
	memcpy(copy, text, len);
	copy[len] = '\0';
	if (http_date_match(copy, "%a, %d %b %Y %T GMT", &d))
		return http_date_seconds(&d);
	d = (struct http_date){0};
	if (http_date_match(copy, "%a %b %e %T %Y", &d))
		return http_date_seconds(&d);
	d = (struct http_date){0};
	if (!http_date_match(copy, "%A, %d-%b-%y %T GMT", &d))
		return -1;
	d.year += 2000;
	s = http_date_seconds(&d);
	if (s < 0 || s <= now_s + (int64_t)50 * 365 * 86400)
		return s;
	d.year -= 100;
	return http_date_seconds(&d);
}
