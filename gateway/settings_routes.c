/* settings_routes: one route of the settings. */
#include "gateway/settings_parts.h"

#include "common/instance.h"

#include <string.h>

enum { SETTINGS_HOSTS_MAX = 1024, SETTINGS_SHARES_MAX = 16, SETTINGS_VIEWS_MAX = 16 };

#define HOUR_MS (3600 * UINT64_C(1000))

/* CONNECT is not for a gateway. */
static const struct settings_name settings_methods[] = {
	{"GET", HTTP_GET},     {"HEAD", HTTP_HEAD},	  {"POST", HTTP_POST},
	{"PUT", HTTP_PUT},     {"PATCH", HTTP_PATCH},	  {"DELETE", HTTP_DELETE},
	{"TRACE", HTTP_TRACE}, {"OPTIONS", HTTP_OPTIONS}, {NULL, 0},
};

static void settings_read_path(struct settings_reader *r, const struct settings_node *node,
			       void *to)
{
	struct settings_route *route = to;
	const char *text = settings_table_text(r, node);
	struct err e = {0};

	if (!text)
		return;
	if (route_pattern_parse(&route->path, text, &e) == 0) {
		route->pattern = settings_table_copy(r, text);
		r->arg = route;
		return;
	}
	route->path.count = 0; /* no path: later checks leave it out */
	settings_file_mistake(r->file, node, "%s", e.text);
}

void settings_read_service_name(struct settings_reader *r, const struct settings_node *node,
				void *to)
{
	const char *text = settings_table_text(r, node), *copy;

	if (!text)
		return;
	if (!instance_service_is_valid(text)) {
		settings_file_mistake(
			r->file, node,
			"\"%.100s\" is no name of a service; letters, digits, '_', '-' "
			"and '.' are possible, at most %d",
			text, INSTANCE_NAME_MAX);
		return;
	}
	copy = settings_table_copy(r, text);
	memcpy(to, &copy, sizeof(copy));
}

/* ---- hosts ---- */

/* Brings a host into the form requests are compared in. NULL after noting what is wrong. */
static const char *settings_host(struct settings_reader *r, const struct settings_node *node,
				 const char *text)
{
	char host[INSTANCE_HOST_MAX + 1];
	size_t len = strlen(text), wild;

	if (text[0] == '[' && text[len - 1] == ']') {
		text++;
		len -= 2;
	} else if (len > 0 && text[len - 1] == '.') {
		len--;
	}
	if (len == 0 || len >= sizeof(host)) {
		settings_file_mistake(r->file, node, "a host is 1 to %d bytes long",
				      INSTANCE_HOST_MAX);
		return NULL;
	}
	for (size_t i = 0; i < len; i++)
		host[i] = text[i] >= 'A' && text[i] <= 'Z' ? (char)(text[i] - 'A' + 'a') : text[i];
	host[len] = '\0';
	wild = host[0] == '*' && host[1] == '.' ? 2 : 0;
	if (instance_host_is_valid(host + wild))
		return settings_table_copy(r, host);
	settings_file_mistake(r->file, node,
			      "\"%.100s\" is no host; write one like api.example.org or "
			      "*.example.org, without a port",
			      text);
	return NULL;
}

static void settings_read_hosts(struct settings_reader *r, const struct settings_node *node,
				void *to)
{
	const struct settings_node *item = node->kind == SETTINGS_LIST ? node->first : node;
	size_t room = node->kind == SETTINGS_LIST ? node->count : 1, n = 0;
	struct settings_strings *hosts = to;
	const char **items;

	if (room == 0 || room > SETTINGS_HOSTS_MAX) {
		settings_file_mistake(r->file, node,
				      "there are %zu hosts; write 1 to %d, or remove the key", room,
				      SETTINGS_HOSTS_MAX);
		return;
	}
	items = settings_table_alloc(r, room, sizeof(*items));
	if (!items)
		return;
	for (; item; item = item == node ? NULL : item->next) {
		const char *text = settings_table_text(r, item);
		const char *host = text ? settings_host(r, item, text) : NULL;

		if (host)
			items[n++] = host;
	}
	*hosts = (struct settings_strings){items, n};
}

