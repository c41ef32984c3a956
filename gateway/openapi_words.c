/* openapi_words: what a route does, when it is taken and what it asks, in words. */
#include "gateway/openapi_parts.h"

#include "gateway/template.h"

#include <string.h>

/* ---- Conditions ---- */

/* What is written so far begins at `start`. */
static void words_between(size_t start, struct buf *out)
{
	(void)buf_puts(out, out->len > start ? ", " : ""); /* failures stick, here and below */
}

static void words_conditions(const struct settings_conditions *conditions, const char *what,
			     const char *sign, size_t start, struct buf *out)
{
	for (size_t i = 0; i < conditions->count; i++) {
		const struct settings_condition *c = &conditions->items[i];

		words_between(start, out);
		(void)buf_printf(out, "with the %s `%s%s%s`", what, c->name, c->value ? sign : "",
				 c->value ? c->value : "");
	}
}

/* ---- Views ---- */

static void words_view(const struct settings_view *view, struct buf *out)
{
	static const char *const devices[] = {
		[DEVICE_ANY] = NULL,
		[DEVICE_MOBILE] = "for mobile devices",
		[DEVICE_DESKTOP] = "for desktops",
		[DEVICE_BOT] = "for bots",
	};
	size_t start;

	(void)buf_printf(out, "`%s` ", view->name);
	start = out->len;
	words_conditions(&view->headers, "header", ": ", start, out);
	words_conditions(&view->query, "parameter", "=", start, out);
	if (devices[view->device]) {
		words_between(start, out);
		(void)buf_puts(out, devices[view->device]);
	}
	for (size_t i = 0; i < view->groups.count; i++) {
		if (i == 0)
			words_between(start, out);
		(void)buf_printf(out, "%s`%s`", i ? " or " : "for callers of the group ",
				 view->groups.items[i]);
	}
}

static void words_views(const struct settings_route *route, struct buf *out)
{
	for (size_t i = 0; i < route->view_count; i++) {
		(void)buf_puts(out, i ? "; " : " The first of these views that fits is answered: ");
		words_view(&route->views[i], out);
	}
	(void)buf_puts(out, route->view_count ? "." : "");
}

/* ---- What it does ---- */

static void words_split(const struct settings_split *split, struct buf *out)
{
	(void)buf_puts(out, "Shared by");
	for (size_t i = 0; i < split->count; i++)
		(void)buf_printf(out, "%s `%s` (%u of %u)", i ? "," : "",
				 split->shares[i].service_name, split->shares[i].weight,
				 split->total);
	(void)buf_puts(out, ".");
}

static void words_compose(const struct settings_compose *compose, struct buf *out)
{
	(void)buf_puts(out, "One answer of several services:");
	for (size_t i = 0; i < compose->call_count; i++)
		(void)buf_printf(out, "%s `%s` of `%s`%s", i ? "," : "", compose->calls[i].name,
				 compose->calls[i].service_name,
				 compose->calls[i].require == REQUIRE_REQUIRED ? ""
									       : " (if it can)");
	(void)buf_puts(out, ".");
}

static void words_rpc(const struct settings_rpc *rpc, struct buf *out)
{
	(void)buf_puts(out, "Methods of XML-RPC:\n");
	for (size_t i = 0; i < rpc->method_count; i++) {
		const struct settings_rpc_method *method = &rpc->methods[i];

		(void)buf_printf(out, "\n- `%s(", method->name);
		for (size_t k = 0; k < method->param_count; k++)
			(void)buf_printf(out, "%s%s %s%s", k ? ", " : "",
					 rpc_value_type_name(method->params[k].type),
					 method->params[k].name,
					 method->params[k].otherwise.len ? "?" : "");
		(void)buf_printf(out, ") → %s`", rpc_value_type_name(method->returns));
		if (method->help)
			(void)buf_printf(out, ": %s", method->help);
	}
	(void)buf_puts(out, "\n- `system.listMethods`, `system.methodSignature`, "
			    "`system.methodHelp`, `system.multicall`");
}

void openapi_write_does(const struct settings *settings, const struct settings_route *route,
			struct buf *out)
{
	(void)settings;
	if (route->rpc.method_count)
		words_rpc(&route->rpc, out);
	else if (route->compose.call_count)
		words_compose(&route->compose, out);
	else if (route->split.count)
		words_split(&route->split, out);
	else if (route->redirect.to)
		(void)buf_printf(out, "Sends on to `%s`.", template_text(route->redirect.to));
	else if (route->respond.given)
		(void)buf_puts(out, "A fixed answer.");
	else if (route->bridge.method)
		(void)buf_printf(out, "Calls the method `%s` of the XML-RPC service `%s`.",
				 route->bridge.method, route->service_name);
	else
		(void)buf_printf(out, "Answered by the service `%s`.", route->service_name);
	words_views(route, out);
}
/* ---- When ---- */

