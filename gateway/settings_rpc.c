/*
 * settings_rpc: reads `rpc`: methods of XML-RPC that a route offers, each as
 * the request that it becomes. A parameter is its name with its type, and a
 * default behind '=': {limit: int=20}.
 */
#include "gateway/settings_parts.h"

#include "common/json_check.h"
#include "common/json_walk.h"
#include "common/json_write.h"
#include "common/suggest.h"
#include "gateway/body_template.h"
#include "gateway/settings_compose_parts.h"
#include "gateway/template.h"

#include <errno.h>
#include <string.h>

#define MIB (UINT64_C(1) << 20)

enum { SETTINGS_RPC_NAME_MAX = 80 };

/* ---- Types and parameters ---- */

/* Signatures' names, and those that `xmlrpc` takes. */
static bool settings_rpc_type(struct settings_reader *r, const struct settings_node *node,
			      const char *name, enum rpc_value_type *type)
{
	struct suggest near = {.name = name};

	*type = RPC_VALUE_TIME;
	if (strcmp(name, "dateTime") == 0)
		return true;
	for (int i = RPC_VALUE_ANY; i < RPC_VALUE_TYPE_COUNT; i++) {
		const char *known = rpc_value_type_name((enum rpc_value_type)i);

		*type = (enum rpc_value_type)i;
		if (strcmp(name, known) == 0)
			return true;
		suggest_offer(&near, known);
	}
	settings_file_mistake(r->file, node,
			      "\"%.40s\" is no type; write int, boolean, string, double, dateTime, "
			      "base64, array, struct or any%s%s%s",
			      name, near.best ? "; did you mean " : "", near.best ? near.best : "",
			      near.best ? "?" : "");
	return false;
}

/* What stands behind the '=' as JSON: a text where the type is one. */
static void settings_rpc_default(struct settings_reader *r, const struct settings_node *node,
				 const char *text, struct settings_rpc_param *param)
{
	bool is_text = param->type == RPC_VALUE_STRING || param->type == RPC_VALUE_TIME ||
		       param->type == RPC_VALUE_BASE64;
	struct json_writer j;
	struct err e = {0};
	const char *json;
	struct buf out;

	buf_init(&out, SETTINGS_FILE_BYTES_MAX);
	json_write_init(&j, &out);
	if (is_text)
		json_write_string(&j, text);
	else
		json_write_raw(&j, text);
	json = buf_str(&out) ? settings_table_copy(r, out.data) : NULL;
	buf_fini(&out);
	if (!json) {
		r->file->no_memory = true;
		return;
	}
	param->otherwise = (struct span){json, strlen(json)};
	if (json_check(param->otherwise, &e) < 0) {
		settings_file_mistake(r->file, node, "the default is no JSON: %s", e.text);
		return;
	}
	param->otherwise = json_value(param->otherwise);
	if (!rpc_value_is(param->type, param->otherwise))
		settings_file_mistake(r->file, node, "the default \"%.60s\" is no %s", text,
				      rpc_value_type_name(param->type));
}

static void settings_rpc_param(struct settings_reader *r, const struct settings_node *node,
			       struct settings_rpc_param *param)
{
	const char *text = settings_table_text(r, node), *equals, *type;
	const char *wrong = settings_call_name_wrong(node->key);

	param->name = settings_table_copy(r, node->key);
	if (wrong)
		settings_file_mistake(r->file, node, "%s; choose another", wrong);
	if (!text)
		return;
	equals = strchr(text, '=');
	type = arena_strndup(r->arena, text, equals ? (size_t)(equals - text) : strlen(text));
	if (!type)
		r->file->no_memory = true;
	else if (settings_rpc_type(r, node, type, &param->type) && equals)
		settings_rpc_default(r, node, equals + 1, param);
}

/* "{id: int}" of a list, or the entry of a map. NULL after noting that it is none. */
static const struct settings_node *settings_rpc_pair(struct settings_reader *r,
						     const struct settings_node *node)
{
	if (node->key)
		return node;
	if (node->kind == SETTINGS_MAP && node->count == 1)
		return node->first;
	settings_file_mistake(r->file, node,
			      "this is no name with a type; write {id: int}, or {limit: int=20}");
	return NULL;
}

