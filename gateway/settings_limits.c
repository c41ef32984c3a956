/* settings_limits: rate limits of the top level, of routes and of consumers. */
#include "gateway/settings_parts.h"

#include "common/http.h"
#include "common/settings_value.h"
#include "common/siphash.h"

#include <stdio.h>
#include <string.h>

enum {
	SETTINGS_LIMITS_MAX = 8,
	SETTINGS_LIMIT_RATE_MAX = 1000000,
	SETTINGS_QUOTA_MAX = 1000000000,
	SETTINGS_QUOTA_NAME_MAX = 64, /* as the registry takes them */
	SETTINGS_PER_MIN_MS = 100,
};

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

static void settings_read_per(struct settings_reader *r, const struct settings_node *node, void *to)
{
	const char *text = settings_table_text(r, node);
	struct settings_limit *limit = to;
	uint64_t ms = 0;
	struct err e;

	if (!text)
		return;
	limit->calendar = strcmp(text, "day") == 0 || strcmp(text, "month") == 0;
	if (limit->calendar)
		limit->period = strcmp(text, "month") == 0 ? PERIOD_MONTH : PERIOD_DAY;
	else if (settings_value_duration(text, &ms, &e) < 0)
		settings_file_mistake(r->file, node, "%s; or day or month", e.text);
	else if (ms < SETTINGS_PER_MIN_MS || ms > 31 * DAY_MS)
		settings_file_mistake(r->file, node, "%s; allowed: 100ms to 744h, day or month",
				      text);
	limit->per_ms = (unsigned)(ms <= 31 * DAY_MS ? ms : 0);
}

static const struct settings_key settings_limit_keys[] = {
	{.name = "rate",
	 .type = SETTINGS_INT,
	 .at = offsetof(struct settings_limit, rate),
	 .min = 1,
	 .max = SETTINGS_LIMIT_RATE_MAX,
	 .help = "So many requests"},
	{.name = "quota",
	 .type = SETTINGS_INT,
	 .at = offsetof(struct settings_limit, quota),
	 .min = 1,
	 .max = SETTINGS_QUOTA_MAX,
	 .help = "So many requests in each `day` or `month`, in the place of `rate`: counted by "
		 "the registry, at all gateways together and over restarts; a reset there counts "
		 "within a second"},
	{.name = "per",
	 .type = SETTINGS_CUSTOM,
	 .custom = settings_read_per,
	 .form = "duration from `100ms` to `744h`; of a quota `day` or `month`",
	 .fallback_shown = "`1s`; of a quota `day`",
	 .help = "In that time; days and months are those of the calendar, in UTC"},
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
	 .fallback_shown = "`gateway`, `route` or `consumer`: where it stands; of further ones "
			   "there `route-2` and so on",
	 .form = "text",
	 .help = "What the fields RateLimit and RateLimit-Policy call it; `by: service` counts "
		 "limits of one name together, and quotas of one name are one wherever they "
		 "stand: name those of routes that are to be counted apart"},
};

/* -1: it takes centuries to fill. */
static int settings_limit_step(struct settings_limit *limit)
{
	if (!limit->burst)
		limit->burst = limit->rate;
	/* Rounded up: never more than the rate. */
	limit->step_ns = (limit->per_ms * UINT64_C(1000000) + limit->rate - 1) / limit->rate;
	return limit->step_ns > UINT64_MAX / 4 / limit->burst ? -1 : 0;
}

/* A quota has neither what a bucket has nor a time. */
static void settings_quota_done(struct settings_reader *r, const struct settings_node *map,
				struct settings_limit *limit)
{
	static const char *const others[] = {"burst", "algorithm"};
	const struct settings_node *per = settings_node_get(map, "per");

	limit->kind = LIMIT_QUOTA;
	limit->rate = limit->quota;
	if (per && !limit->calendar)
		settings_file_mistake(r->file, per,
				      "a quota is counted by day or month; write one of them, or "
				      "`rate` in the place of `quota`");
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		if (settings_node_get(map, others[i]))
			settings_file_mistake(r->file, settings_node_get(map, others[i]),
					      "a quota has no %s; remove it", others[i]);
	if (limit->name && strlen(limit->name) > SETTINGS_QUOTA_NAME_MAX)
		settings_file_mistake(r->file, settings_node_get(map, "name"),
				      "the name of a quota has at most %d characters",
				      SETTINGS_QUOTA_NAME_MAX);
}

static void settings_rate_done(struct settings_reader *r, const struct settings_node *map,
			       struct settings_limit *limit)
{
	if (!settings_node_get(map, "per"))
		limit->per_ms = 1000;
	if (limit->calendar)
		settings_file_mistake(r->file, settings_node_get(map, "per"),
				      "a rate is so many in a time, like 24h; for days and months "
				      "of the calendar write `quota` in the place of `rate`");
	if (limit->kind == LIMIT_WINDOW && limit->burst)
		settings_file_mistake(r->file, map, "a window has no burst; remove it");
	if (!limit->rate)
		return; /* a mistake that is noted */
	if (settings_limit_step(limit) < 0)
		settings_file_mistake(r->file, map,
				      "the burst would take centuries to fill; write less");
}

static void settings_limit_done(struct settings_reader *r, const struct settings_node *map,
				void *to)
{
	static const char *const kinds[] = {"rate", "quota", "concurrent"};
	struct settings_limit *limit = to;
	size_t given = 0;

	if (!map)
		return;
	limit->line = map->line;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		given += settings_node_get(map, kinds[i]) != NULL;
	if (given != 1) {
		settings_file_mistake(r->file, map,
				      "write one of `rate`, `quota` and `concurrent`");
		return;
	}
	if (settings_node_get(map, "quota")) {
		settings_quota_done(r, map, limit);
	} else if (limit->concurrent) {
		limit->kind = LIMIT_CONCURRENT;
		limit->rate = limit->concurrent;
	} else {
		settings_rate_done(r, map, limit);
	}
}

