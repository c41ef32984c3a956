/* forward_queue: a place at the service: taken at once, waited for, given back. */
#include "gateway/forward_retry.h"
#include "gateway/health.h"
#include "gateway/service.h"
#include "gateway/settings.h"
#include "gateway/stats.h"
#include "gateway/worker.h"

/* What the choice of its instances begins from. */
static uint64_t forward_choose_number(const struct forward *fwd)
{
	if (fwd->set->balance == BALANCE_ROUND_ROBIN)
		return atomic_fetch_add_explicit(&fwd->set->service->turn, 1, memory_order_relaxed);
	if (fwd->set->balance == BALANCE_HASH && fwd->keyed)
		return fwd->key;
	return worker_random(fwd->worker);
}

static void forward_refuse_broken(struct forward *fwd)
{
	stats_service_inc(fwd->set->service->stats, SERVICE_STAT_BROKEN);
	forward_fail_soon(fwd, FORWARD_BREAKER);
}

/* It has a place: the first try. */
static void forward_begin(struct forward *fwd)
{
	struct service *service = fwd->set->service;
	uint64_t now_us = loop_now_us(worker_loop(fwd->worker));

	fwd->placed = true;
	fwd->set->active++;
	fwd->state = FORWARD_TRYING;
	fwd->active_ms = now_us / 1000;
	if (!fwd->started_us)
		fwd->started_us = now_us;
	fwd->ticket = breaker_ask(&service->breaker, &fwd->settings->breaker, now_us / 1000);
	if (!fwd->ticket) {
		forward_refuse_broken(fwd);
		return;
	}
	health_review(fwd->set, now_us / 1000);
	balance_review(fwd->set, now_us / 1000);
	if (fwd->set->panic)
		stats_service_inc(service->stats, SERVICE_STAT_PANICS);
	fwd->number = forward_choose_number(fwd);
	fwd->attempts = 1;
	forward_hedge_plan(fwd);
	if (!forward_go(fwd))
		forward_fail_soon(fwd, FORWARD_NO_INSTANCE);
}

static void forward_stop_waiting(struct forward *fwd)
{
	uint64_t now_us = loop_now_us(worker_loop(fwd->worker));

	fwd->queue_us += now_us - fwd->queued_us;
	fwd->try_deadline_ms = 0;
}

/* Its turn has come. Instances may have come and gone meanwhile. */
static void forward_on_turn(void *arg)
{
	struct forward *fwd = arg;

	fwd->waiter = NULL;
	forward_stop_waiting(fwd);
	worker_refresh(fwd->worker, fwd->set);
	forward_begin(fwd);
}

static void forward_refuse_overload(struct forward *fwd, const char *reason)
{
	stats_service_inc(fwd->set->service->stats, SERVICE_STAT_OVERFLOWS);
	fwd->failure_reason = reason;
	forward_fail_soon(fwd, FORWARD_OVERLOAD);
}

/* Nobody waits for a service that is left alone. */
static void forward_wait(struct forward *fwd)
{
	const struct settings_service *settings = fwd->settings;
	struct service *service = fwd->set->service;
	unsigned waiting = atomic_load_explicit(&service->room.waiting, memory_order_relaxed);
	struct bulkhead_limits limits = {settings->max_in_flight, 0};
	struct loop *loop = worker_loop(fwd->worker);

	if (!settings->breaker.off &&
	    breaker_left_ms(&service->breaker, &settings->breaker, loop_now_ms(loop))) {
		forward_refuse_broken(fwd);
		return;
	}
	if (!fwd->impatient && waiting < settings->max_waiting)
		limits.waiting = settings->max_waiting - waiting;
	switch (bulkhead_enter(&service->bulkhead, &limits, loop, forward_on_turn, fwd,
			       &fwd->waiter)) {
	case BULKHEAD_IN:
		forward_begin(fwd);
		return;
	case BULKHEAD_FULL:
		forward_refuse_overload(fwd, "too many requests to the service wait already");
		return;
	case BULKHEAD_WAITING:
		break;
	}
	stats_service_inc(service->stats, SERVICE_STAT_QUEUED);
	fwd->state = FORWARD_QUEUED;
	fwd->queued_us = loop_now_us(loop);
	fwd->try_deadline_ms = loop_now_ms(loop) + settings->max_wait_ms;
	fwd->active_ms = loop_now_ms(loop);
	forward_arm(fwd);
}

void forward_enter(struct forward *fwd)
{
	fwd->state = FORWARD_TRYING;
	if (bulkhead_try(&fwd->set->service->bulkhead, fwd->settings->max_in_flight))
		forward_begin(fwd);
	else
		forward_wait(fwd);
}

void forward_waited_too_long(struct forward *fwd)
{
	if (fwd->room_waiter) {
		forward_waited_for_room(fwd);
		return;
	}
	forward_stop_waiting(fwd);
	bulkhead_cancel(&fwd->waiter);
	forward_refuse_overload(fwd, "no place at the service got free in time");
}

void forward_leave(struct forward *fwd)
{
	bulkhead_cancel(&fwd->waiter);
	room_cancel(&fwd->room_waiter);
	if (!fwd->placed)
		return;
	fwd->placed = false;
	fwd->set->active--;
	bulkhead_leave(&fwd->set->service->bulkhead, fwd->settings->max_in_flight);
}
