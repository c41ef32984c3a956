/* settings_survive: the keys of a service about what happens when it fails or has too much. */
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
