/*
 * settings_actions: what a route does beside choosing a service: rewrite,
 * redirect, edits of header fields. Their templates are parsed here.
 */
#include "gateway/settings_parts.h"

#include "gateway/http1_head.h"
#include "gateway/identity.h"
#include "gateway/template.h"

#include <string.h>

enum { SETTINGS_FIELDS_MAX = 32 };

/* NULL after noting what is wrong, and without a path to look names up in, which is noted too. */
static const struct template *settings_template(struct settings_reader *r,
						const struct settings_node *node,
						enum template_kind kind)
{
	const struct settings_route *route = r->arg;
	const char *text = settings_table_text(r, node);
	const struct template *template;
	struct err e = {0};

	if (!text || !route)
		return NULL;
	template = template_parse(r->arena, text, kind,
				  &(struct template_scope){.path = &route->path}, &e);
	if (!template)
		settings_file_mistake(r->file, node, "%s", e.text);
	return template;
}

void settings_read_rewrite(struct settings_reader *r, const struct settings_node *node, void *to)
{
	const struct template *template = settings_template(r, node, TEMPLATE_TARGET);

	memcpy(to, &template, sizeof(template));
}

/* "5%", "0.25%": the number of hundredths, or -1. */
static int settings_share(const char *text)
{
	unsigned value = 0, decimals = 0;
	bool point = false;
	const char *at = text;

	for (; *at && *at != '%' && at < text + 6; at++) {
		if (*at == '.' && !point && at > text) {
			point = true;
			continue;
		}
		if (*at < '0' || *at > '9' || decimals == 2)
			return -1;
		decimals += point;
		value = value * 10 + (unsigned)(*at - '0');
	}
	if (strcmp(at, "%") != 0 || at == text || at[-1] == '.')
		return -1;
	for (; decimals < 2; decimals++)
		value *= 10;
	return value <= SETTINGS_SHARE_WHOLE ? (int)value : -1;
}

void settings_read_share(struct settings_reader *r, const struct settings_node *node, void *to)
{
	const char *text = settings_table_text(r, node);
	int share = text ? settings_share(text) : 0;
	unsigned value = share > 0 ? (unsigned)share : 0;

	if (share < 0)
		settings_file_mistake(
			r->file, node,
			"\"%.60s\" is no share; write one like 5%% or 0.25%%, at most "
			"100%%",
			text);
	memcpy(to, &value, sizeof(value));
}

/* ---- redirect ---- */

static void settings_read_to(struct settings_reader *r, const struct settings_node *node, void *to)
{
	const struct template *template = settings_template(r, node, TEMPLATE_URL);

	memcpy(to, &template, sizeof(template));
}

static const struct settings_name settings_redirect_statuses[] = {
	{"301", 301}, {"302", 302}, {"303", 303}, {"307", 307}, {"308", 308}, {NULL, 0}};

static const struct settings_key settings_redirect_keys[] = {
	{.name = "to",
	 .type = SETTINGS_CUSTOM,
	 .at = offsetof(struct settings_redirect, to),
	 .required = true,
	 .custom = settings_read_to,
	 .form = "template, like `/v2/{*}` or `https://{request.host}{request.path}`",
	 .help = "Where clients are sent; without a `?` their query goes with them"},
	{.name = "status",
	 .type = SETTINGS_ENUM,
	 .at = offsetof(struct settings_redirect, status),
	 .fallback = "307",
	 .names = settings_redirect_statuses,
	 .help = "301 and 308 are remembered by clients; 307 and 308 keep the method"},
};

const struct settings_table settings_redirect_table = {SETTINGS_KEYS(settings_redirect_keys),
						       sizeof(struct settings_redirect), NULL};

/* ---- Edits of header fields ---- */

/* Why a field may not be edited, or NULL. */
static const char *settings_field_refused(const char *name, bool reply)
{
	size_t len = strlen(name);
	enum http1_name known = http1_field_known(name, len);

	if (!http_is_token(name, len))
		return "no field has such a name; remove it";
	if (http1_field_is_hop(known) || known == HTTP1_CONTENT_LENGTH)
		return "the field frames the message or is about one connection only, so it is "
		       "the gateway's; remove it";
	if (known == HTTP1_VIA || known == HTTP1_X_REQUEST_ID ||
	    (!reply && identity_is_field((struct span){name, len})) ||
	    (!reply && (known == HTTP1_FORWARDED || known == HTTP1_X_FORWARDED ||
			known == HTTP1_TRACEPARENT || known == HTTP1_TRACESTATE)) ||
	    (reply && (known == HTTP1_AGE || http_equal_nocase(name, len, "Cache-Status", 12) ||
		       http_equal_nocase(name, len, "Proxy-Status", 12))))
		return "the gateway writes this field itself; remove it";
	return NULL;
}

