/* settings_survive: the keys about what happens when a service fails, is slow or has too much. */
#include "common/settings_value.h"
#include "gateway/settings_parts.h"

#include <string.h>

#define HOUR_MS (3600 * UINT64_C(1000))

static const struct settings_key settings_breaker_keys[] = {
	{.name = "requests",
	 .type = SETTINGS_INT,
	 .at = offsetof(struct settings_breaker, requests),
	 .fallback = "20",
	 .min = 1,
	 .max = 1000000,
	 .help = "Fewer requests than this in the window tell nothing"},
	{.name = "failed",
	 .type = SETTINGS_INT,
	 .at = offsetof(struct settings_breaker, failed),
	 .fallback = "50",
	 .min = 1,
	 .max = 100,
	 .help = "It opens when so many of them failed after all their tries, in percent"},
	{.name = "window",
	 .type = SETTINGS_DURATION,
	 .at = offsetof(struct settings_breaker, window_ms),
	 .fallback = "10s",
	 .min = 100,
	 .max = HOUR_MS,
	 .help = "Time that is looked back"},
	{.name = "open",
	 .type = SETTINGS_DURATION,
	 .at = offsetof(struct settings_breaker, open_ms),
	 .fallback = "10s",
	 .min = 1,
	 .max = HOUR_MS,
	 .help = "Time in which no request is sent to the service"},
	{.name = "ramp",
	 .type = SETTINGS_DURATION,
	 .at = offsetof(struct settings_breaker, ramp_ms),
	 .fallback = "10s",
	 .min = 1,
	 .max = HOUR_MS,
	 .help = "Time after that in which the share of requests that are sent grows from one to "
		 "all"},
};

const struct settings_table settings_breaker_table = {SETTINGS_KEYS(settings_breaker_keys),
						      sizeof(struct settings_breaker), NULL};

void settings_read_breaker(struct settings_reader *r, const struct settings_node *node, void *to)
{
	struct settings_breaker *breaker = to;

	if (node->kind == SETTINGS_SCALAR && strcmp(node->text, "off") == 0)
		breaker->off = true;
	else if (node->kind == SETTINGS_SCALAR && strcmp(node->text, "on") == 0)
		settings_table_read(r, &settings_breaker_table, NULL, breaker);
	else if (node->kind == SETTINGS_MAP)
		settings_table_read(r, &settings_breaker_table, node, breaker);
	else
		settings_file_mistake(r->file, node,
				      "write a map, like {requests: 20, failed: 50}, or off");
}

/* ---- Of a route ---- */

/* "p95", "p99.9". False: not like that. */
static bool settings_read_quantile(const char *text, unsigned *permille)
{
	unsigned value = 0, digits = 0;

	if (*text++ != 'p')
		return false;
	for (; *text >= '0' && *text <= '9' && digits < 2; digits++)
		value = value * 10 + (unsigned)(*text++ - '0');
	value *= 10;
	if (*text == '.' && text[1] >= '0' && text[1] <= '9') {
		value += (unsigned)(text[1] - '0');
		text += 2;
	}
	*permille = value;
	return !*text && digits == 2 && value >= 500;
}

static void settings_read_after(struct settings_reader *r, const struct settings_node *node,
				void *to)
{
	const char *text = settings_table_text(r, node);
	struct settings_hedge *hedge = to;
	struct err e = {0};
	uint64_t ms;

	if (!text || settings_read_quantile(text, &hedge->permille))
		return;
	if (settings_value_duration(text, &ms, &e) == 0 && ms >= 1 && ms <= HOUR_MS)
		hedge->after_ms = (unsigned)ms;
	else
		settings_file_mistake(r->file, node,
				      "\"%.60s\" is no time to wait; write one like 50ms, from 1ms "
				      "to 1h, or p95, from p50 to p99.9",
				      text);
}

static const struct settings_key settings_hedge_keys[] = {
	{.name = "after",
	 .type = SETTINGS_CUSTOM,
	 .fallback = "p95",
	 .custom = settings_read_after,
	 .form = "duration, or `p50` to `p99.9`",
	 .help = "How long the first one may take: a time, or longer than so many of a hundred of "
		 "the service's latest replies to such routes"},
};

static void settings_hedge_done(struct settings_reader *r, const struct settings_node *map,
				void *to)
{
	(void)r;
	((struct settings_hedge *)to)->given = map != NULL;
}

const struct settings_table settings_hedge_table = {
	SETTINGS_KEYS(settings_hedge_keys), sizeof(struct settings_hedge), settings_hedge_done};
