/*
 * server_roster: puts the registry's consumers in effect as they change: looks
 * at what the library knows, on main's thread, at most SERVER_ROSTER_MS apart,
 * and hands the workers another roster when it is another set. Nothing else is
 * read again.
 */
#include "client-lib/microreg.h"
#include "common/log.h"
#include "gateway/admin.h"
#include "gateway/roster.h"
#include "gateway/server_parts.h"
#include "gateway/worker.h"

enum { SERVER_ROSTER_MS = 100 };

static bool server_has_roster(const struct server *s)
{
	return s->gateway.registry && s->first->settings->registry.consumers;
}

static void server_tell_roster(struct server *s, const struct roster *roster)
{
	if (roster->left_out && roster->left_out != s->roster_left_out)
		log_warn("consumers of the registry: %zu in effect, %zu left out; the first is "
			 "\"%.128s\": %s",
			 roster->count, roster->left_out, roster->first, roster->reason);
	s->roster_left_out = roster->left_out;
}

/* The set is taken over. */
static void server_take_roster(struct server *s, const struct microreg_consumers *set)
{
	struct gateway *g = &s->gateway;
	uint64_t version = microreg_consumers_version(set);
	struct roster *roster = roster_new(set, s->table->consumers);

	if (!roster) { /* tried again at the next look */
		log_error("consumers of the registry: out of memory; those before stay in effect");
		return;
	}
	server_tell_roster(s, roster);
	for (size_t i = 0; i < g->worker_count && g->workers; i++)
		if (worker_post_roster(g->workers[i], roster) < 0)
			log_error("consumers of the registry: out of memory; worker %zu keeps "
				  "those before",
				  i);
	roster_unref(&g->roster);
	g->roster = roster;
	s->roster_seen = version;
	if (s->admin)
		admin_set_roster(s->admin, roster);
}

void server_renew_roster(struct server *s)
{
	const struct microreg_consumers *set;

	if (!server_has_roster(s))
		return;
	set = microreg_consumers_ref(s->gateway.registry);
	if (set)
		server_take_roster(s, set);
}

static void server_on_roster(struct wheel_timer *timer)
{
	struct server *s = server_of(roster, timer);
	const struct microreg_consumers *set = microreg_consumers_ref(s->gateway.registry);

	loop_timer_set(s->loop, &s->roster, SERVER_ROSTER_MS);
	if (set && microreg_consumers_version(set) != s->roster_seen)
		server_take_roster(s, set);
	else
		microreg_consumers_unref(&set);
}

void server_watch_roster(struct server *s)
{
	if (!server_has_roster(s))
		return;
	s->roster.on_time = server_on_roster;
	server_on_roster(&s->roster);
}