static void settings_read_rpc_params(struct settings_reader *r, const struct settings_node *node,
				     void *to)
{
	struct settings_rpc_method *method = to;
	struct settings_rpc_param *params;

	if (node->kind == SETTINGS_SCALAR || node->count > SETTINGS_RPC_PARAMS_MAX) {
		settings_file_mistake(r->file, node,
				      "this is no list of at most %d parameters; write [{id: int}, "
				      "{limit: int=20}]",
				      SETTINGS_RPC_PARAMS_MAX);
		return;
	}
	params = settings_table_alloc(r, node->count, sizeof(*params));
	method->params = params;
	for (const struct settings_node *n = node->first; n && params; n = n->next) {
		const struct settings_node *pair = settings_rpc_pair(r, n);
		struct settings_rpc_param *param = &params[method->param_count];

		if (!pair)
			continue;
		settings_rpc_param(r, pair, param);
		if (param->otherwise.len || method->required < method->param_count) {
			if (!param->otherwise.len)
				settings_file_mistake(r->file, pair,
						      "the one before it has a default, so it "
						      "needs one");
		} else {
			method->required++;
		}
		method->param_count++;
	}
}

static void settings_read_rpc_returns(struct settings_reader *r, const struct settings_node *node,
				      void *to)
{
	const char *text = settings_table_text(r, node);
	enum rpc_value_type type = RPC_VALUE_ANY;

	if (text)
		(void)settings_rpc_type(r, node, text, &type); /* noted */
	memcpy(to, &type, sizeof(type));
}

static const struct settings_key settings_rpc_method_keys[] = {
	{.name = "call",
	 .type = SETTINGS_STRING,
	 .at = offsetof(struct settings_rpc_method, call),
	 .required = true,
	 .min = 1,
	 .form = "method and template, like `GET /orders/{id}`",
	 .help = "The request that it becomes, to the gateway itself: with the caller's fields, "
		 "and under all rules of the route that takes it"},
	{.name = "params",
	 .type = SETTINGS_CUSTOM,
	 .custom = settings_read_rpc_params,
	 .form = "list like `[{id: int}, {limit: int=20}]`",
	 .fallback_shown = "none",
	 .help = "Its parameters in their order. Types: `int`, `boolean`, `string`, `double`, "
		 "`dateTime`, `base64`, `array`, `struct`, `any`; with a default one may be left "
		 "out. `{order.id}` in a template is within a struct"},
	{.name = "json",
	 .type = SETTINGS_CUSTOM,
	 .custom = settings_read_later,
	 .form = "any value, with templates in its texts",
	 .help = "Body of the request; a text that is one template, like `\"{order}\"`, stands for "
		 "the value itself"},
	{.name = "returns",
	 .type = SETTINGS_CUSTOM,
	 .at = offsetof(struct settings_rpc_method, returns),
	 .custom = settings_read_rpc_returns,
	 .form = "a type",
	 .fallback_shown = "`any`",
	 .help = "What the answer's JSON has to be; `string` and `base64` take a body of any "
		 "type, `boolean` is true for an empty one. XML-RPC has no name for `any`: of a "
		 "method that takes or returns it system.methodSignature answers `undef`, which "
		 "says that it has no signature"},
	{.name = "help",
	 .type = SETTINGS_STRING,
	 .at = offsetof(struct settings_rpc_method, help),
	 .max = 4096,
	 .form = "text",
	 .help = "What system.methodHelp says"},
};

/* ---- One method ---- */

static const char *settings_rpc_name_wrong(const char *name)
{
	size_t len = strlen(name);

	if (!len || len > SETTINGS_RPC_NAME_MAX)
		return "a method's name is 1 to 80 bytes long";
	if (strncmp(name, "system.", 7) == 0)
		return "system.* is the gateway's";
	for (size_t i = 0; i < len; i++)
		if (!((name[i] >= 'a' && name[i] <= 'z') || (name[i] >= 'A' && name[i] <= 'Z') ||
		      (name[i] >= '0' && name[i] <= '9') || strchr("_.:/-", name[i])))
			return "names are of letters, digits and \"_.:/-\"";
	return NULL;
}

static void settings_rpc_body(struct settings_reader *r, const struct settings_node *node,
			      const struct template_scope *scope,
			      struct settings_rpc_method *method)
{
	const char *json = settings_json_text(r, node);
	struct err e = {0};

	if (method->http_method &&
	    (strcmp(method->http_method, "GET") == 0 || strcmp(method->http_method, "DELETE") == 0))
		settings_file_mistake(r->file, node, "a %s has no body; remove it",
				      method->http_method);
	method->body = json ? body_template_parse(r->arena, json, scope, &e) : NULL;
	if (json && !method->body)
		settings_file_mistake(r->file, node, "%s", e.text);
}