bool settings_field_is_editable(struct settings_reader *r, const struct settings_node *at,
				const char *name, bool reply)
{
	const char *why = settings_field_refused(name, reply);

	if (why)
		settings_file_mistake(r->file, at, "\"%.60s\": %s", name, why);
	return !why;
}

static bool settings_are_few_fields(struct settings_reader *r, const struct settings_node *node,
				    enum settings_kind kind)
{
	if (node->kind == kind && node->count <= SETTINGS_FIELDS_MAX)
		return true;
	settings_file_mistake(
		r->file, node,
		kind == SETTINGS_MAP
			? "this is no map of at most %d fields; write {NAME: \"value\"}"
			: "this is no list of at most %d names; write [NAME, …]",
		SETTINGS_FIELDS_MAX);
	return false;
}

/* `set` has room for one field of each name, `add` goes beside what is there. */
static void settings_read_fields(struct settings_reader *r, const struct settings_node *node,
				 struct settings_edits *edits, bool reply, bool add)
{
	struct settings_field *fields;
	size_t n = 0;

	if (!settings_are_few_fields(r, node, SETTINGS_MAP))
		return;
	fields = settings_table_alloc(r, node->count, sizeof(*fields));
	if (!fields)
		return;
	for (const struct settings_node *m = node->first; m; m = m->next) {
		bool host = !reply && http_equal_nocase(m->key, strlen(m->key), "Host", 4);
		const struct template *value;

		if (host && add) {
			settings_file_mistake(r->file, m,
					      "a request has one Host; write it under `set`");
			continue;
		}
		if (!settings_field_is_editable(r, m, m->key, reply))
			continue;
		value = settings_template(r, m, TEMPLATE_TEXT);
		if (host)
			edits->host = value;
		else if (value)
			fields[n++] = (struct settings_field){settings_table_copy(r, m->key),
							      strlen(m->key), value};
	}
	if (add) {
		edits->add = fields;
		edits->add_count = n;
	} else {
		edits->set = fields;
		edits->set_count = n;
	}
}

static void settings_read_removed(struct settings_reader *r, const struct settings_node *node,
				  struct settings_edits *edits, bool reply)
{
	if (node->kind != SETTINGS_SCALAR && !settings_are_few_fields(r, node, SETTINGS_LIST))
		return;
	settings_table_strings(r, node, &edits->remove);
	for (size_t i = 0; i < edits->remove.count; i++) {
		const char *name = edits->remove.items[i];

		if (!reply && http_equal_nocase(name, strlen(name), "Host", 4))
			settings_file_mistake(
				r->file, node,
				"every request has a Host; write another under `set`");
		else
			(void)settings_field_is_editable(r, node, name, reply); /* noted */
	}
}

/* The same three keys twice: `request` and `reply` differ in which fields are the gateway's. */
#define SETTINGS_EDIT_READERS(side, is_reply)                                                   \
	static void settings_read_##side##_set(struct settings_reader *r,                       \
					       const struct settings_node *node, void *to)      \
	{                                                                                       \
		settings_read_fields(r, node, to, is_reply, false);                             \
	}                                                                                       \
	static void settings_read_##side##_add(struct settings_reader *r,                       \
					       const struct settings_node *node, void *to)      \
	{                                                                                       \
		settings_read_fields(r, node, to, is_reply, true);                              \
	}                                                                                       \
	static void settings_read_##side##_remove(struct settings_reader *r,                    \
						  const struct settings_node *node, void *to)   \
	{                                                                                       \
		settings_read_removed(r, node, to, is_reply);                                   \
	}                                                                                       \
	static const struct settings_key settings_##side##_headers_keys[] = {                   \
		{.name = "set",                                                                 \
		 .type = SETTINGS_CUSTOM,                                                       \
		 .custom = settings_read_##side##_set,                                          \
		 .form = "map of `NAME: template`",                                             \
		 .help = "Fields to have once, with this value; an empty one leaves the field " \
			 "out"},                                                                \
		{.name = "add",                                                                 \
		 .type = SETTINGS_CUSTOM,                                                       \
		 .custom = settings_read_##side##_add,                                          \
		 .form = "map of `NAME: template`",                                             \
		 .help = "Fields to have beside those that are there"},                         \
		{.name = "remove",                                                              \
		 .type = SETTINGS_CUSTOM,                                                       \
		 .custom = settings_read_##side##_remove,                                       \
		 .form = "list of names",                                                       \
		 .help = "Fields to drop"},                                                     \
	};                                                                                      \
	static const struct settings_table settings_##side##_headers_table = {                  \
		SETTINGS_KEYS(settings_##side##_headers_keys), sizeof(struct settings_edits),   \
		NULL}

