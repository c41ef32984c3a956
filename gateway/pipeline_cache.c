/* pipeline_cache: what is looked up, served and kept. */
#include "gateway/pipeline_cache.h"
#include "common/clock.h"
#include "gateway/gateway.h"
#include "gateway/respond.h"
#include "gateway/route_action.h"
#include "gateway/worker.h"

bool pipeline_cache(struct exchange *x)
{
	uint64_t now = loop_now_ms(worker_loop(x->worker));
	const struct settings_route *route = x->route;
	struct span service = route_action_cache_name(x);

	if (route->cache.off || !service.len || x->upgrade.protocol ||
	    cache_key_make(&x->key, &x->arena, service, &x->request, x->path) < 0)
		return true;
	x->cached = true; /* also with a body: an unsafe method's answer drops what was kept */
	if (!x->body_done || !((unsigned)x->request.method & (HTTP_GET | HTTP_HEAD)))
		return true;
	x->kept = cache_find(x->worker->gateway->cache, &x->key, &x->request, now);
	x->use = cache_rules_serve(&route->cache, &x->request, x->kept, now);
	/* Nobody asks behind the client's back yet, so this one does (stale-while-revalidate). */
	if (x->use.serve && (!x->use.refresh || x->use.only_if_cached)) {
		respond_kept(x, x->kept, &x->use.hit);
		return false;
	}
	if (x->use.only_if_cached) {
		respond_problem(x, PROBLEM_NOT_CACHED, NULL, NULL);
		return false;
	}
	x->cache_status = x->use.forwarded;
	return true;
}

void pipeline_serve_stale(struct exchange *x)
{
	x->flags |= ACCESS_SI;
	respond_kept(x, x->kept, &x->use.on_failure_hit);
}

void pipeline_keep(struct exchange *x, const struct http1_head *head)
{
	uint64_t now = loop_now_ms(worker_loop(x->worker));
	struct cache_times times = {.sent_ms = x->sent_ms, .received_ms = now};
	struct cache_life life;

	if (cache_rules_invalidates(x->request.method, head->status))
		cache_invalidate(x->worker->gateway->cache, &x->key);
	if (x->request.method != HTTP_GET)
		return;
	times.wall_ms = clock_wall_ms();
	life = cache_rules_store(&x->route->cache, &x->request, head, &times);
	if (!life.store)
		return;
	x->keep = cache_writer_begin(x->worker->gateway->cache, &x->key, &x->request, head, &life);
	x->cache_status.stored = x->keep != NULL;
}
