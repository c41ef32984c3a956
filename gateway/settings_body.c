/* settings_body: `body` of a route's `request` and `reply`, `status` of the latter, and `fields`.
 */
#include "gateway/settings_compose_parts.h"

#include "gateway/jq.h"
#include "gateway/template.h"

#include <string.h>

#define TIB		   (UINT64_C(1) << 40)
#define SETTINGS_REPLY_MAX (UINT64_C(64) << 20)

enum { SETTINGS_STATUSES_MAX = 64 };

/* ---- Statuses ---- */

/* "404" or "4xx". False: it is neither. */
static bool settings_status_range(const char *text, struct settings_status *range)
{
	unsigned value = 0;

	if (strlen(text) != 3 || text[0] < '2' || text[0] > '5')
		return false;
	if (strcmp(text + 1, "xx") == 0) {
		range->first = (unsigned)(text[0] - '0') * 100;
		range->last = range->first + 99;
		return true;
	}
	for (const char *c = text; *c; c++) {
		if (*c < '0' || *c > '9')
			return false;
		value = value * 10 + (unsigned)(*c - '0');
	}
	range->first = range->last = value;
	return true;
}

/* What a reply of these statuses is, or has for a body, is HTTP's to say (RFC 9110 15). */
static bool settings_status_is_fixed(unsigned status)
{
	return status == 204 || status == 205 || status == 206 || status == 304 || status == 416;
}

void settings_read_statuses(struct settings_reader *r, const struct settings_node *node, void *to)
{
	struct settings_statuses *statuses = to;
	struct settings_status *items;

	if (node->kind != SETTINGS_MAP || node->count > SETTINGS_STATUSES_MAX) {
		settings_file_mistake(
			r->file, node,
			"this is no map of at most %d statuses; write {\"404\": 200, 5xx: 502}",
			SETTINGS_STATUSES_MAX);
		return;
	}
	items = settings_table_alloc(r, node->count, sizeof(*items));
	for (const struct settings_node *m = node->first; m && items; m = m->next) {
		struct settings_status made, *item = &items[statuses->count];
		const char *text = settings_table_text(r, m);

		if (!text)
			continue;
		if (!settings_status_range(m->key, item) ||
		    (item->first == item->last && settings_status_is_fixed(item->first)))
			settings_file_mistake(
				r->file, m,
				"\"%.20s\" is no status that can be changed; write "
				"one of 200 to 599, or a class like 5xx, but not 204, "
				"205, 206, 304 or 416",
				m->key);
		else if (!settings_status_range(text, &made) || made.first != made.last ||
			 settings_status_is_fixed(made.first))
			settings_file_mistake(r->file, m,
					      "\"%.20s\" can't be answered with; write a status of "
					      "200 to 599, but not 204, 205, 206, 304 or 416",
					      text);
		else
			item->to = made.first, statuses->count++;
	}
	statuses->items = items;
}

static void settings_read_on(struct settings_reader *r, const struct settings_node *node, void *to)
{
	struct settings_statuses *statuses = to;
	struct settings_strings texts = {0};
	struct settings_status *items;

	settings_table_strings(r, node, &texts);
	if (texts.count > SETTINGS_STATUSES_MAX) {
		settings_file_mistake(r->file, node, "there are %zu statuses; at most %d",
				      texts.count, SETTINGS_STATUSES_MAX);
		return;
	}
	items = settings_table_alloc(r, texts.count, sizeof(*items));
	for (size_t i = 0; i < texts.count && items; i++)
		if (settings_status_range(texts.items[i], &items[statuses->count]))
			statuses->count++;
		else
			settings_file_mistake(
				r->file, node,
				"\"%.20s\" is no status; write one of 200 to 599, or a "
				"class like 4xx",
				texts.items[i]);
	statuses->items = items;
}

/* ---- The program ---- */

/* True when `$name` stands in the text; in a string or comment it does no harm. */
static bool settings_names_variable(const char *text, const char *name)
{
	size_t len = strlen(name);

	for (const char *at = strchr(text, '$'); at; at = strchr(at + 1, '$'))
		if (strncmp(at + 1, name, len) == 0)
			return true;
	return false;
}

/* Its names are the body's and those of the request's values that it mentions. */
static void settings_read_body_program(struct settings_reader *r, const struct settings_node *node,
				       struct settings_body *body, bool reply)
{
	static const char *const values[] = {"path", "query", "header", "claims", "status"};
	const char *text = settings_table_text(r, node);
	const char **names =
		settings_table_alloc(r, 1 + sizeof(values) / sizeof(values[0]), sizeof(*names));
	size_t count = 0;