SETTINGS_EDIT_READERS(request, false);
SETTINGS_EDIT_READERS(reply, true);

static const struct settings_key settings_request_keys[] = {
	{.name = "headers",
	 .type = SETTINGS_SUBMAP,
	 .table = &settings_request_headers_table,
	 .help = "Header fields; those that frame messages or that the gateway writes itself can't "
		 "be changed"},
	{.name = "body",
	 .type = SETTINGS_SUBMAP,
	 .at = offsetof(struct settings_edits, body),
	 .table = &settings_request_body_table,
	 .help = "What the service gets in the place of a body; what can't be made is answered "
		 "with "
		 "400, a type that is not `from` with 415"},
};

static const struct settings_key settings_reply_keys[] = {
	{.name = "status",
	 .type = SETTINGS_CUSTOM,
	 .at = offsetof(struct settings_edits, statuses),
	 .custom = settings_read_statuses,
	 .form = "map of statuses or classes to statuses, like `{\"404\": 200, 5xx: 502}`",
	 .help = "What statuses of the service are answered as; the first that fits counts"},
	{.name = "headers",
	 .type = SETTINGS_SUBMAP,
	 .table = &settings_reply_headers_table,
	 .help = "Header fields; those that frame messages or that the gateway writes itself can't "
		 "be changed"},
	{.name = "body",
	 .type = SETTINGS_SUBMAP,
	 .at = offsetof(struct settings_edits, body),
	 .table = &settings_reply_body_table,
	 .help = "What clients get in the place of the service's body; what can't be made is "
		 "answered with 502"},
};

const struct settings_table settings_request_table = {SETTINGS_KEYS(settings_request_keys),
						      sizeof(struct settings_edits), NULL};
const struct settings_table settings_reply_table = {SETTINGS_KEYS(settings_reply_keys),
						    sizeof(struct settings_edits), NULL};

/* ---- The route as a whole ---- */

static void settings_refuse_keys(struct settings_reader *r, const struct settings_node *map,
				 const char *const *keys, size_t count, const char *why)
{
	for (size_t i = 0; i < count; i++)
		if (settings_node_get(map, keys[i]))
			settings_file_mistake(r->file, settings_node_get(map, keys[i]), "%s", why);
}

/* A body is read once; and what is made of a reply needs one service's reply. */
static void settings_check_bodies(struct settings_reader *r, const struct settings_node *map,
				  const char *end)
{
	static const char *const keys[] = {"body", "status"};
	const struct settings_node *reply = settings_node_get(map, "reply");
	const struct settings_node *checked = settings_node_get(map, "body_check");

	if (checked && settings_node_get(settings_node_get(map, "request"), "body"))
		settings_file_mistake(r->file, checked,
				      "`request.body` reads the body already; remove one of them");
	if (settings_node_get(map, "xmlrpc"))
		settings_refuse_keys(r, reply, keys, 2,
				     "the answer is that of an XML-RPC method; remove it");
	else if (strcmp(end, "compose") == 0)
		settings_refuse_keys(r, reply, keys, 2,
				     "the route is composed: its own `reply` may be a program of "
				     "jq; remove it");
	else if (strcmp(end, "service") != 0 && strcmp(end, "split") != 0)
		settings_refuse_keys(r, reply, keys, 2, "the route asks no service; remove it");
}

