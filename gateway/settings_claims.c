/* settings_claims: the settings' `registry_routes`. */
#include "gateway/settings_parts.h"

#include "common/instance.h"
#include "common/suggest.h"

#include <string.h>

enum { SETTINGS_GRANT_PATHS_MAX = 64 };

static void settings_read_grant_service(struct settings_reader *r, const struct settings_node *node,
					void *to)
{
	const char *text = settings_table_text(r, node), *copy;
	char plain[INSTANCE_NAME_MAX + 2];
	size_t len = text ? strlen(text) : 0;

	if (!text)
		return;
	/* Without its stars it must be what a name can be made of. */
	for (size_t i = 0; i < len && i < sizeof(plain); i++)
		plain[i] = text[i] == '*' ? 'x' : text[i];
	plain[len < sizeof(plain) ? len : sizeof(plain) - 1] = '\0';
	if (!instance_service_is_valid(plain))
		settings_file_mistake(
			r->file, node,
			"\"%.100s\" is no name of a service; write one like orders, or "
			"team-* for all that begin so",
			text);
	copy = settings_table_copy(r, text);
	memcpy(to, &copy, sizeof(copy));
}

static const struct settings_key settings_grant_keys[] = {
	{.name = "service",
	 .type = SETTINGS_CUSTOM,
	 .at = offsetof(struct settings_grant, service),
	 .required = true,
	 .custom = settings_read_grant_service,
	 .form = "name of a service, `*` for any text in it",
	 .help = "Whose registrations may bring routes"},
	{.name = "paths",
	 .type = SETTINGS_STRINGS,
	 .at = offsetof(struct settings_grant, paths),
	 .required = true,
	 .min = 1,
	 .max = SETTINGS_GRANT_PATHS_MAX,
	 .form = "[\"/orders/*\"]",
	 .help = "Paths that their routes must lie within"},
	{.name = "like",
	 .type = SETTINGS_STRING,
	 .at = offsetof(struct settings_grant, like),
	 .min = 1,
	 .max = 256,
	 .form = "`name` of a route",
	 .fallback_shown = "the defaults of routes",
	 .help = "The route whose other keys (`auth`, `rate_limit`, `timeout`, `cache` …) theirs "
		 "have"},
};

static void settings_grant_done(struct settings_reader *r, const struct settings_node *map,
				void *to)
{
	struct settings_grant *grant = to;
	const struct settings_node *node = settings_node_get(map, "paths");
	struct route_pattern *patterns =
		settings_table_alloc(r, grant->paths.count, sizeof(*patterns));
	struct err e;

	grant->line = map ? map->line : 0;
	grant->patterns = patterns;
	for (size_t i = 0; patterns && i < grant->paths.count; i++)
		if (route_pattern_parse(&patterns[i], grant->paths.items[i], &e) < 0)
			settings_file_mistake(r->file, node, "%s", e.text);
}

const struct settings_table settings_grant_table = {
	SETTINGS_KEYS(settings_grant_keys), sizeof(struct settings_grant), settings_grant_done};

/* ---- After everything is read ---- */

static void settings_find_like(struct settings_reader *r, const struct settings *s,
			       struct settings_grant *grant, const struct settings_node *at)
{
	struct suggest suggest = {.name = grant->like};
	size_t i = 0;

	for (; i < s->route_count; i++) {
		if (!s->routes[i].name)
			continue;
		if (strcmp(s->routes[i].name, grant->like) == 0)
			break;
		suggest_offer(&suggest, s->routes[i].name);
	}
	grant->like_route = i;
	if (i == s->route_count)
		settings_file_mistake(r->file, at, "no route is named \"%s\"%s%s%s", grant->like,
				      suggest.best ? "; did you mean \"" : "",
				      suggest.best ? suggest.best : "", suggest.best ? "\"?" : "");
	else if (!s->routes[i].service_name || s->routes[i].rewrite || s->routes[i].bridge.method)
		settings_file_mistake(
			r->file, at,
			"the route \"%s\" does more than to pass requests to a service "
			"as they are; name one with `service` and without `rewrite` and `xmlrpc`",
			grant->like);
}

void settings_check_grants(struct settings_reader *r, struct settings *s)
{
	struct settings_grant *grants =
		(struct settings_grant *)(uintptr_t)s->grants; /* ours still */
	const struct settings_node *list = settings_node_get(r->file->root, "registry_routes");
	const struct settings_node *at = list ? list->first : NULL;

	if (s->grant_count && !s->registry.given)
		settings_file_mistake(r->file, list,
				      "there is no registry that routes could come from; write "
				      "registry: {urls: […]}");
	for (size_t i = 0; i < s->grant_count && at; i++, at = at->next)
		if (grants[i].like)
			settings_find_like(r, s, &grants[i], settings_node_get(at, "like"));
	settings_table_read(r, &settings_service_table, NULL, &s->default_service);
	settings_table_read(r, &settings_route_table, NULL, &s->default_route);
	settings_inherit(s, &s->default_route);
}
