/* settings_auth: a route's `auth`: how callers may show who they are. */
#include "gateway/settings_parts.h"

#include "gateway/http1_head.h"
#include "gateway/rule.h"

#include <string.h>

enum { SETTINGS_METHODS_MAX = 8, SETTINGS_RULES_MAX = 32 };

/* ---- Where a credential stands ---- */

static void settings_read_header_name(struct settings_reader *r, const struct settings_node *node,
				      void *to)
{
	const char *text = settings_table_text(r, node), *copy;
	enum http1_name known;

	if (!text)
		return;
	known = http1_field_known(text, strlen(text));
	if (!http_is_token(text, strlen(text)) || http1_field_is_hop(known) ||
	    known == HTTP1_HOST || known == HTTP1_CONTENT_LENGTH || known == HTTP1_COOKIE) {
		settings_file_mistake(r->file, node,
				      "\"%.60s\" can't carry a key; write a name like X-Api-Key",
				      text);
		return;
	}
	copy = settings_table_copy(r, text);
	memcpy(to, &copy, sizeof(copy));
}

static const struct settings_key settings_auth_key_keys[] = {
	{.name = "header",
	 .type = SETTINGS_CUSTOM,
	 .at = offsetof(struct settings_auth_method, header),
	 .fallback = "X-Api-Key",
	 .custom = settings_read_header_name,
	 .form = "name of a header field",
	 .help = "Field that has the key; it is not passed on"},
	{.name = "query",
	 .type = SETTINGS_STRING,
	 .at = offsetof(struct settings_auth_method, query),
	 .min = 1,
	 .max = 64,
	 .form = "name of a parameter",
	 .fallback_shown = "none",
	 .help = "Query parameter that may have it, too; it is neither passed on nor logged"},
};

static const struct settings_table settings_auth_key_table = {
	SETTINGS_KEYS(settings_auth_key_keys), sizeof(struct settings_auth_method), NULL};

void settings_read_token(struct settings_reader *r, const struct settings_node *node, void *to)
{
	const char *text = settings_table_text(r, node), *copy;

	if (!text)
		return;
	if (!http_is_token(text, strlen(text))) {
		settings_file_mistake(r->file, node, "\"%.60s\" can't be a name here", text);
		return;
	}
	copy = settings_table_copy(r, text);
	memcpy(to, &copy, sizeof(copy));
}

static const struct settings_key settings_auth_jwt_keys[] = {
	{.name = "issuer",
	 .type = SETTINGS_STRING,
	 .at = offsetof(struct settings_auth_method, issuer_name),
	 .required = true,
	 .min = 1,
	 .max = 128,
	 .form = "name of one of the `issuers`",
	 .help = "Whose token it has to be; `{jwt: NAME}` says this alone"},
	{.name = "header",
	 .type = SETTINGS_CUSTOM,
	 .at = offsetof(struct settings_auth_method, header),
	 .fallback = "Authorization",
	 .custom = settings_read_header_name,
	 .form = "name of a header field",
	 .help = "Field that has the token, after the word Bearer; in other fields than "
		 "Authorization it may stand alone"},
	{.name = "cookie",
	 .type = SETTINGS_CUSTOM,
	 .at = offsetof(struct settings_auth_method, cookie),
	 .custom = settings_read_token,
	 .form = "name of a cookie",
	 .fallback_shown = "none",
	 .help = "Cookie that may have it, too"},
	{.name = "query",
	 .type = SETTINGS_STRING,
	 .at = offsetof(struct settings_auth_method, query),
	 .min = 1,
	 .max = 64,
	 .form = "name of a parameter",
	 .fallback_shown = "none",
	 .help = "Query parameter that may have it, too; it is neither passed on nor logged"},
};

static const struct settings_table settings_auth_jwt_table = {
	SETTINGS_KEYS(settings_auth_jwt_keys), sizeof(struct settings_auth_method), NULL};

/* ---- One method ---- */

static void settings_read_key_method(struct settings_reader *r, const struct settings_node *node,
				     void *to)
{
	struct settings_auth_method *method = to;

	method->kind = AUTH_KEY;
	settings_table_read(r, &settings_auth_key_table, node, method);
}

/* `jwt: main` is short for `jwt: {issuer: main}`. */
static void settings_read_jwt_method(struct settings_reader *r, const struct settings_node *node,
				     void *to)
{
	struct settings_node map = *node, issuer = *node;
	struct settings_auth_method *method = to;

	method->kind = AUTH_JWT;
	if (node->kind == SETTINGS_SCALAR) {
		map.kind = SETTINGS_MAP;
		map.first = &issuer;
		map.count = 1;
		issuer.key = "issuer";
		issuer.next = NULL;
	}
	settings_table_read(r, &settings_auth_jwt_table, &map, method);
}

/* Methods without keys of their own: `basic` or `{basic: {}}`. */
static const struct settings_table settings_auth_none_table = {
	NULL, 0, sizeof(struct settings_auth_method), NULL};

static void settings_read_basic_method(struct settings_reader *r, const struct settings_node *node,
				       void *to)
{
	((struct settings_auth_method *)to)->kind = AUTH_BASIC;
	settings_table_read(r, &settings_auth_none_table, node, to);
}

static void settings_read_certificate_method(struct settings_reader *r,
					     const struct settings_node *node, void *to)
{
	((struct settings_auth_method *)to)->kind = AUTH_CERTIFICATE;
	settings_table_read(r, &settings_auth_none_table, node, to);
}