	if (!text || !names)
		return;
	names[count++] = reply ? "reply" : "body";
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
		if (settings_names_variable(text, values[i]) &&
		    (reply || strcmp(values[i], "status") != 0))
			names[count++] = values[i];
	body->program = (struct settings_program){.names = names, .name_count = count};
	settings_read_program(r, node, names[0], &body->program);
}

static void settings_read_request_program(struct settings_reader *r,
					  const struct settings_node *node, void *to)
{
	settings_read_body_program(r, node, to, false);
}

static void settings_read_reply_program(struct settings_reader *r, const struct settings_node *node,
					void *to)
{
	settings_read_body_program(r, node, to, true);
}

/* ---- Text ---- */

void settings_read_media_type(struct settings_reader *r, const struct settings_node *node, void *to)
{
	const char *text = settings_table_text(r, node), *copy;

	if (!text)
		return;
	for (const char *c = text; *c; c++)
		if (*c < ' ' || *c > '~' || !strchr(text, '/')) {
			settings_file_mistake(
				r->file, node,
				"\"%.60s\" is no media type; write one like text/html", text);
			return;
		}
	copy = settings_table_copy(r, text);
	memcpy(to, &copy, sizeof(copy));
}

/* What values are escaped for. */
static enum template_kind settings_template_kind(const char *type)
{
	if (type && strstr(type, "json"))
		return TEMPLATE_BODY_JSON;
	if (type && (strstr(type, "html") || strstr(type, "xml")))
		return TEMPLATE_BODY_MARKUP;
	return TEMPLATE_BODY;
}

static void settings_read_text(struct settings_reader *r, const struct settings_node *node,
			       struct settings_body *body, bool reply)
{
	static const char *const names[] = {"body", "reply"};
	const struct settings_route *route = r->arg;
	const char *text = settings_table_text(r, node);
	struct err e = {0};

	if (!text || !route) /* without its path names can't be looked up, which is noted */
		return;
	body->text = template_parse(r->arena, text, settings_template_kind(body->type),
				    &(struct template_scope){.path = &route->path,
							     .results = &names[reply],
							     .result_count = 1},
				    &e);
	if (!body->text)
		settings_file_mistake(r->file, node, "%s", e.text);
	if (!body->type)
		body->type = "text/plain; charset=utf-8";
}

/* ---- The tables ---- */

static void settings_body_done(struct settings_reader *r, const struct settings_node *map,
			       struct settings_body *body, bool reply)
{
	const struct settings_node *text = settings_node_get(map, "template");
	const struct settings_node *to = settings_node_get(map, "to");
	const struct settings_node *root = settings_node_get(map, "root");

	body->given = map != NULL;
	if (text)
		settings_read_text(r, text, body, reply);
	if (text && to)
		settings_file_mistake(r->file, to,
				      "a `template` writes text; keep one of them, and say the "
				      "text's `type`");
	if (root && body->to != FORMAT_XML)
		settings_file_mistake(r->file, root, "only XML has a root; write to: xml");
}

static void settings_request_body_done(struct settings_reader *r, const struct settings_node *map,
				       void *to)
{
	settings_body_done(r, map, to, false);
}

static void settings_reply_body_done(struct settings_reader *r, const struct settings_node *map,
				     void *to)
{
	settings_body_done(r, map, to, true);
}

static const struct settings_name settings_from_formats[] = {
	{"type", FORMAT_BY_TYPE}, {"json", FORMAT_JSON}, {"xml", FORMAT_XML},
	{"form", FORMAT_FORM},	  {"text", FORMAT_TEXT}, {NULL, 0}};
static const struct settings_name settings_to_formats[] = {{"json", FORMAT_JSON},
							   {"xml", FORMAT_XML},
							   {"form", FORMAT_FORM},
							   {"text", FORMAT_TEXT},
							   {NULL, 0}};

#define SETTINGS_BODY_KEYS(read_program, variables)                                                \
	{.name = "from",                                                                           \
	 .type = SETTINGS_ENUM,                                                                    \
	 .at = offsetof(struct settings_body, from),                                               \
	 .fallback = "type",                                                                       \
	 .names = settings_from_formats,                                                           \
	 .help = "What it comes in: `type` goes by its Content-Type; of text the value is one "    \
		 "string"},                                                                        \
		{.name = "jq",                                                                     \
		 .type = SETTINGS_CUSTOM,                                                          \
		 .custom = (read_program),                                                         \
		 .form = "jq program, like `{user: .name}`",                                       \
		 .help = "What is made of it; `.` is the body, and " variables},                   \
		{.name = "to",                                                                     \
		 .type = SETTINGS_ENUM,                                                            \
		 .at = offsetof(struct settings_body, to),                                         \
		 .fallback = "json",                                                               \
		 .names = settings_to_formats,                                                     \
		 .help = "What it goes on in; as text a string is its characters, all else JSON"}, \
		{.name = "root",                                                                   \
		 .type = SETTINGS_STRING,                                                          \
		 .at = offsetof(struct settings_body, root),                                       \
		 .min = 1,                                                                         \
		 .max = 256,                                                                       \
		 .form = "name of an element",                                                     \
		 .fallback_shown = "the only member",                                              \
		 .help = "With `to: xml`: the root element around the whole value"},               \
		{.name = "template",                                                               \
		 .type = SETTINGS_CUSTOM,                                                          \
		 .custom = settings_read_later,                                                    \
		 .form = "text with names in braces",                                              \
		 .help = "Text in the place of `to`; values are escaped when the `type` is JSON, " \
			 "XML or HTML, and one that is not there is empty"},                       \
	{                                                                                          \
		.name = "type", .type = SETTINGS_CUSTOM,                                           \
		.at = offsetof(struct settings_body, type), .custom = settings_read_media_type,    \
		.form = "media type",                                                              \
		.fallback_shown = "that of `to`; `text/plain` of a template",                      \
		.help = "Content-Type of what is made"                                             \
	}

