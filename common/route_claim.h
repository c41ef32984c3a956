/*
 * route_claim: a route that comes with a registration: "GET /orders/{id}",
 * "PUT,DELETE /orders/{id}", or a path alone for any method.
 */
#ifndef MICROREG_COMMON_ROUTE_CLAIM_H
#define MICROREG_COMMON_ROUTE_CLAIM_H

#include "common/err.h"
#include "common/route_pattern.h"

#include <stdbool.h>

struct route_claim {
	unsigned methods; /* HTTP_… bits; GET brings HEAD; HTTP_ANY when none is given */
	struct route_pattern path;
};

/* What a claim looks like, for people. */
#define ROUTE_CLAIM_RULE "a path, or methods and a path, like \"GET /orders/{id}\""

/* -1 with what is wrong. */
int route_claim_parse(struct route_claim *claim, const char *text, struct err *e);
bool route_claim_is_valid(const char *text);

enum { ROUTE_CLAIM_KEY_SIZE = ROUTE_PATTERN_BYTES_MAX + 1 };

/* The path without names of parameters: equal patterns, and only those, have equal keys. */
void route_claim_key(const struct route_pattern *path, char key[ROUTE_CLAIM_KEY_SIZE]);

/* True when every path that matches `inner` matches `outer`. */
bool route_claim_covers(const struct route_pattern *outer, const struct route_pattern *inner);

#endif
