/*
 * server_claims: puts routes of registrations in effect as they change: looks
 * at what the registry has told, on main's thread, at most SERVER_CLAIMS_MS
 * apart, and reads the settings anew with them when there is another set.
 */
#include "client-lib/microreg.h"
#include "common/log.h"
#include "gateway/claimed_routes.h"
#include "gateway/server_parts.h"

enum { SERVER_CLAIMS_MS = 250 };

int server_add_claims(struct server *s, struct settings *settings, struct err *e)
{
	const struct microreg_snapshot *snapshot;
	int result;

	if (!settings->grant_count || !s->gateway.registry)
		return 0;
	snapshot = microreg_snapshot_ref(s->gateway.registry);
	s->claims_digest = claimed_routes_digest(settings, snapshot);
	result = claimed_routes_add(settings, snapshot, e);
	microreg_snapshot_unref(&snapshot);
	return result;
}

static void server_tell_claims(const struct settings *settings)
{
	size_t taken = claimed_routes_taken(settings);

	log_info("routes of registrations in effect: %zu, left out: %zu", taken,
		 settings->claim_count - taken);
	for (size_t i = 0; i < settings->claim_count; i++)
		if (settings->claims[i].reason)
			log_warn("service \"%s\": its route \"%s\" is left out: %s",
				 settings->claims[i].service, settings->claims[i].text,
				 settings->claims[i].reason);
}

/* With a file that changed or has mistakes by now the old routes stay: a reload comes, or came. */
static void server_take_claims(struct server *s)
{
	struct settings *settings;
	struct buf mistakes;
	struct err e = {0};

	if (!reload_is_known(&s->reload))
		return;
	buf_init(&mistakes, 64 << 10);
	settings = settings_read(s->options->file.path, &mistakes);
	buf_fini(&mistakes);
	if (!settings)
		return;
	if (server_add_claims(s, settings, &e) < 0) {
		log_error("%s", e.text);
		settings_free(&settings);
		return;
	}
	server_tell_claims(settings);
	if (server_take_over(s, settings, &e) < 0)
		log_error("routes of registrations: %s", e.text);
}

static void server_on_claims(struct wheel_timer *timer)
{
	struct server *s = server_of(claims, timer);
	const struct settings *settings = s->table->settings;
	const struct microreg_snapshot *now;

	loop_timer_set(s->loop, &s->claims, SERVER_CLAIMS_MS);
	if (!settings->grant_count)
		return;
	now = microreg_snapshot_ref(s->gateway.registry);
	/* The one before is held, so that no other can have its address. */
	if (now != s->claims_seen && claimed_routes_digest(settings, now) != s->claims_digest)
		server_take_claims(s);
	microreg_snapshot_unref(&s->claims_seen);
	s->claims_seen = now;
}

void server_watch_claims(struct server *s)
{
	if (!s->gateway.registry)
		return;
	s->claims.on_time = server_on_claims;
	server_on_claims(&s->claims);
}

void server_unwatch_claims(struct server *s)
{
	microreg_snapshot_unref(&s->claims_seen);
}
