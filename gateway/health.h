/*
 * health: how an instance has been doing for this worker, and whether it is
 * taken out for a while (outlier ejection; numbers are Envoy's defaults).
 */
#ifndef MICROREG_GATEWAY_HEALTH_H
#define MICROREG_GATEWAY_HEALTH_H

#include "gateway/endpoint.h"

enum {
	HEALTH_FAILURES = 5,	 /* in a row eject an instance */
	HEALTH_OVERTAKEN = 20,	 /* likewise; a fast one is overtaken now and then */
	HEALTH_EJECT_MS = 30000, /* times the number of its ejections … */
	HEALTH_EJECT_MOST_MS = 300000,
	HEALTH_FORGET_MS = 10000, /* … one of which is forgotten for each such time it is in */
};

/* A good reply. */
void health_succeeded(struct endpoint *ep);

/* A connect error, reset, malformed reply, timeout, 502, 503 or 504. May eject the instance: never
 * the last one, and with M instances at most max(1, M/2). */
void health_failed(struct endpoint_set *set, struct endpoint *ep, uint64_t now_ms);

/* A second request, sent later, was answered first: nobody waits any more whether this one hangs.
 * May eject it. */
void health_overtaken(struct endpoint_set *set, struct endpoint *ep, uint64_t now_ms);

/* The registry's check passed: it is let back in at once. The caller builds the set. */
void health_recovered(struct endpoint *ep);

/* An administrator says that it works: it is let back in, what it failed is forgotten, and
 * who waits for room is called. */
void health_restore(struct endpoint_set *set, const char *id, uint64_t now_ms);

/* Lets back in whose time is over, and calls who waits for room. Cheap when nobody is out. */
void health_review(struct endpoint_set *set, uint64_t now_ms);

#endif
