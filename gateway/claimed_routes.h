/*
 * claimed_routes: the routes that come with registrations: which of them
 * `registry_routes` allows, and as what they join the routes of the settings.
 *
 * The settings win: a method that a route of the file takes on the same path,
 * whatever the host, is not a claim's. Of two services the first by name has
 * it; a registry lets no two claim one route, but several may be asked. All
 * instances' claims of a service are taken together.
 */
#ifndef MICROREG_GATEWAY_CLAIMED_ROUTES_H
#define MICROREG_GATEWAY_CLAIMED_ROUTES_H

#include "common/err.h"
#include "gateway/settings.h"

struct microreg_snapshot;

enum { CLAIMED_ROUTES_MAX = 4096 }; /* those beyond are left out */

/* Adds them to settings that were just read, with their services, and notes what became of each.
 * Looks at every instance of the snapshot. -1: out of memory. */
int claimed_routes_add(struct settings *settings, const struct microreg_snapshot *snapshot,
		       struct err *e);

/* What the snapshot claims that concerns these settings, as one number: equal as long as the result
 * would be the same. */
uint64_t claimed_routes_digest(const struct settings *settings,
			       const struct microreg_snapshot *snapshot);

/* How many are in effect. */
size_t claimed_routes_taken(const struct settings *settings);

#endif
