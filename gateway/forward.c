/*
 * forward: one request to one service, from start to reply. What follows a
 * failure is forward_retry.c's.
 */
#include "gateway/forward.h"
#include "gateway/forward_retry.h"
#include "gateway/health.h"
#include "gateway/http1_write.h"
#include "gateway/service.h"
#include "gateway/settings.h"
#include "gateway/stats.h"
#include "gateway/upgrade.h"
#include "gateway/worker.h"

enum {
	FORWARD_HEAD_MAX = 4 << 20,	 /* a request head at its limits, and what we add */
	FORWARD_TRAILERS_MAX = 64 << 10, /* over what the codec takes, written out */
};

static void forward_on_head(void *owner, const struct http1_head *head);
static void forward_on_interim(void *owner, const struct http1_head *head);
static void forward_on_body(void *owner, struct span piece);
static void forward_on_end(void *owner);
static void forward_on_fail(void *owner, enum upstream_failure failure, const char *reason);
static void forward_on_drain(void *owner);
static void forward_on_pause(void *owner);
static bool forward_on_move(void *owner, struct stream *from, struct splice_move *move);
static void forward_on_time(struct wheel_timer *timer);
static void forward_on_task(struct loop_task *task);

static const struct upstream_events forward_events = {
	.on_head = forward_on_head,
	.on_interim = forward_on_interim,
	.on_body = forward_on_body,
	.on_end = forward_on_end,
	.on_fail = forward_on_fail,
	.on_drain = forward_on_drain,
	.on_pause = forward_on_pause,
	.on_move = forward_on_move,
};

void forward_init(struct forward *fwd, struct worker *worker, struct arena *arena,
		  const struct forward_sink *sink)
{
	*fwd = (struct forward){.worker = worker, .arena = arena, .sink = sink};
	fwd->timer.on_time = forward_on_time;
	fwd->task.run = forward_on_task;
	fwd->query.done = forward_on_address;
	buf_init(&fwd->head, FORWARD_HEAD_MAX);
	buf_init(&fwd->held, FORWARD_HELD_MAX);
	buf_init(&fwd->trailers, FORWARD_TRAILERS_MAX);
}

static struct loop *forward_loop(const struct forward *fwd)
{
	return worker_loop(fwd->worker);
}

/* ---- Clocks ---- */

void forward_arm(struct forward *fwd)
{
	uint64_t at = fwd->deadline_ms, now = loop_now_ms(forward_loop(fwd));

	if (fwd->state == FORWARD_FLOWING || !at)
		at = fwd->active_ms + worker_idle_timeout_ms(fwd->worker);
	if (fwd->state != FORWARD_FLOWING && fwd->try_deadline_ms && fwd->try_deadline_ms < at)
		at = fwd->try_deadline_ms;
	if (fwd->state == FORWARD_TRYING && fwd->hedge_at_ms && fwd->hedge_at_ms < at)
		at = fwd->hedge_at_ms;
	loop_timer_set(forward_loop(fwd), &fwd->timer, at > now ? at - now : 0);
}

void forward_touch(struct forward *fwd)
{
	fwd->active_ms = loop_now_ms(forward_loop(fwd));
}

/* ---- Ending ---- */

/* Tells the breaker how the whole request went. What is cancelled before has no result. */
static void forward_judge(struct forward *fwd, bool failed)
{
	if (fwd->ticket)
		breaker_end(&fwd->set->service->breaker, &fwd->settings->breaker, fwd->ticket,
			    failed, loop_now_ms(forward_loop(fwd)));
	fwd->ticket = 0;
}

bool forward_is_unsent(enum forward_failure failure)
{
	return failure == FORWARD_CONNECT || failure >= FORWARD_CONNECT_TIMEOUT;
}

bool forward_is_service_failure(enum forward_failure failure)
{
	return forward_is_unsent(failure) || failure == FORWARD_RESET ||
	       failure == FORWARD_MALFORMED || failure == FORWARD_TIMEOUT;
}

static void forward_release(struct forward *fwd)
{
	forward_leave(fwd);
	forward_hedge_drop(fwd);
	forward_retry_done(fwd);
	forward_unuse(fwd);
	loop_timer_clear(forward_loop(fwd), &fwd->timer);
	loop_undefer(forward_loop(fwd), &fwd->task);
	resolver_cancel(&fwd->query);
	upstream_cancel(&fwd->up);
	fwd->state = FORWARD_OFF;
}

void forward_cancel(struct forward *fwd)
{
	if (fwd->state != FORWARD_OFF)
		forward_release(fwd);
}

void forward_fini(struct forward *fwd)
{
	forward_cancel(fwd);
	buf_fini(&fwd->head);
	buf_fini(&fwd->held);
	buf_fini(&fwd->trailers);
	endpoint_unref(&fwd->endpoint);
	forward_forget(fwd);
}

