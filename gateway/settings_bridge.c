/*
 * settings_bridge: reads `xmlrpc`. A parameter is a template with the type of
 * its value, "{query.a:int}"; a map or a list of them is a struct or an array;
 * what stands there without quotes, 5 or true, is of its own type.
 */
#include "gateway/settings_parts.h"
#include "gateway/template.h"

#include <string.h>

#define MIB (UINT64_C(1) << 20)

static const char *const settings_bridge_results[] = {"body"};

struct settings_params {
	struct settings_reader *r;
	struct settings_bridge *bridge;
	struct template_scope scope;
};

/* ---- One value ---- */

/* "{query.a:int=5}" becomes "{query.a}", the type and the default. False: a mistake, noted. */
static bool settings_param_type(struct settings_params *p, const struct settings_node *node,
				char *text, struct settings_param *param)
{
	char *end = text[0] == '{' ? strchr(text, '}') : NULL, *colon, *equals;
	int type;

	if (!end || end[1] || !strchr(text, ':')) {
		/* Text around a name is a string; a name alone is what the service wants. */
		param->typed = !end || end[1];
		return true;
	}
	colon = strchr(text, ':');
	equals = strchr(colon, '=');
	*end = '\0';
	if (equals) {
		*equals = '\0';
		param->otherwise = settings_table_copy(p->r, equals + 1);
	}
	type = rpc_json_type_parse(colon + 1);
	if (type < 0) {
		settings_file_mistake(p->r->file, node,
				      "\"%.40s\" is no type; write string, int, boolean, double, "
				      "dateTime, base64 or json",
				      colon + 1);
		return false;
	}
	param->type = (enum rpc_json_type)type;
	param->typed = true;
	colon[0] = '}';
	colon[1] = '\0';
	return true;
}

static bool settings_param_fits(enum rpc_json_type type, const char *text, struct err *e)
{
	struct buf xml;
	bool fits;

	buf_init(&xml, SETTINGS_FILE_BYTES_MAX);
	fits = rpc_json_write_text(&xml, type, (struct span){text, strlen(text)}, e) == 0;
	buf_fini(&xml);
	return fits;
}

/* A default of another type than its value would be a 400 that nobody understands. */
static void settings_param_check_default(struct settings_params *p,
					 const struct settings_node *node,
					 const struct settings_param *param)
{
	struct err e = {0};

	if (param->otherwise && !settings_param_fits(param->type, param->otherwise, &e))
		settings_file_mistake(p->r->file, node, "the default: %s", e.text);
}

/* 5, 0.5, true, without quotes. */
static bool settings_param_constant(const struct settings_node *node, struct settings_param *param)
{
	static const enum rpc_json_type types[] = {RPC_JSON_INT, RPC_JSON_DOUBLE, RPC_JSON_BOOLEAN};

	if (!node->plain || strchr(node->text, '{'))
		return false;
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		struct err e = {0};

		if (!settings_param_fits(types[i], node->text, &e))
			continue;
		param->type = types[i];
		param->typed = true;
		return true;
	}
	return false;
}

static void settings_param_value(struct settings_params *p, const struct settings_node *node,
				 struct settings_param *param)
{
	const char *text = settings_table_text(p->r, node);
	struct err e = {0};
	char *own;

	if (!text || !p->scope.path)
		return;
	own = arena_strndup(p->r->arena, text, strlen(text));
	if (!own) {
		p->r->file->no_memory = true;
		return;
	}
	param->type = RPC_JSON_STRING;
	if (!settings_param_constant(node, param) && !settings_param_type(p, node, own, param))
		return;
	param->value = template_parse(p->r->arena, own, TEMPLATE_RAW, &p->scope, &e);
	if (!param->value)
		settings_file_mistake(p->r->file, node, "%s", e.text);
	else
		p->bridge->takes_body |= template_results(param->value) != 0;
	settings_param_check_default(p, node, param);
}

/* ---- All of them ---- */

/* What can't be written in XML can't be sent. */
static void settings_check_xml(struct settings_reader *r, const struct settings_node *node,
			       const char *text)
{
	struct err e = {0};

	if (!settings_param_fits(RPC_JSON_STRING, text, &e))
		settings_file_mistake(r->file, node, "the name %s", e.text);
}

static size_t settings_read_params(struct settings_params *p, const struct settings_node *node,
				   const struct settings_param **items, unsigned depth);

