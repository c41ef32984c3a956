/*
 * drain: who has seen which revision, so that a deregistration can wait until
 * no gateway uses the instance any more.
 *
 * A gateway has taken a revision when it reports so, with nothing in flight at
 * the instance. Gateways report every second; one that has been watching for
 * longer and never did has taken what it watches on from. Any thread.
 */
#ifndef MICROREG_REGISTRY_DRAIN_H
#define MICROREG_REGISTRY_DRAIN_H

#include "common/instance.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	DRAIN_WATCHERS_MAX = 4096,
	DRAIN_WAITS_MAX = 4096,
	DRAIN_USES_MAX = 4096, /* instances in use by one gateway that are told apart */
	DRAIN_FIRST_MS = 2000, /* a new gateway's first report is waited for so long */
	DRAIN_LIVE_MS = 5000,  /* a gateway that was silent for so long is not waited for */
};

struct drain;

struct drain *drain_new(void);
void drain_free(struct drain **drain);

/* A gateway asks for what comes after `revision`, of `service` ("": of all): it has taken that.
 * It counts as alive until drain_watched and DRAIN_LIVE_MS after. Returns false when there are too
 * many to remember; then drain_watched must not be called. */
bool drain_watching(struct drain *drain, const char *watcher, const char *service,
		    uint64_t revision, uint64_t now_ms);
/* Its call was answered. */
void drain_watched(struct drain *drain, const char *watcher, const char *service, uint64_t now_ms);

struct drain_use {
	const char *service, *id;
	unsigned in_flight;
};
/* It reports what it has in flight while it uses the state at `revision`. */
void drain_report(struct drain *drain, const char *watcher, uint64_t revision,
		  const struct drain_use *uses, size_t count, uint64_t now_ms);

/* One deregistration that waits; part of its owner. */
struct drain_wait {
	struct drain_wait *next;
	const char *service, *id;
	uint64_t revision, deadline_ms;
	void (*finish)(struct drain_wait *wait, bool drained);
};

/* `finish` is called once: at once, or from one of the functions here, with no lock held. */
void drain_wait(struct drain *drain, struct drain_wait *wait, uint64_t now_ms);
/* The names of gateways that hold it up now, at most `max`. Not while it is waiting. */
size_t drain_holders(struct drain *drain, const struct drain_wait *wait, uint64_t now_ms,
		     char (*names)[INSTANCE_NAME_MAX + 1], size_t max);
/* Finishes what is past its deadline, or waits for gateways that are gone. True when some are left.
 */
bool drain_advance(struct drain *drain, uint64_t now_ms);
/* Finishes all, and every later one at once. */
void drain_stop(struct drain *drain);

/* How many gateways are alive. */
size_t drain_gateways(struct drain *drain, uint64_t now_ms);

#endif
