/* forward_room: a place at an instance: picked and taken in one step, or waited for. */
#include "gateway/balance_sticky.h"
#include "gateway/forward_retry.h"
#include "gateway/health.h"
#include "gateway/service.h"
#include "gateway/settings.h"
#include "gateway/stats.h"
#include "gateway/usage.h"
#include "gateway/worker.h"

struct endpoint *forward_pick(struct forward *fwd, const struct balance_tried *tried)
{
	const struct endpoint_set *set = fwd->set;
	struct endpoint *ep =
		fwd->stuck && !tried->count ? balance_sticky_find(set, fwd->stick) : NULL;

	if (ep && usage_begin(ep->usage, set->per_instance))
		return ep;
	do
		ep = balance_pick(set, tried, fwd->number);
	while (ep && !usage_begin(ep->usage, set->per_instance)); /* another request was first */
	return ep;
}

/* There is room, for one that was sent to these: whoever waits longest shall look. */
static void forward_call_next(struct forward *fwd, const struct balance_tried *tried)
{
	struct room *room = &fwd->set->service->room;

	if (room_is_awaited(room) && balance_pick(fwd->set, tried, fwd->number))
		room_call(room);
}

static void forward_end_wait(struct forward *fwd)
{
	uint64_t waited_us = loop_now_us(worker_loop(fwd->worker)) - fwd->queued_us;

	fwd->queue_us += waited_us;
	fwd->started_us += waited_us;
	fwd->try_deadline_ms = 0;
}

/* Up to the end of the wait; an ejection that ends before is looked at then, as no request may come
 * that would. */
static void forward_arm_wait(struct forward *fwd)
{
	const struct endpoint_set *set = fwd->set;

	fwd->try_deadline_ms = fwd->wait_until_ms;
	if (set->ejected && set->review_ms < fwd->wait_until_ms)
		fwd->try_deadline_ms = set->review_ms;
	forward_arm(fwd);
}

/* Its turn has come, to look. It is not sent where it was before as long as there is another, be
 * that one full. */
static void forward_on_room(void *arg)
{
	static const struct balance_tried none;
	struct forward *fwd = arg;
	struct endpoint *ep;
	uint64_t now_ms = loop_now_ms(worker_loop(fwd->worker));

	worker_refresh(fwd->worker, fwd->set);
	health_review(fwd->set, now_ms);
	ep = forward_pick(fwd, &fwd->tried);
	if (!ep && balance_is_one_left(fwd->set, &fwd->tried)) {
		room_again(fwd->room_waiter);
		forward_arm_wait(fwd); /* one may have been ejected since */
		forward_call_next(fwd, &fwd->tried);
		return;
	}
	room_done(&fwd->room_waiter);
	forward_end_wait(fwd);
	forward_call_next(fwd, &none);
	if (!ep && fwd->tried.count) { /* the others left: back to where it was */
		forward_back_off(fwd);
		return;
	}
	if (!ep) {
		forward_fail_soon(fwd, FORWARD_NO_INSTANCE);
		return;
	}
	if (fwd->attempts == 1)
		forward_hedge_plan(fwd);
	forward_try(fwd, ep);
}

static void forward_refuse_full(struct forward *fwd, const char *reason)
{
	if (fwd->tried.count) { /* this is what an earlier try failed of */
		forward_fail_soon(fwd, fwd->failure);
		return;
	}
	stats_service_inc(fwd->set->service->stats, SERVICE_STAT_OVERFLOWS);
	fwd->failure_reason = reason;
	forward_fail_soon(fwd, FORWARD_OVERLOAD);
}

/* Who waits for a place at the service waits, too. */
static unsigned forward_room_left(const struct forward *fwd)
{
	unsigned waiting =
		atomic_load_explicit(&fwd->set->service->bulkhead.waiting, memory_order_relaxed);

	if (fwd->impatient || waiting >= fwd->settings->max_waiting)
		return 0;
	return fwd->settings->max_waiting - waiting;
}

static void forward_wait_for_room(struct forward *fwd)
{
	struct loop *loop = worker_loop(fwd->worker);
	struct service *service = fwd->set->service;
	uint64_t waited_ms = fwd->queue_us / 1000;

	fwd->room_waiter =
		room_wait(&service->room, forward_room_left(fwd), loop, forward_on_room, fwd);
	if (!fwd->room_waiter) {
		forward_refuse_full(fwd, "all instances are full, and too many requests wait");
		return;
	}
	stats_service_inc(service->stats, SERVICE_STAT_QUEUED);
	fwd->state = FORWARD_QUEUED;
	fwd->queued_us = loop_now_us(loop);
	fwd->wait_until_ms = loop_now_ms(loop);
	if (fwd->settings->max_wait_ms > waited_ms)
		fwd->wait_until_ms += fwd->settings->max_wait_ms - waited_ms;
	forward_arm_wait(fwd);
	forward_call_next(fwd, &fwd->tried);
}

bool forward_go(struct forward *fwd)
{
	struct endpoint *ep = NULL;

	if (!fwd->set->per_instance || !room_is_awaited(&fwd->set->service->room))
		ep = forward_pick(fwd, &fwd->tried);
	if (ep) {
		forward_try(fwd, ep);
		return true;
	}
	if (!balance_is_one_left(fwd->set, &fwd->tried))
		return false;
	forward_wait_for_room(fwd);
	return true;
}

void forward_waited_for_room(struct forward *fwd)
{
	uint64_t now_ms = loop_now_ms(worker_loop(fwd->worker));

	if (now_ms < fwd->wait_until_ms && (!fwd->deadline_ms || now_ms < fwd->deadline_ms)) {
		health_review(fwd->set, now_ms); /* which calls who waits longest, if one is back */
		forward_arm_wait(fwd);
		return;
	}
	forward_end_wait(fwd);
	room_cancel(&fwd->room_waiter);
	forward_refuse_full(fwd, "no instance of the service had room in time");
}