void settings_check_actions(struct settings_reader *r, const struct settings_node *map,
			    const struct settings_route *route)
{
	static const char *const ends[] = {"service", "split", "compose", "redirect",
					   "respond", "rpc",   "openapi"};
	static const char *const of_services[] = {"rewrite",	"request", "cache", "fallback",
						  "timeout",	"mirror",  "views", "fields",
						  "body_check", "trailers"};
	static const char *const of_one_service[] = {"rewrite", "request",    "cache",	 "mirror",
						     "hedge",	"body_check", "trailers"};
	static const char *const of_bridges[] = {"rewrite",    "cache",	  "mirror", "hedge",
						 "upgrade",    "request", "views",  "fields",
						 "body_check", "trailers"};
	static const char *const of_rpc[] = {"rewrite", "request",    "cache",	  "mirror",
					     "hedge",	"upgrade",    "fallback", "views",
					     "fields",	"body_check", "trailers"};
	const struct settings_node *split = settings_node_get(map, "split"), *end = NULL;

	if (!map || map->kind != SETTINGS_MAP)
		return;
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		const struct settings_node *node = settings_node_get(map, ends[i]);

		if (node && end)
			settings_file_mistake(r->file, node,
					      "the route has a `%s` already; keep one of them",
					      end->key);
		end = end ? end : node;
	}
	if (!end)
		settings_file_mistake(r->file, map,
				      "the key \"service\" is missing; write service: name of a "
				      "service, or split, compose, redirect, respond, rpc or "
				      "openapi");
	if (split && route->split.total == 0 && split->kind == SETTINGS_LIST)
		settings_file_mistake(r->file, split,
				      "no share has a weight; write {service: NAME, weight: 1}");
	if (!split && settings_node_get(map, "split_by"))
		settings_file_mistake(r->file, settings_node_get(map, "split_by"),
				      "there is no `split`; remove it");
	settings_check_bodies(r, map, end ? end->key : "service");
	if (settings_node_get(map, "xmlrpc")) {
		settings_refuse_keys(r, map, of_bridges, 10,
				     "the route calls an XML-RPC method; remove one of them");
		if (end && strcmp(end->key, "service") != 0)
			settings_file_mistake(r->file, settings_node_get(map, "xmlrpc"),
					      "the method is of one service; write `service` in "
					      "the place of `%s`",
					      end->key);
	}
	if (!end || strcmp(end->key, "service") == 0 || strcmp(end->key, "split") == 0)
		return;
	if (strcmp(end->key, "compose") == 0) {
		settings_refuse_keys(r, map, of_one_service, 7,
				     "the route is composed: say it of a call, or remove it");
		return;
	}
	if (strcmp(end->key, "rpc") == 0) {
		settings_refuse_keys(r, map, of_rpc, 11,
				     "the route's methods become requests to other routes: say it "
				     "of those, or remove it");
		if (settings_node_get(map, "methods") && route->methods != HTTP_POST)
			settings_file_mistake(r->file, settings_node_get(map, "methods"),
					      "XML-RPC is called by POST; write methods: [POST], "
					      "or remove it");
		return;
	}
	if (route->openapi && settings_node_get(map, "methods") &&
	    route->methods & ~(unsigned)(HTTP_GET | HTTP_HEAD))
		settings_file_mistake(r->file, settings_node_get(map, "methods"),
				      "what is offered can only be read; write methods: [GET], or "
				      "remove it");
	for (size_t i = 0; i < sizeof(of_services) / sizeof(of_services[0]); i++) {
		const struct settings_node *node = settings_node_get(map, of_services[i]);

		if (node)
			settings_file_mistake(r->file, node,
					      "the route asks no service; remove it, or write "
					      "`service` in the place of `%s`",
					      end->key);
	}
}

/* ---- Copies ---- */

static const struct settings_key settings_mirror_keys[] = {
	{.name = "service",
	 .type = SETTINGS_CUSTOM,
	 .at = offsetof(struct settings_mirror, service_name),
	 .required = true,
	 .custom = settings_read_service_name,
	 .form = "name of a service",
	 .help = "Where copies go"},
	{.name = "share",
	 .type = SETTINGS_CUSTOM,
	 .at = offsetof(struct settings_mirror, share),
	 .fallback = "100%",
	 .custom = settings_read_share,
	 .form = "percentage, like `5%` or `0.25%`",
	 .help = "How many of the requests are copied; those with a body over 64 KiB that "
		 "`request.body` has not made never are"},
};

const struct settings_table settings_mirror_table = {SETTINGS_KEYS(settings_mirror_keys),
						     sizeof(struct settings_mirror), NULL};