static const struct settings_key settings_request_body_keys[] = {
	SETTINGS_BODY_KEYS(settings_read_request_program,
			   "`$body`, `$path`, `$query`, `$header`, `$claims` are there"),
};

static const struct settings_key settings_reply_body_keys[] = {
	SETTINGS_BODY_KEYS(
		settings_read_reply_program,
		"`$reply`, `$status`, `$path`, `$query`, `$header`, `$claims` are there"),
	{.name = "on",
	 .type = SETTINGS_CUSTOM,
	 .at = offsetof(struct settings_body, on),
	 .custom = settings_read_on,
	 .form = "status or class like `4xx`, or list of them",
	 .fallback_shown = "`2xx`",
	 .help = "Statuses of the service's replies that it is done to; others pass as they are"},
};

const struct settings_table settings_request_body_table = {
	SETTINGS_KEYS(settings_request_body_keys), sizeof(struct settings_body),
	settings_request_body_done};
const struct settings_table settings_reply_body_table = {SETTINGS_KEYS(settings_reply_body_keys),
							 sizeof(struct settings_body),
							 settings_reply_body_done};

/* ---- fields ---- */

static const struct settings_key settings_fields_keys[] = {
	{.name = "param",
	 .type = SETTINGS_STRING,
	 .at = offsetof(struct settings_fields, param),
	 .fallback = "fields",
	 .min = 1,
	 .max = 64,
	 .form = "name",
	 .help = "Query parameter with the selection, like `id,customer.name,lines(price)`; the "
		 "service does not get it"},
	{.name = "max",
	 .type = SETTINGS_INT,
	 .at = offsetof(struct settings_fields, max),
	 .fallback = "50",
	 .min = 1,
	 .max = 500,
	 .help = "Names in a selection; over that the answer is 400"},
};

const struct settings_table settings_fields_table = {SETTINGS_KEYS(settings_fields_keys),
						     sizeof(struct settings_fields), NULL};

void settings_read_select(struct settings_reader *r, const struct settings_node *node, void *to)
{
	struct settings_fields *fields = to;
	bool yes = node->kind == SETTINGS_SCALAR && strcmp(node->text, "true") == 0;

	if (node->kind == SETTINGS_SCALAR && strcmp(node->text, "false") == 0)
		return;
	if (!yes && node->kind != SETTINGS_MAP) {
		settings_file_mistake(r->file, node, "write true, or a map like {param: fields}");
		return;
	}
	settings_table_read(r, &settings_fields_table, yes ? NULL : node, fields);
	fields->given = true;
}

/* ---- body_check ---- */

const struct settings_name settings_body_checks[] = {{"off", BODY_UNCHECKED},
						     {"json", BODY_JSON},
						     {"json_or_none", BODY_JSON_OR_NONE},
						     {NULL, 0}};

/* ---- limits ---- */

static const struct settings_key settings_route_limits_keys[] = {
	{.name = "body",
	 .type = SETTINGS_SIZE,
	 .at = offsetof(struct settings_route_limits, body_bytes),
	 .fallback_shown = "`limits.body`",
	 .min = 1,
	 .max = TIB,
	 .help = "Largest body of a request; over it the answer is 413"},
	{.name = "reply",
	 .type = SETTINGS_SIZE,
	 .at = offsetof(struct settings_route_limits, reply_bytes),
	 .fallback = "8MiB",
	 .min = 1,
	 .max = SETTINGS_REPLY_MAX,
	 .help = "Largest reply that `reply.body`, `views` or `fields` are done to; over it the "
		 "answer is 502. Others stream through, of any size"},
};

const struct settings_table settings_route_limits_table = {
	SETTINGS_KEYS(settings_route_limits_keys), sizeof(struct settings_route_limits), NULL};