void forward_fail_soon(struct forward *fwd, enum forward_failure failure)
{
	upstream_cancel(&fwd->up);
	fwd->failure_soon = failure;
	loop_defer(forward_loop(fwd), &fwd->task);
}

static void forward_on_task(struct loop_task *task)
{
	struct forward *fwd =
		(struct forward *)(void *)((char *)task - offsetof(struct forward, task));

	if (fwd->failure_soon) {
		fwd->failure = fwd->failure_soon;
		if (forward_is_service_failure(fwd->failure) && !fwd->excused)
			forward_judge(fwd, true);
		forward_release(fwd);
		fwd->sink->on_fail(fwd, fwd->failure);
	} else if (!fwd->body_done) {
		if (fwd->up)
			upstream_flush(fwd->up, false);
		fwd->sink->on_want(fwd);
	}
}

/* ---- An attempt ---- */

void forward_send(struct forward *fwd)
{
	struct upstream *up = fwd->up;

	upstream_begin(up, &forward_events, fwd, fwd->arena, fwd->method, &fwd->limits);
	up->upgrading = fwd->upgrade != NULL;
	fwd->state = FORWARD_TRYING;
	fwd->tried_us = loop_now_us(forward_loop(fwd));
	fwd->excused = false;
	fwd->try_deadline_ms =
		fwd->settings->timeout_ms ? fwd->tried_us / 1000 + fwd->settings->timeout_ms : 0;
	forward_touch(fwd);
	forward_arm(fwd);
	/* A head that was written anew may be cut short. */
	if (fwd->head.failed || upstream_write(up, fwd->head.data, fwd->head.len) < 0 ||
	    forward_write_body(up, fwd->chunked, fwd->held.data, fwd->held.len) < 0) {
		forward_fail_soon(fwd, FORWARD_MEMORY);
		return;
	}
	if (fwd->body_done) {
		forward_write_end(fwd);
		upstream_flush(up, true);
	} else {
		/* With what is there of it; and its sender may have paused between two tries. */
		loop_defer(forward_loop(fwd), &fwd->task);
	}
}

void forward_start(struct forward *fwd)
{
	if (fwd->body_done && !fwd->deadline_ms)
		fwd->deadline_ms = loop_now_ms(forward_loop(fwd)) + fwd->timeout_ms;
	forward_enter(fwd);
}

void forward_commit(struct forward *fwd)
{
	buf_fini(&fwd->held);
}

bool forward_may_restart(const struct forward *fwd, enum forward_failure failure)
{
	if (fwd->body_lost || failure == FORWARD_MEMORY)
		return false;
	return forward_is_repeatable(fwd) || !forward_is_service_failure(failure) ||
	       forward_is_unsent(failure);
}

void forward_restart(struct forward *fwd, struct endpoint_set *set,
		     const struct settings_service *settings)
{
	forward_cancel(fwd);
	forward_forget(fwd);
	endpoint_unref(&fwd->endpoint);
	fwd->set = set;
	fwd->settings = settings;
	fwd->attempts = 0;
	fwd->fresh = false;
	fwd->try_deadline_ms = 0;
	fwd->failure = fwd->failure_soon = FORWARD_NONE;
	fwd->ticket = 0;
	forward_start(fwd);
}

/* ---- Events of the connection ---- */

/* A 101. It is done with as a request: what flows now is no load that a breaker, a place at the
 * service or a retry budget should count; only that the instance is in use stays. */
static void forward_switched(struct forward *fwd, const struct http1_head *head)
{
	if (!upgrade_is_agreed(fwd->upgrade, head)) {
		upstream_cancel(&fwd->up);
		forward_failed(fwd, UPSTREAM_MALFORMED, "a 101 to something else than was asked");
		return;
	}
	health_succeeded(fwd->endpoint);
	forward_judge(fwd, false);
	forward_retry_done(fwd);
	forward_leave(fwd);
	loop_timer_clear(forward_loop(fwd), &fwd->timer);
	fwd->state = FORWARD_SWITCHED;
	fwd->failure = FORWARD_NONE; /* of an earlier attempt */
	fwd->head_us = loop_now_us(forward_loop(fwd));
	if (fwd->up)
		fwd->connect_us = fwd->up->connect_us;
	fwd->sink->on_head(fwd, head);
}

static void forward_on_interim(void *owner, const struct http1_head *head)
{
	struct forward *fwd = owner;

	if (fwd->sink->on_interim)
		fwd->sink->on_interim(fwd, head);
}

static void forward_on_head(void *owner, const struct http1_head *head)
{
	struct forward *fwd = owner;

	if (head->status == 101)
		forward_switched(fwd, head);
	else if (!forward_retries_status(fwd, head->status))
		forward_take_head(fwd, head);
}

