/* settings_call: the keys of one call of a composed route; those that may name another call are
 * read by settings_compose, when all names are known. */
#include "gateway/settings_compose_parts.h"

#include "common/instance.h"
#include "common/json_check.h"
#include "common/suggest.h"

#include <errno.h>
#include <string.h>

#define HOUR_MS (3600 * UINT64_C(1000))
#define MIB	(UINT64_C(1) << 20)

void settings_read_later(struct settings_reader *r, const struct settings_node *node, void *to)
{
	(void)r;
	(void)node;
	(void)to;
}

static const struct settings_name settings_call_methods[] = {
	{"GET", HTTP_GET},	   {"HEAD", HTTP_HEAD},
	{"POST", HTTP_POST},	   {"PUT", HTTP_PUT},
	{"PATCH", HTTP_PATCH},	   {"DELETE", HTTP_DELETE},
	{"OPTIONS", HTTP_OPTIONS}, {NULL, 0},
};

/* ---- require ---- */

static void settings_read_default_json(struct settings_reader *r, const struct settings_node *node,
				       const char *json, struct settings_call *call)
{
	struct err e = {0};

	call->otherwise = json_value((struct span){json, strlen(json)});
	if (json_check(call->otherwise, &e) == 0) {
		json = settings_table_copy(r, call->otherwise.at);
		call->otherwise.at = json;
		return;
	}
	if (e.code == ENOMEM)
		r->file->no_memory = true;
	settings_file_mistake(r->file, node,
			      "the default is no JSON: %s; write one like default: null", e.text);
}

static void settings_read_require(struct settings_reader *r, const struct settings_node *node,
				  void *to)
{
	static const struct settings_name names[] = {{"required", REQUIRE_REQUIRED},
						     {"optional", REQUIRE_OPTIONAL},
						     {"stale", REQUIRE_STALE},
						     {NULL, 0}};
	const char *text = settings_table_text(r, node);
	struct settings_call *call = to;
	struct suggest near = {.name = text};

	if (!text)
		return;
	if (strncmp(text, "default:", 8) == 0) {
		call->require = REQUIRE_DEFAULT;
		settings_read_default_json(r, node, text + 8, call);
		return;
	}
	for (const struct settings_name *n = names; n->name; n++) {
		if (strcmp(text, n->name) == 0) {
			call->require = (enum settings_require)n->value;
			return;
		}
		suggest_offer(&near, n->name);
	}
	settings_file_mistake(r->file, node,
			      "\"%.60s\" is not known; write required, optional, stale or "
			      "\"default: JSON\"%s%s%s",
			      text, near.best ? "; did you mean " : "", near.best ? near.best : "",
			      near.best ? "?" : "");
}

/* ---- cache ---- */

static void settings_read_call_cache(struct settings_reader *r, const struct settings_node *node,
				     void *to)
{
	struct settings_cache *cache = settings_table_alloc(r, 1, sizeof(*cache));

	if (!cache)
		return;
	settings_read_cache(r, node, cache);
	if (!settings_node_get(node, "ttl"))
		cache->ttl_ms = -1;
	memcpy(to, &cache, sizeof(cache));
}

/* ---- One call ---- */

