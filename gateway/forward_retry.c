/* forward_retry: the rules of "Retries" (after Envoy and nginx), in one place. */
#include "gateway/forward_retry.h"
#include "gateway/backoff.h"
#include "gateway/health.h"
#include "gateway/service.h"
#include "gateway/settings.h"
#include "gateway/stats.h"
#include "gateway/usage.h"
#include "gateway/worker.h"

#include <string.h>

enum { RETRY_BUDGET_LEAST = 10 }; /* retries at once are always allowed so many (Envoy: 3) */

bool forward_is_repeatable(const struct forward *fwd)
{
	unsigned repeatable = HTTP_GET | HTTP_HEAD | HTTP_OPTIONS | HTTP_PUT | HTTP_DELETE;

	return ((unsigned)fwd->method & repeatable) || fwd->settings->retry.non_idempotent;
}

void forward_retry_done(struct forward *fwd)
{
	if (!fwd->retrying)
		return;
	fwd->retrying = false;
	fwd->set->retrying--;
	stats_dec(fwd->worker->stats, STAT_UP_RETRYING);
}

/* Not bounded by it is what an instance that ended left behind, when
 * another is there: all its requests come at once, however many, and each only once. */
bool forward_budget_allows(const struct forward *fwd)
{
	uint64_t most = (uint64_t)fwd->set->active * fwd->settings->retry.budget / 100;

	if (most < RETRY_BUDGET_LEAST)
		most = RETRY_BUDGET_LEAST;
	return fwd->retrying || fwd->set->retrying < most;
}

void forward_budget_take(struct forward *fwd)
{
	if (fwd->retrying)
		return;
	fwd->retrying = true;
	fwd->set->retrying++;
	stats_inc(fwd->worker->stats, STAT_UP_RETRYING);
}

static bool forward_may_retry(const struct forward *fwd, unsigned cause)
{
	if (cause != RETRY_CONNECT && !forward_is_repeatable(fwd))
		return false;
	return (fwd->settings->retry.on & cause) && !fwd->body_lost &&
	       fwd->attempts < fwd->settings->retry.attempts;
}

/* Remembers where the attempt went. Without memory the instance may be tried twice: no harm. */
void forward_remember(struct forward *fwd, struct endpoint *ep)
{
	struct balance_tried *tried = &fwd->tried;

	if (tried->count == fwd->tried_room) {
		size_t room = fwd->tried_room ? fwd->tried_room * 2 : 4;
		struct endpoint **items = arena_alloc(fwd->arena, room * sizeof(*items));

		if (!items)
			return;
		if (tried->count)
			memcpy(items, tried->items, tried->count * sizeof(*items));
		tried->items = items;
		fwd->tried_room = room;
	}
	tried->items[tried->count++] = endpoint_ref(ep);
}

void forward_forget(struct forward *fwd)
{
	for (size_t i = 0; i < fwd->tried.count; i++)
		endpoint_unref(&fwd->tried.items[i]);
	fwd->tried.count = 0;
}

static void forward_count_retry(struct forward *fwd, bool budgeted)
{
	fwd->attempts++;
	stats_inc(fwd->worker->stats, STAT_UP_RETRIES);
	stats_service_inc(fwd->set->service->stats, SERVICE_STAT_RETRIES);
	if (budgeted)
		forward_budget_take(fwd);
}

void forward_back_off(struct forward *fwd)
{
	fwd->state = FORWARD_WAITING;
	fwd->try_deadline_ms = loop_now_ms(worker_loop(fwd->worker)) +
			       backoff_ms(fwd->attempts - 1, worker_random(fwd->worker));
	forward_arm(fwd);
}

static void forward_retry(struct forward *fwd, bool budgeted)
{
	forward_count_retry(fwd, budgeted);
	forward_unuse(fwd);
	if (!forward_go(fwd))
		forward_back_off(fwd);
}

/* The pause is over. */
static void forward_again(struct forward *fwd)
{
	forward_forget(fwd);
	worker_refresh(fwd->worker, fwd->set); /* another may have come meanwhile */
	if (!forward_go(fwd))
		forward_fail_soon(fwd, fwd->failure);
}

static enum forward_failure forward_failure_of(enum upstream_failure failure)
{
	switch (failure) {
	case UPSTREAM_CONNECT:
		return FORWARD_CONNECT;
	case UPSTREAM_CONNECT_TIMEOUT:
		return FORWARD_CONNECT_TIMEOUT;
	case UPSTREAM_NAME:
		return FORWARD_NAME;
	case UPSTREAM_TLS_CERTIFICATE:
		return FORWARD_TLS_CERTIFICATE;
	case UPSTREAM_TLS_PROTOCOL:
		return FORWARD_TLS_PROTOCOL;
	case UPSTREAM_TLS_ALERT:
		return FORWARD_TLS_ALERT;
	case UPSTREAM_MALFORMED:
		return FORWARD_MALFORMED;
	case UPSTREAM_TIMEOUT:
		return FORWARD_TIMEOUT;
	case UPSTREAM_STALE:
	case UPSTREAM_DIED:
	case UPSTREAM_RESET:
	case UPSTREAM_CUT:
		return FORWARD_RESET;
	}
	return FORWARD_RESET;
}

