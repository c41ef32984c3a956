/* admin_metrics: the page of stats', and what is counted elsewhere. */
#include "client-lib/microreg.h"
#include "common/metrics.h"
#include "gateway/access_log.h"
#include "gateway/admin_pages.h"
#include "gateway/cache.h"
#include "gateway/stats.h"

/* X(id, type, name, help) */
#define ADMIN_METRICS(X)                                                                    \
	X(BUILD, GAUGE, "build_info", "Always 1; the label is the version")                 \
	X(UPTIME, GAUGE, "uptime_seconds", "Time since the start")                          \
	X(WORKERS, GAUGE, "workers", "Worker threads")                                      \
	X(READY, GAUGE, "ready", "1 when /ready says so")                                   \
	X(ROUTES, GAUGE, "routes", "Routes of the settings in effect")                      \
	X(CACHE_ENTRIES, GAUGE, "cache_entries", "Replies in the cache")                    \
	X(CACHE_BYTES, GAUGE, "cache_bytes", "Memory of the replies in the cache")          \
	X(CACHE_EVICTED, COUNTER, "cache_evicted_total", "Replies dropped to make room")    \
	X(LOG_DROPPED, COUNTER, "access_log_dropped_total", "Lines of the access log lost") \
	X(REGISTRY, GAUGE, "registry_connected", "1 when the registry's last answer came")  \
	X(PLACES, GAUGE, "service_in_flight", "Requests to a service under way")            \
	X(WAITING, GAUGE, "service_waiting", "Requests to a service that wait for another to end")

enum admin_metric {
#define ADMIN_METRIC_ENUM(id, type, name, help) ADMIN_METRIC_##id,
	ADMIN_METRICS(ADMIN_METRIC_ENUM)
#undef ADMIN_METRIC_ENUM
		ADMIN_METRIC_COUNT,
};

static const struct metric admin_metric_table[ADMIN_METRIC_COUNT] = {
#define ADMIN_METRIC_ROW(id, kind, text, words) {"microreg_gateway_" text, METRIC_##kind, words},
	ADMIN_METRICS(ADMIN_METRIC_ROW)
#undef ADMIN_METRIC_ROW
};

static void admin_metric_write(struct buf *out, enum admin_metric which, uint64_t value)
{
	const struct metric *metric = &admin_metric_table[which];

	metrics_head(out, metric);
	metrics_sample(out, metric, NULL, 0, value);
}

/* Of each service of the settings in effect. */
static void admin_metric_services(struct buf *out, const struct table *table,
				  enum admin_metric which)
{
	const struct metric *metric = &admin_metric_table[which];

	if (table->settings->service_count)
		metrics_head(out, metric);
	for (size_t i = 0; i < table->settings->service_count; i++) {
		struct bulkhead *bulkhead = &table->services[i]->bulkhead;
		struct metric_label label = {"service", table->settings->services[i].name};

		metrics_sample(out, metric, &label, 1,
			       atomic_load(which == ADMIN_METRIC_WAITING ? &bulkhead->waiting
									 : &bulkhead->in_flight));
	}
}

void admin_page_metrics(const struct admin_view *view, struct buf *out)
{
	const struct metric_label version = {"version", MICROREG_VERSION};
	const struct gateway *gateway = view->gateway;
	struct cache_counts cache;

	metrics_head(out, &admin_metric_table[ADMIN_METRIC_BUILD]);
	metrics_sample(out, &admin_metric_table[ADMIN_METRIC_BUILD], &version, 1, 1);
	metrics_head(out, &admin_metric_table[ADMIN_METRIC_UPTIME]);
	metrics_sample_seconds(out, &admin_metric_table[ADMIN_METRIC_UPTIME], NULL, 0,
			       view->uptime_ms * 1000);
	admin_metric_write(out, ADMIN_METRIC_WORKERS, gateway->worker_count);
	admin_metric_write(out, ADMIN_METRIC_READY, admin_is_ready(view));
	admin_metric_write(out, ADMIN_METRIC_ROUTES, view->table->settings->route_count);
	cache_count(gateway->cache, &cache);
	admin_metric_write(out, ADMIN_METRIC_CACHE_ENTRIES, cache.entries);
	admin_metric_write(out, ADMIN_METRIC_CACHE_BYTES, cache.bytes);
	admin_metric_write(out, ADMIN_METRIC_CACHE_EVICTED, cache.evicted);
	admin_metric_write(out, ADMIN_METRIC_LOG_DROPPED, access_log_dropped(gateway->access_log));
	if (gateway->registry) {
		struct microreg_watch_status watch;

		microreg_watch_status(gateway->registry, &watch);
		admin_metric_write(out, ADMIN_METRIC_REGISTRY, watch.connected);
	}
	admin_metric_services(out, view->table, ADMIN_METRIC_PLACES);
	admin_metric_services(out, view->table, ADMIN_METRIC_WAITING);
	stats_write(gateway->stats, out);
}

void admin_print_metrics(struct buf *out)
{
	for (unsigned i = 0; i < ADMIN_METRIC_COUNT; i++)
		metrics_print_reference(out, &admin_metric_table[i]);
}
