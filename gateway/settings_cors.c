/* settings_cors: `cors`, `user_agents` and `content_types` of a route. */
#include "gateway/settings_parts.h"

#include "common/http.h"

#include <stdio.h>
#include <string.h>

enum { SETTINGS_ORIGINS_MAX = 64, SETTINGS_PATTERNS_MAX = 64 };

#define HOUR_MS (3600 * UINT64_C(1000))

/* ---- cors ---- */

static bool settings_is_origin(const char *text)
{
	const char *host = strncmp(text, "https://", 8) == 0  ? text + 8
			   : strncmp(text, "http://", 7) == 0 ? text + 7
							      : NULL;
	const char *star = host ? strchr(host, '*') : NULL;

	if (!host || !*host || strpbrk(host, "/?# \"\\\r\n,;"))
		return strcmp(text, "null") == 0;
	return !star || (star == host && star[1] == '.' && !strchr(star + 1, '*'));
}

static void settings_read_origins(struct settings_reader *r, const struct settings_node *node,
				  void *to)
{
	const struct settings_node *item = node->kind == SETTINGS_LIST ? node->first : node;
	size_t count = node->kind == SETTINGS_LIST ? node->count : 1, n = 0;
	struct settings_cors *cors = to;
	const char **origins;

	if (count == 0 || count > SETTINGS_ORIGINS_MAX) {
		settings_file_mistake(r->file, node, "there are %zu origins; write 1 to %d", count,
				      SETTINGS_ORIGINS_MAX);
		return;
	}
	origins = settings_table_alloc(r, count, sizeof(*origins));
	for (; origins && item; item = item == node ? NULL : item->next) {
		const char *text = settings_table_text(r, item);

		if (!text)
			continue;
		if (strcmp(text, "*") == 0)
			cors->any = true;
		else if (settings_is_origin(text))
			origins[n++] = settings_table_copy(r, text);
		else
			settings_file_mistake(r->file, item,
					      "\"%.100s\" is no origin; write one like "
					      "https://shop.example, https://*.example.org, or *",
					      text);
	}
	cors->origins = (struct settings_strings){origins, n};
}

static const struct settings_key settings_cors_keys[] = {
	{.name = "origins",
	 .type = SETTINGS_CUSTOM,
	 .required = true,
	 .custom = settings_read_origins,
	 .form = "list of origins, like `https://shop.example` or `https://*.example.org`, or `*`",
	 .help = "Whose pages may read the answers"},
	{.name = "methods",
	 .type = SETTINGS_STRINGS,
	 .at = offsetof(struct settings_cors, methods),
	 .max = 16,
	 .fallback_shown = "the route's",
	 .help = "Methods they may use"},
	{.name = "headers",
	 .type = SETTINGS_STRINGS,
	 .at = offsetof(struct settings_cors, headers),
	 .max = 64,
	 .fallback_shown = "whatever they ask for",
	 .help = "Header fields they may send"},
	{.name = "expose",
	 .type = SETTINGS_STRINGS,
	 .at = offsetof(struct settings_cors, expose),
	 .max = 64,
	 .help = "Fields of answers they may read, beside the few that all may"},
	{.name = "credentials",
	 .type = SETTINGS_BOOL,
	 .at = offsetof(struct settings_cors, credentials),
	 .fallback = "false",
	 .help = "Whether they may send cookies and the like; not with `*`"},
	{.name = "max_age",
	 .type = SETTINGS_DURATION,
	 .at = offsetof(struct settings_cors, max_age_ms),
	 .fallback = "10m",
	 .max = 24 * HOUR_MS,
	 .help = "How long browsers may remember a preflight's answer"},
};

/* One field of a list, or "" when that is empty. */
static const char *settings_cors_field(struct settings_reader *r, const char *name,
				       const struct settings_strings *list)
{
	const char *text = "";

	for (size_t i = 0; text && i < list->count; i++)
		text = arena_printf(r->arena, "%s%s%s", text, i ? ", " : name, list->items[i]);
	if (text && *text)
		text = arena_printf(r->arena, "%s\r\n", text);
	return text;
}

