/* door_metrics: the registry's counters, for Prometheus, and their reference. */
#include "registry/door_metrics.h"
#include "common/clock.h"
#include "common/metrics.h"
#include "registry/catalog.h"
#include "registry/consumer_catalog.h"
#include "registry/drain.h"
#include "registry/keeper.h"
#include "registry/quotas.h"
#include "registry/writer.h"

enum door_metric {
	DOOR_INSTANCES,
	DOOR_EXPIRED,
	DOOR_SERVICES,
	DOOR_CONSUMERS,
	DOOR_HELD,
	DOOR_WATCHERS,
	DOOR_GATEWAYS,
	DOOR_CALLS,
	DOOR_FAULTS,
	DOOR_DENIED,
	DOOR_LIMITED,
	DOOR_HEARTBEATS,
	DOOR_LOOKUPS,
	DOOR_QUOTA_KEYS,
	DOOR_QUOTA_USES,
	DOOR_QUOTA_REFUSED,
	DOOR_WRITES,
	DOOR_COMMITS,
	DOOR_STORE_FAILURES,
	DOOR_STORE_UP,
	DOOR_METRICS,
};

static const struct metric door_metric_table[DOOR_METRICS] = {
	[DOOR_INSTANCES] = {"microreg_registry_instances", METRIC_GAUGE, "Live instances."},
	[DOOR_EXPIRED] = {"microreg_registry_expired", METRIC_GAUGE,
			  "Records kept of instances whose lease ended."},
	[DOOR_SERVICES] = {"microreg_registry_services", METRIC_GAUGE, "Services."},
	[DOOR_CONSUMERS] = {"microreg_registry_consumers", METRIC_GAUGE, "Consumers of gateways."},
	[DOOR_HELD] = {"microreg_registry_held", METRIC_GAUGE,
		       "Instances not heard of since expiry was held back."},
	[DOOR_WATCHERS] = {"microreg_registry_watchers", METRIC_GAUGE, "Watches waiting."},
	[DOOR_GATEWAYS] = {"microreg_registry_gateways", METRIC_GAUGE, "Gateways watching."},
	[DOOR_CALLS] = {"microreg_registry_calls_total", METRIC_COUNTER, "XML-RPC calls."},
	[DOOR_FAULTS] = {"microreg_registry_faults_total", METRIC_COUNTER,
			 "Calls answered by a fault."},
	[DOOR_DENIED] = {"microreg_registry_denied_total", METRIC_COUNTER,
			 "Calls without a token, or whose token may not do that."},
	[DOOR_LIMITED] = {"microreg_registry_limited_total", METRIC_COUNTER,
			  "Calls refused because their address or token made too many."},
	[DOOR_HEARTBEATS] = {"microreg_registry_heartbeats_total", METRIC_COUNTER, "Heartbeats."},
	[DOOR_LOOKUPS] = {"microreg_registry_lookups_total", METRIC_COUNTER, "Lookups."},
	[DOOR_QUOTA_KEYS] = {"microreg_registry_quota_keys", METRIC_GAUGE,
			     "Callers whose use of a quota is counted, each for each period."},
	[DOOR_QUOTA_USES] = {"microreg_registry_quota_uses_total", METRIC_COUNTER,
			     "What gateways reported as used of quotas."},
	[DOOR_QUOTA_REFUSED] = {"microreg_registry_quota_refused_total", METRIC_COUNTER,
				"Reports of a caller's use that were over limits.quotas."},
	[DOOR_WRITES] = {"microreg_registry_writes_total", METRIC_COUNTER,
			 "Changes that were planned."},
	[DOOR_COMMITS] = {"microreg_registry_commits_total", METRIC_COUNTER, "Batches of changes."},
	[DOOR_STORE_FAILURES] = {"microreg_registry_store_failures_total", METRIC_COUNTER,
				 "Batches that the store refused."},
	[DOOR_STORE_UP] = {"microreg_registry_store_up", METRIC_GAUGE,
			   "1 when the store takes changes."},
};

void door_metrics_print_reference(struct buf *out)
{
	for (size_t i = 0; i < DOOR_METRICS; i++)
		metrics_print_reference(out, &door_metric_table[i]);
}

void door_metrics_write(struct registry *r, struct buf *out)
{
	uint64_t values[DOOR_METRICS];
	struct catalog_stats catalog;
	struct writer_stats writer;
	struct quotas_stats quotas;
	struct err why;

	catalog_stats(r->catalog, &catalog);
	writer_stats(r->writer, &writer);
	quotas_stats(r->quotas, &quotas);
	values[DOOR_INSTANCES] = catalog.instances;
	values[DOOR_EXPIRED] = catalog.expired;
	values[DOOR_SERVICES] = catalog.services;
	values[DOOR_CONSUMERS] = consumer_catalog_count(r->consumers);
	values[DOOR_HELD] = catalog.held;
	values[DOOR_WATCHERS] = keeper_waiting(r->keeper);
	values[DOOR_GATEWAYS] = drain_gateways(r->drain, clock_ms());
	values[DOOR_CALLS] = atomic_load(&r->calls);
	values[DOOR_FAULTS] = atomic_load(&r->faults);
	values[DOOR_DENIED] = atomic_load(&r->denied);
	values[DOOR_LIMITED] = atomic_load(&r->limited);
	values[DOOR_HEARTBEATS] = atomic_load(&r->beats);
	values[DOOR_LOOKUPS] = atomic_load(&r->lookups);
	values[DOOR_QUOTA_KEYS] = quotas.keys;
	values[DOOR_QUOTA_USES] = quotas.counted;
	values[DOOR_QUOTA_REFUSED] = quotas.refused;
	values[DOOR_WRITES] = writer.operations;
	values[DOOR_COMMITS] = writer.batches;
	values[DOOR_STORE_FAILURES] = writer.failures;
	values[DOOR_STORE_UP] = writer_is_healthy(r->writer, &why);
	for (size_t i = 0; i < DOOR_METRICS; i++) {
		metrics_head(out, &door_metric_table[i]);
		metrics_sample(out, &door_metric_table[i], NULL, 0, values[i]);
	}
}
