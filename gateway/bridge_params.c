/* bridge_params: values of the request as parameters of the method, and the call as XML. */
#include "gateway/bridge_parts.h"
#include "gateway/query.h"
#include "gateway/route_action.h"
#include "gateway/template.h"

#include <errno.h>
#include <string.h>

enum { BRIDGE_TEXT_MAX = 16 << 20 };

struct bridge_builder {
	struct bridge *b;
	struct template_values values;
	const char **reason;
};

/* `why` NULL: memory is spent. */
static int bridge_refuse_param(struct bridge_builder *to, const struct settings_param *param,
			       const char *why)
{
	if (why)
		*to->reason =
			arena_printf(&to->b->x->arena, "%s: %s", template_text(param->value), why);
	return -1;
}

/* ---- One value ---- */

static int bridge_put_text(struct bridge_builder *to, const struct settings_param *param,
			   enum rpc_json_type type, struct span text)
{
	struct err e = {0};

	if (rpc_json_write_text(&to->b->request, type, text, &e) == 0)
		return 0;
	return bridge_refuse_param(to, param, e.code == ENOMEM ? NULL : e.text);
}

/* In the place of a value that is not there. */
static int bridge_put_default(struct bridge_builder *to, const struct settings_param *param,
			      enum rpc_json_type type, const char *lack)
{
	if (!param->otherwise)
		return bridge_refuse_param(to, param, lack);
	return bridge_put_text(to, param, type,
			       (struct span){param->otherwise, strlen(param->otherwise)});
}

/* A value of the body as it is: an array, say. */
static int bridge_put_json(struct bridge_builder *to, const struct settings_param *param,
			   struct span json)
{
	struct err e = {0};

	if (!json.len)
		return bridge_put_default(to, param, RPC_JSON_ANY,
					  "the request's body has no such value");
	if (rpc_json_write(&to->b->request, json, &e) == 0)
		return 0;
	return bridge_refuse_param(to, param, e.code == ENOMEM ? NULL : e.text);
}

static int bridge_put_value(struct bridge_builder *to, const struct settings_param *param,
			    enum rpc_json_type type)
{
	const char *lack = NULL;
	struct span json;
	struct buf text;
	int result = -1;

	if (type == RPC_JSON_ANY && template_result_json(param->value, &to->values, &json))
		return bridge_put_json(to, param, json);
	buf_init(&text, BRIDGE_TEXT_MAX);
	if (template_render(param->value, &to->values, &text, &lack) == 0)
		result = bridge_put_text(to, param, type,
					 (struct span){text.len ? text.data : "", text.len});
	else if (lack)
		result = bridge_put_default(to, param, type, lack);
	buf_fini(&text);
	return result;
}

/* As deep as the settings are. Failures of the buf stick in it. */
static int bridge_put(struct bridge_builder *to, const struct settings_param *param,
		      enum rpc_json_type type)
{
	bool is_struct = param->kind == PARAM_STRUCT;
	struct buf *xml = &to->b->request;

	if (param->kind == PARAM_VALUE)
		return bridge_put_value(to, param, type);
	(void)buf_puts(xml, is_struct ? "<value><struct>" : "<value><array><data>");
	for (size_t i = 0; i < param->count; i++) {
		const struct settings_param *item = &param->items[i];

		if (is_struct) {
			(void)buf_puts(xml, "<member><name>");
			(void)rpc_json_write_escaped(
				xml, (struct span){item->name, strlen(item->name)}); /* checked */
			(void)buf_puts(xml, "</name>");
		}
		if (bridge_put(to, item, item->type) < 0)
			return -1;
		(void)buf_puts(xml, is_struct ? "</member>" : "");
	}
	(void)buf_puts(xml, is_struct ? "</struct></value>" : "</data></array></value>");
	return 0;
}

static enum rpc_json_type bridge_type(const struct bridge *b, size_t i)
{
	const struct settings_param *param = &b->settings->params[i];

	if (param->typed || !b->signature || i >= b->signature->count)
		return param->type;
	return (enum rpc_json_type)b->signature->types[i];
}

/* ---- The call ---- */

static void bridge_begin(struct buf *xml, const char *method)
{
	buf_reset(xml);
	(void)buf_puts(xml,
		       "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n<methodCall><methodName>");
	(void)rpc_json_write_escaped(xml, (struct span){method, strlen(method)}); /* checked */
	(void)buf_puts(xml, "</methodName><params>");
}

static int bridge_end(struct buf *xml)
{
	(void)buf_puts(xml, "</params></methodCall>\r\n");
	return xml->failed ? -1 : 0;
}

int bridge_write_call(struct bridge *b, const char **reason)
{
	struct bridge_builder to = {.b = b, .values = route_action_values(b->x), .reason = reason};

	*reason = NULL;
	to.values.results = &b->body;
	bridge_begin(&b->request, b->settings->method);
	for (size_t i = 0; i < b->settings->count; i++) {
		(void)buf_puts(&b->request, "<param>");
		if (bridge_put(&to, &b->settings->params[i], bridge_type(b, i)) < 0)
			return -1;
		(void)buf_puts(&b->request, "</param>");
	}
	return bridge_end(&b->request);
}

int bridge_write_question(struct bridge *b)
{
	bridge_begin(&b->request, "system.methodSignature");
	(void)buf_puts(&b->request, "<param><value><string>");
	(void)rpc_json_write_escaped(
		&b->request, (struct span){b->settings->method, strlen(b->settings->method)});
	(void)buf_puts(&b->request, "</string></value></param>");
	return bridge_end(&b->request);
}

/* ---- The query ---- */

static bool bridge_knows(const struct settings_param *params, size_t count, struct span name)
{
	for (size_t i = 0; i < count; i++)
		if (params[i].kind == PARAM_VALUE
			    ? template_has_query_name(params[i].value, name)
			    : bridge_knows(params[i].items, params[i].count, name))
			return true;
	return false;
}

const char *bridge_unknown_query(struct bridge *b)
{
	const struct settings_conditions *conditions = &b->x->route->query;
	struct span rest = b->x->request.query, name, value;

	while (query_next(&rest, &name, &value)) {
		bool known =
			!name.len || bridge_knows(b->settings->params, b->settings->count, name);

		for (size_t i = 0; i < conditions->count && !known; i++)
			known = query_equal(name, conditions->items[i].name);
		if (!known)
			return arena_printf(&b->x->arena, "there is no query parameter \"%.*s\"",
					    name.len > 100 ? 100 : (int)name.len, name.at);
	}
	return NULL;
}
