/*
 * bulkhead: how many requests a service has under way at once, over all
 * workers, and the queue of those that wait for one of them to end.
 *
 * A place that gets free is handed to whoever waits longest: it stays counted
 * meanwhile, so nobody who comes later can take it.
 */
#ifndef MICROREG_GATEWAY_BULKHEAD_H
#define MICROREG_GATEWAY_BULKHEAD_H

#include "common/loop.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

struct bulkhead_waiter;

struct bulkhead {
	atomic_uint in_flight;	      /* places taken; those that are being handed over, too */
	atomic_uint waiting;	      /* length of the queue; changed with the lock held */
	pthread_mutex_t lock;	      /* guards what follows */
	struct bulkhead_waiter *head; /* who waits longest */
	struct bulkhead_waiter **tail;
};

struct bulkhead_limits {
	unsigned in_flight, waiting;
};

enum bulkhead_result {
	BULKHEAD_FULL = 0, /* the queue is, or there is no memory to wait in it */
	BULKHEAD_IN,
	BULKHEAD_WAITING,
};

/* -1: no mutex. */
int bulkhead_init(struct bulkhead *b);
void bulkhead_fini(struct bulkhead *b); /* when nobody is in or waits */

/* Takes a place, if there is one and nobody waits for it. No lock, as long as there is room. Any
 * thread. */
bool bulkhead_try(struct bulkhead *b, unsigned most);

/* Takes a place, or waits for one: then *waiter is set, and `turn` is called with `arg` from `loop`
 * once the place is there, never from within this call. The caller's thread is the loop's. Limits
 * of 0 waiting never wait. */
enum bulkhead_result bulkhead_enter(struct bulkhead *b, const struct bulkhead_limits *limits,
				    struct loop *loop, void (*turn)(void *arg), void *arg,
				    struct bulkhead_waiter **waiter);

/* Waits no more: `turn` will not be called; a place that was on its way is given back. Leaves NULL;
 * harmless with NULL. The thread that entered. */
void bulkhead_cancel(struct bulkhead_waiter **waiter);

/* Gives a place back; `most` is how many there are now. Any thread; no lock while nobody waits. */
void bulkhead_leave(struct bulkhead *b, unsigned most);

/* The maximum is another one, from a reload: calls those for whom there is a place now. */
void bulkhead_call(struct bulkhead *b, unsigned most);

#endif
