/* admin_pages: JSON for people and scripts. */
#include "gateway/admin_pages.h"
#include "client-lib/microreg.h"
#include "common/clock.h"
#include "common/json_write.h"
#include "gateway/access_log.h"
#include "gateway/admin_json.h"
#include "common/memory.h"
#include "gateway/cache.h"
#include "gateway/endpoint.h"
#include "gateway/quota.h"
#include "gateway/stats.h"
#include "gateway/template.h"
#include "gateway/worker.h"

#include <string.h>

bool admin_is_ready(const struct admin_view *view)
{
	struct microreg *registry = view->gateway->registry;

	/* Without a wait: it only looks. */
	return !view->draining && (!registry || microreg_follow_wait(registry, 0, NULL) == 0);
}

void admin_page_ready(const struct admin_view *view, struct buf *out)
{
	struct json_writer j;

	json_write_init_pretty(&j, out);
	json_write_object(&j);
	json_write_key(&j, "status");
	if (view->draining)
		json_write_string(&j, "draining");
	else
		json_write_string(&j, admin_is_ready(view) ? "ready" : "waiting for the registry");
	json_write_object_end(&j);
	(void)buf_putc(out, '\n'); /* failure sticks */
}

/* ---- /status ---- */

void admin_key_time(struct json_writer *j, const char *key, int64_t wall_ms)
{
	char time[CLOCK_RFC3339_SIZE];

	clock_rfc3339(wall_ms, time);
	json_write_key(j, key);
	json_write_string(j, time);
}

void admin_key_uint(struct json_writer *j, const char *key, uint64_t value)
{
	json_write_key(j, key);
	json_write_uint(j, value);
}

void admin_key_bool(struct json_writer *j, const char *key, bool value)
{
	json_write_key(j, key);
	json_write_bool(j, value);
}

void admin_key_string(struct json_writer *j, const char *key, const char *text)
{
	json_write_key(j, key);
	json_write_string(j, text);
}

/* Without the user and the token that it may carry. */
static void admin_json_url(struct json_writer *j, const char *url)
{
	const char *host = strstr(url, "://"), *at = host ? strrchr(host, '@') : NULL;
	char shown[256];
	size_t scheme;

	if (!at) {
		json_write_string(j, url);
		return;
	}
	scheme = (size_t)(host + 3 - url);
	if (scheme + strlen(at + 1) >= sizeof(shown)) {
		json_write_string(j, "…");
		return;
	}
	memcpy(shown, url, scheme);
	memcpy(shown + scheme, at + 1, strlen(at + 1) + 1);
	json_write_string(j, shown);
}

static void admin_json_registry(struct json_writer *j, const struct admin_view *view)
{
	const struct settings_strings *urls = &view->table->settings->registry.urls;
	struct microreg_watch_status watch;

	json_write_key(j, "registry");
	if (!view->gateway->registry) {
		json_write_string(j, NULL);
		return;
	}
	microreg_watch_status(view->gateway->registry, &watch);
	json_write_object(j);
	json_write_key(j, "urls");
	json_write_array(j);
	for (size_t i = 0; i < urls->count; i++)
		admin_json_url(j, urls->items[i]);
	json_write_array_end(j);
	admin_key_bool(j, "connected", watch.connected);
	admin_key_string(j, "revision", watch.revision);
	if (watch.answered_ms != UINT64_MAX)
		admin_key_uint(j, "answered_ms_ago", watch.answered_ms);
	json_write_object_end(j);
}

static void admin_json_quotas(struct json_writer *j, const struct admin_view *view)
{
	struct quota_stats stats;

	json_write_key(j, "quotas");
	if (!view->gateway->registry) {
		json_write_string(j, NULL);
		return;
	}
	quota_stats(view->gateway->quota, &stats);
	json_write_object(j);
	admin_key_uint(j, "keys", stats.keys);
	admin_key_uint(j, "unreported", stats.unreported);
	admin_key_uint(j, "lost", stats.lost);
	admin_key_bool(j, "live", stats.live);
	if (stats.gateways)
		admin_key_uint(j, "gateways", stats.gateways);
	else
		admin_key_string(j, "gateways", NULL);
	json_write_object_end(j);
}

