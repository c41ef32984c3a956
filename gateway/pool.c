/* pool: a doubly linked list through the connections themselves. */
#include "gateway/pool.h"
#include "gateway/stats.h"
#include "gateway/tally.h"
#include "gateway/tls_origin.h"
#include "gateway/upstream.h"

void pool_remove(struct upstream *up)
{
	if (up->idle_prev)
		up->idle_prev->idle_next = up->idle_next;
	else
		up->endpoint->idle = up->idle_next;
	if (up->idle_next)
		up->idle_next->idle_prev = up->idle_prev;
	up->idle_next = up->idle_prev = NULL;
	up->endpoint->idle_count--;
	up->pooled = false;
	stats_dec(up->stats, STAT_UP_IDLE);
	tally_dec(up->endpoint->tally, TALLY_IDLE);
}

struct upstream *pool_take(struct endpoint *ep, bool look)
{
	while (ep->idle) {
		struct upstream *up = ep->idle;

		pool_remove(up);
		if (!look || stream_is_quiet(&up->stream))
			return up;
		upstream_free(&up);
	}
	return NULL;
}

void pool_put(struct upstream *up, uint64_t idle_ms)
{
	struct endpoint *ep = up->endpoint;
	const struct settings_pool *pool = &ep->pool;
	uint64_t age = loop_now_ms(up->loop) - up->born_ms;

	if (pool->max_age_ms && pool->max_age_ms <= age + idle_ms)
		idle_ms = pool->max_age_ms > age ? pool->max_age_ms - age : 0;
	if (!ep->listed || ep->idle_count >= pool->idle || !idle_ms ||
	    (pool->max_requests && up->requests >= pool->max_requests) ||
	    !tls_origin_is_same(up->tls, ep->tls)) {
		upstream_free(&up);
		return;
	}
	up->idle_prev = NULL;
	up->idle_next = ep->idle;
	if (ep->idle)
		ep->idle->idle_prev = up;
	ep->idle = up;
	ep->idle_count++;
	up->pooled = true;
	stats_inc(up->stats, STAT_UP_IDLE);
	tally_inc(ep->tally, TALLY_IDLE);
	upstream_set_timer(up, idle_ms);
}

void pool_close_idle(struct endpoint *ep)
{
	while (ep->idle) {
		struct upstream *up = ep->idle;

		pool_remove(up);
		upstream_free(&up);
	}
}