void openapi_write_when(const struct settings_route *route, struct buf *out)
{
	for (size_t i = 0; i < route->hosts.count; i++)
		(void)buf_printf(out, "%s`%s`", i ? " or " : "at the host ", route->hosts.items[i]);
	words_conditions(&route->headers, "header", ": ", 0, out);
	words_conditions(&route->query, "parameter", "=", 0, out);
}

/* ---- Limits and callers ---- */

void openapi_write_limits(const struct settings_limits_list *limits, struct buf *out)
{
	static const char *const whom[] = {
		[LIMIT_BY_ADDRESS] = "address",	  [LIMIT_BY_CONSUMER] = "consumer",
		[LIMIT_BY_KEY] = "key",		  [LIMIT_BY_HEADER] = "value of a header",
		[LIMIT_BY_ROUTE] = "route",	  [LIMIT_BY_SERVICE] = "service",
		[LIMIT_BY_ALL] = "whole gateway",
	};

	for (size_t i = 0; i < limits->count; i++) {
		const struct settings_limit *limit = &limits->items[i];

		if (limit->kind == LIMIT_CONCURRENT)
			(void)buf_printf(out, "%sAt most %u requests at once for each %s.",
					 out->len ? " " : "", limit->rate, whom[limit->by]);
		else
			(void)buf_printf(out, "%sAt most %u requests in %u s for each %s.",
					 out->len ? " " : "", limit->rate,
					 (limit->per_ms + 999) / 1000, whom[limit->by]);
	}
}

static void words_method(const struct settings *settings, const struct settings_auth_method *method,
			 struct buf *out)
{
	switch (method->kind) {
	case AUTH_KEY:
		(void)buf_printf(out, "a key in the header `%s`", method->header);
		if (method->query)
			(void)buf_printf(out, " or the parameter `%s`", method->query);
		break;
	case AUTH_JWT:
		(void)buf_puts(out, "a token in the header `Authorization: Bearer`");
		if (method->issuer_name && settings->issuers[method->issuer].issuer)
			(void)buf_printf(out, " of `%s`", settings->issuers[method->issuer].issuer);
		break;
	case AUTH_BASIC:
		(void)buf_puts(out, "a name and password");
		break;
	case AUTH_FORWARD:
		(void)buf_printf(out, "what the service `%s` wants to see",
				 method->forward->service_name);
		break;
	case AUTH_CERTIFICATE:
		(void)buf_puts(out, "a certificate of TLS");
		break;
	case AUTH_KIND_COUNT:
		break;
	}
}

void openapi_write_auth(const struct settings *settings, const struct settings_auth *auth,
			struct buf *out)
{
	if (!auth->count)
		return;
	(void)buf_puts(out, auth->optional ? "May be called with " : "Needs ");
	for (size_t i = 0; i < auth->count; i++) {
		(void)buf_puts(out, i ? (auth->all ? " and " : " or ") : "");
		words_method(settings, &auth->methods[i], out);
	}
	(void)buf_puts(out, auth->optional ? ", or by anybody." : ".");
}

/* ---- Problems ---- */

/* Those of components: operations refer to no others. */
static const struct {
	unsigned status;
	const char *words;
} problem_words[] = {
	{400, "The request is malformed, or lacks a value"},
	{401, "The caller does not show who it is"},
	{403, "The caller may not do this"},
	{413, "The body is too large"},
	{414, "The query is too long"},
	{415, "Bodies of this type are not taken"},
	{429, "Too many requests came from this caller"},
	{502, "The service failed, or could not be reached"},
	{503, "No instance of the service is available, or too much is under way"},
	{504, "The service took too long"},
};

unsigned openapi_problem_at(size_t i)
{
	return i < sizeof(problem_words) / sizeof(problem_words[0]) ? problem_words[i].status : 0;
}

const char *openapi_problem_words(unsigned status)
{
	for (size_t i = 0; i < sizeof(problem_words) / sizeof(problem_words[0]); i++)
		if (problem_words[i].status == status)
			return problem_words[i].words;
	return "A problem";
}

size_t openapi_problems(const struct settings *settings, const struct settings_route *route,
			enum http_method method, unsigned statuses[OPENAPI_STATUSES_MAX])
{
	const struct settings_policy *policy = &route->policy;
	bool body = ((unsigned)method & (HTTP_POST | HTTP_PUT | HTTP_PATCH)) != 0;
	bool asks = !route->redirect.to && !route->respond.given && !route->rpc.method_count;
	const struct {
		unsigned status;
		bool may;
	} all[] = {
		{400, true},
		{401, policy->auth.count != 0},
		{403, policy->allow.count || policy->ip.allow.count || policy->ip.deny.count ||
			      settings->ip.allow.count || settings->ip.deny.count ||
			      policy->agents.allow.count || policy->agents.deny.count},
		{413, body},
		{414, policy->query.given},
		{415, body && (policy->content_types.count || route->request_edits.body.given)},
		{429, policy->limits.count || settings->rate_limits.count},
		{502, asks},
		{503, true},
		{504, asks},
	};
	size_t n = 0;

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (all[i].may)
			statuses[n++] = all[i].status;
	return n;
}
