/*
 * keeper: the thread that watches the clock: leases that end, watchers that
 * wait, deregistrations that drain, a store that refuses.
 *
 * One loop. Calls that wait are posted to it and hold no other thread.
 */
#ifndef MICROREG_REGISTRY_KEEPER_H
#define MICROREG_REGISTRY_KEEPER_H

#include "common/err.h"
#include "common/loop.h"
#include "registry/catalog.h"
#include "registry/registry.h"
#include "registry/waiters.h"

struct keeper;

struct keeper *keeper_new(struct registry *registry, size_t waiting_max, struct err *e);
int keeper_start(struct keeper *keeper, struct err *e);
/* Ends the thread; what waits stays until keeper_free, which wakes all of it. */
void keeper_stop(struct keeper *keeper);
void keeper_free(struct keeper **keeper);

/* The catalog has changed, or the consumers. Any thread. */
void keeper_changed(struct keeper *keeper);
/* A deregistration began to wait. Any thread. */
void keeper_draining(struct keeper *keeper);

/* Somebody waits for a change; part of its owner, who sets what is here. */
struct keeper_wait {
	struct loop_message message;
	struct waiter waiter;
	struct keeper *keeper;
	const char *service; /* NULL: any */
	bool consumers;	     /* waits for changes of consumers, not of services */
	struct catalog_position since;
	unsigned wait_ms;
	/* Called on the keeper's thread (or keeper_free's) once; may free it. */
	void (*ready)(struct keeper_wait *wait);
};

/* Any thread. -1 with a fault when too many wait; then `ready` is not called. */
int keeper_wait(struct keeper *keeper, struct keeper_wait *wait, struct err *e);

size_t keeper_waiting(const struct keeper *keeper);

#endif
