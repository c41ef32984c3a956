/* pipeline_cache: what is looked up, waited for, served and kept. */
#include "gateway/pipeline_cache.h"
#include "common/clock.h"
#include "gateway/client.h"
#include "gateway/flight.h"
#include "gateway/gateway.h"
#include "gateway/pipeline.h"
#include "gateway/refresh.h"
#include "gateway/remake.h"
#include "gateway/respond.h"
#include "gateway/route_action.h"
#include "gateway/stats.h"
#include "gateway/tally.h"
#include "gateway/worker.h"

enum {
	/* A prober that never came back is given up so long after its route's timeout. */
	PIPELINE_HOLD_SPARE_MS = 1000,
};

static uint64_t pipeline_now_ms(const struct exchange *x)
{
	return loop_now_ms(worker_loop(x->worker));
}

static void pipeline_look_up(struct exchange *x)
{
	uint64_t now = pipeline_now_ms(x);

	cache_unref(&x->kept);
	x->kept = cache_find(x->worker->gateway->cache, &x->key, &x->request, now);
	x->use = cache_rules_serve(&x->route->cache, &x->request, x->kept, now);
}

/* What was found, or what is made of it. */
static void pipeline_serve_kept(struct exchange *x, const struct cache_status *status)
{
	if (x->remake)
		remake_kept(x, status);
	else
		respond_kept(x, x->kept, status);
}

void pipeline_serve_stale(struct exchange *x)
{
	x->flags |= ACCESS_SI;
	pipeline_serve_kept(x, &x->use.on_failure_hit);
}

/* ---- An origin that fails ---- */

static const void *pipeline_origin(const struct exchange *x)
{
	const struct endpoint_set *set = x->forward.set;

	return set->from ? (const void *)set->from : set->from_settings;
}

/* Semantics: one prober asks, with backoff; all others get the stale reply at once. */
static bool pipeline_is_held(struct exchange *x)
{
	if (!x->kept || !x->use.on_failure || flight_is_quiet(x->worker->gateway->flights))
		return false;
	x->forward.set = worker_resolve(x->worker, x->table, x->service);
	return flight_is_held(x->worker->gateway->flights, &x->key, pipeline_origin(x),
			      x->route->timeout_ms + PIPELINE_HOLD_SPARE_MS, pipeline_now_ms(x));
}

void pipeline_cache_failed(struct exchange *x, enum forward_failure failure)
{
	uint64_t now = pipeline_now_ms(x);

	if (!x->cached)
		return;
	cache_writer_abort(&x->keep);
	if (x->kept && x->use.on_failure && !x->backup && forward_is_service_failure(failure))
		flight_failed(x->worker->gateway->flights, &x->key, pipeline_origin(x), now);
	flight_end(&x->flight, FLIGHT_FAILED, now);
}

/* ---- Together with others ---- */

static void pipeline_on_landed(void *arg, enum flight_outcome outcome);

static void pipeline_unwait(struct exchange *x)
{
	flight_leave(&x->waiter);
}

/* False: this one asks. */
static bool pipeline_waits(struct exchange *x)
{
	struct flight_ticket ticket = {
		.loop = worker_loop(x->worker), .landed = pipeline_on_landed, .arg = x};
	uint64_t now = pipeline_now_ms(x);

	if (!x->wait_until_ms)
		x->wait_until_ms = now + FLIGHT_WAIT_MS;
	if (!x->use.share || now >= x->wait_until_ms)
		return false;
	ticket.wait_ms = x->wait_until_ms - now;
	if (flight_join(x->worker->gateway->flights, &x->key, &ticket, &x->flight, &x->waiter) !=
	    FLIGHT_WAITS)
		return false;
	x->unwait = pipeline_unwait;
	return true;
}

/* What another one's request came to. True: this one has to ask itself. */
static bool pipeline_lands(struct exchange *x, enum flight_outcome outcome)
{
	struct cache_status status = x->cache_status;

	if (outcome == FLIGHT_SHARED || outcome == FLIGHT_DROPPED)
		pipeline_look_up(x); /* another may have asked since it was dropped */
	if (outcome == FLIGHT_SHARED && !x->use.serve) /* another variant, say */
		return true;
	if (x->use.serve) {
		status.collapsed = true;
		stats_inc(x->worker->stats, STAT_CACHE_COLLAPSED);
		pipeline_serve_kept(x, &status);
		return false;
	}
	if (outcome == FLIGHT_FAILED && pipeline_is_held(x)) {
		pipeline_serve_stale(x);
		return false;
	}
	return outcome != FLIGHT_DROPPED || !pipeline_waits(x);
}

static void pipeline_on_landed(void *arg, enum flight_outcome outcome)
{
	struct exchange *x = arg;
	struct client *client = x->client;

	x->waiter = NULL;
	x->unwait = NULL;
	client_enter(client);
	if (pipeline_lands(x, outcome))
		pipeline_forward(x);
	client_leave(client);
}

