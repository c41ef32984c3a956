/* breaker: the states and what leads from one to the next. */
#include "gateway/breaker.h"
#include "common/clock.h"
#include "gateway/settings.h"

int breaker_init(struct breaker *b)
{
	*b = (struct breaker){0};
	atomic_init(&b->ticket, 1);
	return pthread_mutex_init(&b->lock, NULL) ? -1 : 0;
}

void breaker_fini(struct breaker *b)
{
	(void)pthread_mutex_destroy(&b->lock); /* nobody holds it any more */
}

static void breaker_lock(struct breaker *b)
{
	(void)pthread_mutex_lock(&b->lock); /* can't fail: a plain mutex */
}

static void breaker_unlock(struct breaker *b)
{
	(void)pthread_mutex_unlock(&b->lock); /* as above */
}

static void breaker_turn_locked(struct breaker *b, enum breaker_state state, uint64_t now_ms)
{
	unsigned ticket = atomic_load_explicit(&b->ticket, memory_order_relaxed) + 1;

	b->since_ms = now_ms;
	b->credit = UINT64_MAX;
	b->ended = b->failed = 0;
	for (unsigned i = 0; i < BREAKER_SLOTS; i++) {
		atomic_store_explicit(&b->slots[i].total, 0, memory_order_relaxed);
		atomic_store_explicit(&b->slots[i].failed, 0, memory_order_relaxed);
	}
	atomic_store_explicit(&b->ticket, ticket ? ticket : 1, memory_order_relaxed);
	atomic_store_explicit(&b->state, state, memory_order_release);
}

/* ---- Asking ---- */

/* In RAMP. The share grows with the time, so that a service that just came back is not hit by all
 * at once; the first request is always let through, however few there are. */
static bool breaker_lets_locked(struct breaker *b, const struct settings_breaker *settings,
				uint64_t now_ms)
{
	uint64_t passed = clock_since_ms(b->since_ms, now_ms);

	if (passed >= settings->ramp_ms && b->ended > b->failed) {
		breaker_turn_locked(b, BREAKER_CLOSED, now_ms);
		return true;
	}
	if (passed >= settings->ramp_ms) { /* no good reply yet: trials may hang; once more */
		b->since_ms = now_ms;
		b->credit = UINT64_MAX;
		passed = 0;
	}
	if (b->credit == UINT64_MAX) { /* the first */
		b->credit = 0;
		return true;
	}
	b->credit += passed;
	if (b->credit < settings->ramp_ms)
		return false;
	b->credit -= settings->ramp_ms;
	return true;
}

unsigned breaker_ask(struct breaker *b, const struct settings_breaker *settings, uint64_t now_ms)
{
	unsigned ticket;
	bool let = false;

	ticket = atomic_load_explicit(&b->ticket, memory_order_relaxed);
	if (settings->off ||
	    atomic_load_explicit(&b->state, memory_order_acquire) == BREAKER_CLOSED)
		return ticket;
	breaker_lock(b);
	if (b->state == BREAKER_OPEN && clock_since_ms(b->since_ms, now_ms) >= settings->open_ms)
		breaker_turn_locked(b, BREAKER_RAMP, now_ms);
	if (b->state != BREAKER_OPEN)
		let = b->state == BREAKER_CLOSED || breaker_lets_locked(b, settings, now_ms);
	ticket = let ? atomic_load_explicit(&b->ticket, memory_order_relaxed) : 0;
	breaker_unlock(b);
	return ticket;
}

uint64_t breaker_left_ms(struct breaker *b, const struct settings_breaker *settings,
			 uint64_t now_ms)
{
	uint64_t left = 0, passed;

	breaker_lock(b);
	passed = clock_since_ms(b->since_ms, now_ms);
	if (b->state == BREAKER_OPEN && passed < settings->open_ms)
		left = settings->open_ms - passed;
	breaker_unlock(b);
	return left;
}

/* ---- Results ---- */

/* Another worker's clock may be a little ahead. Far ahead it can't be: then the settings had
 * another window before a reload. */
static bool breaker_is_recent(const struct breaker_slot *slot, uint64_t period)
{
	uint64_t at = atomic_load_explicit(&slot->period, memory_order_acquire);

	return at + BREAKER_SLOTS > period && at <= period + BREAKER_SLOTS;
}

/* The slot of now, emptied when it is still one of a window ago. */
static struct breaker_slot *breaker_slot(struct breaker *b, uint64_t period)
{
	struct breaker_slot *slot = &b->slots[period % BREAKER_SLOTS];

	if (breaker_is_recent(slot, period)) /* so it is this period's, or the next but nine */
		return slot;
	breaker_lock(b);
	if (!breaker_is_recent(slot, period)) {
		atomic_store_explicit(&slot->total, 0, memory_order_relaxed);
		atomic_store_explicit(&slot->failed, 0, memory_order_relaxed);
		atomic_store_explicit(&slot->period, period, memory_order_release);
	}
	breaker_unlock(b);
	return slot;
}

static bool breaker_is_too_much_locked(struct breaker *b, const struct settings_breaker *settings,
				       uint64_t period)
{
	uint64_t total = 0, failed = 0;

	for (unsigned i = 0; i < BREAKER_SLOTS; i++) {
		struct breaker_slot *slot = &b->slots[i];

		if (!breaker_is_recent(slot, period))
			continue;
		total += atomic_load_explicit(&slot->total, memory_order_relaxed);
		failed += atomic_load_explicit(&slot->failed, memory_order_relaxed);
	}
	return total >= settings->requests && failed * 100 >= total * settings->failed;
}

static void breaker_end_closed(struct breaker *b, const struct settings_breaker *settings,
			       bool failed, uint64_t now_ms)
{
	uint64_t period = now_ms / (settings->window_ms / BREAKER_SLOTS);
	struct breaker_slot *slot = breaker_slot(b, period);

	(void)atomic_fetch_add_explicit(&slot->total, 1, memory_order_relaxed);
	if (!failed)
		return;
	(void)atomic_fetch_add_explicit(&slot->failed, 1, memory_order_relaxed);
	breaker_lock(b);
	if (b->state == BREAKER_CLOSED && breaker_is_too_much_locked(b, settings, period))
		breaker_turn_locked(b, BREAKER_OPEN, now_ms);
	breaker_unlock(b);
}

void breaker_end(struct breaker *b, const struct settings_breaker *settings, unsigned ticket,
		 bool failed, uint64_t now_ms)
{
	enum breaker_state state = atomic_load_explicit(&b->state, memory_order_acquire);

	if (settings->off || state == BREAKER_OPEN ||
	    ticket != atomic_load_explicit(&b->ticket, memory_order_relaxed))
		return;
	if (state == BREAKER_CLOSED) {
		breaker_end_closed(b, settings, failed, now_ms);
		return;
	}
	breaker_lock(b);
	if (b->state == BREAKER_RAMP) {
		b->ended++;
		b->failed += failed;
		if (failed && b->failed * 100 >= b->ended * settings->failed)
			breaker_turn_locked(b, BREAKER_OPEN, now_ms);
	}
	breaker_unlock(b);
}

const char *breaker_state_name(const struct breaker *b)
{
	switch (atomic_load_explicit(&b->state, memory_order_relaxed)) {
	case BREAKER_OPEN:
		return "open";
	case BREAKER_RAMP:
		return "ramp";
	case BREAKER_CLOSED:
		break;
	}
	return "closed";
}
