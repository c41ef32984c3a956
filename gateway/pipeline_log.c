/* pipeline_log: what a finished exchange leaves behind: counts, and a line. */
#include "common/clock.h"
#include "gateway/access_log.h"
#include "gateway/auth.h"
#include "gateway/client.h"
#include "gateway/gateway.h"
#include "gateway/identity.h"
#include "gateway/pipeline.h"
#include "gateway/stats.h"
#include "gateway/tally.h"
#include "gateway/worker.h"

#include <string.h>

static struct span pipeline_field(const struct exchange *x, const char *name)
{
	const struct http1_field *field = http1_head_find_text(&x->request, name);

	return field ? field->value : (struct span){0};
}

static uint64_t pipeline_since(uint64_t from_us, uint64_t to_us)
{
	return from_us && to_us > from_us ? to_us - from_us : 0;
}

/* Whose answer it is, or would have been: a split's is not known of what was refused before it was
 * chosen. NULL: nobody's. */
static const char *pipeline_service(const struct exchange *x)
{
	const struct settings_route *route = x->route;

	if (x->backup)
		return x->backup;
	if (route && route->split.count && x->service_chosen)
		return x->table->table->settings->services[x->service].name;
	return route ? route->service_name : NULL;
}

static void pipeline_write_line(struct exchange *x, uint64_t total_us)
{
	const struct forward *fwd = &x->forward;
	struct access_record record = {
		.wall_ms = clock_wall_ms() - (int64_t)(total_us / 1000),
		.request_id = x->id,
		.client = caller_of(x)->text,
		.method = x->request.method_text,
		.target = auth_url_shown(x, x->request.target),
		.host = x->request.authority,
		.referer = auth_url_shown(x, pipeline_field(x, "Referer")),
		.user_agent = pipeline_field(x, "User-Agent"),
		.minor = x->request.minor,
		.route = x->route ? x->route->name : NULL,
		.service = pipeline_service(x),
		.status = x->status,
		.bytes_in = x->bytes_in + x->tunnel_in,
		.bytes_out = x->bytes_out + x->tunnel_out,
		.total_us = total_us,
		.auth_us = x->auth_us,
		.queue_us = fwd->queue_us,
		.cache = cache_status_name(&x->cache_status),
		.flags = x->flags,
		.consumer = x->identity ? x->identity->name : (struct span){0},
		.reason = x->detail,
		.template = &x->table->table->settings->log.template,
	};

	if (fwd->endpoint) {
		record.instance = fwd->endpoint->id;
		record.attempts = fwd->attempts;
		record.resolve_us = fwd->resolve_us;
		record.connect_us = fwd->connect_us;
		record.first_byte_us = pipeline_since(fwd->started_us, fwd->head_us);
	}
	if (fwd->hedged)
		record.flags |= ACCESS_HG;
	access_log_write(x->worker->gateway->access_log, &record);
}

static void pipeline_count(const struct exchange *x, uint64_t total_us)
{
	struct stats_worker *stats = x->worker->stats;

	if (x->flags & ACCESS_DC) {
		stats_inc(stats, STAT_ABANDONED);
		tally_inc(x->tally, TALLY_ABANDONED);
	} else {
		stats_request(stats, x->status, total_us);
		tally_reply(x->tally, x->status, total_us);
	}
	stats_add(stats, STAT_BYTES_IN, x->bytes_in);
	stats_add(stats, STAT_BYTES_OUT, x->bytes_out);
	tally_add(x->tally, TALLY_BYTES_IN, x->bytes_in);
	tally_add(x->tally, TALLY_BYTES_OUT, x->bytes_out);
	if (x->forward.attempts > 1)
		tally_add(x->tally, TALLY_RETRIES, x->forward.attempts - 1);
	switch (x->cache_status.outcome) {
	case CACHE_UNUSED:
		break;
	case CACHE_HIT:
		stats_inc(stats, STAT_CACHE_HIT);
		tally_inc(x->tally, TALLY_CACHE_HIT);
		break;
	case CACHE_STALE_IF_ERROR:
	case CACHE_STALE_WHILE_REVALIDATE:
	case CACHE_STALE_ASKED:
		stats_inc(stats, STAT_CACHE_STALE);
		tally_inc(x->tally, TALLY_CACHE_STALE);
		break;
	case CACHE_FORWARD_MISS:
	case CACHE_FORWARD_STALE:
	case CACHE_FORWARD_REQUEST:
		stats_inc(stats, STAT_CACHE_MISS);
		tally_inc(x->tally, TALLY_CACHE_MISS);
		break;
	}
}

static void pipeline_count_service(const struct exchange *x)
{
	struct stats_service *stats;

	if (!x->forward.set)
		return;
	stats = x->forward.set->service->stats;
	stats_service_inc(stats, SERVICE_STAT_REQUESTS);
	if (x->forward.failure && !(x->forward.state == FORWARD_FLOWING))
		stats_service_inc(stats, SERVICE_STAT_ERRORS);
	if (x->flags & ACCESS_SI)
		stats_service_inc(stats, SERVICE_STAT_STALE);
}

void pipeline_log(struct exchange *x)
{
	uint64_t total_us = clock_us() - x->started_us;

	if (x->logged)
		return;
	x->logged = true;
	pipeline_count(x, total_us);
	pipeline_count_service(x);
	if (access_log_is_on(x->worker->gateway->access_log))
		pipeline_write_line(x, total_us);
}
