/*
 * waiters: who waits for changes of what, and when each is to be answered.
 *
 * A burst of changes is one answer: after WAITERS_QUIET_MS without another
 * change, but at most WAITERS_LATE_MS after the first. One thread, which tells
 * the time.
 */
#ifndef MICROREG_REGISTRY_WAITERS_H
#define MICROREG_REGISTRY_WAITERS_H

#include "common/wheel.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { WAITERS_QUIET_MS = 20, WAITERS_LATE_MS = 200 };

struct waiters;
struct waiters_topic;

/* Part of whoever waits. */
struct waiter {
	struct wheel_timer timer;
	struct waiter *next, **link;
	struct waiters *of;
	struct waiters_topic *topic;
	uint64_t first_ms;    /* of the changes not told yet; 0: none */
	uint64_t deadline_ms; /* it is woken then at the latest */
	/* Called by waiters_advance and waiters_flush once the waiter is out; may free it. */
	void (*wake)(struct waiter *waiter);
};

struct waiters *waiters_new(uint64_t now_ms);
void waiters_free(struct waiters **waiters); /* none may be waiting */

/* Waits for changes of `service`, "": of any. `deadline_ms` and `wake` are set by the caller. -1
 * when out of memory. */
int waiters_add(struct waiters *waiters, struct waiter *waiter, const char *service);

/* This service changed (NULL: all may have). */
void waiters_changed(struct waiters *waiters, const char *service, uint64_t now_ms);
/* What is no service changed: only those that wait for that name are told. */
void waiters_changed_topic(struct waiters *waiters, const char *topic, uint64_t now_ms);
/* The waiter alone has something to be told, that changed at `changed_ms`. */
void waiters_touch(struct waiters *waiters, struct waiter *waiter, uint64_t changed_ms,
		   uint64_t now_ms);

void waiters_advance(struct waiters *waiters, uint64_t now_ms);
uint64_t waiters_wait_ms(struct waiters *waiters, uint64_t now_ms, uint64_t most_ms);
/* Wakes all. */
void waiters_flush(struct waiters *waiters);

size_t waiters_count(const struct waiters *waiters);

#endif
