/* refresh: a forward whose reply goes into the cache and to nobody. */
#include "gateway/refresh.h"
#include "common/clock.h"
#include "gateway/exchange.h"
#include "gateway/flight.h"
#include "gateway/forward_head.h"
#include "gateway/gateway.h"
#include "gateway/settings.h"
#include "gateway/stats.h"
#include "gateway/worker.h"

#include <stdlib.h>

enum {
	REFRESH_MAX = 256,	     /* under way, of one worker */
	REFRESH_ARENA_MAX = 4 << 20, /* heads of a request and of a reply at their limits */
	REFRESH_HOLD_SPARE_MS = 1000,
};

struct refresh {
	struct refresh *next, **link; /* in the worker's list */
	struct worker *worker;
	struct worker_table *table; /* held */
	const struct settings_route *route;
	struct arena arena;
	struct forward forward;
	struct http1_head request; /* its fields, for Vary and the rules */
	struct cache_key key;
	const struct cache_entry *kept; /* held */
	bool validate;
	struct cache_writer *keep;
	struct flight *flight; /* who misses it meanwhile waits */
	bool fresh;	       /* what is kept may be served to them */
	uint64_t sent_ms;
};

static uint64_t refresh_now_ms(const struct refresh *r)
{
	return loop_now_ms(worker_loop(r->worker));
}

static void refresh_free(struct refresh *r)
{
	flight_end(&r->flight, FLIGHT_DROPPED, refresh_now_ms(r));
	cache_writer_abort(&r->keep);
	cache_unref(&r->kept);
	forward_fini(&r->forward);
	worker_table_unref(&r->table);
	arena_fini(&r->arena);
	if (r->next)
		r->next->link = r->link;
	*r->link = r->next;
	r->worker->refresh_count--;
	free(r);
}

void refresh_free_all(struct worker *worker)
{
	while (worker->refreshes)
		refresh_free(worker->refreshes);
}

/* ---- The sink ---- */

static struct refresh *refresh_of(struct forward *fwd)
{
	return (struct refresh *)(void *)((char *)fwd - offsetof(struct refresh, forward));
}

static const void *refresh_origin(const struct endpoint_set *set)
{
	return set->from ? (const void *)set->from : set->from_settings;
}

static void refresh_end(struct refresh *r, enum flight_outcome outcome)
{
	flight_end(&r->flight, outcome, refresh_now_ms(r));
	refresh_free(r);
}

/* As pipeline_outcome. */
static enum flight_outcome refresh_outcome(const struct refresh *r)
{
	if (r->fresh)
		return FLIGHT_SHARED;
	return cache_key_is_dropped(r->worker->gateway->cache, &r->key) ? FLIGHT_DROPPED
									: FLIGHT_PRIVATE;
}

static void refresh_on_abort(struct forward *fwd)
{
	struct refresh *r = refresh_of(fwd);

	flight_failed(r->worker->gateway->flights, &r->key, refresh_origin(fwd->set),
		      refresh_now_ms(r));
	refresh_end(r, FLIGHT_FAILED);
}

static void refresh_on_fail(struct forward *fwd, enum forward_failure failure)
{
	/* With too much under way, say, it was not asked, and is asked by the next one. */
	if (forward_is_service_failure(failure))
		refresh_on_abort(fwd);
	else
		refresh_free(refresh_of(fwd));
}

/* A 304: the kept head is renewed; the body is there. */
static void refresh_renew(struct refresh *r, const struct http1_head *head,
			  const struct cache_times *times)
{
	struct cache *cache = r->worker->gateway->cache;
	const struct cache_entry *renewed = NULL;
	struct cache_life life;
	struct http1_head now;

	if (cache_renew_head(&now, &r->arena, r->kept, head) == 0) {
		life = cache_rules_store(&r->route->cache, &r->request, &now, times);
		renewed = cache_renew(cache, &r->key, &r->request, &now, &life, r->kept);
	}
	r->fresh = renewed && life.fresh_ms > life.age_ms;
	cache_unref(&renewed);
}

static void refresh_on_head(struct forward *fwd, const struct http1_head *head)
{
	struct refresh *r = refresh_of(fwd);
	struct cache_times times = {.sent_ms = r->sent_ms,
				    .received_ms = refresh_now_ms(r),
				    .wall_ms = clock_wall_ms()};
	struct cache_life life;

	if (cache_rules_is_error(head->status)) {
		refresh_on_abort(fwd);
		return;
	}
	flight_succeeded(r->worker->gateway->flights, &r->key);
	if (head->status == 304 && r->validate) {
		refresh_renew(r, head, &times);
		return;
	}
	life = cache_rules_store(&r->route->cache, &r->request, head, &times);
	if (life.store)
		r->keep = cache_writer_begin(r->worker->gateway->cache, &r->key, &r->request, head,
					     &life);
	r->fresh = r->keep && life.fresh_ms > life.age_ms;
	if (!r->keep)
		refresh_end(r, refresh_outcome(r));
}

