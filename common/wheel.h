/*
 * wheel: timers in a hierarchical timing wheel (Varghese and Lauck, 1987):
 * set and clear cost the same with ten timers or a million.
 *
 * It knows no clock: the owner says what time it is. A timer fires at or up
 * to one tick (WHEEL_TICK_MS) after its time, never before. One thread.
 */
#ifndef MICROREG_COMMON_WHEEL_H
#define MICROREG_COMMON_WHEEL_H

#include <stdbool.h>
#include <stdint.h>

enum { WHEEL_TICK_MS = 4, WHEEL_LEVELS = 5, WHEEL_SLOTS = 64 };

/* Part of the thing that waits; all zero is a timer that is not set. */
struct wheel_timer {
	struct wheel_timer *next, **link; /* link NULL: not set */
	uint64_t at_tick;
	/* Called by wheel_advance with the timer cleared; may set or clear any timer and free
	 * the thing that holds this one. */
	void (*on_time)(struct wheel_timer *timer);
};

struct wheel {
	uint64_t tick; /* every timer before it has fired */
	uint64_t count;
	uint64_t busy; /* bits of the slots of level 0 that may have timers; others have none */
	struct wheel_timer *slots[WHEEL_LEVELS][WHEEL_SLOTS];
};

void wheel_init(struct wheel *w, uint64_t now_ms);

/* Sets or moves a timer. `at_ms` in the past fires at the next advance. Times more than
 * 64^5 ticks (some 50 days) ahead are brought down to that. */
void wheel_set(struct wheel *w, struct wheel_timer *timer, uint64_t at_ms);
void wheel_clear(struct wheel *w, struct wheel_timer *timer); /* harmless when not set */
bool wheel_is_set(const struct wheel_timer *timer);

/* Fires everything due at `now_ms`. */
void wheel_advance(struct wheel *w, uint64_t now_ms);

/* Milliseconds from `now_ms` until wheel_advance could have something to do (it may turn out
 * to have nothing), at most `most_ms`. */
uint64_t wheel_wait_ms(struct wheel *w, uint64_t now_ms, uint64_t most_ms);

#endif
