/* balance: who may be picked, with which share, and by which algorithm. */
#include "gateway/balance.h"
#include "common/clock.h"
#include "gateway/usage.h"

#include <stdlib.h>

enum { BALANCE_WARM_STEPS = 10 }; /* of slow start: shares are in tenths */

const struct balance_algorithm balance_algorithms[BALANCE_KIND_COUNT] = {
	[BALANCE_ROUND_ROBIN] = {"round_robin", balance_round_robin_build, balance_pick_scheduled},
	[BALANCE_LEAST_REQUEST] = {"least_request", NULL, balance_least_request_pick},
	[BALANCE_RANDOM] = {"random", balance_round_robin_build, balance_pick_scheduled},
	[BALANCE_HASH] = {"hash", balance_hash_build, balance_pick_scheduled},
};

static bool balance_is_usable(const struct endpoint *ep)
{
	return ep->up && !ep->ejected_until_ms;
}

/* ---- Slow start ---- */

void balance_warm(const struct endpoint_set *set, struct endpoint *ep, uint64_t now_ms)
{
	ep->warm_since_ms = set->slow_start_ms ? now_ms + !now_ms : 0; /* 0 is for "warm" */
}

/* In tenths of its weight. Lowers *next_ms to the time of its next step. */
static unsigned balance_warmth(const struct endpoint_set *set, struct endpoint *ep, uint64_t now_ms,
			       uint64_t *next_ms)
{
	uint64_t passed, step, at;

	if (!ep->warm_since_ms)
		return BALANCE_WARM_STEPS;
	passed = clock_since_ms(ep->warm_since_ms, now_ms);
	if (passed >= set->slow_start_ms) {
		ep->warm_since_ms = 0;
		return BALANCE_WARM_STEPS;
	}
	step = passed * BALANCE_WARM_STEPS / set->slow_start_ms;
	at = ep->warm_since_ms + (step + 1) * set->slow_start_ms / BALANCE_WARM_STEPS;
	if (at <= now_ms)
		at = now_ms + 1;
	if (!*next_ms || at < *next_ms)
		*next_ms = at;
	return (unsigned)step ? (unsigned)step : 1;
}

static void balance_share_out(struct endpoint_set *set, uint64_t now_ms)
{
	set->warm_next_ms = 0;
	for (size_t i = 0; i < set->count; i++) {
		struct endpoint *ep = set->items[i];

		ep->share = ep->weight * balance_warmth(set, ep, now_ms, &set->warm_next_ms);
	}
}

void balance_review(struct endpoint_set *set, uint64_t now_ms)
{
	if (set->warm_next_ms && now_ms >= set->warm_next_ms)
		(void)balance_build(set, now_ms); /* without memory the shares stay */
}

/* ---- Who may be picked ---- */

/* The usable ones of the gateway's zone, or all usable ones where it has none. */
static size_t balance_collect(const struct endpoint_set *set, uint16_t *picks)
{
	size_t near = 0, count = 0;

	for (size_t i = 0; i < set->count; i++)
		near += balance_is_usable(set->items[i]) && set->items[i]->near;
	for (size_t i = 0; i < set->count; i++)
		if (balance_is_usable(set->items[i]) && (!near || set->items[i]->near))
			picks[count++] = (uint16_t)i;
	return count;
}

int balance_build(struct endpoint_set *set, uint64_t now_ms)
{
	const struct balance_algorithm *algorithm = &balance_algorithms[set->balance];
	uint16_t *before = set->picks, *picks = calloc(set->count + 1, sizeof(*picks));
	size_t count_before = set->pick_count;

	if (!picks)
		return -1;
	balance_share_out(set, now_ms);
	set->picks = picks;
	set->pick_count = balance_collect(set, picks);
	if (algorithm->build && algorithm->build(set) < 0) {
		set->picks = before;
		set->pick_count = count_before;
		free(picks);
		return -1;
	}
	free(before);
	return 0;
}

/* ---- Picking ---- */

bool balance_was_tried(const struct balance_tried *tried, const struct endpoint *ep)
{
	for (size_t i = 0; i < tried->count; i++)
		if (tried->items[i] == ep)
			return true;
	return false;
}

bool balance_is_free(const struct endpoint_set *set, const struct balance_tried *tried,
		     const struct endpoint *ep)
{
	return usage_has_room(ep->usage, set->per_instance) && !balance_was_tried(tried, ep);
}

/* Looked at first, since the schedule may be long. */
static bool balance_is_one_free(const struct endpoint_set *set, const struct balance_tried *tried)
{
	for (size_t i = 0; i < set->pick_count; i++)
		if (balance_is_free(set, tried, set->items[set->picks[i]]))
			return true;
	return false;
}

struct endpoint *balance_pick_scheduled(const struct endpoint_set *set,
					const struct balance_tried *tried, uint64_t number)
{
	size_t at = set->schedule_len ? number % set->schedule_len : 0;

	if ((set->per_instance || tried->count >= set->pick_count) &&
	    !balance_is_one_free(set, tried))
		return NULL;
	for (size_t n = 0; n < set->schedule_len; n++) {
		struct endpoint *ep = set->items[set->schedule[at]];

		if (balance_is_free(set, tried, ep))
			return ep;
		at = at + 1 < set->schedule_len ? at + 1 : 0;
	}
	return NULL;
}

bool balance_is_one_left(const struct endpoint_set *set, const struct balance_tried *tried)
{
	for (size_t i = 0; i < set->count; i++)
		if (set->items[i]->up && !balance_was_tried(tried, set->items[i]))
			return true;
	return false;
}

struct endpoint *balance_pick(const struct endpoint_set *set, const struct balance_tried *tried,
			      uint64_t number)
{
	struct endpoint *ep = balance_algorithms[set->balance].pick(set, tried, number),
			*out = NULL;
	bool full = false;

	if (ep || !set->count)
		return ep;
	/* None is usable, or each was tried or is full: those of other zones, then those taken
	 * out. */
	for (size_t n = 0, at = number % set->count; n < set->count; n++) {
		ep = set->items[at];
		at = at + 1 < set->count ? at + 1 : 0;
		if (!ep->up || balance_was_tried(tried, ep))
			continue;
		if (!usage_has_room(ep->usage, set->per_instance))
			full |= balance_is_usable(ep);
		else if (balance_is_usable(ep))
			return ep;
		else if (!out)
			out = ep;
	}
	return full ? NULL : out;
}
