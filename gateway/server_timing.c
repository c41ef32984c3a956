/* server_timing: sums of the forward's clocks, as they are also logged. */
#include "gateway/server_timing.h"
#include "gateway/exchange.h"
#include "gateway/settings.h"
#include "gateway/worker.h"

#include <inttypes.h>

static void server_timing_one(struct buf *out, const char *name, uint64_t us)
{
	if (us)
		(void)buf_printf(out, "%s;dur=%" PRIu64 ".%03" PRIu64 ", ", name, us / 1000,
				 us % 1000);
}

static bool server_timing_is_wanted(const struct exchange *x)
{
	if (!x->route || x->route->timing != TIMING_ASKED)
		return x->route && x->route->timing == TIMING_ON;
	return http1_head_find_text(&x->request, "X-Server-Timing") != NULL;
}

void server_timing_write(const struct exchange *x, struct buf *out)
{
	const struct forward *fwd = &x->forward;
	uint64_t total_us = loop_now_us(worker_loop(x->worker)) - x->started_us;

	if (!server_timing_is_wanted(x))
		return;
	(void)buf_puts(out, "Server-Timing: ");
	server_timing_one(out, "queue", fwd->queue_us);
	if (fwd->endpoint) {
		server_timing_one(out, "resolve", fwd->resolve_us);
		server_timing_one(out, "connect", fwd->connect_us);
		if (fwd->head_us > fwd->started_us)
			server_timing_one(out, "ttfb", fwd->head_us - fwd->started_us);
	}
	(void)buf_printf(out, "total;dur=%" PRIu64 ".%03" PRIu64 "\r\n", total_us / 1000,
			 total_us % 1000);
}
