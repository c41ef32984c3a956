/*
 * route_pattern: path patterns of routes: literal segments, `{name}` for one
 * segment, a final `*` for the rest.
 *
 *   /orders/{id}    matches /orders/7, not /orders/ nor /orders/7/lines
 *   /v2/ and a final star match /v2/ and everything below, not /v2
 *
 * The registry refuses clashing claims by it, the gateway routes by it.
 */
#ifndef MICROREG_COMMON_ROUTE_PATTERN_H
#define MICROREG_COMMON_ROUTE_PATTERN_H

#include "common/err.h"

#include <stdbool.h>
#include <stddef.h>

enum { ROUTE_PATTERN_SEGMENTS_MAX = 32, ROUTE_PATTERN_BYTES_MAX = 1024 };

enum route_segment_kind { ROUTE_LITERAL, ROUTE_PARAMETER, ROUTE_REST };

struct route_segment {
	enum route_segment_kind kind;
	const char *text; /* the literal, the parameter's name, or "" ; NUL-terminated */
	size_t len;
};

struct route_pattern {
	struct route_segment segments[ROUTE_PATTERN_SEGMENTS_MAX];
	size_t count;
	char text[ROUTE_PATTERN_BYTES_MAX]; /* what the segments point into */
};

/* The text says what is wrong where: no leading '/', an empty or repeated parameter name, a '*'
 * that is not final, a '{' within a segment, too long, characters no path can have after
 * normalization (a bad %-escape, '?', '#', dot segments). Literal segments are normalized the
 * way request paths are. */
int route_pattern_parse(struct route_pattern *p, const char *text, struct err *e);

/* True when every path that matches one matches the other: names of parameters do not count. */
bool route_pattern_equal(const struct route_pattern *a, const struct route_pattern *b);

/* Most specific first: segment by segment, literal before {name} before *; then the longer. <0
 * when a comes first, 0 when neither does. */
int route_pattern_compare(const struct route_pattern *a, const struct route_pattern *b);

/* Normalizes the path of a request in place before it is matched and forwarded: decodes escapes
 * of unreserved characters, upper-cases the hex of others, removes dot segments (RFC 3986 6.2.2,
 * 5.2.4). `*len` shrinks. -1 for what must be refused: no leading '/', a bad escape, %00, an
 * escaped dot segment that climbs above the root. */
int route_path_normalize(char *path, size_t *len);

#endif