static void admin_json_settings(struct json_writer *j, const struct admin_view *view)
{
	const struct settings *settings = view->table->settings;

	json_write_key(j, "settings");
	json_write_object(j);
	admin_key_string(j, "file", settings->file);
	admin_key_uint(j, "routes", settings->route_count);
	admin_key_uint(j, "services", settings->service_count);
	json_write_key(j, "last_reading");
	json_write_object(j);
	admin_key_bool(j, "ok", view->reload.ok);
	admin_key_time(j, "time", view->reload.wall_ms);
	admin_key_string(j, "text", view->reload.text);
	json_write_object_end(j);
	json_write_object_end(j);
}

static void admin_json_cache(struct json_writer *j, const struct admin_view *view)
{
	struct cache_counts counts;

	cache_count(view->gateway->cache, &counts);
	json_write_key(j, "cache");
	json_write_object(j);
	admin_key_uint(j, "entries", counts.entries);
	admin_key_uint(j, "bytes", counts.bytes);
	admin_key_uint(j, "bytes_max", view->table->settings->limits.cache_bytes);
	admin_key_uint(j, "evicted", counts.evicted);
	json_write_object_end(j);
}

static void admin_json_log(struct json_writer *j, const struct admin_view *view)
{
	json_write_key(j, "access_log");
	json_write_object(j);
	admin_key_uint(j, "dropped", access_log_dropped(view->gateway->access_log));
	json_write_object_end(j);
}

/* How busy each worker is. */
static void admin_json_loops(struct json_writer *j, const struct admin_view *view)
{
	size_t count = atomic_load_explicit(&view->gateway->workers_ready, memory_order_acquire);

	json_write_key(j, "loops");
	json_write_array(j);
	for (size_t i = 0; i < count; i++) {
		struct loop_load load;

		loop_load(worker_loop(view->gateway->workers[i]), &load);
		json_write_object(j);
		json_write_key(j, "busy");
		json_write_fixed(j, load.permille / 1000.0, 3);
		json_write_key(j, "longest_turn_ms");
		json_write_micros(j, load.longest_us);
		json_write_object_end(j);
	}
	json_write_array_end(j);
}

void admin_page_status(const struct admin_view *view, struct buf *out)
{
	struct json_writer j;

	json_write_init_pretty(&j, out);
	json_write_object(&j);
	admin_key_string(&j, "version", MICROREG_VERSION);
	admin_key_time(&j, "started", view->started_wall_ms);
	admin_key_uint(&j, "uptime_s", view->uptime_ms / 1000);
	admin_key_bool(&j, "ready", admin_is_ready(view));
	admin_key_bool(&j, "draining", view->draining);
	admin_key_uint(&j, "workers", view->gateway->worker_count);
	admin_json_loops(&j, view);
	admin_key_uint(&j, "connections", atomic_load(&view->gateway->connections));
	admin_key_uint(&j, "requests", stats_sum(view->gateway->stats, STAT_IN_FLIGHT));
	admin_key_uint(&j, "memory_bytes", memory_held());
	admin_key_uint(&j, "memory_max", view->table->settings->limits.memory_bytes);
	admin_json_settings(&j, view);
	admin_json_registry(&j, view);
	admin_json_quotas(&j, view);
	admin_json_cache(&j, view);
	admin_json_log(&j, view);
	json_write_object_end(&j);
	(void)buf_putc(out, '\n'); /* failure sticks */
}

/* ---- /routes ---- */

static void admin_json_strings(struct json_writer *j, const char *key,
			       const struct settings_strings *strings)
{
	if (!strings->count)
		return;
	json_write_key(j, key);
	json_write_array(j);
	for (size_t i = 0; i < strings->count; i++)
		json_write_string(j, strings->items[i]);
	json_write_array_end(j);
}

static void admin_json_conditions(struct json_writer *j, const char *key,
				  const struct settings_conditions *conditions)
{
	if (!conditions->count)
		return;
	json_write_key(j, key);
	json_write_object(j);
	for (size_t i = 0; i < conditions->count; i++) {
		json_write_key(j, conditions->items[i].name);
		if (conditions->items[i].value)
			json_write_string(j, conditions->items[i].value);
		else
			json_write_bool(j, true);
	}
	json_write_object_end(j);
}

