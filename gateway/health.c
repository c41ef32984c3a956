/* health: counts failures in a row; ejects and lets back in. */
#include "gateway/health.h"
#include "common/clock.h"
#include "gateway/balance.h"
#include "gateway/service.h"
#include "gateway/tally.h"

#include <string.h>

void health_succeeded(struct endpoint *ep)
{
	ep->failures = ep->overtaken = 0;
}

/* The schedule follows; without memory it stays, and a pick may meet the ejected one. */
static void health_rebuild(struct endpoint_set *set, uint64_t now_ms)
{
	(void)balance_build(set, now_ms);
}

/* So that a failure now and then does not count for ever. */
static void health_forget(struct endpoint *ep, uint64_t now_ms)
{
	uint64_t times = clock_since_ms(ep->forget_from_ms, now_ms) / HEALTH_FORGET_MS;

	ep->ejections -= times < ep->ejections ? (unsigned)times : ep->ejections;
}

static void health_eject(struct endpoint_set *set, struct endpoint *ep, uint64_t now_ms)
{
	size_t most = set->up_count / 2 > 1 ? set->up_count / 2 : 1;
	uint64_t ms;

	if (ep->ejected_until_ms || !ep->listed || !ep->up)
		return;
	/* The last one that is in stays in. */
	if (set->ejected >= most || set->up_count <= set->ejected + 1)
		return;
	ep->failures = ep->overtaken = 0;
	health_forget(ep, now_ms);
	ep->ejections++;
	ms = (uint64_t)HEALTH_EJECT_MS * ep->ejections;
	if (ms > HEALTH_EJECT_MOST_MS)
		ms = HEALTH_EJECT_MOST_MS;
	ep->ejected_until_ms = ep->forget_from_ms = now_ms + ms;
	tally_set(ep->tally, TALLY_EJECTED_UNTIL_MS, ep->ejected_until_ms);
	tally_inc(ep->tally, TALLY_EJECTIONS);
	tally_inc(ep->service_tally, TALLY_EJECTIONS);
	set->ejected++;
	if (!set->review_ms || ep->ejected_until_ms < set->review_ms)
		set->review_ms = ep->ejected_until_ms;
	health_rebuild(set, now_ms);
}

void health_failed(struct endpoint_set *set, struct endpoint *ep, uint64_t now_ms)
{
	tally_inc(ep->tally, TALLY_FAILURES);
	tally_inc(ep->service_tally, TALLY_FAILURES);
	if (++ep->failures >= HEALTH_FAILURES)
		health_eject(set, ep, now_ms);
}

void health_overtaken(struct endpoint_set *set, struct endpoint *ep, uint64_t now_ms)
{
	if (++ep->overtaken >= HEALTH_OVERTAKEN)
		health_eject(set, ep, now_ms);
}

void health_recovered(struct endpoint *ep)
{
	ep->failures = ep->overtaken = 0;
	if (!ep->ejected_until_ms)
		return;
	ep->ejected_until_ms = 0;
	tally_set(ep->tally, TALLY_EJECTED_UNTIL_MS, 0);
}

/* For those that were let in, whose places are free. */
static void health_call(const struct endpoint_set *set)
{
	if (set->service)
		room_call(&set->service->room);
}

void health_review(struct endpoint_set *set, uint64_t now_ms)
{
	bool came = false;

	if (!set->ejected || now_ms < set->review_ms)
		return;
	set->ejected = 0;
	set->review_ms = 0;
	for (size_t i = 0; i < set->count; i++) {
		struct endpoint *ep = set->items[i];

		if (!ep->ejected_until_ms)
			continue;
		if (ep->ejected_until_ms <= now_ms) {
			ep->ejected_until_ms = 0;
			balance_warm(set, ep, now_ms);
			came = true;
			continue;
		}
		set->ejected++;
		if (!set->review_ms || ep->ejected_until_ms < set->review_ms)
			set->review_ms = ep->ejected_until_ms;
	}
	health_rebuild(set, now_ms);
	if (came)
		health_call(set);
}

void health_restore(struct endpoint_set *set, const char *id, uint64_t now_ms)
{
	for (size_t i = 0; i < set->count; i++) {
		if (strcmp(set->items[i]->id, id) != 0)
			continue;
		set->items[i]->ejections = 0;
		health_recovered(set->items[i]);
	}
	set->review_ms = 0;
	health_review(set, now_ms);
	health_call(set);
}
