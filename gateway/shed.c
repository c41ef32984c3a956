/* shed: looks at two counts, of which one costs nothing unless its limit is set. */
#include "gateway/shed.h"
#include "common/memory.h"
#include "gateway/exchange.h"
#include "gateway/gateway.h"
#include "gateway/respond.h"
#include "gateway/stats.h"
#include "gateway/worker.h"

/* Summed up once in a ms at most. With a tenth between on and off, a crowd at the limit does not
 * flap. */
static bool shed_is_full(struct worker *w, uint64_t limit)
{
	uint64_t now = loop_now_ms(worker_loop(w)), held;

	if (now != w->full_ms) {
		held = memory_held();
		w->full = held > (w->full ? limit / 10 * 9 : limit);
		w->full_ms = now;
	}
	return w->full;
}

/* A worker without another request is let have one, or too low a limit would stop everything. */
static bool shed_is_over_memory(const struct exchange *x)
{
	uint64_t limit = worker_settings(x->worker)->limits.memory_bytes;

	return limit && shed_is_full(x->worker, limit) &&
	       stats_get(x->worker->stats, STAT_IN_FLIGHT) > 1;
}

static bool shed_is_over_requests(struct exchange *x)
{
	unsigned limit = worker_settings(x->worker)->limits.requests;

	if (!limit)
		return false;
	x->counted = true;
	return atomic_fetch_add_explicit(&x->worker->gateway->requests, 1, memory_order_relaxed) >=
	       limit;
}

bool shed_enter(struct exchange *x)
{
	static const char later[] = "Retry-After: 1\r\n";

	if (shed_is_over_requests(x)) {
		stats_inc(x->worker->stats, STAT_SHED_REQUESTS);
		respond_problem(x, PROBLEM_SHED, "too many requests are under way", later);
		return true;
	}
	if (shed_is_over_memory(x)) {
		stats_inc(x->worker->stats, STAT_SHED_MEMORY);
		x->close = true; /* its buffers, and what it would send next */
		respond_problem(x, PROBLEM_SHED, "too much memory is in use", later);
		return true;
	}
	return false;
}

void shed_leave(struct exchange *x)
{
	if (!x->counted)
		return;
	x->counted = false;
	(void)atomic_fetch_sub_explicit(&x->worker->gateway->requests, 1, memory_order_relaxed);
}
