/* admin_metrics: the page of stats', and what is counted elsewhere. */
#include "client-lib/microreg.h"
#include "common/clock.h"
#include "common/memory.h"
#include "common/metrics.h"
#include "gateway/access_log.h"
#include "gateway/admin_pages.h"
#include "gateway/audit.h"
#include "gateway/cache.h"
#include "gateway/claimed_routes.h"
#include "gateway/quota.h"
#include "gateway/roster.h"
#include "gateway/stats.h"
#include "gateway/worker.h"

#include <stdio.h>
#include <string.h>

/* X(id, type, name, help) */
#define ADMIN_METRICS(X)                                                                           \
	X(BUILD, GAUGE, "build_info", "Always 1; the label is the version")                        \
	X(UPTIME, GAUGE, "uptime_seconds", "Time since the start")                                 \
	X(WORKERS, GAUGE, "workers", "Worker threads")                                             \
	X(READY, GAUGE, "ready", "1 when /ready says so")                                          \
	X(ROUTES, GAUGE, "routes", "Routes of the settings in effect")                             \
	X(CLAIMED, GAUGE, "claimed_routes",                                                        \
	  "Routes that came with registrations, by whether they are in effect")                    \
	X(CACHE_ENTRIES, GAUGE, "cache_entries", "Replies in the cache")                           \
	X(CACHE_BYTES, GAUGE, "cache_bytes", "Memory of the replies in the cache")                 \
	X(CACHE_EVICTED, COUNTER, "cache_evicted_total", "Replies dropped to make room")           \
	X(LOG_DROPPED, COUNTER, "access_log_dropped_total", "Lines of the access log lost")        \
	X(AUDIT_DROPPED, COUNTER, "audit_dropped_total", "Lines of the audit lost")                \
	X(DENIED, COUNTER, "admin_denied_total",                                                   \
	  "Requests refused at the admin door, for their token or its lack")                       \
	X(REGISTRY, GAUGE, "registry_connected", "1 when the registry's last answer came")         \
	X(QUOTA_KEYS, GAUGE, "quota_keys",                                                         \
	  "Callers whose use of a quota is counted here, each for each period")                    \
	X(QUOTA_UNREPORTED, GAUGE, "quota_unreported",                                             \
	  "Uses of quotas that the registry has not been told yet")                                \
	X(QUOTA_LOST, COUNTER, "quota_lost_total",                                                 \
	  "Requests let in without a count of their quota, see limits.rate_keys")                  \
	X(QUOTA_LIVE, GAUGE, "quota_live", "1 when the registry's last answer on quotas came")     \
	X(CONSUMERS, GAUGE, "registry_consumers",                                                  \
	  "Consumers and keys that the registry keeps, by whether they are in effect")             \
	X(CONSUMERS_CURRENT, GAUGE, "registry_consumers_current",                                  \
	  "1 when the registry's last answer about consumers came")                                \
	X(MEMORY, GAUGE, "memory_bytes", "Memory in buffers and heads, see limits.memory")         \
	X(MEMORY_MAX, GAUGE, "memory_max_bytes", "limits.memory")                                  \
	X(PLACES, GAUGE, "service_in_flight", "Requests to a service under way")                   \
	X(WAITING, GAUGE, "service_waiting", "Requests to a service that wait for another to end") \
	X(LIMIT, GAUGE, "service_in_flight_max", "Requests to a service that may be under way")    \
	X(BREAKER, GAUGE, "service_breaker", "1 for the state that a service's breaker is in")     \
	X(BUSY, COUNTER, "worker_busy_seconds_total", "Time a worker did not wait for events")     \
	X(TURNS, COUNTER, "worker_turns_total", "Turns of a worker's loop")                        \
	X(LONGEST, GAUGE, "worker_longest_turn_seconds",                                           \
	  "Longest turn of a worker's loop in the last 10 to 20 seconds")                          \
	X(RELOAD_OK, GAUGE, "last_reload_successful",                                              \
	  "1 when the settings as last read are in effect")                                        \
	X(RELOAD_TIME, GAUGE, "last_reload_success_timestamp_seconds",                             \
	  "When settings were last put in effect, since 1970")

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

/* ---- Of each service of the settings in effect that has a row of its own ---- */

static uint64_t admin_service_number(const struct admin_view *view, size_t i,
				     enum admin_metric which)
{
	struct service *service = view->table->services[i];

	if (which == ADMIN_METRIC_LIMIT)
		return view->table->settings->services[i].max_in_flight;
	if (which == ADMIN_METRIC_WAITING)
		return atomic_load(&service->bulkhead.waiting) +
		       atomic_load(&service->room.waiting);
	return atomic_load(&service->bulkhead.in_flight);
}

/* One state is 1, the others are 0. */
static void admin_metric_breaker(struct buf *out, const struct metric *metric, const char *name,
				 const struct breaker *breaker)
{
	static const char *const states[] = {"closed", "ramp", "open"};
	const char *now = breaker_state_name(breaker);

	for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
		const struct metric_label labels[] = {{"service", name}, {"state", states[i]}};

		metrics_sample(out, metric, labels, 2, strcmp(now, states[i]) == 0);
	}
}

static void admin_metric_service(const struct admin_view *view, struct buf *out,
				 enum admin_metric which)
{
	const struct metric *metric = &admin_metric_table[which];
	const struct settings *settings = view->table->settings;
	struct tallies *tallies = stats_tallies(view->gateway->stats);

