/* limit: reads the limits of a consumer as they are written on the command line. */
#include "client-lib/tool/limit.h"
#include "common/err.h"
#include "common/settings_value.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DAY_MS = 24 * 3600 * 1000 };

bool limit_duration(const char *text, uint64_t *ms)
{
	size_t digits = strspn(text, "0123456789");
	struct err e;

	if (digits && digits < 7 && strcmp(text + digits, "d") == 0) {
		*ms = strtoull(text, NULL, 10) * DAY_MS;
		return true;
	}
	return settings_value_duration(text, ms, &e) == 0;
}

/* A limit as it is written, its parts between the slashes, and as it is sent. */
struct limit {
	char parts[3][32]; /* empty: not given */
	const char *name;  /* NULL: none */
	uint64_t count, per_ms, burst;
	struct params params;
};

static bool limit_parse(const char *text, struct limit *t)
{
	struct err e;

	for (size_t i = 0; i < 3; i++) {
		size_t len = strcspn(text, "/");

		if (i && !len)
			return false;
		(void)snprintf(t->parts[i], sizeof(t->parts[i]), "%.*s", (int)len, text);
		text += len;
		if (!*text++)
			break;
		if (i == 2)
			return false;
	}
	return settings_value_number(t->parts[0], &t->count, &e) == 0 && t->count <= INT32_MAX &&
	       (!*t->parts[2] ||
		(settings_value_number(t->parts[2], &t->burst, &e) == 0 && t->burst <= INT32_MAX));
}

static bool limit_is_period(const char *text)
{
	return strcmp(text, "day") == 0 || strcmp(text, "month") == 0;
}

int limit_read(struct tool *tool, const char *text, struct microreg_value *limit)
{
	struct limit *own = arena_zalloc(&tool->arena, sizeof(*own));
	const char *equal = strchr(text, '=');
	bool good;

	if (own && equal)
		own->name = arena_strndup(&tool->arena, text, (size_t)(equal - text));
	if (!own || (equal && !own->name)) {
		(void)fprintf(stderr, "microreg: out of memory\n");
		return TOOL_SYSTEM;
	}
	good = equal != text && limit_parse(equal ? equal + 1 : text, own);
	params_text(&own->params, "name", own->name);
	if (good && limit_is_period(own->parts[1])) {
		good = !*own->parts[2];
		params_number(&own->params, "quota", (unsigned)own->count);
		params_text(&own->params, "per", own->parts[1]);
	} else if (good && *own->parts[1]) {
		good = limit_duration(own->parts[1], &own->per_ms) && own->per_ms <= INT32_MAX;
		params_number(&own->params, "rate", (unsigned)own->count);
		params_number(&own->params, "per_ms", (unsigned)own->per_ms);
		if (*own->parts[2])
			params_number(&own->params, "burst", (unsigned)own->burst);
	} else {
		params_number(&own->params, "concurrent", (unsigned)own->count);
	}
	if (!good)
		return tool_usage(
			tool,
			"--limit %s: allowed: requests and a time (100/1m), those and a "
			"burst (100/1m/20), a quota (10000/month or /day), or requests at "
			"once (5), each with a name before it if need be (search=100/1m)",
			text);
	*limit = *params_value(&own->params);
	return TOOL_OK;
}
