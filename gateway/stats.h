/*
 * stats: what the gateway counts. Each worker counts for itself, in memory
 * that only it writes; a scrape sums up. Services are counted by name, over
 * reloads.
 */
#ifndef MICROREG_GATEWAY_STATS_H
#define MICROREG_GATEWAY_STATS_H

#include "common/buf.h"
#include "gateway/tally.h"

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

/* X(id, type, name, label, value, help): one sample each; those of one name stand together and have
 * the help of the first. The names are written with "microreg_gateway_" before them. */
#define STATS(X)                                                                                   \
	X(ACCEPTED, COUNTER, "connections_accepted_total", NULL, NULL,                             \
	  "Connections of clients accepted")                                                       \
	X(REFUSED, COUNTER, "connections_refused_total", NULL, NULL,                               \
	  "Connections of clients closed at once, over limits.connections")                        \
	X(CONNECTIONS, GAUGE, "connections", NULL, NULL, "Connections of clients open")            \
	X(IN_FLIGHT, GAUGE, "requests_in_flight", NULL, NULL, "Requests under way")                \
	X(TUNNELS, GAUGE, "tunnels", NULL, NULL, "Upgraded connections (WebSocket) open")          \
	X(TUNNELS_REFUSED, COUNTER, "tunnels_refused_total", NULL, NULL,                           \
	  "Upgrades answered 503, over limits.tunnels")                                            \
	X(SHED_REQUESTS, COUNTER, "shed_total", "limit", "requests",                               \
	  "Requests answered with 503 at once, by the limit they were over")                       \
	X(SHED_MEMORY, COUNTER, "shed_total", "limit", "memory", "")                               \
	X(STATUS_1XX, COUNTER, "requests_total", "class", "1xx",                                   \
	  "Requests answered, by class of status")                                                 \
	X(STATUS_2XX, COUNTER, "requests_total", "class", "2xx", "")                               \
	X(STATUS_3XX, COUNTER, "requests_total", "class", "3xx", "")                               \
	X(STATUS_4XX, COUNTER, "requests_total", "class", "4xx", "")                               \
	X(STATUS_5XX, COUNTER, "requests_total", "class", "5xx", "")                               \
	X(ABANDONED, COUNTER, "requests_abandoned_total", NULL, NULL,                              \
	  "Requests whose client went away before the answer was complete")                        \
	X(BYTES_IN, COUNTER, "received_bytes_total", NULL, NULL, "Bytes received from clients")    \
	X(BYTES_OUT, COUNTER, "sent_bytes_total", NULL, NULL, "Bytes sent to clients")             \
	X(UP_CONNECTIONS, GAUGE, "upstream_connections", NULL, NULL,                               \
	  "Connections to instances open")                                                         \
	X(UP_CONNECTS, COUNTER, "upstream_connects_total", NULL, NULL,                             \
	  "Connections to instances begun")                                                        \
	X(UP_CONNECT_FAILED, COUNTER, "upstream_connect_failures_total", NULL, NULL,               \
	  "Connections to instances that failed")                                                  \
	X(UP_REUSED, COUNTER, "upstream_reuses_total", NULL, NULL,                                 \
	  "Attempts on a connection that was open already")                                        \
	X(UP_IDLE, GAUGE, "upstream_connections_idle", NULL, NULL,                                 \
	  "Connections to instances in the pool")                                                  \
	X(UP_FAILED, COUNTER, "upstream_failures_total", NULL, NULL,                               \
	  "Attempts that gave no good reply")                                                      \
	X(UP_RETRIES, COUNTER, "upstream_retries_total", NULL, NULL, "Attempts after the first")   \
	X(UP_RETRYING, GAUGE, "upstream_retries_in_flight", NULL, NULL,                            \
	  "Requests under way that are in the retry budget")                                       \
	X(CACHE_HIT, COUNTER, "cache_total", "result", "hit", "Requests by what the cache did")    \
	X(CACHE_STALE, COUNTER, "cache_total", "result", "stale", "")                              \
	X(CACHE_MISS, COUNTER, "cache_total", "result", "miss", "")                                \
	X(CACHE_COLLAPSED, COUNTER, "cache_collapsed_total", NULL, NULL,                           \
	  "Requests answered by what another one asked for")                                       \
	X(CACHE_REFRESHES, COUNTER, "cache_refreshes_total", NULL, NULL,                           \
	  "Kept replies asked for again behind a client's back (stale-while-revalidate)")          \
	X(CACHE_STORED, COUNTER, "cache_stored_total", NULL, NULL, "Replies stored in the cache")  \
	X(DENIED_IP, COUNTER, "denied_total", "policy", "ip",                                      \
	  "Requests refused, by the policy that refused them")                                     \
	X(DENIED_LIMIT, COUNTER, "denied_total", "policy", "rate_limit", "")                       \
	X(DENIED_AUTH, COUNTER, "denied_total", "policy", "auth", "")                              \
	X(DENIED_CHECK, COUNTER, "denied_total", "policy", "check", "")                            \
	X(DENIED_CORS, COUNTER, "denied_total", "policy", "cors", "")                              \
	X(DENIED_ALLOW, COUNTER, "denied_total", "policy", "allow", "")                            \
	X(ASKED_PASSED, COUNTER, "auth_forward_total", "result", "passed",                         \
	  "Callers that a service was asked about, by what it said; kept: it was not asked again") \
	X(ASKED_REFUSED, COUNTER, "auth_forward_total", "result", "refused", "")                   \
	X(ASKED_FAILED, COUNTER, "auth_forward_total", "result", "failed", "")                     \
	X(ASKED_KEPT, COUNTER, "auth_forward_total", "result", "kept", "")                         \
	X(PARTS_GOOD, COUNTER, "composed_parts_total", "result", "good",                           \
	  "Parts of composed answers, by what became of them")                                     \
	X(PARTS_STALE, COUNTER, "composed_parts_total", "result", "stale", "")                     \
	X(PARTS_DEFAULT, COUNTER, "composed_parts_total", "result", "default", "")                 \
	X(PARTS_ABSENT, COUNTER, "composed_parts_total", "result", "absent", "")                   \
	X(PARTS_SKIPPED, COUNTER, "composed_parts_total", "result", "skipped", "")                 \
	X(PARTS_FAILED, COUNTER, "composed_parts_total", "result", "failed", "")                   \
	X(RELOADS_OK, COUNTER, "reloads_total", "result", "ok",                                    \
	  "Reloads of the settings, by whether they took effect")                                  \
	X(RELOADS_REFUSED, COUNTER, "reloads_total", "result", "refused", "")

