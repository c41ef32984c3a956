/*
 * router: which route a request takes: a compiled match of path, host,
 * method, headers and query. Immutable once built; any thread may search.
 *
 * The most specific route wins: its path first (see route_pattern_compare),
 * then an exact host before a wildcard (the longest first) before none, then
 * more conditions, then fewer methods, then the first in the file. A route
 * whose method is not the request's gives way to less specific ones: beside
 * `GET /orders/{id}` and a final star for any method, POST /orders/7 goes to it.
 */
#ifndef MICROREG_GATEWAY_ROUTER_H
#define MICROREG_GATEWAY_ROUTER_H

#include "common/err.h"
#include "gateway/http1_head.h"
#include "gateway/settings.h"

struct router;

struct router_parameter {
	struct span name, value; /* the value as in the path, escapes and all */
};

struct router_match {
	const struct settings_route *route;
	struct router_parameter parameters[ROUTE_PATTERN_SEGMENTS_MAX];
	size_t parameter_count;
	struct span rest; /* what a final * matched */
	unsigned allow;	  /* after NO_METHOD: the methods that other routes of this path take */
};

enum router_outcome { ROUTER_FOUND, ROUTER_NO_ROUTE, ROUTER_NO_METHOD };

/* The settings must outlive it. NULL only when out of memory: mistakes were found before. */
struct router *router_new(const struct settings_route *routes, size_t count, struct err *e);
void router_free(struct router **router);

/* `path` is normalized (route_path_normalize). The host is matched without its port, ignoring
 * case. The cost follows the path's segments, not the number of routes; of those with one path and
 * host it follows the number that want the same value of the header field that most of them want,
 * or none of it. */
enum router_outcome router_find(const struct router *router, const struct http1_head *request,
				struct span path, struct router_match *match);

/* One condition of a route alone, as the search asks it; of no hosts any. */
bool router_host_is_taken(const struct settings_route *route, const struct http1_head *request);
bool router_header_is_there(const struct http1_head *request, const struct settings_condition *c);
bool router_query_is_there(const struct http1_head *request, const struct settings_condition *c);

/* True when there are requests that both take and nothing above but the order in the file decides
 * between them: same path, conditions and number of methods, a host and a method in common. For
 * the check of the settings. */
bool router_routes_are_equal(const struct settings_route *a, const struct settings_route *b);

#endif
