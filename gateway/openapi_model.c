/* openapi_model: paths of one shape are one path, whatever their parameters are called. */
#include "gateway/openapi_parts.h"

#include "common/siphash.h"

#include <string.h>

#define HASH_FUNCTION(key, len, hash) ((hash) = (unsigned)siphash_process((key), (len)))
#include <uthash.h>

enum { OPENAPI_MODEL_MAX = 64 << 20 };

const enum http_method openapi_methods[OPENAPI_METHODS] = {HTTP_GET,	 HTTP_POST,   HTTP_PUT,
							   HTTP_PATCH,	 HTTP_DELETE, HTTP_HEAD,
							   HTTP_OPTIONS, HTTP_TRACE};

struct openapi_shape {
	const char *key;
	struct openapi_path *path;
	UT_hash_handle hh;
};

struct openapi_maker {
	struct openapi_model *model;
	struct openapi_shape *shapes;
	struct openapi_path **end;
};

/* ---- One route ---- */

/* Those of a route that takes any are the ones that make sense for what it does. */
static unsigned openapi_route_methods(const struct settings_route *route)
{
	unsigned methods = route->methods;

	if (methods != HTTP_ANY)
		return methods & HTTP_GET ? methods & ~(unsigned)HTTP_HEAD : methods;
	if (route->compose.call_count)
		return HTTP_GET | (route->compose.needs_body ? HTTP_POST : 0);
	if (route->bridge.method)
		return route->bridge.takes_body ? HTTP_POST : HTTP_GET;
	if (route->redirect.to || route->respond.given)
		return HTTP_GET;
	return HTTP_GET | HTTP_POST | HTTP_PUT | HTTP_PATCH | HTTP_DELETE;
}

bool openapi_route_has(const struct settings_route *route, enum http_method method)
{
	return (openapi_route_methods(route) & (unsigned)method) != 0;
}

const struct settings_route *openapi_find(const struct openapi_path *path, enum http_method method)
{
	for (const struct openapi_route *r = path->routes; r; r = r->next)
		if (openapi_route_has(r->route, method))
			return r->route;
	return NULL;
}

const char *openapi_tag(const struct settings_route *route)
{
	if (route->docs.tags.count)
		return route->docs.tags.items[0];
	if (route->service_name)
		return route->service_name;
	if (route->split.count)
		return route->split.shares[0].service_name;
	if (route->compose.call_count)
		return "composed";
	return route->rpc.method_count ? "XML-RPC" : "gateway";
}

/* ---- Paths ---- */

const char *openapi_rest_name(const struct route_pattern *pattern)
{
	for (size_t i = 0; i < pattern->count; i++)
		if (pattern->segments[i].kind == ROUTE_PARAMETER &&
		    strcmp(pattern->segments[i].text, "rest") == 0)
			return "rest_of_path";
	return "rest";
}

/* As it is shown, or, `key`, with nothing of the names. NULL: no memory. */
static const char *openapi_path_text(struct arena *arena, const struct route_pattern *pattern,
				     bool key)
{
	const char *copy = NULL;
	struct buf text;

	buf_init(&text, 4 * ROUTE_PATTERN_BYTES_MAX);
	for (size_t i = 0; i < pattern->count; i++) {
		const struct route_segment *s = &pattern->segments[i];

		if (s->kind == ROUTE_LITERAL)
			(void)buf_printf(&text, "/%s", s->text); /* sticks, here and below */
		else if (key)
			(void)buf_puts(&text, s->kind == ROUTE_REST ? "/{*}" : "/{}");
		else
			(void)buf_printf(&text, "/{%s}",
					 s->kind == ROUTE_REST ? openapi_rest_name(pattern)
							       : s->text);
	}
	if (!text.len)
		(void)buf_putc(&text, '/');
	if (buf_str(&text))
		copy = arena_strndup(arena, text.data, text.len);
	buf_fini(&text);
	return copy;
}

static struct openapi_path *openapi_path_get(struct openapi_maker *m,
					     const struct settings_route *route)
{
	struct arena *arena = &m->model->arena;
	struct openapi_shape *shape = NULL, *found = NULL;
	const char *key = openapi_path_text(arena, &route->path, true);
	struct openapi_path *path;

	if (!key)
		return NULL;
	HASH_FIND(hh, m->shapes, key, strlen(key), found);
	if (found)
		return found->path;
	shape = arena_zalloc(arena, sizeof(*shape));
	path = arena_zalloc(arena, sizeof(*path));
	if (!shape || !path)
		return NULL;
	path->pattern = &route->path;
	path->text = openapi_path_text(arena, &route->path, false);
	shape->key = key;
	shape->path = path;
	HASH_ADD_KEYPTR(hh, m->shapes, shape->key, strlen(shape->key), shape);
	HASH_FIND(hh, m->shapes, key, strlen(key), found); /* not there: no memory */
	if (!found || !path->text)
		return NULL;
	*m->end = path;
	m->end = &path->next;
	return path;
}

static size_t openapi_conditions(const struct settings_route *route)
{
	return (route->hosts.count != 0) + route->headers.count + route->query.count;
}

static int openapi_add(struct openapi_maker *m, const struct settings_route *route)
{
	struct openapi_path *path = openapi_path_get(m, route);
	struct openapi_route *added = arena_alloc(&m->model->arena, sizeof(*added)), **at;

	if (!path || !added)
		return -1;
	at = &path->routes;
	while (*at && openapi_conditions((*at)->route) <= openapi_conditions(route))
		at = &(*at)->next;
	*added = (struct openapi_route){.route = route, .next = *at};
	*at = added;
	return 0;
}

int openapi_model_make(struct openapi_model *model, const struct settings *settings)
{
	struct openapi_maker m = {.model = model, .end = &model->paths};
	int result = 0;

	*model = (struct openapi_model){.settings = settings};
	m.end = &model->paths;
	arena_init(&model->arena, OPENAPI_MODEL_MAX);
	for (size_t i = 0; i < settings->route_count && result == 0; i++)
		if (!settings->routes[i].docs.hidden && !settings->routes[i].openapi)
			result = openapi_add(&m, &settings->routes[i]);
	HASH_CLEAR(hh, m.shapes);
	return result;
}

void openapi_model_fini(struct openapi_model *model)
{
	arena_fini(&model->arena);
}