/* ---- Before an instance is asked ---- */

bool pipeline_cache(struct exchange *x)
{
	const struct settings_route *route = x->route;
	struct span service;

	if (route->cache.off || x->upgrade.protocol)
		return true;
	service = route_action_cache_name(x);
	if (!service.len || cache_key_make(&x->key, &x->arena, service, &x->request, x->path) < 0)
		return true;
	x->cached = true; /* also with a body: an unsafe method's answer drops what was kept */
	if (!x->body_done || x->sent.len || !((unsigned)x->request.method & (HTTP_GET | HTTP_HEAD)))
		return true;
	pipeline_look_up(x);
	if (x->use.serve) {
		if (x->use.refresh && !x->use.only_if_cached)
			refresh_start(x);
		pipeline_serve_kept(x, &x->use.hit);
		return false;
	}
	if (x->use.only_if_cached) {
		respond_problem(x, PROBLEM_NOT_CACHED, NULL, NULL);
		return false;
	}
	x->cache_status = x->use.forwarded;
	if (pipeline_is_held(x)) {
		pipeline_serve_stale(x);
		return false;
	}
	return !pipeline_waits(x);
}

/* ---- The reply ---- */

/* What those that wait are told. What was asked for before somebody dropped it is not for them, but
 * the next may be. */
static enum flight_outcome pipeline_outcome(const struct exchange *x, bool shared)
{
	if (shared)
		return FLIGHT_SHARED;
	return cache_key_is_dropped(x->worker->gateway->cache, &x->key) ? FLIGHT_DROPPED
									: FLIGHT_PRIVATE;
}

bool pipeline_validates(struct exchange *x, const struct http1_head *head)
{
	struct gateway *gateway = x->worker->gateway;
	struct cache_times times = {.sent_ms = x->sent_ms, .received_ms = pipeline_now_ms(x)};
	const struct cache_entry *renewed = NULL;
	struct cache_life life;
	struct http1_head now;

	if (!x->kept || !x->use.validate)
		return false;
	times.wall_ms = clock_wall_ms();
	if (!x->backup)
		flight_succeeded(gateway->flights, &x->key);
	if (!x->backup && cache_renew_head(&now, &x->arena, x->kept, head) == 0) {
		life = cache_rules_store(&x->route->cache, &x->request, &now, &times);
		renewed = cache_renew(gateway->cache, &x->key, &x->request, &now, &life, x->kept);
	}
	if (renewed) {
		cache_unref(&x->kept);
		x->kept = renewed;
	}
	x->cache_status.stored = renewed != NULL;
	x->cache_status.validated = x->validated = true;
	flight_end(&x->flight, pipeline_outcome(x, renewed && life.fresh_ms > life.age_ms),
		   times.received_ms);
	return true;
}

void pipeline_validated(struct exchange *x)
{
	struct cache_status status = x->cache_status;

	pipeline_serve_kept(x, &status);
}

void pipeline_keep(struct exchange *x, const struct http1_head *head)
{
	struct gateway *gateway = x->worker->gateway;
	uint64_t now = pipeline_now_ms(x);
	struct cache_times times = {.sent_ms = x->sent_ms, .received_ms = now};
	struct cache_life life;

	if (cache_rules_invalidates(x->request.method, head->status))
		cache_invalidate(gateway->cache, &x->key);
	if (x->request.method != HTTP_GET)
		return;
	if (!cache_rules_is_error(head->status))
		flight_succeeded(gateway->flights, &x->key);
	times.wall_ms = clock_wall_ms();
	life = cache_rules_store(&x->route->cache, &x->request, head, &times);
	if (life.store)
		x->keep = cache_writer_begin(gateway->cache, &x->key, &x->request, head, &life);
	x->cache_status.stored = x->keep != NULL;
	/* What is not fresh is nobody else's answer. */
	if (!x->keep || life.fresh_ms <= life.age_ms)
		flight_end(&x->flight,
			   head->status < 500 ? pipeline_outcome(x, false) : FLIGHT_FAILED, now);
}

void pipeline_keep_body(struct exchange *x, struct span piece)
{
	if (!x->keep)
		return;
	cache_writer_append(&x->keep, piece);
	if (!x->keep) /* it is too long */
		flight_end(&x->flight, FLIGHT_PRIVATE, pipeline_now_ms(x));
}

void pipeline_keep_end(struct exchange *x)
{
	bool kept = cache_writer_commit(&x->keep);

	if (kept) {
		stats_inc(x->worker->stats, STAT_CACHE_STORED);
		tally_inc(x->tally, TALLY_CACHE_STORED);
	}
	flight_end(&x->flight, pipeline_outcome(x, kept), pipeline_now_ms(x));
}
