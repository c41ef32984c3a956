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

/* -1: one of them at least keeps what it has. */
static int server_post_roster(struct server *s, struct roster *roster)
{
	struct gateway *g = &s->gateway;
	int r = 0;

	for (size_t i = 0; i < g->worker_count && g->workers; i++) {
		if (worker_post_roster(g->workers[i], roster) == 0)
			continue;
		log_error("consumers of the registry: out of memory; worker %zu keeps those before",
			  i);
		r = -1;
	}
	return r;
}

/* The set is taken over. */
static int server_take_roster(struct server *s, const struct microreg_consumers *set)
{
	uint64_t version = microreg_consumers_version(set);
	struct roster *roster = roster_new(set, s->table->consumers);

	if (!roster) {
		log_error("consumers of the registry: out of memory; those before stay in effect");
		return -1;
	}
	server_tell_roster(s, roster);
	s->roster_due = server_post_roster(s, roster) < 0;
	roster_unref(&s->gateway.roster);
	s->gateway.roster = roster;
	s->roster_seen = version;
	if (s->admin)
		admin_set_roster(s->admin, roster);
	return 0;
}

int server_renew_roster(struct server *s)
{
	const struct microreg_consumers *set;

	if (!server_has_roster(s))
		return 0;
	set = microreg_consumers_ref(s->gateway.registry);
	if (!set || server_take_roster(s, set) == 0)
		return 0;
	s->roster_due = true;
	return -1;
}

/* Did what changed last not reach everybody? */
static bool server_owes_roster(struct server *s)
{
	bool owes = s->roster_due;

	for (size_t i = 0; i < s->gateway.worker_count; i++)
		owes |= worker_lost_roster(s->gateway.workers[i]);
	s->roster_due = owes; /* until it is taken over */
	return owes;
}

static void server_on_roster(struct wheel_timer *timer)
{
	struct server *s = server_of(roster, timer);
	const struct microreg_consumers *set = microreg_consumers_ref(s->gateway.registry);

	loop_timer_set(s->loop, &s->roster, SERVER_ROSTER_MS);
	if (set && (server_owes_roster(s) || microreg_consumers_version(set) != s->roster_seen))
		(void)server_take_roster(s, set); /* tried again at the next look */
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
