/* settings_paths: the `paths` of the top level and of a route. */
#include "gateway/path_rules.h"
#include "gateway/settings_parts.h"

#include <string.h>

static const struct settings_name settings_path_rules[] = {
	{"refuse", PATH_REFUSE}, {"keep", PATH_KEEP}, {NULL, 0}};

static const struct settings_name settings_slash_rules[] = {
	{"merge", PATH_MERGE}, {"keep", PATH_KEEP}, {"refuse", PATH_REFUSE}, {NULL, 0}};

#define SETTINGS_ESCAPED_SLASH_HELP                                                                \
	"`%2F`: `keep` it where names hold slashes and services never take it for a separator; a " \
	"refused path gets a 400"
#define SETTINGS_BACKSLASH_HELP "`\\` and `%5C`, which services on Windows take for a slash"
#define SETTINGS_SEMICOLON_HELP \
	"`;` and `%3B`, at which Java's servers cut a segment off; `keep` it for `;jsessionid=…`"

static const struct settings_key settings_paths_keys[] = {
	{.name = "repeated_slash",
	 .type = SETTINGS_ENUM,
	 .at = offsetof(struct settings_paths, repeated_slash),
	 .fallback = "merge",
	 .names = settings_slash_rules,
	 .help = "`//`: made one before routes are looked for and in what services get, or kept as "
		 "an empty segment, for keys of object stores say"},
	{.name = "escaped_slash",
	 .type = SETTINGS_ENUM,
	 .at = offsetof(struct settings_paths, escaped_slash),
	 .fallback = "refuse",
	 .names = settings_path_rules,
	 .help = SETTINGS_ESCAPED_SLASH_HELP},
	{.name = "backslash",
	 .type = SETTINGS_ENUM,
	 .at = offsetof(struct settings_paths, backslash),
	 .fallback = "refuse",
	 .names = settings_path_rules,
	 .help = SETTINGS_BACKSLASH_HELP},
	{.name = "semicolon",
	 .type = SETTINGS_ENUM,
	 .at = offsetof(struct settings_paths, semicolon),
	 .fallback = "refuse",
	 .names = settings_path_rules,
	 .help = SETTINGS_SEMICOLON_HELP},
};

const struct settings_table settings_paths_table = {SETTINGS_KEYS(settings_paths_keys),
						    sizeof(struct settings_paths), NULL};

/* What a route may say of its own; runs of slashes are merged before it is known. */
static const struct settings_key settings_route_paths_keys[] = {
	{.name = "escaped_slash",
	 .type = SETTINGS_ENUM,
	 .at = offsetof(struct settings_paths, escaped_slash),
	 .fallback_shown = "the top level's",
	 .names = settings_path_rules,
	 .help = SETTINGS_ESCAPED_SLASH_HELP},
	{.name = "backslash",
	 .type = SETTINGS_ENUM,
	 .at = offsetof(struct settings_paths, backslash),
	 .fallback_shown = "the top level's",
	 .names = settings_path_rules,
	 .help = SETTINGS_BACKSLASH_HELP},
	{.name = "semicolon",
	 .type = SETTINGS_ENUM,
	 .at = offsetof(struct settings_paths, semicolon),
	 .fallback_shown = "the top level's",
	 .names = settings_path_rules,
	 .help = SETTINGS_SEMICOLON_HELP},
};

const struct settings_table settings_route_paths_table = {SETTINGS_KEYS(settings_route_paths_keys),
							  sizeof(struct settings_paths), NULL};

static void settings_inherit_rule(enum settings_path_rule *rule, enum settings_path_rule top)
{
	if (*rule == PATH_UNSET)
		*rule = top;
}

void settings_inherit_paths(const struct settings *s, struct settings_route *route)
{
	route->paths.repeated_slash = s->paths.repeated_slash;
	settings_inherit_rule(&route->paths.escaped_slash, s->paths.escaped_slash);
	settings_inherit_rule(&route->paths.backslash, s->paths.backslash);
	settings_inherit_rule(&route->paths.semicolon, s->paths.semicolon);
}

/* No request could come to it. */
void settings_check_paths(struct settings_reader *r, const struct settings *s)
{
	const struct settings_node *list = settings_node_get(r->file->root, "routes");
	const struct settings_node *at = list ? list->first : NULL;

	for (size_t i = 0; i < s->route_count && at; i++, at = at->next) {
		const struct settings_route *route = &s->routes[i];
		struct span path = {route->pattern, route->pattern ? strlen(route->pattern) : 0};
		const struct settings_node *node = settings_node_get(at, "path");
		const struct path_rule *refused = path_rules_refuse(&route->paths, path);

		if (refused)
			settings_file_mistake(r->file, node,
					      "no request can have this path, for it has %s; write "
					      "paths: {%s: keep}",
					      refused->what, refused->key);
		else if (s->paths.repeated_slash == PATH_MERGE && route->pattern &&
			 strstr(route->pattern, "//"))
			settings_file_mistake(r->file, node,
					      "no request can have this path, for runs of slashes "
					      "are made one; remove one, or write "
					      "paths: {repeated_slash: keep}");
	}
}
