/*
 * breaker: spares a service that fails, and its callers the wait. Counts
 * requests, not tries; all workers share one per service.
 *
 *             half of at least 20 failed in 10 s
 *   CLOSED ---------------------------------------> OPEN  10 s: nothing is let through
 *     ^                                            |    ^
 *     | 10 s with a good reply  asked after 10 s   |    | half of the trials failed
 *     +--------------------------------- RAMP <----+    |
 *        from one trial to all requests    |            |
 *                                          +------------+
 *   CLOSED -> OPEN, RAMP -> OPEN: breaker_end; OPEN -> RAMP, RAMP -> CLOSED: breaker_ask
 */
#ifndef MICROREG_GATEWAY_BREAKER_H
#define MICROREG_GATEWAY_BREAKER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct settings_breaker;

enum breaker_state { BREAKER_CLOSED = 0, BREAKER_OPEN, BREAKER_RAMP };

enum { BREAKER_SLOTS = 10 }; /* of the window */

struct breaker_slot {
	atomic_uint_fast64_t period; /* which tenth of a window since the clock's zero */
	atomic_uint total, failed;
};

struct breaker {
	_Atomic(enum breaker_state) state; /* changed with the lock held */
	atomic_uint ticket;		   /* another one for each state; never 0; as above */
	struct breaker_slot slots[BREAKER_SLOTS];
	pthread_mutex_t lock; /* guards what follows, and the slots' change of period */
	uint64_t since_ms;    /* this state began */
	/* In RAMP each request brings as many ms as have passed; one that is let through costs
	 * ramp_ms. UINT64_MAX: none was let through yet. */
	uint64_t credit;
	unsigned ended, failed;
};

/* -1: no mutex. */
int breaker_init(struct breaker *b);
void breaker_fini(struct breaker *b);

/* May a request go to the service now? 0: no. Else a ticket, to be given back with the result; one
 * that has none (the client went away) is not given back. Any thread; no lock while closed. */
unsigned breaker_ask(struct breaker *b, const struct settings_breaker *settings, uint64_t now_ms);

/* The request is over, after all its tries. A result of before the last change of state does not
 * count. Any thread; no lock for a success while closed, but once in a tenth of the window. */
void breaker_end(struct breaker *b, const struct settings_breaker *settings, unsigned ticket,
		 bool failed, uint64_t now_ms);

/* For how long at least everything is refused; 0 when it is not. */
uint64_t breaker_left_ms(struct breaker *b, const struct settings_breaker *settings,
			 uint64_t now_ms);

const char *breaker_state_name(const struct breaker *b); /* closed, open, ramp */

#endif