static unsigned forward_cause_of(enum forward_failure failure)
{
	if (forward_is_unsent(failure))
		return RETRY_CONNECT;
	if (failure == FORWARD_MALFORMED)
		return RETRY_MALFORMED;
	if (failure == FORWARD_TIMEOUT)
		return RETRY_TIMEOUT;
	return RETRY_RESET;
}

/* Nothing was sent, so any method may go elsewhere, outside attempts and budget: once to every
 * other instance. */
static bool forward_connects_elsewhere(struct forward *fwd)
{
	forward_unuse(fwd);
	return forward_go(fwd);
}

static void forward_count_failure(struct forward *fwd)
{
	usage_fail(fwd->endpoint->usage);
	health_failed(fwd->set, fwd->endpoint, loop_now_ms(worker_loop(fwd->worker)));
}

static void forward_retry_or_fail(struct forward *fwd, enum upstream_failure failure)
{
	/* Outside the budget: see there. */
	bool unbudgeted = failure == UPSTREAM_DIED &&
			  balance_pick(fwd->set, &fwd->tried, fwd->number) != NULL;

	if (forward_may_retry(fwd, forward_cause_of(fwd->failure)) &&
	    (unbudgeted || forward_budget_allows(fwd)))
		forward_retry(fwd, !unbudgeted);
	else
		forward_fail_soon(fwd, fwd->failure);
}

void forward_failed(struct forward *fwd, enum upstream_failure failure, const char *reason)
{
	bool elsewhere;

	fwd->failure = forward_failure_of(failure);
	fwd->failure_reason = reason;
	fwd->try_deadline_ms = 0;
	if (failure == UPSTREAM_STALE && forward_is_repeatable(fwd) && !fwd->body_lost) {
		forward_try_fresh(fwd);
		return;
	}
	/* What a connection that never came up held of the body is lost with it. */
	elsewhere = upstream_is_unsent(failure) && !fwd->body_lost;
	forward_remember(fwd, fwd->endpoint);
	stats_inc(fwd->worker->stats, STAT_UP_FAILED);
	if (upstream_is_unsent(failure))
		stats_inc(fwd->worker->stats, STAT_UP_CONNECT_FAILED);
	fwd->excused = forward_excuses(fwd, failure);
	if (failure != UPSTREAM_STALE && !fwd->excused)
		forward_count_failure(fwd);
	if (forward_hedge_takes_over(fwd) || (elsewhere && forward_connects_elsewhere(fwd)))
		return;
	forward_retry_or_fail(fwd, failure);
}

static unsigned forward_status_cause(unsigned status)
{
	if (status == 502)
		return RETRY_502;
	if (status == 503)
		return RETRY_503;
	return status == 504 ? RETRY_504 : 0;
}

bool forward_retries_status(struct forward *fwd, unsigned status)
{
	unsigned cause = forward_status_cause(status);

	if (!cause) {
		health_succeeded(fwd->endpoint);
		return false;
	}
	stats_inc(fwd->worker->stats, STAT_UP_FAILED);
	forward_count_failure(fwd);
	forward_remember(fwd, fwd->endpoint);
	if (forward_hedge_takes_over(fwd))
		return true;
	if (!forward_may_retry(fwd, cause) || !forward_budget_allows(fwd))
		return false;
	/* Its body is not waited for, so the connection can't be used again. */
	upstream_cancel(&fwd->up);
	forward_retry(fwd, true);
	return true;
}

void forward_await_reply(struct forward *fwd)
{
	fwd->deadline_ms = fwd->active_ms + fwd->timeout_ms;
	if (fwd->state == FORWARD_TRYING && fwd->settings->timeout_ms)
		fwd->try_deadline_ms = fwd->active_ms + fwd->settings->timeout_ms;
	forward_arm(fwd);
}

/* The request is still being sent: by a client that takes its time, or to an instance that takes
 * it. Who does not reply to half a request is not late. */
static bool forward_try_is_sending(struct forward *fwd)
{
	if (fwd->state != FORWARD_TRYING || fwd->body_done || !fwd->up ||
	    !upstream_is_busy(fwd->up))
		return false;
	return !upstream_is_full(fwd->up) || forward_is_moving(fwd);
}

void forward_try_is_over(struct forward *fwd)
{
	if (forward_try_is_sending(fwd)) {
		fwd->try_deadline_ms =
			loop_now_ms(worker_loop(fwd->worker)) + fwd->settings->timeout_ms;
		forward_arm(fwd);
		return;
	}
	if (fwd->state == FORWARD_QUEUED) {
		forward_waited_too_long(fwd);
		return;
	}
	if (fwd->state == FORWARD_WAITING) {
		fwd->try_deadline_ms = 0;
		forward_again(fwd);
		return;
	}
	if (fwd->state == FORWARD_RESOLVING) {
		resolver_cancel(&fwd->query);
		forward_failed(fwd, UPSTREAM_NAME, "looking the host's name up timed out");
		return;
	}
	upstream_cancel(&fwd->up);
	forward_failed(fwd, UPSTREAM_TIMEOUT, "the try's timeout is over");
}
