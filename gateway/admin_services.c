/* admin_services: what is known of services and their instances, as JSON. */
#include "client-lib/microreg.h"
#include "common/clock.h"
#include "common/json_write.h"
#include "common/suggest.h"
#include "gateway/admin_json.h"
#include "gateway/admin_pages.h"
#include "gateway/endpoint.h"
#include "gateway/stats.h"

#include <string.h>

enum {
	ADMIN_NAMES_MAX = 50, /* of services, in a problem's detail and in `not_routed` */
	ADMIN_EJECTED_MAX_MS = 24 * 3600 * 1000,
};

/* ---- An instance ---- */

struct admin_instance {
	const char *service, *id, *host, *status;
	unsigned port, weight;
};

/* What workers have counted of it; left out when there is no row of its own. */
static void admin_json_counted(struct json_writer *j, const struct admin_view *view,
			       const struct admin_instance *in)
{
	uint64_t now_ms = clock_ms();
	struct tally_sum sum;

	if (!tallies_read(stats_tallies(view->gateway->stats), TALLY_INSTANCE, in->service, in->id,
			  now_ms, &sum)) {
		admin_key_string(j, "state", in->status);
		return;
	}
	admin_key_string(j, "state", sum.ejectors ? "ejected" : in->status);
	if (sum.ejectors) {
		uint64_t until_ms = sum.counts[TALLY_EJECTED_UNTIL_MS];
		uint64_t left_ms = until_ms > now_ms ? until_ms - now_ms : 0;

		admin_key_uint(j, "ejected_by_workers", sum.ejectors);
		admin_key_time(j, "ejected_until",
			       clock_wall_ms() + (int64_t)(left_ms < ADMIN_EJECTED_MAX_MS
								   ? left_ms
								   : ADMIN_EJECTED_MAX_MS));
	}
	admin_key_uint(j, "in_flight", sum.counts[TALLY_IN_FLIGHT]);
	admin_key_uint(j, "connections", sum.counts[TALLY_CONNECTIONS]);
	admin_key_uint(j, "connections_idle", sum.counts[TALLY_IDLE]);
	admin_key_uint(j, "replies", sum.replies);
	admin_key_uint(j, "failures", sum.counts[TALLY_FAILURES]);
	admin_key_uint(j, "ejections", sum.counts[TALLY_EJECTIONS]);
	if (sum.replies) {
		json_write_key(j, "recent_first_byte_ms");
		json_write_micros(j, sum.counts[TALLY_RECENT_US]);
	}
}

static void admin_json_instance(struct json_writer *j, const struct admin_view *view,
				const struct admin_instance *in)
{
	admin_key_string(j, "id", in->id);
	admin_key_string(j, "host", in->host);
	admin_key_uint(j, "port", in->port);
	admin_key_string(j, "status", in->status);
	admin_key_uint(j, "weight", in->weight);
	admin_json_counted(j, view, in);
}

static void admin_json_settings_instances(struct json_writer *j, const struct admin_view *view,
					  const struct settings_service *s)
{
	for (size_t i = 0; i < s->instance_count; i++) {
		const struct settings_instance *in = &s->instances[i];
		const struct admin_instance shown = {.service = s->name,
						     .id = in->text,
						     .host = in->host,
						     .status = "up",
						     .port = in->port,
						     .weight = in->weight};

		json_write_object(j);
		admin_json_instance(j, view, &shown);
		json_write_object_end(j);
	}
}

static void admin_json_registry_instances(struct json_writer *j, const struct admin_view *view,
					  const struct microreg_service *s)
{
	for (size_t i = 0; s && i < s->count; i++) {
		const struct microreg_instance *in = &s->instances[i];
		const struct admin_instance shown = {.service = s->name,
						     .id = in->id,
						     .host = in->host,
						     .status = in->status,
						     .port = in->port,
						     .weight = in->weight};

		json_write_object(j);
		admin_json_instance(j, view, &shown);
		admin_key_string(j, "zone", in->zone);
		admin_key_string(j, "version", in->version);
		admin_key_string(j, "detail", in->detail);
		json_write_object_end(j);
	}
}

/* ---- A service ---- */

/* Where the requests to it stand. */
static void admin_json_load(struct json_writer *j, const struct settings_service *s,
			    struct service *shared)
{
	uint64_t left = breaker_left_ms(&shared->breaker, &s->breaker, clock_ms());

	admin_key_uint(j, "in_flight", atomic_load(&shared->bulkhead.in_flight));
	admin_key_uint(j, "in_flight_max", s->max_in_flight);
	if (s->max_per_instance)
		admin_key_uint(j, "per_instance_max", s->max_per_instance);
	admin_key_uint(j, "waiting",
		       atomic_load(&shared->bulkhead.waiting) + atomic_load(&shared->room.waiting));
	admin_key_string(j, "breaker", breaker_state_name(&shared->breaker));
	if (left)
		admin_key_uint(j, "breaker_open_ms", left);
}

static void admin_json_known(struct json_writer *j, const struct microreg_service *known)
{
	admin_key_bool(j, "known", known != NULL);
	admin_key_string(j, "reason", known ? known->reason : "unknown_service");
	admin_key_bool(j, "held", known && known->held);
	admin_key_bool(j, "panic", endpoint_is_panic(known));
}