static const struct settings_key settings_auth_keys[] = {
	{.name = "key",
	 .type = SETTINGS_CUSTOM,
	 .custom = settings_read_key_method,
	 .table = &settings_auth_key_table,
	 .form = "map; `key` alone for its defaults",
	 .help = "An API key of one of the `consumers`"},
	{.name = "jwt",
	 .type = SETTINGS_CUSTOM,
	 .custom = settings_read_jwt_method,
	 .table = &settings_auth_jwt_table,
	 .form = "name of one of the `issuers`, or map",
	 .help = "A signed token (RFC 7519) of that issuer"},
	{.name = "basic",
	 .type = SETTINGS_CUSTOM,
	 .custom = settings_read_basic_method,
	 .form = "`{}`; `basic` alone says the same",
	 .help = "Name and password (RFC 7617) of one of the `consumers`; use it with TLS only"},
	{.name = "certificate",
	 .type = SETTINGS_CUSTOM,
	 .custom = settings_read_certificate_method,
	 .form = "`{}`; `certificate` alone says the same",
	 .help = "A certificate of one of the `consumers`, shown at a door with `tls.client_ca`"},
	{.name = "forward",
	 .type = SETTINGS_CUSTOM,
	 .custom = settings_read_forward,
	 .table = &settings_forward_table,
	 .form = "map",
	 .help = "A service is asked: a 2xx lets pass; a 401, 403 or redirect is what the client "
		 "gets; anything else, or nothing, is a 503"},
};

const struct settings_table settings_auth_table = {SETTINGS_KEYS(settings_auth_keys),
						   sizeof(struct settings_auth_method), NULL};

static void settings_read_method_name(struct settings_reader *r, const struct settings_node *node,
				      struct settings_auth *auth,
				      struct settings_auth_method *method)
{
	const char *text = settings_table_text(r, node);

	if (!text)
		return;
	if (strcmp(text, "optional") == 0) {
		if (auth->optional)
			settings_file_mistake(r->file, node, "optional is there twice; remove one");
		auth->optional = true;
	} else if (strcmp(text, "key") == 0) {
		settings_table_read(r, &settings_auth_key_table, NULL, method);
		auth->count++;
	} else if (strcmp(text, "basic") == 0 || strcmp(text, "certificate") == 0) {
		method->kind = *text == 'b' ? AUTH_BASIC : AUTH_CERTIFICATE;
		auth->count++;
	} else {
		settings_file_mistake(r->file, node,
				      "\"%.60s\" is no way to show who one is; write key, "
				      "{jwt: ISSUER}, basic, certificate, {forward: …} or "
				      "optional",
				      text);
	}
}

static void settings_read_method(struct settings_reader *r, const struct settings_node *node,
				 struct settings_auth *auth, struct settings_auth_method *method)
{
	if (node->kind != SETTINGS_MAP) {
		settings_read_method_name(r, node, auth, method);
		return;
	}
	if (node->count != 1) {
		settings_file_mistake(r->file, node,
				      "there are %zu methods in this map; write each as an entry "
				      "of the list",
				      node->count);
		return;
	}
	if (settings_node_get(node, "all")) {
		settings_file_mistake(r->file, node,
				      "`all` is no method of a list: it stands alone, as "
				      "`auth: {all: […]}`");
		return;
	}
	settings_table_read(r, &settings_auth_table, node, method);
	auth->count++;
}

/* ---- All of them ---- */

void settings_read_auth(struct settings_reader *r, const struct settings_node *node, void *to)
{
	const struct settings_node *all = settings_node_get(node, "all"), *item;
	struct settings_auth *auth = to;
	struct settings_auth_method *methods;
	size_t count;

	if (all && node->count == 1) {
		auth->all = true;
		node = all;
	}
	count = node->kind == SETTINGS_LIST ? node->count : 1;
	if (count == 0 || count > SETTINGS_METHODS_MAX) {
		settings_file_mistake(r->file, node, "there are %zu methods; write 1 to %d", count,
				      SETTINGS_METHODS_MAX);
		return;
	}
	methods = settings_table_alloc(r, count, sizeof(*methods));
	if (!methods)
		return;
	auth->methods = methods;
	item = node->kind == SETTINGS_LIST ? node->first : node;
	for (; item; item = item == node ? NULL : item->next)
		settings_read_method(r, item, auth, &methods[auth->count]);
	if (!auth->count && !settings_file_has_mistakes(r->file))
		settings_file_mistake(r->file, node,
				      "there is no method beside optional; write one, like key");
}

/* ---- allow ---- */

void settings_read_allow(struct settings_reader *r, const struct settings_node *node, void *to)
{
	const struct settings_node *item = node->kind == SETTINGS_LIST ? node->first : node;
	size_t count = node->kind == SETTINGS_LIST ? node->count : 1, n = 0;
	const struct settings_route *route = r->arg;
	const struct rule **rules;

	if (count == 0 || count > SETTINGS_RULES_MAX) {
		settings_file_mistake(r->file, node, "there are %zu rules; write 1 to %d", count,
				      SETTINGS_RULES_MAX);
		return;
	}
	rules = settings_table_alloc(r, count, sizeof(*rules));
	for (; rules && route && item; item = item == node ? NULL : item->next) {
		const struct template_scope scope = {.path = &route->path};
		const char *text = settings_table_text(r, item);
		struct err e = {0};

		if (!text)
			continue;
		rules[n] = rule_parse(r->arena, text, &scope, &e);
		if (rules[n])
			n++;
		else
			settings_file_mistake(r->file, item, "%s", e.text);
	}
	*(struct settings_rules *)to = (struct settings_rules){rules, n};
}
