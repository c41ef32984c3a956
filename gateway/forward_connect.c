/* forward_connect: from an endpoint to a connection: the pool, the resolver, connect. */
#include "gateway/forward_retry.h"
#include "gateway/pool.h"
#include "gateway/reporter.h"
#include "gateway/service.h"
#include "gateway/settings.h"
#include "gateway/stats.h"
#include "gateway/usage.h"
#include "gateway/worker.h"

#include <errno.h>
#include <string.h>

/* What was sent twice could be done twice, so its connection is looked at before use. */
static struct upstream *forward_reuse(struct forward *fwd)
{
	if (fwd->fresh)
		return NULL;
	return pool_take(fwd->endpoint, !forward_is_repeatable(fwd));
}

/* Not the instance's fault: its record stays clean, and no other would fare better. */
static bool forward_is_our_lack(int reason)
{
	return reason == EMFILE || reason == ENFILE || reason == ENOMEM || reason == ENOBUFS ||
	       reason == EADDRNOTAVAIL;
}

/* `answer` NULL: the endpoint has an address of its own. */
static void forward_connect(struct forward *fwd, const struct resolver_answer *answer)
{
	fwd->up = upstream_connect(worker_loop(fwd->worker), fwd->worker->stats, fwd->endpoint,
				   answer, fwd->settings->connect_timeout_ms);
	stats_inc(fwd->worker->stats, STAT_UP_CONNECTS);
	if (!fwd->up && forward_is_our_lack(errno)) {
		fwd->failure_reason = strerror(errno);
		forward_fail_soon(fwd, FORWARD_MEMORY);
		return;
	}
	if (!fwd->up) {
		forward_failed(fwd, UPSTREAM_CONNECT, strerror(errno));
		return;
	}
	fwd->fresh = false;
	forward_send(fwd);
}

static void forward_resolved(struct forward *fwd, const struct resolver_answer *answer)
{
	fwd->try_deadline_ms = 0;
	if (answer->status == RESOLVER_OK)
		forward_connect(fwd, answer);
	else
		forward_failed(fwd, UPSTREAM_NAME, answer->reason);
}

void forward_on_address(struct resolver_query *query, const struct resolver_answer *answer)
{
	struct forward *fwd =
		(struct forward *)(void *)((char *)query - offsetof(struct forward, query));

	fwd->resolve_us += loop_now_us(worker_loop(fwd->worker)) - fwd->resolving_us;
	forward_resolved(fwd, answer);
}

static void forward_resolve(struct forward *fwd)
{
	struct resolver_answer answer;

	if (resolver_lookup(worker_resolver(fwd->worker), fwd->endpoint->host, &fwd->query,
			    &answer) != RESOLVER_WAITING) {
		forward_resolved(fwd, &answer);
		return;
	}
	fwd->state = FORWARD_RESOLVING;
	fwd->resolving_us = loop_now_us(worker_loop(fwd->worker));
	fwd->try_deadline_ms =
		loop_now_ms(worker_loop(fwd->worker)) + fwd->settings->connect_timeout_ms;
	forward_arm(fwd);
}

void forward_unuse(struct forward *fwd)
{
	if (!fwd->using)
		return;
	fwd->using = false;
	/* Somebody may wait for a drain of it. */
	if (usage_end(fwd->endpoint->usage) && !fwd->endpoint->up)
		reporter_hurry(fwd->worker->gateway->reporter);
	room_call(&fwd->set->service->room);
}

/* There is an endpoint, with a place. */
static void forward_attempt(struct forward *fwd)
{
	stats_service_inc(fwd->set->service->stats, SERVICE_STAT_ATTEMPTS);
	fwd->up = forward_reuse(fwd);
	if (fwd->up) {
		stats_inc(fwd->worker->stats, STAT_UP_REUSED);
		forward_send(fwd);
		return;
	}
	if (fwd->endpoint->address_len)
		forward_connect(fwd, NULL);
	else
		forward_resolve(fwd);
}

void forward_try(struct forward *fwd, struct endpoint *ep)
{
	struct endpoint *held = endpoint_ref(ep); /* it may be the same one */

	forward_unuse(fwd);
	endpoint_unref(&fwd->endpoint);
	fwd->endpoint = held;
	fwd->using = true;
	forward_attempt(fwd);
}

void forward_try_fresh(struct forward *fwd)
{
	fwd->fresh = true;
	forward_attempt(fwd);
}
