/* settings_services: one service of the settings. */
#include "gateway/settings_parts.h"

#include "common/instance.h"

#define MINUTE_MS (60 * UINT64_C(1000))
#define HOUR_MS	  (60 * MINUTE_MS)

static const struct settings_name settings_retry_names[] = {
	{"connect", RETRY_CONNECT},
	{"reset", RETRY_RESET},
	{"malformed", RETRY_MALFORMED},
	{"timeout", RETRY_TIMEOUT},
	{"502", RETRY_502},
	{"503", RETRY_503},
	{"504", RETRY_504},
	{NULL, 0},
};

static const struct settings_key settings_retry_keys[] = {
	{.name = "attempts",
	 .type = SETTINGS_INT,
	 .at = offsetof(struct settings_retry, attempts),
	 .fallback = "2",
	 .min = 1,
	 .max = 10,
	 .help = "Tries of one request in all, the first included"},
	{.name = "on",
	 .type = SETTINGS_FLAGS,
	 .at = offsetof(struct settings_retry, on),
	 .fallback = "connect, reset, malformed, timeout, 502, 503, 504",
	 .names = settings_retry_names,
	 .help = "What makes another try worth it"},
	{.name = "budget",
	 .type = SETTINGS_INT,
	 .at = offsetof(struct settings_retry, budget),
	 .fallback = "20",
	 .max = 100,
	 .help = "Retries under way, in percent of the active requests; at least 10 are allowed"},
	{.name = "non_idempotent",
	 .type = SETTINGS_BOOL,
	 .at = offsetof(struct settings_retry, non_idempotent),
	 .fallback = "false",
	 .help = "Try POST and PATCH again, too, after bytes were sent"},
};

static const struct settings_table settings_retry_table = {SETTINGS_KEYS(settings_retry_keys),
							   sizeof(struct settings_retry), NULL};

/* ---- The service ---- */

static const struct settings_key settings_service_keys[] = {
	{.name = "instances",
	 .type = SETTINGS_CUSTOM,
	 .custom = settings_read_instances,
	 .table = &settings_instance_table,
	 .listed = true,
	 .fallback_shown = "those the registry knows",
	 .form = "list of `http://HOST:PORT`, `https://HOST:PORT`, `unix:/PATH`, or of maps",
	 .help = "Where the service runs, when it is not in the registry"},
	{.name = "connect_timeout",
	 .type = SETTINGS_DURATION,
	 .at = offsetof(struct settings_service, connect_timeout_ms),
	 .fallback = "1s",
	 .min = 1,
	 .max = 10 * MINUTE_MS,
	 .help = "Time for a connection to an instance, with the handshake of TLS"},
	{.name = "tls",
	 .type = SETTINGS_SUBMAP,
	 .at = offsetof(struct settings_service, tls),
	 .table = &settings_origin_tls_table,
	 .help = "How TLS is spoken with those of the instances whose scheme is https; files are "
		 "read again on every reload"},
	{.name = "pool",
	 .type = SETTINGS_SUBMAP,
	 .at = offsetof(struct settings_service, pool),
	 .table = &settings_pool_table,
	 .help = "How long connections to an instance are kept for the next request"},
	{.name = "timeout",
	 .type = SETTINGS_DURATION,
	 .at = offsetof(struct settings_service, timeout_ms),
	 .fallback_shown = "what is left of the route's",
	 .min = 1,
	 .max = 24 * HOUR_MS,
	 .help = "Time for one try, until the reply's head; of a request that is still being sent, "
		 "how long an instance may take nothing of it"},
	{.name = "retry",
	 .type = SETTINGS_SUBMAP,
	 .at = offsetof(struct settings_service, retry),
	 .table = &settings_retry_table,
	 .help = "When and how often another instance is tried"},
	{.name = "max_in_flight",
	 .type = SETTINGS_INT,
	 .at = offsetof(struct settings_service, max_in_flight),
	 .fallback = "1024",
	 .min = 1,
	 .max = 1000000,
	 .help = "Requests to the service under way at once; more than that wait for one to end"},
	{.name = "max_per_instance",
	 .type = SETTINGS_INT,
	 .at = offsetof(struct settings_service, max_per_instance),
	 .fallback_shown = "any number",
	 .min = 1,
	 .max = 1000000,
	 .help = "Requests under way at once at one instance, each of which has a connection of "
		 "its "
		 "own; other instances are picked while they have room, also for clients that "
		 "`sticky` or `hash` would bring there, then requests wait as for max_in_flight"},
	{.name = "max_waiting",
	 .type = SETTINGS_INT,
	 .at = offsetof(struct settings_service, max_waiting),
	 .fallback = "1024",
	 .max = 1000000,
	 .help = "Requests that may wait, first come first served; over it the answer is 503 at "
		 "once"},
	{.name = "max_wait",
	 .type = SETTINGS_DURATION,
	 .at = offsetof(struct settings_service, max_wait_ms),
	 .fallback = "1s",
	 .min = 1,
	 .max = HOUR_MS,
	 .help = "How long a request may wait; then the answer is 503"},
	{.name = "breaker",
	 .type = SETTINGS_CUSTOM,
	 .at = offsetof(struct settings_service, breaker),
	 .fallback = "on",
	 .custom = settings_read_breaker,
	 .table = &settings_breaker_table,
	 .form = "map, `on` or `off`",
	 .help = "When a service that fails is left alone for a while; the fallback chain answers "
		 "then"},
	{.name = "backup",
	 .type = SETTINGS_CUSTOM,
	 .at = offsetof(struct settings_service, backup_name),
	 .custom = settings_read_service_name,
	 .form = "name of another service",
	 .help = "Which service is asked when this one gives no good answer and no stale reply is "
		 "kept; this one then has half of the route's timeout"},
	{.name = "balance",
	 .type = SETTINGS_CUSTOM,
	 .at = offsetof(struct settings_service, balance),
	 .fallback = "round_robin",
	 .custom = settings_read_balance,
	 .table = &settings_balance_table,
	 .form = "`round_robin`, `least_request`, `random`, or a map",
	 .help = "Which instance is next; by `hash` the requests of one key go to the same one"},
	{.name = "slow_start",
	 .type = SETTINGS_DURATION,
	 .at = offsetof(struct settings_service, slow_start_ms),
	 .fallback = "0s",
	 .max = HOUR_MS,
	 .help = "Time in which the share of an instance that is new or back grows from a tenth to "
		 "all of its weight; not with `hash`"},
};

static void settings_service_done(struct settings_reader *r, const struct settings_node *map,
				  void *to)
{
	struct settings_service *service = to;

	if (!map)
		return;
	service->name = settings_table_copy(r, map->key);
	service->line = map->line;
	if (!instance_service_is_valid(map->key))
		settings_file_mistake(
			r->file, map,
			"this is no name of a service; letters, digits, '_', '-' and '.' "
			"are possible, at most %d",
			INSTANCE_NAME_MAX);
}

const struct settings_table settings_service_table = {SETTINGS_KEYS(settings_service_keys),
						      sizeof(struct settings_service),
						      settings_service_done};
