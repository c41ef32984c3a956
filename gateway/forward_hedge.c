/*
 * forward_hedge: a second request for one that takes longer than most, to
 * another instance; the first good head wins and the other is given up (after
 * Dean and Barroso, The Tail at Scale, 2013).
 *
 * The second one is a forward of its own, without a place, a deadline or
 * retries of its own. When it wins, its connection becomes the first one's,
 * and so it does when the first one fails while the second is under way.
 */
#include "gateway/forward_retry.h"
#include "gateway/health.h"
#include "gateway/service.h"
#include "gateway/settings.h"
#include "gateway/stats.h"
#include "gateway/usage.h"
#include "gateway/worker.h"

#include <stdlib.h>
#include <string.h>

struct forward_hedge {
	struct forward forward;
	struct forward *first;
};

static struct forward_hedge *forward_hedge_of(struct forward *second)
{
	return (struct forward_hedge *)(void *)((char *)second -
						offsetof(struct forward_hedge, forward));
}

static void forward_hedge_end(struct forward_hedge *hedge)
{
	hedge->first->hedge = NULL;
	forward_fini(&hedge->forward);
	free(hedge);
}

void forward_hedge_drop(struct forward *fwd)
{
	if (fwd->hedge)
		forward_hedge_end(fwd->hedge);
}

/* The second one's connection in the place of the first one's. */
static void forward_hedge_adopt(struct forward *first)
{
	struct forward *second = &first->hedge->forward;

	upstream_cancel(&first->up);
	resolver_cancel(&first->query);
	forward_unuse(first);
	endpoint_unref(&first->endpoint);
	first->endpoint = second->endpoint;
	second->endpoint = NULL;
	first->using = second->using;
	second->using = false;
	first->up = second->up;
	second->up = NULL;
	upstream_hand_over(first->up, first);
	first->state = FORWARD_TRYING;
	first->attempts++;
	first->tried_us = second->tried_us;
	first->try_deadline_ms = second->try_deadline_ms;
	forward_hedge_drop(first);
}

/* ---- The second one's sink ---- */

static void forward_hedge_on_head(struct forward *second, const struct http1_head *head)
{
	struct forward_hedge *hedge = forward_hedge_of(second);
	struct forward *first = hedge->first;

	if (head->status >= 502 && head->status <= 504) { /* the first one may still do better */
		forward_hedge_end(hedge);
		return;
	}
	stats_service_inc(first->set->service->stats, SERVICE_STAT_HEDGES_WON);
	if (first->endpoint)
		health_overtaken(first->set, first->endpoint,
				 loop_now_ms(worker_loop(first->worker)));
	forward_hedge_adopt(first);
	forward_take_head(first, head);
}

static void forward_hedge_on_fail(struct forward *second, enum forward_failure failure)
{
	(void)failure; /* counted, with its instance's */
	forward_hedge_end(forward_hedge_of(second));
}

/* After a head it is the first one's or gone, and it has no body to wait for. */
static void forward_hedge_on_nothing(struct forward *second)
{
	(void)second;
}

static void forward_hedge_on_piece(struct forward *second, struct span piece)
{
	(void)second;
	(void)piece;
}

static const struct forward_sink forward_hedge_sink = {
	.on_head = forward_hedge_on_head,
	.on_body = forward_hedge_on_piece,
	.on_end = forward_hedge_on_nothing,
	.on_fail = forward_hedge_on_fail,
	.on_abort = forward_hedge_on_nothing,
	.on_want = forward_hedge_on_nothing,
	.on_flush = forward_hedge_on_nothing,
};

/* ---- Starting ---- */

void forward_hedge_plan(struct forward *fwd)
{
	const struct settings_hedge *settings = fwd->hedging;
	uint64_t after_us, now_us = loop_now_us(worker_loop(fwd->worker));

	fwd->hedge_at_ms = 0;
	if (!settings || fwd->upgrade ||
	    !((unsigned)fwd->method & (HTTP_GET | HTTP_HEAD | HTTP_OPTIONS)))
		return;
	after_us = settings->permille
			   ? latency_quantile(&fwd->set->service->latency, settings->permille)
			   : (uint64_t)settings->after_ms * 1000;
	if (after_us)
		fwd->hedge_at_ms = (now_us + after_us) / 1000 + 1;
}

void forward_hedge_measure(struct forward *fwd)
{
	if (fwd->hedging)
		latency_add(&fwd->set->service->latency,
			    loop_now_us(worker_loop(fwd->worker)) - fwd->started_us);
}

/* The same request, without what it must not do again. NULL: no memory. */
static struct forward_hedge *forward_hedge_new(struct forward *fwd)
{
	struct forward_hedge *hedge = malloc(sizeof(*hedge));
	struct forward *second;

	if (!hedge)
		return NULL;
	hedge->first = fwd;
	second = &hedge->forward;
	forward_init(second, fwd->worker, fwd->arena, &forward_hedge_sink);
	second->set = fwd->set;
	second->settings = fwd->settings;
	second->limits = fwd->limits;
	second->method = fwd->method;
	second->number = fwd->number;
	second->attempts = fwd->settings->retry.attempts; /* none is left */
	second->deadline_ms = fwd->deadline_ms;
	second->timeout_ms = fwd->timeout_ms;
	second->whole_ms = fwd->whole_ms;
	fwd->hedge = hedge;
	if (buf_append(&second->head, fwd->head.data, fwd->head.len) < 0 ||
	    forward_copy_body(second, fwd) < 0) {
		forward_hedge_drop(fwd);
		return NULL;
	}
	return hedge;
}

/* One that is not ejected, with a place; NULL when there is none, or when others wait for one. */
static struct endpoint *forward_hedge_pick(struct forward *second)
{
	const struct endpoint_set *set = second->set;
	struct endpoint *ep = balance_pick(set, &second->tried, second->number);

	if (!ep || ep->ejected_until_ms ||
	    (set->per_instance && room_is_awaited(&set->service->room)))
		return NULL;
	return usage_begin(ep->usage, set->per_instance) ? ep : NULL;
}

void forward_hedge_start(struct forward *fwd)
{
	struct forward_hedge *hedge;
	struct forward *second;
	struct endpoint *ep;

	fwd->hedge_at_ms = 0;
	if (!fwd->body_done || fwd->body_lost || !forward_budget_allows(fwd))
		return;
	hedge = forward_hedge_new(fwd);
	if (!hedge)
		return;
	second = &hedge->forward;
	for (size_t i = 0; i < fwd->tried.count; i++)
		forward_remember(second, fwd->tried.items[i]);
	forward_remember(second, fwd->endpoint);
	ep = forward_hedge_pick(second);
	if (!ep) {
		forward_hedge_drop(fwd);
		return;
	}
	fwd->hedged = true;
	stats_service_inc(fwd->set->service->stats, SERVICE_STAT_HEDGES);
	forward_budget_take(second);
	second->state = FORWARD_TRYING;
	forward_try(second, ep);
}

bool forward_hedge_takes_over(struct forward *fwd)
{
	const struct forward *second = fwd->hedge ? &fwd->hedge->forward : NULL;

	if (!second || second->failure_soon || !second->up || !upstream_is_busy(second->up)) {
		forward_hedge_drop(fwd); /* if it has come no further, a retry is as good */
		return false;
	}
	forward_hedge_adopt(fwd);
	forward_arm(fwd);
	return true;
}
