/* openapi_params: what a request to a route is made of, beside its body. */
#include "gateway/openapi_parts.h"

#include "gateway/template.h"

#include <string.h>
#include <strings.h>

enum { PARAMS_TOLD_MAX = 128 }; /* of one route; more are left out */

struct params {
	void (*each)(void *arg, const struct openapi_param *param);
	void *arg;
	/* Told already: a parameter has one entry, whatever it is used for. */
	struct {
		const char *name, *in;
	} told[PARAMS_TOLD_MAX];
	size_t count;
};

static void params_tell(struct params *p, const struct openapi_param *param)
{
	bool header = strcmp(param->in, "header") == 0;

	/* OpenAPI 3.1, 4.8.12.1: these are said elsewhere. */
	if (header && (strcasecmp(param->name, "Accept") == 0 ||
		       strcasecmp(param->name, "Content-Type") == 0 ||
		       strcasecmp(param->name, "Authorization") == 0))
		return;
	for (size_t i = 0; i < p->count; i++)
		if (strcmp(p->told[i].in, param->in) == 0 &&
		    (header ? strcasecmp(p->told[i].name, param->name)
			    : strcmp(p->told[i].name, param->name)) == 0)
			return;
	if (p->count == PARAMS_TOLD_MAX)
		return;
	p->told[p->count].name = param->name;
	p->told[p->count++].in = param->in;
	p->each(p->arg, param);
}

static void params_of_conditions(struct params *p, const struct settings_conditions *conditions,
				 const char *in)
{
	for (size_t i = 0; i < conditions->count; i++)
		params_tell(p, &(struct openapi_param){.name = conditions->items[i].name,
						       .in = in,
						       .required = true,
						       .type = "string",
						       .only = conditions->items[i].value});
}

/* Several views may want different values of one, and none has to be taken. */
static void params_of_view(struct params *p, const struct settings_conditions *conditions,
			   const char *in)
{
	for (size_t i = 0; i < conditions->count; i++)
		params_tell(p, &(struct openapi_param){.name = conditions->items[i].name,
						       .in = in,
						       .type = "string",
						       .words = "Chooses a view"});
}

static void params_of_views(struct params *p, const struct settings_route *route)
{
	for (size_t i = 0; i < route->view_count; i++) {
		params_of_view(p, &route->views[i].query, "query");
		params_of_view(p, &route->views[i].headers, "header");
	}
	if (route->fields.given)
		params_tell(p, &(struct openapi_param){
				       .name = route->fields.param,
				       .in = "query",
				       .type = "string",
				       .words = "Members to answer with, like "
						"`id,customer.name,lines(price)`; all without it"});
}

static void params_type(enum rpc_json_type type, struct openapi_param *param)
{
	switch ((int)type) {
	case RPC_JSON_INT:
		param->type = "integer";
		param->format = "int32";
		break;
	case RPC_JSON_BOOLEAN:
		param->type = "boolean";
		break;
	case RPC_JSON_DOUBLE:
		param->type = "number";
		param->format = "double";
		break;
	case RPC_JSON_DATETIME:
		param->type = "string";
		param->format = "date-time";
		break;
	case RPC_JSON_BASE64:
		param->type = "string";
		param->format = "base64";
		break;
	case RPC_JSON_STRING:
		param->type = "string";
		break;
	default: /* JSON of any kind */
		break;
	}
}

/* What a parameter of the path is for the method that is called with it. */
static void params_path_type(const struct settings_bridge *bridge, struct openapi_param *param)
{
	for (size_t i = 0; i < bridge->count; i++) {
		const struct settings_param *one = &bridge->params[i];
		const char *name = one->kind == PARAM_VALUE && one->typed
					   ? template_needs(one->value, TEMPLATE_NEEDS_PATH, 0)
					   : NULL;

		if (name && strcmp(name, param->name) == 0)
			params_type(one->type, param);
	}
}

static void params_of_path(struct params *p, const struct route_pattern *pattern,
			   const struct settings_bridge *bridge)
{
	for (size_t i = 0; i < pattern->count; i++) {
		const struct route_segment *s = &pattern->segments[i];
		bool rest = s->kind == ROUTE_REST;
		struct openapi_param param;

		if (s->kind == ROUTE_LITERAL)
			continue;
		param = (struct openapi_param){.name = rest ? openapi_rest_name(pattern) : s->text,
					       .in = "path",
					       .required = true,
					       .type = "string",
					       .words = rest ? "The rest of the path, slashes too"
							     : NULL};
		params_path_type(bridge, &param);
		params_tell(p, &param);
	}
}

/* Query parameters and fields that a template needs. */
static void params_of_template(struct params *p, const struct template *t,
			       const struct openapi_param *like)
{
	struct openapi_param param = *like;

	param.in = "query";
	for (size_t i = 0; (param.name = template_needs(t, TEMPLATE_NEEDS_QUERY, i)); i++)
		params_tell(p, &param);
	param.in = "header";
	for (size_t i = 0; (param.name = template_needs(t, TEMPLATE_NEEDS_HEADER, i)); i++)
		params_tell(p, &param);
}

static void params_of_bridge(struct params *p, const struct settings_param *params, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct openapi_param param = {.required = !params[i].otherwise,
					      .otherwise = params[i].otherwise};

		if (params[i].kind != PARAM_VALUE) {
			params_of_bridge(p, params[i].items, params[i].count);
			continue;
		}
		/* What only the service's signature knows is of any type. */
		if (params[i].typed)
			params_type(params[i].type, &param);
		params_of_template(p, params[i].value, &param);
	}
}

/* What else the query may have: there is nothing but these. */
static void params_of_check(struct params *p, const struct settings_query_check *check)
{
	for (size_t i = 0; i < check->allow.count; i++)
		params_tell(p, &(struct openapi_param){.name = check->allow.items[i],
						       .in = "query",
						       .type = "string"});
}

void openapi_each_param(const struct openapi_path *path, const struct settings_route *route,
			void (*each)(void *arg, const struct openapi_param *param), void *arg)
{
	struct params p = {.each = each, .arg = arg};

	params_of_path(&p, path->pattern, &route->bridge);
	params_of_conditions(&p, &route->query, "query");
	params_of_conditions(&p, &route->headers, "header");
	params_of_bridge(&p, route->bridge.params, route->bridge.count);
	for (size_t i = 0; i < route->compose.call_count; i++)
		params_of_template(&p, route->compose.calls[i].path,
				   &(struct openapi_param){.type = "string"});
	params_of_views(&p, route);
	params_of_check(&p, &route->policy.query);
}
