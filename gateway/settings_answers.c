/* settings_answers: a route's answers that no instance gives: kept ones and fixed ones. */
#include "gateway/settings_parts.h"

#include <string.h>

#define HOUR_MS (3600 * UINT64_C(1000))

/* ---- cache ---- */

static const struct settings_key settings_cache_keys[] = {
	{.name = "ttl",
	 .type = SETTINGS_MS64,
	 .at = offsetof(struct settings_cache, ttl_ms),
	 .fallback_shown = "what the reply says",
	 .max = 8760 * HOUR_MS,
	 .help = "How long a reply is fresh when its own headers do not say"},
	{.name = "stale_if_error",
	 .type = SETTINGS_MS64,
	 .at = offsetof(struct settings_cache, stale_if_error_ms),
	 .fallback = "1h",
	 .max = 8760 * HOUR_MS,
	 .help = "How long after that a reply may be served while the service is down"},
	{.name = "stale_while_revalidate",
	 .type = SETTINGS_MS64,
	 .at = offsetof(struct settings_cache, stale_while_revalidate_ms),
	 .fallback = "0s",
	 .max = 8760 * HOUR_MS,
	 .help = "How long after its freshness a reply is served at once, and asked about behind "
		 "the client's back, when its own headers do not say"},
	{.name = "shared",
	 .type = SETTINGS_BOOL,
	 .at = offsetof(struct settings_cache, shared),
	 .fallback = "false",
	 .help = "Whether one kept reply is for all callers; else each consumer has its own, on "
		 "routes with `auth`"},
};

const struct settings_table settings_cache_table = {SETTINGS_KEYS(settings_cache_keys),
						    sizeof(struct settings_cache), NULL};

void settings_read_cache(struct settings_reader *r, const struct settings_node *node, void *to)
{
	struct settings_cache *cache = to;

	cache->given = true;
	if (node->kind == SETTINGS_SCALAR && strcmp(node->text, "off") == 0)
		cache->off = true;
	else if (node->kind == SETTINGS_MAP)
		settings_table_read(r, &settings_cache_table, node, cache);
	else
		settings_file_mistake(r->file, node, "write a map, like {ttl: 30s}, or off");
}

/* ---- fallback ---- */

static void settings_read_body_text(struct settings_reader *r, const struct settings_node *node,
				    void *to)
{
	struct settings_fallback *fallback = to;
	const char *text = settings_table_text(r, node);

	if (!text)
		return;
	fallback->body = settings_table_copy(r, text);
	fallback->body_len = strlen(text);
}

static const struct settings_key settings_fallback_keys[] = {
	{.name = "status",
	 .type = SETTINGS_INT,
	 .at = offsetof(struct settings_fallback, status),
	 .fallback = "200",
	 .min = 200,
	 .max = 599,
	 .help = "Status of the answer"},
	{.name = "json",
	 .type = SETTINGS_CUSTOM,
	 .custom = settings_read_json,
	 .form = "any value, sent as JSON",
	 .help = "Body of the answer"},
	{.name = "text",
	 .type = SETTINGS_CUSTOM,
	 .custom = settings_read_body_text,
	 .form = "text",
	 .help = "Body of the answer, in the place of `json`"},
	{.name = "type",
	 .type = SETTINGS_CUSTOM,
	 .at = offsetof(struct settings_fallback, type),
	 .custom = settings_read_media_type,
	 .fallback_shown = "`application/json`, of a text `text/plain; charset=utf-8`",
	 .form = "media type",
	 .help = "Content-Type of the answer"},
};

static void settings_fallback_done(struct settings_reader *r, const struct settings_node *map,
				   void *to)
{
	const struct settings_node *text = settings_node_get(map, "text");
	struct settings_fallback *fallback = to;

	if (!map)
		return;
	fallback->given = true;
	if (!fallback->type && fallback->body)
		fallback->type = text ? "text/plain; charset=utf-8" : "application/json";
	if (text && settings_node_get(map, "json"))
		settings_file_mistake(r->file, text, "there is a `json` already; keep one of them");
}

const struct settings_table settings_fallback_table = {SETTINGS_KEYS(settings_fallback_keys),
						       sizeof(struct settings_fallback),
						       settings_fallback_done};
