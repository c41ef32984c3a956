/*
 * settings_rpc_check: whether there is a route for the request that each method
 * of `rpc` becomes. Its path has names in it, whose values nobody knows yet: what
 * is refused is one that no value could bring to a route of that method.
 */
#include "gateway/settings_parts.h"

#include "common/suggest.h"
#include "gateway/path_rules.h"

#include <string.h>

/* What stands for names in the path, which no path has: one within its segment, and `{*}`. */
enum { TARGET_NAME = 1, TARGET_REST = 2 };

struct settings_target {
	const char *call; /* "GET /orders/{id}?x={y}" */
	unsigned method;
	struct span path; /* the names' marks in it */
};

/* False: it has a mistake, which is noted, or memory is spent. */
static bool settings_target_make(struct settings_reader *r, const struct settings *s,
				 const struct settings_rpc_method *method,
				 struct settings_target *target)
{
	const char *from = method->target ? strchr(method->call, ' ') : NULL, *end;
	char *path = from ? arena_alloc(&r->file->arena, strlen(from)) : NULL;
	size_t len = 0;

	if (!from)
		return false;
	if (!path) {
		r->file->no_memory = true;
		return false;
	}
	for (const char *at = from + 1; *at && *at != '?'; at++) {
		end = *at == '{' ? strchr(at, '}') : NULL;
		path[len++] = !end			      ? *at
			      : end == at + 2 && at[1] == '*' ? TARGET_REST
							      : TARGET_NAME;
		at = end ? end : at;
	}
	if (route_path_normalize(path, &len) < 0)
		return false; /* the template's reader has said why */
	if (s->paths.repeated_slash == PATH_MERGE)
		path_rules_merge(path, &len);
	*target = (struct settings_target){.call = method->call, .path = {path, len}};
	target->method = http_method_parse(method->http_method, strlen(method->http_method));
	return true;
}

/* ---- Paths ---- */

static bool settings_target_is_mark(char c)
{
	return c == TARGET_NAME || c == TARGET_REST;
}

/* Whether values make that text of the segment. */
static bool settings_target_may_be(struct span segment, const char *text, size_t len)
{
	size_t head = 0, tail = 0;

	while (head < segment.len && !settings_target_is_mark(segment.at[head]))
		head++;
	if (head == segment.len)
		return segment.len == len && memcmp(segment.at, text, len) == 0;
	while (!settings_target_is_mark(segment.at[segment.len - 1 - tail]))
		tail++;
	/* No value is empty. */
	return len > head + tail && memcmp(segment.at, text, head) == 0 &&
	       memcmp(segment.at + segment.len - tail, text + len - tail, tail) == 0;
}

static bool settings_target_fits(const struct settings_target *target,
				 const struct route_pattern *pattern)
{
	const char *at = target->path.at + 1, *end = target->path.at + target->path.len;

	for (size_t i = 0; i < pattern->count; i++) {
		const struct route_segment *s = &pattern->segments[i];
		const char *slash = memchr(at, '/', (size_t)(end - at));
		struct span segment = {at, (size_t)((slash ? slash : end) - at)};

		if (s->kind == ROUTE_REST || memchr(at, TARGET_REST, segment.len))
			return true;
		if (s->kind == ROUTE_PARAMETER ? !segment.len
					       : !settings_target_may_be(segment, s->text, s->len))
			return false;
		if (!slash)
			return i + 1 == pattern->count;
		at = slash + 1;
	}
	return false;
}

/* ---- Who takes it ---- */

/* True when a registration may bring a route for it. */
static bool settings_target_is_granted(const struct settings *s,
				       const struct settings_target *target)
{
	for (size_t i = 0; i < s->grant_count; i++)
		for (size_t k = 0; s->grants[i].patterns && k < s->grants[i].paths.count; k++)
			if (settings_target_fits(target, &s->grants[i].patterns[k]))
				return true;
	return false;
}

/* A path without its names and query, cut: "/orders/{}". */
static const char *settings_target_shape(const char *path, char shape[SUGGEST_NAME_MAX])
{
	size_t len = 0;

	for (const char *at = path; *at && *at != '?' && len < SUGGEST_NAME_MAX - 1; at++) {
		const char *end = *at == '{' ? strchr(at, '}') : NULL;

		shape[len++] = *at;
		at = end ? end - 1 : at;
	}
	shape[len] = '\0';
	return shape;
}

static const char *settings_target_suggest(const struct settings *s,
					   const struct settings_target *target)
{
	char wrong[SUGGEST_NAME_MAX], known[SUGGEST_NAME_MAX];
	struct suggest near = {.name = settings_target_shape(strchr(target->call, ' ') + 1, wrong)};
	const char *best = NULL;

	for (size_t i = 0; i < s->route_count; i++) {
		unsigned before = near.best ? near.distance : SUGGEST_EDITS_MAX + 1;

		if (!(s->routes[i].methods & target->method))
			continue;
		suggest_offer(&near, settings_target_shape(s->routes[i].pattern, known));
		if (near.best && near.distance < before)
			best = s->routes[i].pattern;
	}
	return best;
}

static void settings_target_refuse(struct settings_reader *r, const struct settings *s,
				   const struct settings_target *target,
				   const struct settings_node *node)
{
	const char *best = settings_target_suggest(s, target);

	settings_file_mistake(r->file, node,
			      "no route takes \"%.200s\"; add a route of that path, or call the "
			      "path of one%s%s%s",
			      target->call, best ? ": did you mean \"" : "", best ? best : "",
			      best ? "\"?" : "");
}

/* Conditions on hosts, headers and query are those of each request: any route counts. */
static void settings_check_target(struct settings_reader *r, const struct settings *s,
				  const struct settings_target *target,
				  const struct settings_node *node)
{
	const struct settings_route *other = NULL; /* of another method */

	for (size_t i = 0; i < s->route_count; i++) {
		if (!settings_target_fits(target, &s->routes[i].path))
			continue;
		if (s->routes[i].methods & target->method)
			return;
		other = other ? other : &s->routes[i];
	}
	if (settings_target_is_granted(s, target))
		return;
	if (other)
		settings_file_mistake(r->file, node,
				      "no route takes \"%.200s\"; the route of this path on line "
				      "%u has other methods: add %s to them, or call one of those",
				      target->call, other->line,
				      http_method_name((enum http_method)target->method));
	else
		settings_target_refuse(r, s, target, node);
}

static void settings_check_rpc_route(struct settings_reader *r, const struct settings *s,
				     const struct settings_rpc *rpc,
				     const struct settings_node *methods)
{
	const struct settings_node *at = methods ? methods->first : NULL;

	for (size_t i = 0; i < rpc->method_count && at; i++, at = at->next) {
		const struct settings_node *node = settings_node_get(at, "call");
		struct settings_target target;

		if (node && settings_target_make(r, s, &rpc->methods[i], &target))
			settings_check_target(r, s, &target, node);
	}
}

void settings_check_rpc(struct settings_reader *r, const struct settings *s)
{
	const struct settings_node *list = settings_node_get(r->file->root, "routes");
	const struct settings_node *at = list ? list->first : NULL;

	/* A route whose path has a mistake, which is noted, may be the one. */
	for (size_t i = 0; i < s->route_count; i++)
		if (s->routes[i].path.count == 0)
			return;
	for (size_t i = 0; i < s->route_count && at; i++, at = at->next)
		settings_check_rpc_route(
			r, s, &s->routes[i].rpc,
			settings_node_get(settings_node_get(at, "rpc"), "methods"));
}
