/* explain_rpc: the methods of a route, what each becomes, and the route that takes it. */
#include "gateway/explain.h"
#include "gateway/http1_head.h"
#include "gateway/router.h"

#include <string.h>

/* The path of "GET /orders/{id}?x={y}" with something in the place of each name. */
static struct span explain_rpc_path(const struct settings_rpc_method *method, struct buf *path)
{
	size_t len;

	buf_reset(path);
	for (const char *at = strchr(method->call, ' ') + 1; *at && *at != '?'; at++) {
		const char *end = *at == '{' ? strchr(at, '}') : NULL;

		(void)buf_putc(path, end ? 'x' : *at); /* failure shows below */
		at = end ? end : at;
	}
	if (!buf_str(path) || (len = path->len, route_path_normalize(path->data, &len)) < 0)
		return (struct span){"", 0};
	return (struct span){path->data, len};
}

static void explain_rpc_route(const struct settings *settings, const struct router *router,
			      const struct explain_asked *asked,
			      const struct settings_rpc_method *method, struct buf *out)
{
	struct http1_head request = *asked->request;
	struct router_match match;
	struct buf path;
	struct span span;

	buf_init(&path, 64 << 10);
	span = explain_rpc_path(method, &path);
	request.method = http_method_parse(method->http_method, strlen(method->http_method));
	request.method_text = (struct span){method->http_method, strlen(method->http_method)};
	if (!span.len || router_find(router, &request, span, &match) != ROUTER_FOUND)
		(void)buf_printf(out, "    %s: no route takes it\n", method->call); /* sticks */
	else
		(void)buf_printf(out, "    %s: route %s  %s:%u\n", method->call,
				 match.route->pattern, settings->file, match.route->line);
	buf_fini(&path);
}

void explain_rpc(const struct settings *settings, const struct router *router,
		 const struct explain_asked *asked, struct buf *out)
{
	const struct settings_rpc *rpc = &asked->route->rpc;

	for (size_t i = 0; i < rpc->method_count; i++) {
		const struct settings_rpc_method *method = &rpc->methods[i];

		(void)buf_printf(out, "method %s(", method->name); /* sticks, here and below */
		for (size_t k = 0; k < method->param_count; k++) {
			const struct settings_rpc_param *param = &method->params[k];

			(void)buf_printf(out, "%s%s %s%s%.*s", k ? ", " : "",
					 rpc_value_type_name(param->type), param->name,
					 param->otherwise.len ? " = " : "",
					 (int)param->otherwise.len,
					 param->otherwise.len ? param->otherwise.at : "");
		}
		(void)buf_printf(out, "): %s\n", rpc_value_type_name(method->returns));
		explain_rpc_route(settings, router, asked, method, out);
	}
}
