/* explain: reads the request as the door would, and asks the router. */
#include "gateway/explain.h"
#include "gateway/http1_head.h"
#include "gateway/path_rules.h"
#include "gateway/router.h"
#include "gateway/template.h"

#include <string.h>

enum { EXPLAIN_ARENA_MAX = 4 << 20, EXPLAIN_LISTED_MAX = 10 };

struct explainer {
	const struct settings *settings;
	struct arena arena;
	struct http1_head request;
	struct span path; /* normalized */
	struct router_match match;
	struct buf *out; /* failures stick */
};

/* ---- The request ---- */

/* "GET /a X:1 Y: 2" as the head of a message: a word without a colon goes on with the value before
 * it. */
static int explain_write_request(const char *text, struct buf *head, struct err *e)
{
	const char *at = text + strspn(text, " ");
	bool has_host = false, in_field = false;

	if (*at == '/') {
		(void)buf_puts(head, "GET "); /* failure sticks, here and below */
	} else {
		size_t len = strcspn(at, " ");

		(void)buf_append(head, at, len);
		(void)buf_putc(head, ' ');
		at += len + strspn(at + len, " ");
	}
	if (!*at)
		return err_set(e,
			       "\"%.100s\" is no request; write one like 'GET /orders/7 "
			       "Host:shop.example'",
			       text);
	(void)buf_append(head, at, strcspn(at, " "));
	(void)buf_puts(head, " HTTP/1.1");
	for (at += strcspn(at, " "); *(at += strspn(at, " ")); at += strcspn(at, " ")) {
		size_t len = strcspn(at, " ");

		if (!memchr(at, ':', len) && !in_field)
			return err_set(e, "\"%.*s\" is no header; write it like X-Canary:1",
				       (int)(len < 100 ? len : 100), at);
		in_field = true;
		has_host = has_host || (len >= 5 && http_equal_nocase(at, 5, "Host:", 5));
		(void)buf_puts(head, memchr(at, ':', len) ? "\r\n" : " ");
		(void)buf_append(head, at, len);
	}
	(void)buf_puts(head, has_host ? "\r\n\r\n" : "\r\nHost: localhost\r\n\r\n");
	return head->failed ? err_set(e, "the request is too long") : 0;
}

/* False: the door would refuse it, and out says so. */
static bool explain_read(struct explainer *x, const struct buf *head)
{
	const struct settings_limits *limits = &x->settings->limits;
	const struct http1_limits bounds = {.line_max = (size_t)limits->request_line_bytes,
					    .headers_max = (size_t)limits->headers_bytes,
					    .fields_max = limits->headers_count};
	struct http1_reader reader;
	size_t len = 0;
	char *path;

	http1_head_start(&reader, HTTP1_REQUEST, &bounds, HTTP_GET);
	if (http1_head_feed(&reader, head->data, head->len, &len) != HTTP1_DONE ||
	    http1_head_take(&reader, head->data, len, &x->arena, &x->request) != HTTP1_DONE) {
		(void)buf_printf(x->out, "refused with %u: %s\n", reader.status,
				 reader.reason ? reader.reason : "the request is malformed");
		return false;
	}
	path = arena_strndup(&x->arena, x->request.path.at, x->request.path.len);
	x->path = (struct span){path, x->request.path.len};
	if (x->request.asterisk) {
		(void)buf_puts(x->out, "the gateway answers this itself\n");
		return false;
	}
	if (!path || route_path_normalize(path, &x->path.len) < 0) {
		(void)buf_puts(x->out, "refused with 400: the path can't be normalized\n");
		return false;
	}
	if (x->settings->paths.repeated_slash == PATH_MERGE)
		path_rules_merge(path, &x->path.len);
	return true;
}

/* ---- The route that takes it ---- */

static void explain_line(const struct explainer *x, const struct settings_route *route)
{
	(void)buf_printf(x->out, "%s  %s:%u", route->pattern, x->settings->file, route->line);
	if (route->claimed)
		(void)buf_printf(x->out, ", from a registration of %s", route->service_name);
}

static struct template_values explain_values(struct explainer *x)
{
	return (struct template_values){.request = &x->request,
					.path = x->path,
					.query = x->request.query,
					.match = &x->match,
					.id = {"ID", 2},
					.address = {"CLIENT", 6}};
}

static void explain_template(struct explainer *x, const char *what, const struct template *t)
{
	struct template_values values = explain_values(x);
	const char *reason;
	struct buf text;

	buf_init(&text, 64 << 10);
	if (template_render(t, &values, &text, &reason) < 0) {
		(void)buf_printf(x->out, "refused with 400: %s\n", reason ? reason : "too long");
	} else {
		if (!template_has_query(t) && x->request.query.len)
			template_append_query(&text, x->request.query);
		(void)buf_printf(x->out, "%s: %s\n", what, buf_str(&text) ? buf_str(&text) : "");
	}
	buf_fini(&text);
}

