/* settings_value: digits and a unit from a table. */
#include "common/settings_value.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

struct settings_unit {
	const char *name;
	uint64_t factor;
};

/* Largest first, the one without a name last: printing takes the first that divides. */
static const struct settings_unit settings_durations[] = {
	{"h", 3600000}, {"m", 60000}, {"s", 1000}, {"ms", 1}, {NULL, 0}};
static const struct settings_unit settings_sizes[] = {{"GiB", UINT64_C(1) << 30},
						      {"MiB", 1 << 20},
						      {"KiB", 1 << 10},
						      {"GB", 1000000000},
						      {"MB", 1000000},
						      {"KB", 1000},
						      {"kB", 1000},
						      {"", 1},
						      {NULL, 0}};

/* Digits at the start of the text; -1 when there are none or too many for 64 bits. */
static int settings_digits(const char *text, uint64_t *value, const char **rest)
{
	*value = 0;
	*rest = text;
	for (; **rest >= '0' && **rest <= '9'; ++*rest) {
		uint64_t digit = (uint64_t)(**rest - '0');

		if (*value > (UINT64_MAX - digit) / 10)
			return -1;
		*value = *value * 10 + digit;
	}
	return *rest == text ? -1 : 0;
}

static int settings_units(const char *text, const struct settings_unit *unit, uint64_t *value)
{
	const char *rest;

	if (settings_digits(text, value, &rest) < 0)
		return -1;
	for (; unit->name; unit++)
		if (strcmp(unit->name, rest) == 0)
			break;
	if (!unit->name || *value > UINT64_MAX / unit->factor)
		return -1;
	*value *= unit->factor;
	return 0;
}

int settings_value_number(const char *text, uint64_t *value, struct err *e)
{
	const char *rest;

	if (settings_digits(text, value, &rest) < 0 || *rest)
		return err_set(e, "\"%.60s\" is no whole number; write digits, like 8", text);
	return 0;
}

int settings_value_duration(const char *text, uint64_t *ms, struct err *e)
{
	const char *rest;

	if (settings_units(text, settings_durations, ms) == 0 || strcmp(text, "0") == 0)
		return 0;
	if (settings_digits(text, ms, &rest) == 0 && !*rest)
		return err_set(e, "\"%.60s\" has no unit; write %.20ss or %.20sms", text, text,
			       text);
	return err_set(e, "\"%.60s\" is no duration; write one like 250ms, 5s, 10m or 1h", text);
}

int settings_value_size(const char *text, uint64_t *bytes, struct err *e)
{
	if (settings_units(text, settings_sizes, bytes) == 0)
		return 0;
	return err_set(e, "\"%.60s\" is no size; write one like 64KiB, 10MiB, 10MB or 123 (bytes)",
		       text);
}

static void settings_print(uint64_t value, const struct settings_unit *unit,
			   char out[SETTINGS_VALUE_SIZE])
{
	while (unit[1].name && (value == 0 || value % unit->factor != 0))
		unit++;
	(void)snprintf(out, SETTINGS_VALUE_SIZE, "%" PRIu64 "%s", value / unit->factor, unit->name);
}

void settings_value_print_duration(uint64_t ms, char out[SETTINGS_VALUE_SIZE])
{
	settings_print(ms, settings_durations, out);
}

void settings_value_print_size(uint64_t bytes, char out[SETTINGS_VALUE_SIZE])
{
	settings_print(bytes, settings_sizes, out);
}
