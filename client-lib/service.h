/*
 * service: one service's instances as the public header shows them, in one
 * immutable, counted block of memory.
 */
#ifndef MICROREG_CLIENT_SERVICE_H
#define MICROREG_CLIENT_SERVICE_H

#include "client-lib/microreg.h"
#include "common/instance.h"

struct service_facts {
	const char *name, *revision, *reason; /* never NULL */
	bool held;
	const struct instance *instances;
	size_t count;
};

/* Copies it all. The caller's reference; NULL: out of memory. */
const struct microreg_service *service_new(const struct service_facts *facts);

/* The same list, now said to be held. The caller's reference; NULL: out of memory. */
const struct microreg_service *service_hold(const struct microreg_service *s);

/* True when a reader could not tell them apart, but for the revision. */
bool service_is_same(const struct microreg_service *a, const struct microreg_service *b);

/* What it takes of memory. */
size_t service_bytes(const struct microreg_service *s);

#endif