/* ---- The route ---- */

static const struct settings_name settings_split_names[] = {
	{"request", SPLIT_BY_REQUEST}, {"client", SPLIT_BY_CLIENT}, {NULL, 0}};

static const struct settings_key settings_share_keys[] = {
	{.name = "service",
	 .type = SETTINGS_CUSTOM,
	 .at = offsetof(struct settings_share, service_name),
	 .required = true,
	 .custom = settings_read_service_name,
	 .form = "name of a service",
	 .help = "Where a share of the requests goes"},
	{.name = "weight",
	 .type = SETTINGS_INT,
	 .at = offsetof(struct settings_share, weight),
	 .fallback = "1",
	 .max = 1000,
	 .help = "How large its share is, beside the weights of the others; 0 for none"},
};

static const struct settings_table settings_share_table = {SETTINGS_KEYS(settings_share_keys),
							   sizeof(struct settings_share), NULL};

static const struct settings_name settings_openapi_forms[] = {
	{"document", OPENAPI_DOCUMENT}, {"page", OPENAPI_PAGE}, {NULL, 0}};

static const struct settings_key settings_route_keys[] = {
	{.name = "path",
	 .type = SETTINGS_CUSTOM,
	 .at = 0, /* path and pattern */
	 .required = true,
	 .custom = settings_read_path,
	 .form = "/literal/{name}/*",
	 .help = "Paths it takes: literal segments, `{name}` for one segment, a final `*` for the "
		 "rest"},
	{.name = "name",
	 .type = SETTINGS_STRING,
	 .at = offsetof(struct settings_route, name),
	 .min = 1,
	 .max = 256,
	 .form = "text",
	 .fallback_shown = "the path",
	 .help = "What the access log and the metrics call it; routes of one name are counted "
		 "together"},
	{.name = "methods",
	 .type = SETTINGS_FLAGS,
	 .at = offsetof(struct settings_route, methods),
	 .fallback_shown = "any",
	 .names = settings_methods,
	 .help = "Methods it takes; `GET` brings `HEAD`"},
	{.name = "hosts",
	 .type = SETTINGS_CUSTOM,
	 .at = offsetof(struct settings_route, hosts),
	 .custom = settings_read_hosts,
	 .form = "host or list of hosts, `*.example.org` too",
	 .fallback_shown = "any",
	 .help = "Hosts it takes, without port"},
	{.name = "headers",
	 .type = SETTINGS_CUSTOM,
	 .at = offsetof(struct settings_route, headers),
	 .custom = settings_read_headers,
	 .form = "map of `NAME: value`, or `NAME: true` for any value",
	 .help = "Headers a request must have"},
	{.name = "query",
	 .type = SETTINGS_CUSTOM,
	 .at = offsetof(struct settings_route, query),
	 .custom = settings_read_query,
	 .form = "map of `NAME: value`, or `NAME: true` for any value",
	 .help = "Query parameters a request must have"},
	{.name = "service",
	 .type = SETTINGS_CUSTOM,
	 .at = offsetof(struct settings_route, service_name),
	 .custom = settings_read_service_name,
	 .form = "name of a service",
	 .help = "Where its requests go; each route has this, `split`, `compose`, `redirect`, "
		 "`respond`, `rpc` or `openapi`"},
	{.name = "split",
	 .type = SETTINGS_LISTED,
	 .at = offsetof(struct settings_route, split.shares),
	 .count_at = offsetof(struct settings_route, split.count),
	 .max = SETTINGS_SHARES_MAX,
	 .table = &settings_share_table,
	 .help = "Services that share its requests, in the place of `service`"},
	{.name = "mirror",
	 .type = SETTINGS_SUBMAP,
	 .at = offsetof(struct settings_route, mirror),
	 .table = &settings_mirror_table,
	 .help = "Another service that gets copies of requests; what it answers is thrown away"},
	{.name = "split_by",
	 .type = SETTINGS_ENUM,
	 .at = offsetof(struct settings_route, split.by),
	 .fallback = "request",
	 .names = settings_split_names,
	 .help = "What keeps to one service of a split: each request for itself, or all of a "
		 "client's address"},
	{.name = "compose",
	 .type = SETTINGS_SUBMAP,
	 .at = offsetof(struct settings_route, compose),
	 .table = &settings_compose_table,
	 .help = "Calls of several services whose replies become one answer, in the place of "
		 "`service`"},
	{.name = "views",
	 .type = SETTINGS_NAMED,
	 .at = offsetof(struct settings_route, views),
	 .count_at = offsetof(struct settings_route, view_count),
	 .max = SETTINGS_VIEWS_MAX,
	 .table = &settings_view_table,
	 .help = "What some kinds of clients get of an answer of JSON; the first that fits is "
		 "taken, others get the whole"},
	{.name = "fields",
	 .type = SETTINGS_CUSTOM,
	 .at = offsetof(struct settings_route, fields),
	 .custom = settings_read_select,
	 .table = &settings_fields_table,
	 .fallback = "false",
	 .form = "`true`, or map",
	 .help = "Whether clients may ask for a part of an answer of JSON, by names: "
		 "`?fields=id,customer.name,lines(price)`"},
	{.name = "xmlrpc",
	 .type = SETTINGS_SUBMAP,
	 .at = offsetof(struct settings_route, bridge),
	 .table = &settings_bridge_table,
	 .help = "Makes each request a call of an XML-RPC method of the service"},
	{.name = "rpc",
	 .type = SETTINGS_SUBMAP,
	 .at = offsetof(struct settings_route, rpc),
	 .table = &settings_rpc_table,
	 .help = "Methods of XML-RPC, called by POST, that become requests to other routes; in the "
		 "place of a service"},
	{.name = "openapi",
	 .type = SETTINGS_ENUM,
	 .at = offsetof(struct settings_route, openapi),
	 .names = settings_openapi_forms,
	 .fallback_shown = "none",
	 .help = "Answers what the gateway offers, in the place of a service: as an OpenAPI 3.1 "
		 "`document`, or as a `page` to read"},
	{.name = "docs",
	 .type = SETTINGS_SUBMAP,
	 .at = offsetof(struct settings_route, docs),
	 .table = &settings_docs_table,
	 .help = "What is said of the route there"},
	{.name = "redirect",
	 .type = SETTINGS_SUBMAP,
	 .at = offsetof(struct settings_route, redirect),
	 .table = &settings_redirect_table,
	 .help = "Sends clients elsewhere, in the place of a service"},
	{.name = "respond",
	 .type = SETTINGS_SUBMAP,
	 .at = offsetof(struct settings_route, respond),
	 .table = &settings_fallback_table,
	 .help = "A fixed answer, in the place of a service"},
	{.name = "rewrite",
	 .type = SETTINGS_CUSTOM,
	 .at = offsetof(struct settings_route, rewrite),
	 .custom = settings_read_rewrite,
	 .form = "template, like `/v2/users/{id}` or `/v2/users?id={id}`",
	 .fallback_shown = "the client's path",
	 .help = "Path to ask the service for; without a `?` the client's query is sent on"},
	{.name = "request",
	 .type = SETTINGS_SUBMAP,
	 .at = offsetof(struct settings_route, request_edits),
	 .table = &settings_request_table,
	 .help = "Changes to requests on their way to the service"},
	{.name = "reply",
	 .type = SETTINGS_SUBMAP,
	 .at = offsetof(struct settings_route, reply_edits),
	 .table = &settings_reply_table,
	 .help = "Changes to answers on their way to the client"},
	{.name = "security_headers",
	 .type = SETTINGS_CUSTOM,
	 .at = offsetof(struct settings_route, security),
	 .custom = settings_read_security,
	 .form = "`true`, `false`, or map of `NAME: value`",
	 .fallback_shown = "the top level's",
	 .help = "Likewise, in the place of the top level's"},
	{.name = "timeout",
	 .type = SETTINGS_DURATION,
	 .at = offsetof(struct settings_route, timeout_ms),
	 .fallback = "10s",
	 .min = 1,
	 .max = 24 * HOUR_MS,
	 .help = "Time for the whole answer, retries included, until its body flows"},
	{.name = "cache",
	 .type = SETTINGS_CUSTOM,
	 .at = offsetof(struct settings_route, cache),
	 .custom = settings_read_cache,
	 .table = &settings_cache_table,
	 .fallback_shown = "replies that allow it are kept for when the service is down",
	 .form = "map or `off`",
	 .help = "Whether replies are kept"},
	{.name = "fallback",
	 .type = SETTINGS_SUBMAP,
	 .at = offsetof(struct settings_route, fallback),
	 .table = &settings_fallback_table,
	 .help = "Answer when the service gives none and no stale reply is kept"},
	{.name = "hedge",
	 .type = SETTINGS_SUBMAP,
	 .at = offsetof(struct settings_route, hedge),
	 .table = &settings_hedge_table,
	 .help = "Sends GET, HEAD and OPTIONS that take long to a second instance, too; the first "
		 "good answer counts, within the service's retry budget"},
	{.name = "ip",
	 .type = SETTINGS_SUBMAP,
	 .at = offsetof(struct settings_route, policy.ip),
	 .table = &settings_ip_table,
	 .help = "From which addresses it may be called, beside the top level's `ip`"},
	{.name = "cors",
	 .type = SETTINGS_SUBMAP,
	 .at = offsetof(struct settings_route, policy.cors),
	 .table = &settings_cors_table,
	 .fallback_shown = "what services say is passed on",
	 .help = "Which pages of other origins may use it; preflights are answered by the gateway"},
	{.name = "user_agents",
	 .type = SETTINGS_SUBMAP,
	 .at = offsetof(struct settings_route, policy.agents),
	 .table = &settings_agents_table,
	 .help = "Which clients may, by what they call themselves"},
	{.name = "content_types",
	 .type = SETTINGS_STRINGS,
	 .at = offsetof(struct settings_route, policy.content_types),
	 .max = 32,
	 .form = "list of media types, `image/*` too",
	 .fallback_shown = "any",
	 .help = "Types of bodies it takes; others get a 415"},
	{.name = "query_check",
	 .type = SETTINGS_SUBMAP,
	 .at = offsetof(struct settings_route, policy.query),
	 .table = &settings_query_table,
	 .help = "What its query may be"},
	{.name = "body_check",
	 .type = SETTINGS_ENUM,
	 .at = offsetof(struct settings_route, body_check),
	 .fallback = "off",
	 .names = settings_body_checks,
	 .help = "`json`: a body of that type is gathered, up to `limits.body`, and refused with a "
		 "400 that says where when it is none (RFC 8259, no member twice, depth 64); POST, "
		 "PUT and PATCH without a body are a 400, too, unless it is `json_or_none`"},
	{.name = "rate_limit",
	 .type = SETTINGS_CUSTOM,
	 .at = offsetof(struct settings_route, policy.limits),
	 .custom = settings_read_route_limits,
	 .table = &settings_limit_table,
	 .listed = true,
	 .form = "map, or list of maps",
	 .help = "How often it may be called; over that the answer is 429"},
	{.name = "cost",
	 .type = SETTINGS_INT,
	 .at = offsetof(struct settings_route, policy.cost),
	 .fallback = "1",
	 .max = 10000,
	 .help = "For how many its requests count, in every `rate_limit`"},
	{.name = "auth",
	 .type = SETTINGS_CUSTOM,
	 .at = offsetof(struct settings_route, policy.auth),
	 .custom = settings_read_auth,
	 .table = &settings_auth_table,
	 .listed = true,
	 .fallback_shown = "anybody may call",
	 .form = "list of `key` and the maps below: any of them will do; with `optional` among "
		 "them nobody needs one; or, in the place of the list, `{all: […]}`: each of them "
		 "is needed",
	 .help = "How callers show who they are; who can't gets a 401"},
	{.name = "upgrade",
	 .type = SETTINGS_CUSTOM,
	 .at = offsetof(struct settings_route, upgrade),
	 .custom = settings_read_upgrade,
	 .fallback = "websocket",
	 .form = "protocol or list of protocols, or `off`",
	 .help = "What a connection may become when the service agrees (HTTP/1.1 `Upgrade`)"},
	{.name = "allow",
	 .type = SETTINGS_CUSTOM,
	 .at = offsetof(struct settings_route, policy.allow),
	 .custom = settings_read_allow,
	 .fallback_shown = "whoever shows who it is",
	 .form = "rule, like `group:staff`, or list of rules",
	 .help = "Who may, one of the rules: `known`, `group:`, `consumer:`, `scope:`, `issuer:`, "
		 "`claim:NAME` (the token has it), `claim:NAME = VALUE`, `method:GET,HEAD`, "
		 "`path:/a/*`, `time:08:00-18:00`, "
		 "`days:mon-fri` (UTC), joined by `and`, `or`, `not` and brackets; others get a "
		 "403"},
	{.name = "limits",
	 .type = SETTINGS_SUBMAP,
	 .at = offsetof(struct settings_route, limits),
	 .table = &settings_route_limits_table,
	 .help = "In the place of the top level's"},
	{.name = "paths",
	 .type = SETTINGS_SUBMAP,
	 .at = offsetof(struct settings_route, paths),
	 .table = &settings_route_paths_table,
	 .help = "In the place of the top level's"},
	{.name = "server_timing",
	 .type = SETTINGS_ENUM,
	 .at = offsetof(struct settings_route, timing),
	 .fallback_shown = "the top level's",
	 .names = settings_timings,
	 .help = "Whether answers tell where their time went"},
	{.name = "trailers",
	 .type = SETTINGS_ENUM,
	 .at = offsetof(struct settings_route, trailers),
	 .fallback_shown = "the top level's",
	 .names = settings_trailers_names,
	 .help = "What becomes of the trailer fields of requests and of the service's replies; "
		 "those "
		 "of replies that are transformed or from the cache are dropped in any case"},
	{.name = "debug",
	 .type = SETTINGS_BOOL,
	 .at = offsetof(struct settings_route, debug),
	 .fallback = "false",
	 .help = "Show addresses of instances in answers"},
};

static void settings_route_done(struct settings_reader *r, const struct settings_node *map,
				void *to)
{
	const struct settings_node *cache = settings_node_get(map, "cache");
	struct settings_route *route = to;

	r->arg = NULL;
	for (size_t i = 0; i < route->split.count; i++)
		route->split.total += route->split.shares[i].weight;
	settings_check_actions(r, map, route);
	if (map)
		route->line = map->line;
	if (!route->name)
		route->name = route->pattern;
	if (route->methods == 0)
		route->methods = route->rpc.method_count ? HTTP_POST
				 : route->openapi	 ? HTTP_GET
							 : HTTP_ANY;
	if (route->methods & HTTP_GET)
		route->methods |= HTTP_HEAD;
	if (!cache)
		route->cache.stale_if_error_ms = (int64_t)HOUR_MS;
	if (!settings_node_get(cache, "ttl"))
		route->cache.ttl_ms = -1;
}

const struct settings_table settings_route_table = {
	SETTINGS_KEYS(settings_route_keys), sizeof(struct settings_route), settings_route_done};
