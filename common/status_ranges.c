/* status_ranges: read from left to right, whenever it is asked. */
#include "common/status_ranges.h"

#include <stddef.h>

enum { STATUS_RANGES_FIRST = 200, STATUS_RANGES_LAST = 599 };

/* Three digits at `at`. 0: they are not, or no final status. */
static unsigned status_ranges_number(const char *at)
{
	unsigned number = 0;

	for (size_t i = 0; i < 3; i++) {
		if (at[i] < '0' || at[i] > '9')
			return 0;
		number = number * 10 + (unsigned)(at[i] - '0');
	}
	return number >= STATUS_RANGES_FIRST && number <= STATUS_RANGES_LAST ? number : 0;
}

/* The range at `at`. What follows it: "" at the end; NULL: that is no range. */
static const char *status_ranges_next(const char *at, unsigned *from, unsigned *to)
{
	*from = *to = status_ranges_number(at);
	if (!*from)
		return NULL;
	at += 3;
	if (*at == '-') {
		*to = status_ranges_number(at + 1);
		at += 4;
		if (*to < *from)
			return NULL;
	}
	if (!*at)
		return at;
	return *at == ',' ? at + 1 : NULL;
}

bool status_ranges_are_valid(const char *text)
{
	const char *at = text, *before = text;
	unsigned from, to;

	do {
		before = at;
		at = status_ranges_next(at, &from, &to);
	} while (at && *at);
	/* A comma at the end promises one more. */
	return at && at > before && at[-1] != ',';
}

bool status_ranges_have(const char *text, unsigned status)
{
	unsigned from, to;

	while (text && *text) {
		text = status_ranges_next(text, &from, &to);
		if (text && status >= from && status <= to)
			return true;
	}
	return false;
}