static bool settings_cors_are_tokens(struct settings_reader *r, const struct settings_node *map,
				     const struct settings_strings *list)
{
	for (size_t i = 0; i < list->count; i++)
		if (!http_is_token(list->items[i], strlen(list->items[i]))) {
			settings_file_mistake(r->file, map, "\"%.60s\" can't be a name here",
					      list->items[i]);
			return false;
		}
	return true;
}

static void settings_cors_done(struct settings_reader *r, const struct settings_node *map, void *to)
{
	struct settings_cors *cors = to;
	const char *methods, *headers, *expose;

	if (!map)
		return;
	cors->given = true;
	if (cors->any && (cors->credentials || cors->origins.count))
		settings_file_mistake(r->file, map,
				      "`*` is every origin: that goes neither with credentials nor "
				      "with others in the list; name the origins");
	if (!settings_cors_are_tokens(r, map, &cors->methods) ||
	    !settings_cors_are_tokens(r, map, &cors->headers) ||
	    !settings_cors_are_tokens(r, map, &cors->expose))
		return;
	methods = settings_cors_field(r, "Access-Control-Allow-Methods: ", &cors->methods);
	headers = settings_cors_field(r, "Access-Control-Allow-Headers: ", &cors->headers);
	expose = settings_cors_field(r, "Access-Control-Expose-Headers: ", &cors->expose);
	if (!methods || !headers || !expose) {
		r->file->no_memory = true;
		return;
	}
	cors->fields = arena_printf(
		r->arena, "%s%s",
		cors->credentials ? "Access-Control-Allow-Credentials: true\r\n" : "", expose);
	cors->preflight = arena_printf(r->arena,
				       "%s%sAccess-Control-Max-Age: %u\r\n"
				       "Vary: Access-Control-Request-Method, "
				       "Access-Control-Request-Headers\r\n",
				       methods, headers, cors->max_age_ms / 1000);
	if (!cors->fields || !cors->preflight)
		r->file->no_memory = true;
}

const struct settings_table settings_cors_table = {
	SETTINGS_KEYS(settings_cors_keys), sizeof(struct settings_cors), settings_cors_done};

void settings_cors_default(struct settings_reader *r, struct settings_route *route)
{
	struct settings_cors *cors = &route->policy.cors;
	const char *text = "Access-Control-Allow-Methods: ";
	bool first = true;

	if (!cors->given || cors->methods.count || !cors->preflight)
		return;
	for (unsigned i = 0; i < HTTP_METHOD_COUNT && text; i++) {
		/* No page may ask with these (Fetch 2.2.1), and one is not done here. */
		if (!(route->methods & ~((unsigned)HTTP_CONNECT | HTTP_TRACE) & 1u << i))
			continue;
		text = arena_printf(r->arena, "%s%s%s", text, first ? "" : ", ",
				    http_method_name((enum http_method)(1u << i)));
		first = false;
	}
	cors->preflight = text ? arena_printf(r->arena, "%s\r\n%s", text, cors->preflight) : NULL;
	if (!cors->preflight)
		r->file->no_memory = true;
}

/* ---- user_agents ---- */

static const struct settings_key settings_agents_keys[] = {
	{.name = "allow",
	 .type = SETTINGS_STRINGS,
	 .at = offsetof(struct settings_agents, allow),
	 .max = SETTINGS_PATTERNS_MAX,
	 .form = "list of patterns, like `Mozilla/*`",
	 .fallback_shown = "all",
	 .help = "What User-Agent has to be; others get a 403"},
	{.name = "deny",
	 .type = SETTINGS_STRINGS,
	 .at = offsetof(struct settings_agents, deny),
	 .max = SETTINGS_PATTERNS_MAX,
	 .form = "list of patterns, like `*bot*`",
	 .help = "What it may not be, also when `allow` has it"},
};

const struct settings_table settings_agents_table = {SETTINGS_KEYS(settings_agents_keys),
						     sizeof(struct settings_agents), NULL};