enum stat {
#define STAT_ENUM(id, type, name, label, value, help) STAT_##id,
	STATS(STAT_ENUM)
#undef STAT_ENUM
		STAT_COUNT,
};

/* X(id, type, name, help), with the label `service`. */
#define SERVICE_STATS(X)                                                                      \
	X(REQUESTS, "service_requests_total", "Requests to a service")                        \
	X(ERRORS, "service_errors_total",                                                     \
	  "Requests to a service without a good reply after all tries")                       \
	X(ATTEMPTS, "service_attempts_total", "Attempts at instances of a service")           \
	X(RETRIES, "service_retries_total", "Attempts after the first")                       \
	X(BROKEN, "service_breaker_refusals_total",                                           \
	  "Requests not sent to a service because its breaker was open")                      \
	X(QUEUED, "service_queued_total",                                                     \
	  "Requests to a service that had to wait, over max_in_flight")                       \
	X(OVERFLOWS, "service_overflows_total",                                               \
	  "Requests to a service refused, over max_waiting or max_wait")                      \
	X(PANICS, "service_panics_total",                                                     \
	  "Requests to a service without an instance that is up, sent to one that is down")   \
	X(HEDGES, "service_hedges_total", "Second requests sent because the first took long") \
	X(HEDGES_WON, "service_hedges_won_total", "Second requests whose reply came first")   \
	X(BACKUPS, "service_backups_total",                                                   \
	  "Requests to a service that were sent on to its backup")                            \
	X(STALE, "service_stale_total", "Requests answered by a stale cached reply")

enum service_stat {
#define SERVICE_STAT_ENUM(id, name, help) SERVICE_STAT_##id,
	SERVICE_STATS(SERVICE_STAT_ENUM)
#undef SERVICE_STAT_ENUM
		SERVICE_STAT_COUNT,
};

enum {
	STATS_SERVICES_MAX = 4096, /* services over it are not counted */
};

/* Written by one thread, read by any. */
struct stats_worker {
	_Alignas(64) atomic_uint_fast64_t counts[STAT_COUNT];
	atomic_uint_fast64_t durations[TALLY_BOUNDS + 1];
	atomic_uint_fast64_t duration_sum_us;
};

struct stats_service;
struct stats;

struct stats *stats_new(unsigned workers);
void stats_free(struct stats **stats);

/* Of worker 0 to workers - 1; stats_main is the main thread's own. */
struct stats_worker *stats_worker(struct stats *stats, unsigned index);
struct stats_worker *stats_main(struct stats *stats);

/* Only the owner writes, so a load and a store do; no locked instruction. */
static inline void stats_bump(atomic_uint_fast64_t *count, uint64_t n)
{
	atomic_store_explicit(count, atomic_load_explicit(count, memory_order_relaxed) + n,
			      memory_order_relaxed);
}

static inline void stats_add(struct stats_worker *w, enum stat stat, uint64_t n)
{
	stats_bump(&w->counts[stat], n);
}

static inline void stats_inc(struct stats_worker *w, enum stat stat)
{
	stats_bump(&w->counts[stat], 1);
}

static inline void stats_dec(struct stats_worker *w, enum stat stat)
{
	stats_bump(&w->counts[stat], (uint64_t)-1);
}

/* What is counted by name: see there. */
struct tallies *stats_tallies(struct stats *stats);
static inline uint64_t stats_get(const struct stats_worker *w, enum stat stat)
{
	return atomic_load_explicit(&w->counts[stat], memory_order_relaxed);
}

/* An answered request: counts its class and its duration; of a 101 the duration, which is the
 * tunnel's, is left out. */
void stats_request(struct stats_worker *w, unsigned status, uint64_t duration_us);

/* Finds or makes; lives as long as `stats`. Any thread; locks. NULL over the bound or out of
 * memory. */
struct stats_service *stats_service(struct stats *stats, const char *name);
/* Any thread. Harmless with NULL. */
void stats_service_inc(struct stats_service *service, enum service_stat stat);

uint64_t stats_sum(const struct stats *stats, enum stat stat);

/* The samples in the Prometheus text format, tallies included. Any thread. */
void stats_write(struct stats *stats, uint64_t now_ms, struct buf *out);
void stats_print_reference(struct buf *out);

#endif