static void explain_found(struct explainer *x, const struct router *router)
{
	const struct settings_route *route = x->match.route;
	const struct path_rule *refused = path_rules_refuse(&route->paths, x->path);

	(void)buf_puts(x->out, "route: ");
	explain_line(x, route);
	(void)buf_puts(x->out, "\n");
	if (refused) {
		(void)buf_printf(x->out, "refused with 400: the path has %s (paths.%s)\n",
				 refused->what, refused->key);
		return;
	}
	for (size_t i = 0; i < x->match.parameter_count; i++) {
		const struct router_parameter *p = &x->match.parameters[i];

		(void)buf_printf(x->out, "  {%.*s} is %.*s\n", (int)p->name.len, p->name.at,
				 (int)p->value.len, p->value.at);
	}
	if (x->match.rest.at)
		(void)buf_printf(x->out, "  * is %.*s\n", (int)x->match.rest.len, x->match.rest.at);
	explain_policy(x->settings, route, x->out);
	if (route->redirect.to) {
		(void)buf_printf(x->out, "answer: %u\n", route->redirect.status);
		explain_template(x, "location", route->redirect.to);
		return;
	}
	if (route->respond.given) {
		(void)buf_printf(x->out, "answer: %u, fixed\n", route->respond.status);
		return;
	}
	if (route->openapi) {
		(void)buf_printf(x->out, "answer: what is offered, as a %s\n",
				 route->openapi == OPENAPI_PAGE ? "page" : "document");
		return;
	}
	if (route->rpc.method_count) {
		explain_rpc(x->settings, router,
			    &(struct explain_asked){.route = route, .request = &x->request},
			    x->out);
		return;
	}
	if (route->compose.call_count) {
		struct template_values values = explain_values(x);

		explain_compose(x->settings, route, &values, x->out);
		return;
	}
	if (route->rewrite)
		explain_template(x, "rewritten", route->rewrite);
	for (size_t i = 0; i < route->split.count; i++) {
		const struct settings_share *share = &route->split.shares[i];

		(void)buf_printf(x->out, "service: %s, weight %u of %u\n", share->service_name,
				 share->weight, route->split.total);
		explain_service(x->settings, &x->settings->services[share->service], x->out);
	}
	explain_bodies(route, x->out);
	if (route->hedge.given && route->hedge.permille)
		(void)buf_printf(x->out, "hedged: after what %u.%u %% of requests take\n",
				 route->hedge.permille / 10, route->hedge.permille % 10);
	else if (route->hedge.given)
		(void)buf_printf(x->out, "hedged: after %u ms\n", route->hedge.after_ms);
	for (size_t i = 0; x->request.upgrade && i < route->upgrade.count; i++)
		(void)buf_printf(x->out, "upgrade allowed: %s\n", route->upgrade.items[i]);
	if (route->trailers == TRAILERS_PASS)
		(void)buf_puts(x->out, "trailers: passed on\n");
	if (route->mirror.service_name)
		(void)buf_printf(x->out, "copied to: %s, %u.%02u %%\n", route->mirror.service_name,
				 route->mirror.share / 100, route->mirror.share % 100);
	if (route->split.count)
		return;
	(void)buf_printf(x->out, "service: %s\n", route->service_name);
	explain_service(x->settings, &x->settings->services[route->service], x->out);
}

/* ---- The others ---- */

/* Those that take it too (`taking`), or nearly. */
static void explain_others(struct explainer *x, bool taking, const char *title)
{
	size_t shown = 0, more = 0;
	struct buf why;

	buf_init(&why, 4096);
	for (size_t i = 0; i < x->settings->route_count; i++) {
		const struct settings_route *route = &x->settings->routes[i];

		if (route == x->match.route || !explain_route(route, &x->request, x->path, &why) ||
		    taking != (why.len == 0))
			continue;
		if (shown == EXPLAIN_LISTED_MAX) {
			more++;
			continue;
		}
		(void)buf_puts(x->out, shown++ ? "  " : title);
		explain_line(x, route);
		(void)buf_printf(x->out, "%s%s\n", taking ? "" : "  ",
				 taking ? "" : (buf_str(&why) ? buf_str(&why) : "…"));
	}
	if (more)
		(void)buf_printf(x->out, "  and %zu more\n", more);
	buf_fini(&why);
}

static int explain_request(struct explainer *x, struct err *e)
{
	struct router *router = router_new(x->settings->routes, x->settings->route_count, e);
	enum router_outcome outcome;

	if (!router)
		return -1;
	outcome = router_find(router, &x->request, x->path, &x->match);
	if (outcome == ROUTER_FOUND)
		explain_found(x, router);
	else if (outcome == ROUTER_NO_METHOD)
		(void)buf_puts(x->out, "no route takes this method: answered with 405\n");
	else
		(void)buf_puts(x->out, "no route takes it: answered with 404\n");
	router_free(&router);
	explain_others(x, true, "less specific routes that would take it:\n  ");
	explain_others(x, false, "routes that nearly take it:\n  ");
	return outcome == ROUTER_FOUND;
}

int explain(const struct settings *settings, const char *request, struct buf *out, struct err *e)
{
	struct explainer x = {.settings = settings, .out = out};
	struct buf head;
	int result;

	arena_init(&x.arena, EXPLAIN_ARENA_MAX);
	buf_init(&head, 1 << 20);
	result = explain_write_request(request, &head, e);
	if (result == 0 && explain_read(&x, &head))
		result = explain_request(&x, e);
	buf_fini(&head);
	arena_fini(&x.arena);
	return result;
}
