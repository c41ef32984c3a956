/*
 * service: what all workers share about one service, by its name, over
 * reloads: whose turn it is, and how much is in flight. A worker's own view
 * of its instances is endpoint_set's.
 */
#ifndef MICROREG_GATEWAY_SERVICE_H
#define MICROREG_GATEWAY_SERVICE_H

#include "gateway/breaker.h"
#include "gateway/bulkhead.h"
#include "gateway/latency.h"
#include "gateway/room.h"

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

struct stats_service;
struct tallies;
struct tally_row;

struct service {
	char *name;
	atomic_uint_fast64_t turn; /* of round robin, for the whole gateway */
	struct bulkhead bulkhead;
	struct room room;	/* at its instances */
	struct latency latency; /* of requests whose route hedges */
	struct breaker breaker;
	struct stats_service *stats; /* may be NULL: over stats' bound */
	struct tally_row *row;	     /* held */
	atomic_uint_fast64_t
		told_ms; /* when the log last said that no instance was there; 0: never */
};

struct stats;
struct services; /* all of them, by name; they live as long as the process serves */

struct services *services_new(struct stats *stats);
void services_free(struct services **all);

/* Where what is counted by name is counted. */
struct tallies *services_tallies(struct services *all);

/* Finds or makes. Any thread; locks. NULL when out of memory. */
struct service *services_get(struct services *all, const char *name);

#endif
