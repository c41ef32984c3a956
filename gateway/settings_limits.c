/* settings_limits: rate limits of the top level, of routes and of consumers. */
#include "gateway/settings_parts.h"

#include "common/http.h"
#include "common/siphash.h"

#include <stdio.h>
#include <string.h>

enum { SETTINGS_LIMITS_MAX = 8, SETTINGS_LIMIT_RATE_MAX = 1000000 };

#define DAY_MS (24 * 3600 * UINT64_C(1000))

static const struct settings_name settings_limit_kinds[] = {
	{"bucket", LIMIT_BUCKET}, {"window", LIMIT_WINDOW}, {NULL, 0}};

static void settings_read_by(struct settings_reader *r, const struct settings_node *node, void *to)
{
	static const struct settings_name names[] = {
		{"address", LIMIT_BY_ADDRESS}, {"consumer", LIMIT_BY_CONSUMER},
		{"key", LIMIT_BY_KEY},	       {"route", LIMIT_BY_ROUTE},
		{"service", LIMIT_BY_SERVICE}, {"all", LIMIT_BY_ALL},
	};
	const char *text = settings_table_text(r, node);
	struct settings_limit *limit = to;

	if (!text)
		return;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(names[i].name, text) == 0) {
			limit->by = (enum settings_limit_by)names[i].value;
			return;
		}
	if (strncmp(text, "header:", 7) == 0 && http_is_token(text + 7, strlen(text + 7))) {
		limit->by = LIMIT_BY_HEADER;
		limit->header = settings_table_copy(r, text + 7);
		return;
	}
	settings_file_mistake(r->file, node,
			      "\"%.60s\" is nobody to count for; write address, consumer, key, "
			      "header:NAME, route, service or all",
			      text);
}

static const struct settings_key settings_limit_keys[] = {
	{.name = "rate",
	 .type = SETTINGS_INT,
	 .at = offsetof(struct settings_limit, rate),
	 .min = 1,
	 .max = SETTINGS_LIMIT_RATE_MAX,
	 .help = "So many requests"},
	{.name = "per",
	 .type = SETTINGS_DURATION,
	 .at = offsetof(struct settings_limit, per_ms),
	 .fallback = "1s",
	 .min = 100,
	 .max = 31 * DAY_MS,
	 .help = "In that time"},
	{.name = "burst",
	 .type = SETTINGS_INT,
	 .at = offsetof(struct settings_limit, burst),
	 .fallback_shown = "`rate`",
	 .min = 1,
	 .max = SETTINGS_LIMIT_RATE_MAX,
	 .help = "How many of them at once, after a time of silence; of a bucket"},
	{.name = "algorithm",
	 .type = SETTINGS_ENUM,
	 .at = offsetof(struct settings_limit, kind),
	 .fallback = "bucket",
	 .names = settings_limit_kinds,
	 .help = "A bucket that fills evenly, or a window that slides over the last `per`"},
	{.name = "concurrent",
	 .type = SETTINGS_INT,
	 .at = offsetof(struct settings_limit, concurrent),
	 .min = 1,
	 .max = SETTINGS_LIMIT_RATE_MAX,
	 .help = "So many requests at the same time, in the place of `rate`"},
	{.name = "by",
	 .type = SETTINGS_CUSTOM,
	 .custom = settings_read_by,
	 .fallback = "address",
	 .form = "`address`, `consumer`, `key`, `header:NAME`, `route`, `service` or `all`",
	 .help = "Each of whom it counts for itself; an IPv6 address with the rest of its /64; "
		 "who has no consumer, key or header is counted by address"},
	{.name = "name",
	 .type = SETTINGS_CUSTOM,
	 .at = offsetof(struct settings_limit, name),
	 .custom = settings_read_token,
	 .fallback = "default",
	 .form = "text",
	 .help = "What the fields RateLimit and RateLimit-Policy call it; `by: service` counts "
		 "limits of one name together"},
};

