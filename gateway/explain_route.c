/* explain_route: one route against one request, condition by condition. */
#include "common/suggest.h"
#include "gateway/explain.h"
#include "gateway/http1_head.h"
#include "gateway/router.h"

#include <stdio.h>
#include <string.h>

/* What to call a segment of a pattern. */
static void explain_segment(const struct route_segment *s, struct buf *out)
{
	if (s->kind == ROUTE_LITERAL)
		(void)buf_printf(out, "\"%s\"", s->text); /* failure sticks, here and below */
	else if (s->kind == ROUTE_PARAMETER)
		(void)buf_printf(out, "{%s}", s->text);
	else
		(void)buf_puts(out, "*");
}

static void explain_begin(struct buf *why)
{
	if (why->len)
		(void)buf_puts(why, ", ");
}

/* A literal that another stands for: a slip of the pen, or something else altogether. */
static bool explain_is_slip(const struct route_segment *s, struct span text)
{
	char word[SUGGEST_NAME_MAX];

	if (text.len >= sizeof(word))
		return false;
	(void)snprintf(word, sizeof(word), "%.*s", (int)text.len, text.at);
	return suggest_is_near(s->text, word);
}

/* The segment that begins at *at; moves *at behind it and its slash. False: there is none. */
static bool explain_next(struct span path, size_t *at, struct span *segment)
{
	const char *end;

	if (*at > path.len)
		return false;
	end = memchr(path.at + *at, '/', path.len - *at);
	*segment =
		(struct span){path.at + *at, end ? (size_t)(end - path.at) - *at : path.len - *at};
	*at += segment->len + 1;
	return true;
}

/* False: too far off. */
static bool explain_path(const struct route_pattern *pattern, struct span path, struct buf *why)
{
	struct span segment;
	unsigned slips = 0;
	size_t at = 1; /* after the first slash */

	for (size_t i = 0; i < pattern->count; i++) {
		const struct route_segment *s = &pattern->segments[i];

		if (!explain_next(path, &at, &segment) ||
		    (s->kind == ROUTE_PARAMETER && !segment.len)) {
			explain_begin(why);
			(void)buf_puts(why, "the path ends before ");
			explain_segment(s, why);
			return i + 1 == pattern->count && i > slips;
		}
		if (s->kind == ROUTE_REST)
			return slips <= 1;
		if (s->kind == ROUTE_PARAMETER ||
		    (s->len == segment.len && memcmp(s->text, segment.at, segment.len) == 0))
			continue;
		if (++slips > 1 || !explain_is_slip(s, segment))
			return false;
		explain_begin(why);
		(void)buf_printf(why, "the path has \"%.*s\" where it has \"%s\"", (int)segment.len,
				 segment.at, s->text);
	}
	if (!explain_next(path, &at, &segment))
		return true;
	explain_begin(why);
	(void)buf_printf(why, "the path goes on with \"/%.*s\"", (int)segment.len, segment.at);
	return !slips && pattern->count > 0 && pattern->segments[0].len > 0;
}

static void explain_methods(unsigned methods, struct buf *why)
{
	bool first = true;

	explain_begin(why);
	(void)buf_puts(why, "its methods are ");
	for (unsigned i = 0; i < HTTP_METHOD_COUNT; i++) {
		if (!(methods & 1u << i))
			continue;
		(void)buf_printf(why, "%s%s", first ? "" : " ",
				 http_method_name((enum http_method)(1u << i)));
		first = false;
	}
}

static void explain_hosts(const struct settings_route *route, struct buf *why)
{
	explain_begin(why);
	(void)buf_puts(why, "its hosts are");
	for (size_t i = 0; i < route->hosts.count && i < 5; i++)
		(void)buf_printf(why, " %s", route->hosts.items[i]);
	if (route->hosts.count > 5)
		(void)buf_printf(why, " and %zu more", route->hosts.count - 5);
}

static void explain_condition(const char *what, const struct settings_condition *c, struct buf *why)
{
	explain_begin(why);
	if (c->value)
		(void)buf_printf(why, "it wants the %s %s to be \"%s\"", what, c->name, c->value);
	else
		(void)buf_printf(why, "it wants the %s %s", what, c->name);
}

bool explain_route(const struct settings_route *route, const struct http1_head *request,
		   struct span path, struct buf *why)
{
	buf_reset(why);
	if (!explain_path(&route->path, path, why))
		return false;
	if (!(route->methods & (unsigned)request->method))
		explain_methods(route->methods, why);
	if (!router_host_is_taken(route, request))
		explain_hosts(route, why);
	for (size_t i = 0; i < route->headers.count; i++)
		if (!router_header_is_there(request, &route->headers.items[i]))
			explain_condition("header", &route->headers.items[i], why);
	for (size_t i = 0; i < route->query.count; i++)
		if (!router_query_is_there(request, &route->query.items[i]))
			explain_condition("query parameter", &route->query.items[i], why);
	return true;
}
