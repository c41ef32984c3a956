/* settings_view: a view of a composed answer: for whom it is, and its program. */
#include "gateway/settings_parts.h"

static const struct settings_name settings_devices[] = {{"any", DEVICE_ANY},
							{"mobile", DEVICE_MOBILE},
							{"desktop", DEVICE_DESKTOP},
							{"bot", DEVICE_BOT},
							{NULL, 0}};

static void settings_read_view_program(struct settings_reader *r, const struct settings_node *node,
				       void *to)
{
	static const char *const names[] = {"answer"};
	struct settings_program *program = to;

	*program = (struct settings_program){.names = names, .name_count = 1};
	settings_read_program(r, node, names[0], program);
}

static const struct settings_key settings_view_keys[] = {
	{.name = "headers",
	 .type = SETTINGS_CUSTOM,
	 .at = offsetof(struct settings_view, headers),
	 .custom = settings_read_headers,
	 .form = "map of `NAME: value`, or `NAME: true` for any value",
	 .help = "Headers that a request for it has"},
	{.name = "query",
	 .type = SETTINGS_CUSTOM,
	 .at = offsetof(struct settings_view, query),
	 .custom = settings_read_query,
	 .form = "map of `NAME: value`, or `NAME: true` for any value",
	 .help = "Query parameters that a request for it has"},
	{.name = "device",
	 .type = SETTINGS_ENUM,
	 .at = offsetof(struct settings_view, device),
	 .fallback = "any",
	 .names = settings_devices,
	 .help = "Kind of client, by its User-Agent"},
	{.name = "groups",
	 .type = SETTINGS_STRINGS,
	 .at = offsetof(struct settings_view, groups),
	 .max = 64,
	 .form = "group of consumers, or list of them",
	 .help = "Whom it is for: callers of one of these groups, as rules of `allow` know them"},
	{.name = "reply",
	 .type = SETTINGS_CUSTOM,
	 .at = offsetof(struct settings_view, program),
	 .required = true,
	 .custom = settings_read_view_program,
	 .form = "jq program, like `map({id, total})`",
	 .help = "What they get: its input is the answer"},
};

static void settings_view_done(struct settings_reader *r, const struct settings_node *map, void *to)
{
	struct settings_view *view = to;

	if (!map)
		return;
	view->name = settings_table_copy(r, map->key);
	view->line = map->line;
	if (!view->headers.count && !view->query.count && view->device == DEVICE_ANY &&
	    !view->groups.count)
		settings_file_mistake(r->file, map,
				      "everybody would get it; write headers, query, device or "
				      "groups");
}

const struct settings_table settings_view_table = {
	SETTINGS_KEYS(settings_view_keys), sizeof(struct settings_view), settings_view_done};