static void admin_json_service(struct json_writer *j, const struct admin_view *view, size_t i,
			       const struct microreg_snapshot *snapshot)
{
	const struct settings_service *s = &view->table->settings->services[i];
	const struct microreg_service *known = NULL;

	json_write_object(j);
	admin_key_string(j, "name", s->name);
	admin_key_string(j, "source", s->instance_count ? "settings" : "registry");
	admin_json_load(j, s, view->table->services[i]);
	if (!s->instance_count) {
		known = snapshot ? microreg_snapshot_find(snapshot, s->name) : NULL;
		admin_json_known(j, known);
	}
	json_write_key(j, "instances");
	json_write_array(j);
	if (s->instance_count)
		admin_json_settings_instances(j, view, s);
	else
		admin_json_registry_instances(j, view, known);
	json_write_array_end(j);
	json_write_object_end(j);
}

/* One that the registry knows and no route uses. */
static void admin_json_unrouted(struct json_writer *j, const struct admin_view *view,
				const struct microreg_service *known)
{
	json_write_object(j);
	admin_key_string(j, "name", known->name);
	admin_key_string(j, "source", "registry");
	admin_key_bool(j, "routed", false);
	admin_json_known(j, known);
	json_write_key(j, "instances");
	json_write_array(j);
	admin_json_registry_instances(j, view, known);
	json_write_array_end(j);
	json_write_object_end(j);
}

/* ---- The pages ---- */

static const struct microreg_snapshot *admin_snapshot(const struct admin_view *view)
{
	return view->gateway->registry ? microreg_snapshot_ref(view->gateway->registry) : NULL;
}

/* The index of a service of the settings; their count when it is none. */
static size_t admin_find_service(const struct settings *settings, const char *name)
{
	size_t i = 0;

	while (i < settings->service_count && strcmp(settings->services[i].name, name) != 0)
		i++;
	return i;
}

static void admin_json_not_routed(struct json_writer *j, const struct settings *settings,
				  const struct microreg_snapshot *snapshot)
{
	const struct microreg_service *s;
	size_t at = 0, shown = 0;

	json_write_key(j, "not_routed");
	json_write_array(j);
	while (snapshot && shown < ADMIN_NAMES_MAX &&
	       (s = microreg_snapshot_next(snapshot, &at)) != NULL) {
		if (admin_find_service(settings, s->name) < settings->service_count)
			continue;
		json_write_string(j, s->name);
		shown++;
	}
	json_write_array_end(j);
}

void admin_page_services(const struct admin_view *view, struct buf *out)
{
	const struct settings *settings = view->table->settings;
	const struct microreg_snapshot *snapshot = admin_snapshot(view);
	struct json_writer j;

	json_write_init_pretty(&j, out);
	json_write_object(&j);
	json_write_key(&j, "services");
	json_write_array(&j);
	for (size_t i = 0; i < settings->service_count; i++)
		admin_json_service(&j, view, i, snapshot);
	json_write_array_end(&j);
	admin_json_not_routed(&j, settings, snapshot);
	json_write_object_end(&j);
	(void)buf_putc(out, '\n');
	microreg_snapshot_unref(&snapshot);
}

/* Says which there are, the nearest first. */
static void admin_no_service(const struct admin_view *view,
			     const struct microreg_snapshot *snapshot, struct buf *why)
{
	const struct settings *settings = view->table->settings;
	struct suggest suggest = {.name = view->name};
	const struct microreg_service *s;
	size_t at = 0, shown = 0;

	for (size_t i = 0; i < settings->service_count; i++)
		suggest_offer(&suggest, settings->services[i].name);
	while (snapshot && (s = microreg_snapshot_next(snapshot, &at)) != NULL)
		suggest_offer(&suggest, s->name);
	(void)buf_printf(why, "no service \"%.128s\"; ", view->name);
	if (suggest.best)
		(void)buf_printf(why, "did you mean \"%s\"? ", suggest.best);
	(void)buf_puts(why, "there are: ");
	for (size_t i = 0; i < settings->service_count && shown < ADMIN_NAMES_MAX; i++, shown++)
		(void)buf_printf(why, "%s%s", shown ? ", " : "", settings->services[i].name);
	if (!shown)
		(void)buf_puts(why, "none");
	else if (shown < settings->service_count)
		(void)buf_puts(why, ", …");
}

bool admin_page_service(const struct admin_view *view, struct buf *out, struct buf *why)
{
	const struct settings *settings = view->table->settings;
	const struct microreg_snapshot *snapshot = admin_snapshot(view);
	size_t i = admin_find_service(settings, view->name);
	const struct microreg_service *known =
		snapshot ? microreg_snapshot_find(snapshot, view->name) : NULL;
	struct json_writer j;

	json_write_init_pretty(&j, out);
	if (i < settings->service_count)
		admin_json_service(&j, view, i, snapshot);
	else if (known)
		admin_json_unrouted(&j, view, known);
	else
		admin_no_service(view, snapshot, why);
	if (out->len)
		(void)buf_putc(out, '\n');
	microreg_snapshot_unref(&snapshot);
	return out->len > 0;
}