const struct settings_table settings_limit_table = {
	SETTINGS_KEYS(settings_limit_keys), sizeof(struct settings_limit), settings_limit_done};

const char *settings_limit_name(struct arena *arena, const char *place, size_t number)
{
	return number == 1 ? place : arena_printf(arena, "%s-%zu", place, number);
}

static void settings_name_limits(struct settings_reader *r, struct settings_limit *limits,
				 size_t count, const char *place)
{
	size_t unnamed = 0;

	for (size_t i = 0; i < count; i++) {
		if (limits[i].name)
			continue;
		limits[i].name = settings_limit_name(r->arena, place, ++unnamed);
		if (!limits[i].name)
			r->file->no_memory = true;
	}
}

static void settings_read_limits(struct settings_reader *r, const struct settings_node *node,
				 const char *place, void *to)
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
	if (node->kind == SETTINGS_SCALAR && !node->null) {
		settings_file_mistake(r->file, node,
				      "this is a value; write {rate: 100, per: 1m}, for so many "
				      "in that time");
		return;
	}
	items = settings_table_alloc(r, count, sizeof(*items));
	if (!items)
		return;
	*list = (struct settings_limits_list){items, count};
	for (size_t i = 0; item; item = item == node ? NULL : item->next, i++)
		settings_table_read(r, &settings_limit_table, item, &items[i]);
	settings_name_limits(r, items, count, place);
}

void settings_read_gateway_limits(struct settings_reader *r, const struct settings_node *node,
				  void *to)
{
	settings_read_limits(r, node, "gateway", to);
}

void settings_read_route_limits(struct settings_reader *r, const struct settings_node *node,
				void *to)
{
	settings_read_limits(r, node, "route", to);
}

void settings_read_consumer_limits(struct settings_reader *r, const struct settings_node *node,
				   void *to)
{
	settings_read_limits(r, node, SETTINGS_LIMIT_OF_CONSUMER, to);
}

/* ---- Their counters ---- */

/* `scope` is whose it is; with the name and what counts it makes the counters' id. */
static int settings_limit_number(struct arena *arena, struct settings_limit *limit,
				 const char *scope)
{
	static const uint8_t key[16] = "microreg-limits";
	const char *header = limit->header ? limit->header : "", *text;

	text = arena_printf(arena, "%s\n%s\n%u %u %s",
			    limit->by == LIMIT_BY_SERVICE ? "service" : scope, limit->name,
			    (unsigned)limit->kind, (unsigned)limit->by, header);
	if (!text)
		return -1;
	limit->id = siphash(key, text, strlen(text));
	if (limit->kind == LIMIT_CONCURRENT || limit->kind == LIMIT_QUOTA)
		return 0; /* the one has none, the other's depends on the month */
	limit->policy = arena_printf(arena, "\"%s\";q=%u;w=%u", limit->name, limit->rate,
				     (limit->per_ms + 999) / 1000);
	return limit->policy ? 0 : -1;
}

static void settings_number_limits(struct settings_reader *r,
				   const struct settings_limits_list *list, const char *scope)
{
	for (size_t i = 0; i < list->count; i++) {
		struct settings_limit *limit = (struct settings_limit *)(uintptr_t)&list->items[i];

		/* One without a name is a mistake that is noted. */
		if (limit->name && settings_limit_number(r->arena, limit, scope) < 0)
			r->file->no_memory = true;
	}
}

int settings_limit_finish(struct arena *arena, struct settings_limit *limit, const char *scope)
{
	bool steps = limit->kind == LIMIT_BUCKET || limit->kind == LIMIT_WINDOW;

	if (steps && settings_limit_step(limit) < 0)
		return -1;
	if (settings_limit_number(arena, limit, scope) == 0)
		return 0;
	limit->step_ns = 0;
	return -1;
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

/* `at` is what they belong to. */
static void settings_check_quotas(struct settings_reader *r, const struct settings *s,
				  const struct settings_limits_list *list,
				  const struct settings_node *at)
{
	const struct settings_node *node = at ? settings_node_get(at, "rate_limit") : NULL;

	for (size_t i = 0; i < list->count && node && !s->registry.given; i++) {
		if (list->items[i].kind != LIMIT_QUOTA)
			continue;
		settings_file_mistake(r->file, node,
				      "a quota is counted by the registry, and there is no "
				      "`registry`; give it, or write `rate`");
		return;
	}
}

static void settings_check_quotas_of_all(struct settings_reader *r, const struct settings *s)
{
	const struct settings_node *root = r->file->root, *list, *at;

	settings_check_quotas(r, s, &s->rate_limits, root);
	list = settings_node_get(root, "consumers");
	at = list ? list->first : NULL;
	for (size_t i = 0; i < s->consumer_count && at; i++, at = at->next)
		settings_check_quotas(r, s, &s->consumers[i].limits, at);
	list = settings_node_get(root, "routes");
	at = list ? list->first : NULL;
	for (size_t i = 0; i < s->route_count && at; i++, at = at->next)
		settings_check_quotas(r, s, &s->routes[i].policy.limits, at);
}

void settings_check_limits(struct settings_reader *r, struct settings *s,
			   const struct settings_route *routes)
{
	const struct settings_node *list = settings_node_get(r->file->root, "routes");
	const struct settings_node *at = list ? list->first : NULL;

	settings_check_quotas_of_all(r, s);
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