static void settings_rpc_target(struct settings_reader *r, const struct settings_node *node,
				const struct template_scope *scope,
				struct settings_rpc_method *method)
{
	static const char *const verbs[] = {"GET", "POST", "PUT", "PATCH", "DELETE"};
	const char *path = strchr(method->call, ' ');
	struct err e = {0};

	for (size_t i = 0; path && i < sizeof(verbs) / sizeof(verbs[0]); i++)
		if (strlen(verbs[i]) == (size_t)(path - method->call) &&
		    strncmp(method->call, verbs[i], strlen(verbs[i])) == 0)
			method->http_method = verbs[i];
	if (!path || !method->http_method || path[1] != '/') {
		settings_file_mistake(r->file, node,
				      "\"%.60s\" is no request; write one like \"GET "
				      "/orders/{id}\", with GET, POST, PUT, PATCH or DELETE",
				      method->call);
		return;
	}
	method->target = template_parse(r->arena, path + 1, TEMPLATE_TARGET, scope, &e);
	if (!method->target)
		settings_file_mistake(r->file, node, "%s", e.text);
}

static void settings_rpc_method_done(struct settings_reader *r, const struct settings_node *map,
				     void *to)
{
	struct settings_rpc_method *method = to;
	const struct settings_route *route = r->arg;
	const struct settings_node *json = settings_node_get(map, "json");
	const char *wrong = settings_rpc_name_wrong(map->key);
	struct template_scope scope = {.path = route ? &route->path : NULL,
				       .result_count = method->param_count};
	const char **names = settings_table_alloc(r, method->param_count, sizeof(*names));

	method->name = settings_table_copy(r, map->key);
	method->line = map->line;
	if (wrong)
		settings_file_mistake(r->file, map, "\"%.90s\": %s; choose another", map->key,
				      wrong);
	if (method->param_count && !names)
		return;
	for (size_t i = 0; i < method->param_count; i++) {
		names[i] = method->params[i].name;
		for (size_t k = 0; k < i && names[i]; k++)
			if (names[k] && strcmp(names[k], names[i]) == 0)
				settings_file_mistake(r->file, map,
						      "it has the parameter \"%s\" twice; choose "
						      "another name",
						      names[i]);
		if (!names[i])
			return; /* memory is spent, which is noted */
	}
	scope.results = names;
	if (method->call)
		settings_rpc_target(r, settings_node_get(map, "call"), &scope, method);
	if (json)
		settings_rpc_body(r, json, &scope, method);
}

static const struct settings_table settings_rpc_method_table = {
	SETTINGS_KEYS(settings_rpc_method_keys), sizeof(struct settings_rpc_method),
	settings_rpc_method_done};

static const struct settings_key settings_rpc_keys[] = {
	{.name = "methods",
	 .type = SETTINGS_NAMED,
	 .at = offsetof(struct settings_rpc, methods),
	 .count_at = offsetof(struct settings_rpc, method_count),
	 .required = true,
	 .max = SETTINGS_RPC_METHODS_MAX,
	 .table = &settings_rpc_method_table,
	 .help = "Its methods by name, beside `system.listMethods`, "
		 "`system.methodSignature`, `system.methodHelp`, `system.getCapabilities` and "
		 "`system.multicall` (100 calls at most)"},
	{.name = "extensions",
	 .type = SETTINGS_BOOL,
	 .at = offsetof(struct settings_rpc, extensions),
	 .fallback = "false",
	 .help = "Whether clients know `nil` and `i8`. Without, null is answered as an empty "
		 "string, a whole number over 32 bits as a double, and over 2^53 as a string"},
	{.name = "reply",
	 .type = SETTINGS_SIZE,
	 .at = offsetof(struct settings_rpc, reply_bytes),
	 .fallback = "1MiB",
	 .min = 1,
	 .max = 4 * MIB,
	 .help = "Largest answer of the route that a call becomes a request of, and of all those "
		 "of a multicall together; over it the call is a fault"},
};

static void settings_rpc_done(struct settings_reader *r, const struct settings_node *map, void *to)
{
	const struct settings_rpc *rpc = to;

	if (map && !rpc->method_count && settings_node_get(map, "methods"))
		settings_file_mistake(r->file, map,
				      "it offers no method; write methods: {orders.get: {call: "
				      "\"GET /orders/{id}\", params: [{id: int}]}}");
}

const struct settings_table settings_rpc_table = {SETTINGS_KEYS(settings_rpc_keys),
						  sizeof(struct settings_rpc), settings_rpc_done};