void forward_take_head(struct forward *fwd, const struct http1_head *head)
{
	forward_hedge_drop(fwd);
	forward_hedge_measure(fwd);
	forward_retry_done(fwd);
	if (head->status >= 502 && head->status <= 504)
		forward_judge(fwd, true);
	fwd->state = FORWARD_FLOWING;
	fwd->failure = FORWARD_NONE; /* of an earlier attempt */
	fwd->head_us = loop_now_us(forward_loop(fwd));
	forward_touch(fwd);
	forward_arm(fwd);
	fwd->sink->on_head(fwd, head);
}

static void forward_on_body(void *owner, struct span piece)
{
	struct forward *fwd = owner;

	forward_touch(fwd);
	fwd->sink->on_body(fwd, piece);
}

static void forward_on_end(void *owner)
{
	struct forward *fwd = owner;

	fwd->up = NULL; /* in the pool, or gone */
	forward_judge(fwd, false);
	forward_release(fwd);
	fwd->sink->on_end(fwd);
}

static void forward_on_fail(void *owner, enum upstream_failure failure, const char *reason)
{
	struct forward *fwd = owner;

	fwd->up = NULL;
	if (fwd->state == FORWARD_FLOWING) {
		fwd->failure_reason = reason;
		if (!forward_waited_for_client(fwd))
			forward_judge(fwd, true);
		forward_release(fwd);
		fwd->sink->on_abort(fwd);
		return;
	}
	forward_failed(fwd, failure, reason);
}

static void forward_on_drain(void *owner)
{
	struct forward *fwd = owner;

	forward_touch(fwd);
	fwd->sink->on_want(fwd);
}

static void forward_on_pause(void *owner)
{
	struct forward *fwd = owner;

	fwd->sink->on_flush(fwd);
}

static bool forward_on_move(void *owner, struct stream *from, struct splice_move *move)
{
	struct forward *fwd = owner;

	if (!fwd->sink->on_move)
		return false;
	if (from->readable)
		forward_touch(fwd);
	return fwd->sink->on_move(fwd, from, move);
}

/* A reply that waits for its reader is the reader's, whose clock is watched by who knows it; and
 * of a request megabytes may be on their way in the kernel. */
bool forward_is_moving(struct forward *fwd)
{
	uint64_t delivered;

	if (!fwd->up)
		return false;
	if (fwd->state == FORWARD_FLOWING && upstream_is_paused(fwd->up))
		return true;
	delivered = stream_delivered(&fwd->up->stream);
	if (delivered == fwd->delivered)
		return false;
	fwd->delivered = delivered;
	return !fwd->body_done;
}

/* Nothing flowed for the idle timeout. */
static void forward_idle(struct forward *fwd)
{
	bool flowing = fwd->state == FORWARD_FLOWING;

	fwd->failure_reason = "nothing flowed for the idle timeout";
	fwd->failure = FORWARD_TIMEOUT;
	forward_release(fwd);
	if (flowing)
		fwd->sink->on_abort(fwd);
	else
		fwd->sink->on_fail(fwd, FORWARD_TIMEOUT);
}

static void forward_on_time(struct wheel_timer *timer)
{
	struct forward *fwd =
		(struct forward *)(void *)((char *)timer - offsetof(struct forward, timer));
	uint64_t now = loop_now_ms(forward_loop(fwd));
	bool flowing = fwd->state == FORWARD_FLOWING, late;

	if (fwd->state == FORWARD_TRYING && fwd->hedge_at_ms && now >= fwd->hedge_at_ms) {
		forward_hedge_start(fwd);
		forward_arm(fwd);
		return;
	}
	if (!flowing && fwd->try_deadline_ms && now >= fwd->try_deadline_ms &&
	    (!fwd->deadline_ms || now < fwd->deadline_ms)) {
		forward_try_is_over(fwd);
		return;
	}
	if (flowing || !fwd->deadline_ms) {
		if (forward_is_moving(fwd))
			forward_touch(fwd);
		if (now >= fwd->active_ms + worker_idle_timeout_ms(fwd->worker))
			forward_idle(fwd);
		else
			forward_arm(fwd);
		return;
	}
	if (now < fwd->deadline_ms) {
		forward_arm(fwd);
		return;
	}
	if (fwd->state == FORWARD_QUEUED) {
		forward_waited_too_long(fwd);
		return;
	}
	late = forward_came_late(fwd);
	if (fwd->endpoint && fwd->up && !late)
		health_failed(fwd->set, fwd->endpoint, now);
	/* Tries before it that failed were the service's, too. */
	if (!late || fwd->attempts > 1 || fwd->failure)
		forward_judge(fwd, true);
	fwd->failure_reason = "the route's timeout is over";
	fwd->failure = FORWARD_TIMEOUT;
	forward_release(fwd);
	fwd->sink->on_fail(fwd, FORWARD_TIMEOUT);
}