static void settings_read_param(struct settings_params *p, const struct settings_node *node,
				struct settings_param *param, unsigned depth)
{
	param->name = node->key ? settings_table_copy(p->r, node->key) : NULL;
	if (node->key)
		settings_check_xml(p->r, node, node->key);
	if (node->kind == SETTINGS_SCALAR) {
		settings_param_value(p, node, param);
		return;
	}
	param->kind = node->kind == SETTINGS_MAP ? PARAM_STRUCT : PARAM_ARRAY;
	param->count = settings_read_params(p, node, &param->items, depth - 1);
}

static size_t settings_read_params(struct settings_params *p, const struct settings_node *node,
				   const struct settings_param **items, unsigned depth)
{
	struct settings_param *all;
	size_t n = 0;

	*items = NULL;
	if (!depth || node->count > SETTINGS_PARAMS_MAX) {
		settings_file_mistake(p->r->file, node,
				      "this is too much; write at most %d values, within at most "
				      "%d maps and lists",
				      SETTINGS_PARAMS_MAX, SETTINGS_PARAM_DEPTH_MAX);
		return 0;
	}
	all = settings_table_alloc(p->r, node->count, sizeof(*all));
	for (const struct settings_node *at = node->first; at && all; at = at->next)
		settings_read_param(p, at, &all[n++], depth);
	*items = all;
	return n;
}

static void settings_read_bridge_params(struct settings_reader *r, const struct settings_node *node,
					void *to)
{
	const struct settings_route *route = r->arg;
	struct settings_bridge *bridge = to;
	struct settings_params p = {.r = r,
				    .bridge = bridge,
				    .scope = {.path = route ? &route->path : NULL,
					      .results = settings_bridge_results,
					      .result_count = 1}};

	if (node->kind != SETTINGS_LIST) {
		settings_file_mistake(r->file, node,
				      "this is no list; write [\"{query.a:int}\", …]");
		return;
	}
	bridge->count = settings_read_params(&p, node, &bridge->params, SETTINGS_PARAM_DEPTH_MAX);
	/* Within a struct or an array no signature says what a member is. */
	for (size_t i = 0; i < bridge->count; i++)
		bridge->asks_signature |=
			bridge->params[i].kind == PARAM_VALUE && !bridge->params[i].typed;
}

static const struct settings_key settings_bridge_keys[] = {
	{.name = "method",
	 .type = SETTINGS_STRING,
	 .at = offsetof(struct settings_bridge, method),
	 .required = true,
	 .min = 1,
	 .max = 256,
	 .form = "name of a method",
	 .help = "The XML-RPC method of the service that is called; its result is answered as "
		 "JSON, a fault as a 502"},
	{.name = "params",
	 .type = SETTINGS_CUSTOM,
	 .custom = settings_read_bridge_params,
	 .form = "list of templates with types, `\"{query.a:int}\"`, and of maps and lists of "
		 "them",
	 .fallback_shown = "none",
	 .help = "Its parameters. Types: `string`, `int`, `boolean`, `double`, `dateTime`, "
		 "`base64`, `json`; without one the method's signature says it. "
		 "`{query.a:int=5}` has a default, `{body.a.b}` is of the request's JSON. What "
		 "does not fit its type, and a query parameter that none of them names, is a 400"},
	{.name = "path",
	 .type = SETTINGS_STRING,
	 .at = offsetof(struct settings_bridge, path),
	 .fallback = "/RPC2",
	 .min = 1,
	 .max = 1024,
	 .help = "Where on the service XML-RPC is spoken"},
	{.name = "reply",
	 .type = SETTINGS_SIZE,
	 .at = offsetof(struct settings_bridge, reply_bytes),
	 .fallback = "1MiB",
	 .min = 1,
	 .max = 16 * MIB,
	 .help = "Largest reply; a longer one is a 502"},
};

static void settings_bridge_done(struct settings_reader *r, const struct settings_node *map,
				 void *to)
{
	const struct settings_bridge *bridge = to;

	if (map && bridge->method)
		settings_check_xml(r, settings_node_get(map, "method"), bridge->method);
	if (map && bridge->path && bridge->path[0] != '/')
		settings_file_mistake(r->file, settings_node_get(map, "path"),
				      "\"%.60s\" does not begin with a '/'", bridge->path);
}

const struct settings_table settings_bridge_table = {
	SETTINGS_KEYS(settings_bridge_keys), sizeof(struct settings_bridge), settings_bridge_done};
