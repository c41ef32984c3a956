/*
 * settings_claims: which routes may come with registrations, and those that
 * did. Part of settings.h, which is what others include.
 */
#ifndef MICROREG_GATEWAY_SETTINGS_CLAIMS_H
#define MICROREG_GATEWAY_SETTINGS_CLAIMS_H

#include "common/route_pattern.h"
#include "common/settings_table.h"

#include <stdbool.h>
#include <stddef.h>

/* One of `registry_routes`. */
struct settings_grant {
	const char *service; /* a name; '*' stands for any text in it */
	struct settings_strings paths;
	const struct route_pattern *patterns; /* of paths */
	const char *like;		      /* a route's name; NULL: the defaults */
	size_t like_route;		      /* its index */
	unsigned line;
};

/* A route that came with a registration. */
struct settings_claim {
	const char *service, *text;
	const char *reason; /* why it is not in effect; NULL: it is */
};

#endif