static const struct settings_key settings_call_keys[] = {
	{.name = "service",
	 .type = SETTINGS_CUSTOM,
	 .at = offsetof(struct settings_call, service_name),
	 .required = true,
	 .custom = settings_read_service_name,
	 .form = "name of a service",
	 .help = "Which service is asked"},
	{.name = "path",
	 .type = SETTINGS_STRING,
	 .at = offsetof(struct settings_call, path_text),
	 .required = true,
	 .min = 1,
	 .form = "template, like `/users/{order.customerId}`",
	 .help = "What it is asked for; a call that names another one waits for it, the others "
		 "run at the same time"},
	{.name = "method",
	 .type = SETTINGS_ENUM,
	 .at = offsetof(struct settings_call, method),
	 .fallback = "GET",
	 .names = settings_call_methods,
	 .help = "POST and PATCH are sent once, unless the service's `retry.non_idempotent` is "
		 "set"},
	{.name = "headers",
	 .type = SETTINGS_CUSTOM,
	 .custom = settings_read_later,
	 .form = "map of `NAME: template`",
	 .help = "Fields to send beside, or in the place of, the client's"},
	{.name = "json",
	 .type = SETTINGS_CUSTOM,
	 .custom = settings_read_later,
	 .form = "any value, with templates in its texts",
	 .help = "Body to send; a text that is one template, like `\"{order.lines}\"`, stands for "
		 "the "
		 "value itself"},
	{.name = "for_each",
	 .type = SETTINGS_CUSTOM,
	 .custom = settings_read_later,
	 .form = "path like `.orders[].lines[].product`",
	 .help = "Makes the call once for each distinct value there, as `{item}`; the result is "
		 "an object, by value"},
	{.name = "concurrency",
	 .type = SETTINGS_INT,
	 .at = offsetof(struct settings_call, each.concurrency),
	 .fallback = "8",
	 .min = 1,
	 .max = 256,
	 .help = "Of `for_each`: requests under way at once"},
	{.name = "values",
	 .type = SETTINGS_INT,
	 .at = offsetof(struct settings_call, each.values_max),
	 .fallback = "100",
	 .min = 1,
	 .max = 10000,
	 .help = "Of `for_each`: distinct values at most; with more the call fails"},
	{.name = "batch",
	 .type = SETTINGS_INT,
	 .at = offsetof(struct settings_call, each.batch),
	 .fallback_shown = "each value has its own request",
	 .min = 1,
	 .max = 1000,
	 .help = "Of `for_each`: values of one request, as `{items}` in the path: "
		 "`/products?ids={items}`"},
	{.name = "key",
	 .type = SETTINGS_CUSTOM,
	 .custom = settings_read_later,
	 .form = "path, like `id`",
	 .fallback_shown = "`id`",
	 .help = "Of `batch`: where the value is in each element of the list that is answered"},
	{.name = "when",
	 .type = SETTINGS_CUSTOM,
	 .custom = settings_read_later,
	 .form = "`{query.expand} == customer`, `!=`, or a template alone; a list of them: all",
	 .help = "Makes the call only then; alone, a template must be neither empty nor `false`"},
	{.name = "require",
	 .type = SETTINGS_CUSTOM,
	 .fallback = "required",
	 .custom = settings_read_require,
	 .form = "`required`, `optional`, `stale` or `default: JSON`",
	 .help = "What becomes of the answer when the call fails: it fails as well (with the "
		 "status of the call where that is a 4xx or 5xx, else 502), goes without, "
		 "takes a kept reply, or has this in its place"},
	{.name = "timeout",
	 .type = SETTINGS_DURATION,
	 .at = offsetof(struct settings_call, timeout_ms),
	 .fallback_shown = "85 % of the route's, from its start",
	 .min = 1,
	 .max = 24 * HOUR_MS,
	 .help = "Time for the call, retries included; never more than 85 % of the route's leave. "
		 "What is left is told the service in X-Timeout-Ms"},
	{.name = "cache",
	 .type = SETTINGS_CUSTOM,
	 .at = offsetof(struct settings_call, cache),
	 .custom = settings_read_call_cache,
	 .table = &settings_cache_table,
	 .fallback_shown = "replies that allow it are kept, for `require: stale`",
	 .form = "map or `off`",
	 .help = "Whether its replies are kept"},
	{.name = "reply",
	 .type = SETTINGS_SIZE,
	 .at = offsetof(struct settings_call, reply_bytes),
	 .fallback = "1MiB",
	 .min = 1,
	 .max = 64 * MIB,
	 .help = "Largest reply; with a longer one the call fails"},
};

static const char *const settings_call_reserved[] = {
	"path",	  "query", "header", "request", "client",  "consumer",
	"claims", "item",  "items",  "body",	"__loc__", "ENV",
};

const char *settings_call_name_wrong(const char *name)
{
	size_t len = strlen(name);

	for (size_t i = 0; i < sizeof(settings_call_reserved) / sizeof(char *); i++)
		if (strcmp(name, settings_call_reserved[i]) == 0)
			return "the name stands for something else in templates";
	if (!len || len > SETTINGS_CALL_NAME_MAX || (name[0] >= '0' && name[0] <= '9'))
		return "the name is empty, too long or begins with a digit";
	for (size_t i = 0; i < len; i++)
		if (!((name[i] >= 'a' && name[i] <= 'z') || (name[i] >= 'A' && name[i] <= 'Z') ||
		      (name[i] >= '0' && name[i] <= '9') || name[i] == '_'))
			return "names are of letters, digits and '_'";
	return NULL;
}

static void settings_call_done(struct settings_reader *r, const struct settings_node *map, void *to)
{
	struct settings_call *call = to;
	const char *wrong = settings_call_name_wrong(map->key);

	call->name = settings_table_copy(r, map->key);
	call->line = map->line;
	call->method_text = http_method_name(call->method);
	if (!call->cache) {
		struct settings_cache *cache = settings_table_alloc(r, 1, sizeof(*cache));

		if (cache)
			*cache = (struct settings_cache){.ttl_ms = -1,
							 .stale_if_error_ms = (int64_t)HOUR_MS};
		call->cache = cache;
	}
	if (wrong)
		settings_file_mistake(r->file, map, "%s; choose another", wrong);
}

const struct settings_table settings_call_table = {
	SETTINGS_KEYS(settings_call_keys), sizeof(struct settings_call), settings_call_done};
