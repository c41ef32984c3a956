/* settings_forward: `forward` of a route's `auth`: the service that is asked whether a caller may,
 * and what becomes of its answer. */
#include "gateway/settings_parts.h"

#include "gateway/http1_head.h"
#include "gateway/template.h"

#include <string.h>

#define HOUR_MS (3600 * UINT64_C(1000))

enum { FORWARD_FIELDS_MAX = 32, FORWARD_BY_MAX = 8 };

/* ---- cache ---- */

/* "header NAME" or "cookie NAME". False after noting that it is none. */
static bool settings_forward_by(struct settings_reader *r, const struct settings_node *node,
				struct settings_forward_by *by)
{
	const char *text = settings_table_text(r, node);
	const char *name = text ? strchr(text, ' ') : NULL;

	if (!text)
		return false;
	by->cookie = strncmp(text, "cookie ", 7) == 0;
	if (!name || !(by->cookie || strncmp(text, "header ", 7) == 0) ||
	    !http_is_token(name + 1, strlen(name + 1))) {
		settings_file_mistake(r->file, node,
				      "\"%.60s\" is no part of a request that says whose it is; "
				      "write one like \"header Authorization\" or \"cookie sid\"",
				      text);
		return false;
	}
	by->name = settings_table_copy(r, name + 1);
	return by->name != NULL;
}

static void settings_read_by(struct settings_reader *r, const struct settings_node *node, void *to)
{
	const struct settings_node *item = node->kind == SETTINGS_LIST ? node->first : node;
	size_t room = node->kind == SETTINGS_LIST ? node->count : 1, n = 0;
	struct settings_forward *forward = to;
	struct settings_forward_by *by;

	if (room == 0 || room > FORWARD_BY_MAX) {
		settings_file_mistake(r->file, node, "there are %zu; write 1 to %d", room,
				      FORWARD_BY_MAX);
		return;
	}
	by = settings_table_alloc(r, room, sizeof(*by));
	for (; by && item; item = item == node ? NULL : item->next)
		n += settings_forward_by(r, item, &by[n]);
	forward->by = by;
	forward->by_count = n;
}

static const struct settings_name settings_forward_pers[] = {
	{"request", FORWARD_PER_REQUEST}, {"route", FORWARD_PER_ROUTE}, {NULL, 0}};

static const struct settings_key settings_forward_cache_keys[] = {
	{.name = "ttl",
	 .type = SETTINGS_DURATION,
	 .at = offsetof(struct settings_forward, ttl_ms),
	 .required = true,
	 .min = 1,
	 .max = 24 * HOUR_MS,
	 .help = "How long a yes counts; its own `Cache-Control: max-age` may shorten that, "
		 "`no-store` and a Set-Cookie for the client forbid it"},
	{.name = "by",
	 .type = SETTINGS_CUSTOM,
	 .custom = settings_read_by,
	 .required = true,
	 .form = "list of `header NAME` and `cookie NAME`",
	 .help = "What says whose request it is; nothing is kept of a request with none of them"},
	{.name = "refused",
	 .type = SETTINGS_DURATION,
	 .at = offsetof(struct settings_forward, refused_ms),
	 .fallback = "1s",
	 .max = 24 * HOUR_MS,
	 .help = "How long a no counts"},
	{.name = "per",
	 .type = SETTINGS_ENUM,
	 .at = offsetof(struct settings_forward, per),
	 .fallback = "request",
	 .names = settings_forward_pers,
	 .help = "What an answer counts for: `request`: the same method, host, path and query; "
		 "`route`: whatever the caller asks of the route with that method and the same "
		 "`path` here"},
};

static const struct settings_table settings_forward_cache_table = {
	SETTINGS_KEYS(settings_forward_cache_keys), sizeof(struct settings_forward), NULL};

static void settings_read_forward_cache(struct settings_reader *r, const struct settings_node *node,
					void *to)
{
	settings_table_read(r, &settings_forward_cache_table, node, to);
}

/* ---- Fields ---- */

static void settings_read_names(struct settings_reader *r, const struct settings_node *node,
				struct settings_strings *names, bool reply)
{
	settings_table_strings(r, node, names);
	if (names->count > FORWARD_FIELDS_MAX)
		settings_file_mistake(r->file, node, "there are %zu fields; write at most %d",
				      names->count, FORWARD_FIELDS_MAX);
	for (size_t i = 0; i < names->count; i++) {
		const char *name = names->items[i];

		if (!reply && http_equal_nocase(name, strlen(name), "Host", 4))
			settings_file_mistake(r->file, node,
					      "the service's answer can't choose the Host; remove "
					      "it");
		else
			(void)settings_field_is_editable(r, node, name, reply); /* noted */
	}
}

static void settings_read_request_names(struct settings_reader *r, const struct settings_node *node,
					void *to)
{
	settings_read_names(r, node, to, false);
}

static void settings_read_reply_names(struct settings_reader *r, const struct settings_node *node,
				      void *to)
{
	settings_read_names(r, node, to, true);
}

/* The route's path says which names there are; without one its mistake is noted. */
static void settings_read_forward_path(struct settings_reader *r, const struct settings_node *node,
				       void *to)
{
	const struct settings_route *route = r->arg;
	const char *text = settings_table_text(r, node);
	struct settings_forward *forward = to;
	struct err e = {0};

	if (!text || !route)
		return;
	forward->path_text = settings_table_copy(r, text);
	forward->path = template_parse(r->arena, text, TEMPLATE_TARGET,
				       &(struct template_scope){.path = &route->path}, &e);
	if (!forward->path)
		settings_file_mistake(r->file, node, "%s", e.text);
}

