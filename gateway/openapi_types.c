/* openapi_types: what bodies of requests and answers are, by what the settings make of them. */
#include "gateway/openapi_parts.h"

#include "gateway/body_format.h"

static size_t types_of_format(enum body_format from, const char *types[OPENAPI_TYPES_MAX])
{
	static const enum body_format by_type[] = {FORMAT_JSON, FORMAT_XML, FORMAT_FORM};
	size_t count = 0;

	if (from != FORMAT_BY_TYPE) {
		types[0] = body_format_type(from);
		return 1;
	}
	for (; count < sizeof(by_type) / sizeof(by_type[0]); count++)
		types[count] = body_format_type(by_type[count]);
	return count;
}

size_t openapi_request_types(const struct settings_route *route,
			     const char *types[OPENAPI_TYPES_MAX])
{
	const struct settings_strings *told = &route->policy.content_types;
	size_t count = 0;

	if (route->rpc.method_count) {
		types[0] = "text/xml";
		return 1;
	}
	for (; count < told->count && count < OPENAPI_TYPES_MAX; count++)
		types[count] = told->items[count];
	if (count)
		return count;
	if (route->request_edits.body.given)
		return types_of_format(route->request_edits.body.from, types);
	types[0] = route->docs.request || route->bridge.takes_body || route->compose.needs_body
			   ? "application/json"
			   : "*/*";
	return 1;
}

/* Whether what the service answers well is made something else of. */
static bool types_are_made(const struct settings_body *body)
{
	bool good = !body->on.count;

	for (size_t i = 0; i < body->on.count; i++)
		good = good || body->on.items[i].first < 300;
	return body->given && good;
}

const char *openapi_reply_type(const struct settings_route *route)
{
	const struct settings_body *body = &route->reply_edits.body;

	if (route->rpc.method_count)
		return "text/xml";
	if (types_are_made(body))
		return body->type ? body->type : body_format_type(body->to);
	/* Views and selections are of JSON only. */
	if (route->compose.call_count || route->bridge.method || route->docs.reply ||
	    route->view_count || route->fields.given)
		return "application/json";
	return NULL;
}
