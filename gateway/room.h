/*
 * room: who waits for an instance of a service to have room, over all workers,
 * where there is a limit for each (`max_per_instance`).
 *
 * Places at an instance are counted with it (usage.h). Who gives one back calls
 * whoever waits longest, who then looks for an instance by itself: each worker
 * has its own view of which may be picked. Nobody who comes later takes a place
 * while somebody waits.
 */
#ifndef MICROREG_GATEWAY_ROOM_H
#define MICROREG_GATEWAY_ROOM_H

#include "common/loop.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

struct room_waiter;

struct room {
	atomic_uint waiting;	  /* those in the queue; changed with the lock held */
	pthread_mutex_t lock;	  /* guards what follows */
	struct room_waiter *head; /* who waits longest */
	struct room_waiter **tail;
};

/* -1: no mutex. */
int room_init(struct room *room);
void room_fini(struct room *room); /* when nobody waits */

/* Somebody waits, so whoever comes now has to wait behind. Any thread; no lock. */
bool room_is_awaited(const struct room *room);

/* Waits: `turn` is called with `arg` from `loop` when there may be room, never from within this
 * call, and has to end in room_done, room_again or room_cancel. NULL: `most` wait already, or no
 * memory. The caller, whose thread is the loop's, looks for room once more after it, and calls
 * room_call when there is some: it may have come meanwhile. */
struct room_waiter *room_wait(struct room *room, unsigned most, struct loop *loop,
			      void (*turn)(void *arg), void *arg);

/* There may be room: calls whoever waits longest. Any thread; no lock while nobody waits. */
void room_call(struct room *room);

/* Its turn came and it found a place. Leaves NULL. */
void room_done(struct room_waiter **waiter);

/* Its turn came and it found none: it keeps its place in the queue, and who is behind it looks. As
 * after room_wait the caller looks once more. */
void room_again(struct room_waiter *waiter);

/* Waits no more; if it was called, the next one is. Leaves NULL; harmless with NULL. */
void room_cancel(struct room_waiter **waiter);

#endif