static const struct settings_name settings_forward_methods[] = {
	{"GET", HTTP_GET}, {"HEAD", HTTP_HEAD}, {"POST", HTTP_POST}, {NULL, 0}};

static const struct settings_key settings_forward_keys[] = {
	{.name = "service",
	 .type = SETTINGS_CUSTOM,
	 .at = offsetof(struct settings_forward, service_name),
	 .required = true,
	 .custom = settings_read_service_name,
	 .form = "name of a service",
	 .help = "Which service is asked, with its own balance, retries and breaker"},
	{.name = "path",
	 .type = SETTINGS_CUSTOM,
	 .required = true,
	 .custom = settings_read_forward_path,
	 .form = "template, like `/check`",
	 .help = "What it is asked for; X-Forwarded-Method, -Host, -Proto and -Uri tell what the "
		 "client asks"},
	{.name = "method",
	 .type = SETTINGS_ENUM,
	 .at = offsetof(struct settings_forward, method),
	 .fallback = "GET",
	 .names = settings_forward_methods,
	 .help = "By which method; never with the client's body"},
	{.name = "headers",
	 .type = SETTINGS_STRINGS,
	 .at = offsetof(struct settings_forward, headers),
	 .max = FORWARD_FIELDS_MAX,
	 .form = "list of names",
	 .fallback_shown = "all but those of one connection and of the body",
	 .help = "Which of the client's fields go with the question"},
	{.name = "timeout",
	 .type = SETTINGS_DURATION,
	 .at = offsetof(struct settings_forward, timeout_ms),
	 .fallback = "2s",
	 .min = 1,
	 .max = HOUR_MS,
	 .help = "Time for the answer, retries included; without one the client gets a 503"},
	{.name = "request_headers",
	 .type = SETTINGS_CUSTOM,
	 .at = offsetof(struct settings_forward, request_headers),
	 .custom = settings_read_request_names,
	 .form = "list of names",
	 .fallback_shown = "none",
	 .help = "Fields of a 2xx that go on to the route's service; on all routes no client can "
		 "send them, but for Authorization and Cookie, which are only taken away here"},
	{.name = "reply_headers",
	 .type = SETTINGS_CUSTOM,
	 .at = offsetof(struct settings_forward, reply_headers),
	 .custom = settings_read_reply_names,
	 .form = "list of names",
	 .fallback_shown = "none",
	 .help = "Fields of its answer that the client gets, too; of a refusal WWW-Authenticate, "
		 "Location and Set-Cookie always"},
	{.name = "consumer_header",
	 .type = SETTINGS_CUSTOM,
	 .at = offsetof(struct settings_forward, consumer),
	 .custom = settings_read_token,
	 .form = "name of a field",
	 .fallback_shown = "none",
	 .help = "Field of a 2xx that says who asks: the `id` of one of the `consumers`, else an "
		 "id of the service's own; for `allow`, limits and X-Consumer-Id"},
	{.name = "name_header",
	 .type = SETTINGS_CUSTOM,
	 .at = offsetof(struct settings_forward, name),
	 .custom = settings_read_token,
	 .form = "name of a field",
	 .fallback_shown = "the id",
	 .help = "Likewise, their name"},
	{.name = "groups_header",
	 .type = SETTINGS_CUSTOM,
	 .at = offsetof(struct settings_forward, groups),
	 .custom = settings_read_token,
	 .form = "name of a field",
	 .fallback_shown = "none",
	 .help = "Likewise, their groups, between commas, beside those of the `consumers`"},
	{.name = "scopes_header",
	 .type = SETTINGS_CUSTOM,
	 .at = offsetof(struct settings_forward, scopes),
	 .custom = settings_read_token,
	 .form = "name of a field",
	 .fallback_shown = "none",
	 .help = "Likewise, their scopes, between spaces"},
	{.name = "body",
	 .type = SETTINGS_BOOL,
	 .at = offsetof(struct settings_forward, body),
	 .fallback = "false",
	 .help = "Whether the client gets the body of a refusal, in the place of a problem "
		 "document"},
	{.name = "cache",
	 .type = SETTINGS_CUSTOM,
	 .custom = settings_read_forward_cache,
	 .table = &settings_forward_cache_table,
	 .form = "map",
	 .fallback_shown = "each request is asked about",
	 .help = "Whether answers are kept; 4,096 of up to 8 KiB are, those that are used the "
		 "least go"},
};

static void settings_forward_done(struct settings_reader *r, const struct settings_node *map,
				  void *to)
{
	struct settings_forward *forward = to;

	(void)r;
	forward->method_text = http_method_name(forward->method);
	forward->all_headers = !settings_node_get(map, "headers");
}

const struct settings_table settings_forward_table = {SETTINGS_KEYS(settings_forward_keys),
						      sizeof(struct settings_forward),
						      settings_forward_done};

void settings_read_forward(struct settings_reader *r, const struct settings_node *node, void *to)
{
	struct settings_auth_method *method = to;

	method->kind = AUTH_FORWARD;
	method->forward = settings_table_alloc(r, 1, sizeof(*method->forward));
	if (method->forward)
		settings_table_read(r, &settings_forward_table, node, method->forward);
}

/* ---- What the routes mean ---- */

const struct settings_node *settings_forward_node(const struct settings_node *auth, size_t index)
{
	const struct settings_node *all = settings_node_get(auth, "all"), *item = auth;

	auth = all && auth->count == 1 ? all : auth;
	item = auth && auth->kind == SETTINGS_LIST ? auth->first : auth;
	for (; item && auth->kind == SETTINGS_LIST; item = item->next) {
		if (item->kind == SETTINGS_SCALAR && strcmp(item->text, "optional") == 0)
			continue;
		if (!index--)
			break;
	}
	return settings_node_get(settings_node_get(item, "forward"), "service");
}