static void admin_json_methods(struct json_writer *j, unsigned methods)
{
	if (methods == HTTP_ANY)
		return;
	json_write_key(j, "methods");
	json_write_array(j);
	for (unsigned i = 0; i < HTTP_METHOD_COUNT; i++)
		if (methods & 1u << i)
			json_write_string(j, http_method_name((enum http_method)(1u << i)));
	json_write_array_end(j);
}

static void admin_json_route_cache(struct json_writer *j, const struct settings_cache *cache)
{
	json_write_key(j, "cache");
	if (cache->off) {
		json_write_string(j, "off");
		return;
	}
	json_write_object(j);
	admin_key_bool(j, "serve_fresh", cache->given);
	if (cache->ttl_ms >= 0)
		admin_key_uint(j, "ttl_ms", (uint64_t)cache->ttl_ms);
	admin_key_uint(j, "stale_if_error_ms",
		       cache->stale_if_error_ms > 0 ? (uint64_t)cache->stale_if_error_ms : 0);
	if (cache->stale_while_revalidate_ms > 0)
		admin_key_uint(j, "stale_while_revalidate_ms",
			       (uint64_t)cache->stale_while_revalidate_ms);
	json_write_object_end(j);
}

static void admin_json_split(struct json_writer *j, const struct settings_split *split)
{
	json_write_key(j, "split");
	json_write_array(j);
	for (size_t i = 0; i < split->count; i++) {
		json_write_object(j);
		admin_key_string(j, "service", split->shares[i].service_name);
		admin_key_uint(j, "weight", split->shares[i].weight);
		json_write_object_end(j);
	}
	json_write_array_end(j);
}

static void admin_json_route(struct json_writer *j, const struct settings_route *route)
{
	json_write_object(j);
	admin_key_string(j, "path", route->pattern);
	if (strcmp(route->name, route->pattern) != 0)
		admin_key_string(j, "name", route->name);
	admin_json_methods(j, route->methods);
	admin_json_strings(j, "hosts", &route->hosts);
	admin_json_conditions(j, "headers", &route->headers);
	admin_json_conditions(j, "query", &route->query);
	if (route->service_name)
		admin_key_string(j, "service", route->service_name);
	if (route->split.count)
		admin_json_split(j, &route->split);
	if (route->rewrite)
		admin_key_string(j, "rewrite", template_text(route->rewrite));
	if (route->redirect.to)
		admin_key_string(j, "redirect", template_text(route->redirect.to));
	if (route->respond.given)
		admin_key_uint(j, "respond_status", route->respond.status);
	admin_key_uint(j, "timeout_ms", route->timeout_ms);
	admin_key_uint(j, "body_max_bytes", route->limits.body_bytes);
	admin_json_route_cache(j, &route->cache);
	admin_json_strings(j, "upgrade", &route->upgrade);
	if (route->fallback.given)
		admin_key_uint(j, "fallback_status", route->fallback.status);
	admin_key_uint(j, "line", route->line);
	if (route->claimed)
		admin_key_string(j, "from", "registration");
	json_write_object_end(j);
}

/* What registrations brought and is not in effect. */
static void admin_json_claims(struct json_writer *j, const struct settings *settings)
{
	if (!settings->grant_count)
		return;
	json_write_key(j, "left_out");
	json_write_array(j);
	for (size_t i = 0; i < settings->claim_count; i++) {
		const struct settings_claim *claim = &settings->claims[i];

		if (!claim->reason)
			continue;
		json_write_object(j);
		admin_key_string(j, "service", claim->service);
		admin_key_string(j, "route", claim->text);
		admin_key_string(j, "reason", claim->reason);
		json_write_object_end(j);
	}
	json_write_array_end(j);
}

void admin_page_routes(const struct admin_view *view, struct buf *out)
{
	const struct settings *settings = view->table->settings;
	struct json_writer j;

	json_write_init_pretty(&j, out);
	json_write_object(&j);
	json_write_key(&j, "routes");
	json_write_array(&j);
	for (size_t i = 0; i < settings->route_count; i++)
		admin_json_route(&j, &settings->routes[i]);
	json_write_array_end(&j);
	admin_json_claims(&j, settings);
	json_write_object_end(&j);
	(void)buf_putc(out, '\n'); /* failure sticks */
}