	metrics_head(out, metric);
	for (size_t i = 0; i < settings->service_count; i++) {
		const struct metric_label label = {"service", settings->services[i].name};

		if (!tallies_has(tallies, TALLY_SERVICE, "", label.value))
			continue;
		if (which == ADMIN_METRIC_BREAKER)
			admin_metric_breaker(out, metric, label.value,
					     &view->table->services[i]->breaker);
		else
			metrics_sample(out, metric, &label, 1,
				       admin_service_number(view, i, which));
	}
}

static void admin_metric_quotas(struct quota *quota, struct buf *out)
{
	struct quota_stats stats;

	quota_stats(quota, &stats);
	admin_metric_write(out, ADMIN_METRIC_QUOTA_KEYS, stats.keys);
	admin_metric_write(out, ADMIN_METRIC_QUOTA_UNREPORTED, stats.unreported);
	admin_metric_write(out, ADMIN_METRIC_QUOTA_LOST, stats.lost);
	admin_metric_write(out, ADMIN_METRIC_QUOTA_LIVE, stats.live);
}

/* ---- Of each worker ---- */

static void admin_metric_worker(const struct admin_view *view, struct buf *out,
				enum admin_metric which)
{
	const struct metric *metric = &admin_metric_table[which];
	char name[24];
	const struct metric_label label = {"worker", name};
	size_t count = atomic_load_explicit(&view->gateway->workers_ready, memory_order_acquire);

	metrics_head(out, metric);
	for (size_t i = 0; i < count; i++) {
		struct loop_load load;

		loop_load(worker_loop(view->gateway->workers[i]), &load);
		(void)snprintf(name, sizeof(name), "%zu", i);
		if (which == ADMIN_METRIC_TURNS)
			metrics_sample(out, metric, &label, 1, load.turns);
		else
			metrics_sample_seconds(out, metric, &label, 1,
					       which == ADMIN_METRIC_BUSY ? load.busy_us
									  : load.longest_us);
	}
}

static void admin_metric_claims(const struct admin_view *view, struct buf *out)
{
	const struct metric *metric = &admin_metric_table[ADMIN_METRIC_CLAIMED];
	const struct settings *settings = view->table->settings;
	const struct metric_label in = {"result", "taken"}, left_out = {"result", "left_out"};
	size_t taken = claimed_routes_taken(settings);

	if (!settings->grant_count)
		return;
	metrics_head(out, metric);
	metrics_sample(out, metric, &in, 1, taken);
	metrics_sample(out, metric, &left_out, 1, settings->claim_count - taken);
}

/* Without registry.consumers there is nothing to tell. */
static void admin_metric_consumers(const struct admin_view *view, struct buf *out)
{
	const struct metric *metric = &admin_metric_table[ADMIN_METRIC_CONSUMERS];
	const struct metric_label in = {"result", "taken"}, left_out = {"result", "left_out"};
	const struct roster *roster = view->roster;

	if (!view->table->settings->registry.consumers)
		return;
	metrics_head(out, metric);
	metrics_sample(out, metric, &in, 1, roster ? roster->count : 0);
	metrics_sample(out, metric, &left_out, 1, roster ? roster->left_out : 0);
	admin_metric_write(out, ADMIN_METRIC_CONSUMERS_CURRENT,
			   microreg_consumers_current(view->gateway->registry));
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
	admin_metric_claims(view, out);
	cache_count(gateway->cache, &cache);
	admin_metric_write(out, ADMIN_METRIC_CACHE_ENTRIES, cache.entries);
	admin_metric_write(out, ADMIN_METRIC_CACHE_BYTES, cache.bytes);
	admin_metric_write(out, ADMIN_METRIC_CACHE_EVICTED, cache.evicted);
	admin_metric_write(out, ADMIN_METRIC_LOG_DROPPED, access_log_dropped(gateway->access_log));
	admin_metric_write(out, ADMIN_METRIC_AUDIT_DROPPED, audit_dropped(gateway->audit));
	admin_metric_write(out, ADMIN_METRIC_DENIED, view->denied);
	if (gateway->registry) {
		struct microreg_watch_status watch;

		microreg_watch_status(gateway->registry, &watch);
		admin_metric_write(out, ADMIN_METRIC_REGISTRY, watch.connected);
		admin_metric_quotas(gateway->quota, out);
	}
	admin_metric_consumers(view, out);
	admin_metric_write(out, ADMIN_METRIC_RELOAD_OK, view->reload.ok);
	metrics_head(out, &admin_metric_table[ADMIN_METRIC_RELOAD_TIME]);
	metrics_sample_seconds(out, &admin_metric_table[ADMIN_METRIC_RELOAD_TIME], NULL, 0,
			       (uint64_t)view->reload.ok_wall_ms * 1000);
	admin_metric_write(out, ADMIN_METRIC_MEMORY, memory_held());
	admin_metric_write(out, ADMIN_METRIC_MEMORY_MAX,
			   view->table->settings->limits.memory_bytes);
	for (enum admin_metric i = ADMIN_METRIC_PLACES; i <= ADMIN_METRIC_BREAKER; i++)
		admin_metric_service(view, out, i);
	for (enum admin_metric i = ADMIN_METRIC_BUSY; i <= ADMIN_METRIC_LONGEST; i++)
		admin_metric_worker(view, out, i);
	stats_write(gateway->stats, clock_ms(), out);
}

void admin_print_metrics(struct buf *out)
{
	for (unsigned i = 0; i < ADMIN_METRIC_COUNT; i++)
		metrics_print_reference(out, &admin_metric_table[i]);
}