static void settings_limit_done(struct settings_reader *r, const struct settings_node *map,
				void *to)
{
	struct settings_limit *limit = to;
	const char *key = settings_node_get(map, "concurrent") ? "concurrent" : "rate";

	if (!map)
		return;
	limit->line = map->line;
	if (!settings_node_get(map, key) ||
	    (settings_node_get(map, "rate") && settings_node_get(map, "concurrent"))) {
		settings_file_mistake(r->file, map, "write either `rate` or `concurrent`");
		return;
	}
	if (limit->concurrent) {
		limit->kind = LIMIT_CONCURRENT;
		limit->rate = limit->concurrent;
		return;
	}
	if (limit->kind == LIMIT_WINDOW && limit->burst)
		settings_file_mistake(r->file, map, "a window has no burst; remove it");
	if (!limit->burst)
		limit->burst = limit->rate;
	if (!limit->rate)
		return; /* a mistake that is noted */
	/* Rounded up: never more than the rate. */
	limit->step_ns = (limit->per_ms * UINT64_C(1000000) + limit->rate - 1) / limit->rate;
	if (limit->step_ns > UINT64_MAX / 4 / limit->burst)
		settings_file_mistake(r->file, map,
				      "the burst would take centuries to fill; write less");
}

const struct settings_table settings_limit_table = {
	SETTINGS_KEYS(settings_limit_keys), sizeof(struct settings_limit), settings_limit_done};

void settings_read_limits(struct settings_reader *r, const struct settings_node *node, void *to)
{
	const struct settings_node *item = node->kind == SETTINGS_LIST ? node->first : node;
	size_t count = node->kind == SETTINGS_LIST ? node->count : 1;
	struct settings_limits_list *list = to;
	struct settings_limit *items;

	if (count > SETTINGS_LIMITS_MAX) {
		settings_file_mistake(r->file, node, "there are %zu limits; at most %d are allowed",
				      count, SETTINGS_LIMITS_MAX);
		return;
	}
	items = settings_table_alloc(r, count, sizeof(*items));
	if (!items)
		return;
	*list = (struct settings_limits_list){items, count};
	for (; item; item = item == node ? NULL : item->next, items++)
		settings_table_read(r, &settings_limit_table, item, items);
}

/* ---- Their counters ---- */

/* `scope` is whose they are; with the name and what counts it makes the counters' id. */
static void settings_number_limits(struct settings_reader *r,
				   const struct settings_limits_list *list, const char *scope)
{
	static const uint8_t key[16] = "microreg-limits";

	for (size_t i = 0; i < list->count; i++) {
		struct settings_limit *limit = (struct settings_limit *)(uintptr_t)&list->items[i];
		const char *header = limit->header ? limit->header : "", *text;

		if (!limit->name)
			continue; /* a mistake that is noted */
		text = arena_printf(r->arena, "%s\n%s\n%u %u %s",
				    limit->by == LIMIT_BY_SERVICE ? "service" : scope, limit->name,
				    (unsigned)limit->kind, (unsigned)limit->by, header);
		if (text)
			limit->id = siphash(key, text, strlen(text));
		if (limit->kind == LIMIT_CONCURRENT)
			continue;
		limit->policy = arena_printf(r->arena, "\"%s\";q=%u;w=%u", limit->name, limit->rate,
					     (limit->per_ms + 999) / 1000);
		if (!text || !limit->policy)
			r->file->no_memory = true;
	}
}

/* What costs more than a limit ever holds would never be let in. */
static void settings_check_cost(struct settings_reader *r, const struct settings_route *route,
				const struct settings_node *at)
{
	for (size_t i = 0; i < route->policy.limits.count; i++) {
		const struct settings_limit *limit = &route->policy.limits.items[i];
		unsigned most = limit->kind == LIMIT_BUCKET ? limit->burst : limit->rate;

		if (limit->kind != LIMIT_CONCURRENT && most && route->policy.cost > most)
			settings_file_mistake(r->file, at,
					      "a cost of %u is over the %u of its rate_limit: no "
					      "request would be let in; write less",
					      route->policy.cost, most);
	}
}

void settings_check_limits(struct settings_reader *r, struct settings *s,
			   const struct settings_route *routes)
{
	const struct settings_node *list = settings_node_get(r->file->root, "routes");
	const struct settings_node *at = list ? list->first : NULL;

	settings_number_limits(r, &s->rate_limits, "gateway");
	for (size_t i = 0; i < s->consumer_count; i++)
		if (s->consumers[i].id)
			settings_number_limits(r, &s->consumers[i].limits, s->consumers[i].id);
	for (size_t i = 0; i < s->route_count; i++, at = at ? at->next : NULL) {
		const struct settings_route *route = &routes[i];
		const char *scope;

		if (!route->policy.limits.count || !route->pattern)
			continue;
		settings_check_cost(r, route, at);
		scope = arena_printf(r->arena, "route %s %x %s", route->pattern, route->methods,
				     route->hosts.count ? route->hosts.items[0] : "");
		if (scope)
			settings_number_limits(r, &route->policy.limits, scope);
		else
			r->file->no_memory = true;
	}
}
