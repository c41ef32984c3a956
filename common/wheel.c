/*
 * wheel: five levels of 64 slots. A timer lies in the slot of its tick on the
 * lowest level whose span still reaches it; when the wheel comes to the start
 * of a slot of a higher level, that slot's timers move down.
 */
#include "common/wheel.h"

#include <stddef.h>

enum { WHEEL_BITS = 6, WHEEL_MASK = WHEEL_SLOTS - 1 };

#define WHEEL_SPAN ((uint64_t)1 << (WHEEL_BITS * WHEEL_LEVELS))

void wheel_init(struct wheel *w, uint64_t now_ms)
{
	*w = (struct wheel){.tick = now_ms / WHEEL_TICK_MS};
}

bool wheel_is_set(const struct wheel_timer *timer)
{
	return timer->link != NULL;
}

static void wheel_insert(struct wheel *w, struct wheel_timer *timer)
{
	uint64_t at = timer->at_tick, ahead = at - w->tick;
	unsigned level = 0;
	struct wheel_timer **slot;

	while (ahead >> (WHEEL_BITS * (level + 1)))
		level++;
	slot = &w->slots[level][(at >> (WHEEL_BITS * level)) & WHEEL_MASK];
	if (!level)
		w->busy |= (uint64_t)1 << (at & WHEEL_MASK);
	timer->next = *slot;
	timer->link = slot;
	if (*slot)
		(*slot)->link = &timer->next;
	*slot = timer;
}

static void wheel_unlink(struct wheel_timer *timer)
{
	*timer->link = timer->next;
	if (timer->next)
		timer->next->link = timer->link;
	timer->link = NULL;
	timer->next = NULL;
}

void wheel_set(struct wheel *w, struct wheel_timer *timer, uint64_t at_ms)
{
	/* Rounded up: never before its time. */
	uint64_t at = at_ms / WHEEL_TICK_MS + (at_ms % WHEEL_TICK_MS != 0);

	if (at < w->tick)
		at = w->tick;
	if (at - w->tick >= WHEEL_SPAN)
		at = w->tick + WHEEL_SPAN - 1;
	if (timer->link) {
		if (timer->at_tick == at)
			return;
		wheel_unlink(timer);
	} else {
		w->count++;
	}
	timer->at_tick = at;
	wheel_insert(w, timer);
}

void wheel_clear(struct wheel *w, struct wheel_timer *timer)
{
	if (!timer->link)
		return;
	wheel_unlink(timer);
	w->count--;
}

/* Moves the timers of the slots that begin at this tick down a level. */
static void wheel_cascade(struct wheel *w)
{
	for (unsigned level = 1; level < WHEEL_LEVELS; level++) {
		unsigned index = (unsigned)(w->tick >> (WHEEL_BITS * level)) & WHEEL_MASK;
		struct wheel_timer *timer = w->slots[level][index];

		w->slots[level][index] = NULL;
		while (timer) {
			struct wheel_timer *next = timer->next;

			wheel_insert(w, timer);
			timer = next;
		}
		if (index)
			return;
	}
}

/* Fires the slot of the current tick. A callback may set timers for this very tick: they fire
 * in this round too, so the slot is taken from the front until it is empty. */
static void wheel_fire(struct wheel *w)
{
	struct wheel_timer *due = w->slots[0][w->tick & WHEEL_MASK];

	if (!due)
		return;
	/* The list gets a head of its own, so that a callback that sets a timer again at once
	 * can't keep this loop going: it lands in the next tick. */
	w->slots[0][w->tick & WHEEL_MASK] = NULL;
	due->link = &due;
	w->tick++;
	while (due) {
		struct wheel_timer *timer = due;

		wheel_unlink(timer);
		w->count--;
		timer->on_time(timer);
	}
	w->tick--;
}

void wheel_advance(struct wheel *w, uint64_t now_ms)
{
	uint64_t now = now_ms / WHEEL_TICK_MS;

	while (w->tick <= now) {
		if (!w->count) {
			w->tick = now + 1;
			return;
		}
		wheel_fire(w);
		w->tick++;
		if (!(w->tick & WHEEL_MASK))
			wheel_cascade(w);
	}
}

/* The next tick that has timers, but not beyond the next cascade: what lies on higher levels is
 * looked at then. Timers that were cleared leave their bits; those are cleared here. */
static uint64_t wheel_next_tick(struct wheel *w)
{
	uint64_t base = w->tick & ~(uint64_t)WHEEL_MASK,
		 ahead = ~(uint64_t)0 << (w->tick & WHEEL_MASK);

	while (w->busy & ahead) {
		unsigned slot = (unsigned)__builtin_ctzll(w->busy & ahead);

		if (w->slots[0][slot])
			return base + slot;
		w->busy &= ~((uint64_t)1 << slot);
	}
	return base + WHEEL_SLOTS;
}

uint64_t wheel_wait_ms(struct wheel *w, uint64_t now_ms, uint64_t most_ms)
{
	uint64_t at_ms;

	if (!w->count)
		return most_ms;
	at_ms = wheel_next_tick(w) * WHEEL_TICK_MS;
	if (at_ms <= now_ms)
		return 0;
	return at_ms - now_ms < most_ms ? at_ms - now_ms : most_ms;
}