static void refresh_on_body(struct forward *fwd, struct span piece)
{
	struct refresh *r = refresh_of(fwd);

	if (!r->keep) /* a 304 has none */
		return;
	cache_writer_append(&r->keep, piece);
	if (!r->keep) /* it is too long by now */
		refresh_end(r, FLIGHT_PRIVATE);
}

static void refresh_on_end(struct forward *fwd)
{
	struct refresh *r = refresh_of(fwd);

	if (r->keep) {
		bool kept = cache_writer_commit(&r->keep);

		r->fresh = r->fresh && kept;
		if (kept)
			stats_inc(r->worker->stats, STAT_CACHE_STORED);
	}
	refresh_end(r, refresh_outcome(r));
}

static void refresh_ignore(struct forward *fwd)
{
	(void)fwd;
}

static const struct forward_sink refresh_sink = {
	.on_head = refresh_on_head,
	.on_body = refresh_on_body,
	.on_end = refresh_on_end,
	.on_fail = refresh_on_fail,
	.on_abort = refresh_on_abort,
	.on_want = refresh_ignore,
	.on_flush = refresh_ignore,
};

/* ---- The start ---- */

static struct refresh *refresh_new(struct exchange *x)
{
	struct worker *worker = x->worker;
	struct refresh *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	r->worker = worker;
	r->table = worker_table_ref(x->table);
	r->route = x->route;
	r->kept = cache_ref(x->kept);
	r->validate = x->use.validate;
	r->next = worker->refreshes;
	r->link = &worker->refreshes;
	if (r->next)
		r->next->link = &r->next;
	worker->refreshes = r;
	worker->refresh_count++;
	arena_init(&r->arena, REFRESH_ARENA_MAX);
	forward_init(&r->forward, worker, &r->arena, &refresh_sink);
	return r;
}

/* What it takes over of the request, whose end it may see. -1: no memory. */
static int refresh_fill(struct refresh *r, struct exchange *x, struct endpoint_set *set)
{
	const struct settings *settings = x->table->table->settings;
	struct forward *fwd = &r->forward;
	char *key = arena_strndup(&r->arena, x->key.text.at, x->key.text.len);

	r->key = (struct cache_key){.text = {key, x->key.text.len}, .hash = x->key.hash};
	cache_key_begin(r->worker->gateway->cache, &r->key);
	fwd->set = set;
	fwd->settings = &settings->services[x->service];
	fwd->limits = (struct http1_limits){.line_max = (size_t)settings->limits.request_line_bytes,
					    .headers_max = (size_t)settings->limits.headers_bytes,
					    .fields_max = settings->limits.headers_count};
	fwd->timeout_ms = x->route->timeout_ms;
	fwd->method = HTTP_GET;
	fwd->body_done = true;
	fwd->impatient = true; /* whoever is waited for goes first */
	forward_head_write(x, &fwd->head);
	if (!key || fwd->head.failed ||
	    http1_head_copy_fields(&r->request, &r->arena, &x->request) < 0)
		return -1;
	return 0;
}

void refresh_start(struct exchange *x)
{
	struct flights *flights = x->worker->gateway->flights;
	struct flight_ticket ticket = {.loop = worker_loop(x->worker)};
	uint64_t now = loop_now_ms(ticket.loop);
	struct endpoint_set *set;
	struct refresh *r;

	if (x->request.method != HTTP_GET || http1_head_find(&x->request, HTTP1_RANGE) ||
	    x->worker->refresh_count >= REFRESH_MAX)
		return;
	set = worker_resolve(x->worker, x->table, x->service);
	if (flight_is_held(flights, &x->key, refresh_origin(set),
			   x->route->timeout_ms + REFRESH_HOLD_SPARE_MS, now) ||
	    flight_join(flights, &x->key, &ticket, &x->flight, &x->waiter) != FLIGHT_LEADS)
		return;
	r = refresh_new(x);
	if (!r || refresh_fill(r, x, set) < 0) {
		flight_end(&x->flight, FLIGHT_DROPPED, now);
		if (r)
			refresh_free(r);
		return;
	}
	r->flight = x->flight;
	x->flight = NULL;
	r->sent_ms = now;
	stats_inc(x->worker->stats, STAT_CACHE_REFRESHES);
	forward_start(&r->forward);
}
