/* settings_openapi: reads `openapi` of the top level and `docs` of a route. */
#include "gateway/settings_parts.h"

#include <string.h>

enum { SETTINGS_TAGS_MAX = 16, SETTINGS_SERVERS_MAX = 16, SETTINGS_WORDS_MAX = 64 << 10 };

static void settings_openapi_done(struct settings_reader *r, const struct settings_node *map,
				  void *to)
{
	const struct settings_openapi *openapi = to;

	for (size_t i = 0; map && i < openapi->servers.count; i++) {
		const char *url = openapi->servers.items[i];

		if (strncmp(url, "http://", 7) != 0 && strncmp(url, "https://", 8) != 0 &&
		    url[0] != '/')
			settings_file_mistake(r->file, settings_node_get(map, "servers"),
					      "\"%.60s\" is no URL; write one like "
					      "https://api.example.org, or a path",
					      url);
	}
}

static const struct settings_key settings_openapi_keys[] = {
	{.name = "title",
	 .type = SETTINGS_STRING,
	 .at = offsetof(struct settings_openapi, title),
	 .fallback = "API",
	 .min = 1,
	 .max = 256,
	 .help = "Name of the whole"},
	{.name = "version",
	 .type = SETTINGS_STRING,
	 .at = offsetof(struct settings_openapi, version),
	 .fallback = "1",
	 .min = 1,
	 .max = 64,
	 .help = "Its version, which only people read"},
	{.name = "description",
	 .type = SETTINGS_STRING,
	 .at = offsetof(struct settings_openapi, description),
	 .max = SETTINGS_WORDS_MAX,
	 .form = "text",
	 .fallback_shown = "none",
	 .help = "What it is for, with `names` and empty lines between paragraphs"},
	{.name = "servers",
	 .type = SETTINGS_STRINGS,
	 .at = offsetof(struct settings_openapi, servers),
	 .max = SETTINGS_SERVERS_MAX,
	 .form = "list of URLs",
	 .fallback_shown = "where the document comes from",
	 .help = "Where it is offered"},
};

const struct settings_table settings_openapi_table = {SETTINGS_KEYS(settings_openapi_keys),
						      sizeof(struct settings_openapi),
						      settings_openapi_done};

static void settings_read_schema(struct settings_reader *r, const struct settings_node *node,
				 void *to)
{
	const char *json;

	if (node->kind != SETTINGS_MAP) {
		settings_file_mistake(r->file, node,
				      "this is no schema; write a map, like {type: object}");
		return;
	}
	json = settings_json_text(r, node);
	memcpy(to, &json, sizeof(json));
}

static const struct settings_key settings_docs_keys[] = {
	{.name = "summary",
	 .type = SETTINGS_STRING,
	 .at = offsetof(struct settings_docs, summary),
	 .max = 256,
	 .form = "text",
	 .fallback_shown = "none",
	 .help = "What the route does, in a few words"},
	{.name = "description",
	 .type = SETTINGS_STRING,
	 .at = offsetof(struct settings_docs, description),
	 .max = SETTINGS_WORDS_MAX,
	 .form = "text",
	 .fallback_shown = "none",
	 .help = "More of that"},
	{.name = "tags",
	 .type = SETTINGS_STRINGS,
	 .at = offsetof(struct settings_docs, tags),
	 .max = SETTINGS_TAGS_MAX,
	 .form = "list of texts",
	 .fallback_shown = "the service's name",
	 .help = "What it stands under"},
	{.name = "hidden",
	 .type = SETTINGS_BOOL,
	 .at = offsetof(struct settings_docs, hidden),
	 .fallback = "false",
	 .help = "Leaves the route out"},
	{.name = "request",
	 .type = SETTINGS_CUSTOM,
	 .at = offsetof(struct settings_docs, request),
	 .custom = settings_read_schema,
	 .form = "JSON schema, as YAML",
	 .fallback_shown = "none",
	 .help = "Of the bodies of its requests; passed on as it is"},
	{.name = "reply",
	 .type = SETTINGS_CUSTOM,
	 .at = offsetof(struct settings_docs, reply),
	 .custom = settings_read_schema,
	 .form = "JSON schema, as YAML",
	 .fallback_shown = "none",
	 .help = "Of the bodies of its good answers"},
};

const struct settings_table settings_docs_table = {SETTINGS_KEYS(settings_docs_keys),
						   sizeof(struct settings_docs), NULL};
