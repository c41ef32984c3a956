/* server: start, signals, finish. */
#include "gateway/server.h"
#include "client-lib/microreg.h"
#include "common/daemon.h"
#include "common/log.h"
#include "gateway/access_log.h"
#include "gateway/admin.h"
#include "gateway/audit.h"
#include "gateway/cache.h"
#include "gateway/flight.h"
#include "gateway/hasher.h"
#include "gateway/issuer.h"
#include "gateway/limiter.h"
#include "gateway/listener.h"
#include "gateway/quota.h"
#include "gateway/registry.h"
#include "gateway/reporter.h"
#include "gateway/roster.h"
#include "gateway/server_parts.h"
#include "gateway/stats.h"
#include "gateway/usage.h"
#include "gateway/verdicts.h"
#include "gateway/worker.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

/* How long a gateway that replaces another one waits for what the registry tells. */
enum { SERVER_REGISTRY_WAIT_MS = 5000, SERVER_READY_LOOK_MS = 100 };

/* ---- Readiness ---- */

/* What /ready says: the registry, or its snapshot file, has told of the services. */
static void server_tell_ready(struct server *s)
{
	if (s->gateway.registry && microreg_follow_wait(s->gateway.registry, 0, NULL) < 0) {
		log_info("serving; not ready before the registry has answered");
		loop_timer_set(s->loop, &s->waiting, SERVER_READY_LOOK_MS);
		return;
	}
	log_info("ready");
}

static void server_on_waiting(struct wheel_timer *timer)
{
	struct server *s = server_of(waiting, timer);

	if (microreg_follow_wait(s->gateway.registry, 0, NULL) < 0)
		loop_timer_set(s->loop, &s->waiting, SERVER_READY_LOOK_MS);
	else
		log_info("ready: the registry has answered");
}

/* ---- The audit ---- */

static void server_on_audit(struct wheel_timer *timer)
{
	struct server *s = server_of(audit, timer);

	audit_flush(s->gateway.audit);
	loop_timer_set(s->loop, &s->audit, AUDIT_FLUSH_MS);
}

/* ---- Signals ---- */

static void server_replace(struct server *s)
{
	if (!s->handover.path[0])
		log_error("SIGUSR2: this gateway can't be replaced: `handover` says where it would "
			  "give its sockets away");
	else if (!s->draining)
		successor_start(&s->successor, s->loop, s->options->argv);
}

static void server_on_signal(struct loop_fd *lfd, unsigned events)
{
	struct server *s = server_of(signals, lfd);
	struct signalfd_siginfo info;
	struct err e;

	(void)events; /* watched for reading only */
	while (read(lfd->fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		if (info.ssi_signo == SIGHUP) {
			server_reload(s);
		} else if (info.ssi_signo == SIGUSR1) {
			if (server_apply_logs(s, &s->table->settings->log, &e) < 0)
				log_error("%s", e.text);
		} else if (info.ssi_signo == SIGUSR2) {
			server_replace(s);
		} else {
			server_end(s);
		}
	}
}

/* ---- The start ---- */

static int server_make_workers(struct server *s, struct err *e)
{
	const struct settings *settings = s->table->settings;

	s->gateway.workers = calloc(settings->workers, sizeof(struct worker *));
	if (!s->gateway.workers)
		return err_code(e, DAEMON_EXIT_SYSTEM, "workers: out of memory");
	for (unsigned i = 0; i < settings->workers; i++) {
		size_t count = 0;
		struct listener *listeners = doors_take(&s->doors, i, &count);
		struct worker *worker = NULL;

		if (listeners)
			worker = worker_new(i, &s->gateway, s->table, listeners, count, e);
		else
			(void)err_code(e, DAEMON_EXIT_SYSTEM, "listeners: out of memory");
		if (!worker) {
			for (size_t k = 0; k < count; k++)
				listener_close(&listeners[k]);
			free(listeners);
			return -1;
		}
		s->gateway.workers[s->gateway.worker_count++] = worker;
	}
	return 0;
}

/* An issuer's thread: requests may wait for what it has fetched. */
static void server_tell_news(void *arg)
{
	struct gateway *g = arg;
	size_t ready = atomic_load_explicit(&g->workers_ready, memory_order_acquire);

	for (size_t i = 0; i < ready; i++)
		if (worker_post_call(g->workers[i], worker_tell_news, g->workers[i]) < 0)
			log_warn("out of memory: requests wait for an issuer's keys longer");
}

static int server_start_workers(struct server *s, struct err *e)
{
	struct gateway *g = &s->gateway;

	for (size_t i = 0; i < g->worker_count; i++)
		if (worker_start(g->workers[i], e) < 0)
			return -1;
	atomic_store_explicit(&g->workers_ready, g->worker_count, memory_order_release);
	server_tell_news(g); /* of what came before somebody could be told */
	/* The snapshot may have changed between their making and now. */
	for (size_t i = 0; g->registry && i < g->worker_count; i++)
		worker_post_snapshot(g->workers[i]);
	return 0;
}

/* What the workers will share. */
static int server_make_shared(struct server *s, struct settings *settings, struct err *e)
{
	struct gateway *g = &s->gateway;
	const struct settings_limits limits = settings->limits;
	unsigned workers = settings->workers;

	g->stats = stats_new(workers);
	g->services = g->stats ? services_new(g->stats) : NULL;
	g->limiter = limiter_new(limits.rate_keys);
	g->quota = quota_new(limits.rate_keys);
	g->issuers = issuers_new(server_tell_news, g);
	g->usages = usages_new(g->stats ? stats_tallies(g->stats) : NULL);
	g->local_usages = usages_new(g->stats ? stats_tallies(g->stats) : NULL);
	g->cache = cache_new(limits.cache_bytes, limits.cache_object_bytes);
	g->flights = flights_new();
	g->verdicts = verdicts_new();
	if (!g->services || !g->issuers || !g->limiter || !g->quota || !g->cache || !g->flights ||
	    !g->verdicts || !g->usages || !g->local_usages) {
		settings_free(&settings);
		return err_code(e, DAEMON_EXIT_SYSTEM, "start: out of memory");
	}
	/* Before any thread: they inherit the signal mask. */
	s->signals.fd = daemon_signals();
	g->hasher = hasher_new(HASHER_THREADS);
	if (!g->hasher) {
		settings_free(&settings);
		return err_code(e, DAEMON_EXIT_SYSTEM, "start: no thread can be started");
	}
	s->table = table_new(settings, g, e);
	if (!s->table)
		return -1;
	g->access_log = access_log_open(&s->table->settings->log, e);
	g->audit = g->access_log ? audit_open(&s->table->settings->log, e) : NULL;
	return g->audit ? 0 : -1;
}

/* A client's connection, and one to an instance. Pipes of large replies do not count: those are
 * copied when there is none left. */
static void server_raise_files(const struct settings *settings)
{
	unsigned long files = daemon_raise_files();

	if (files < 2ul * settings->limits.connections)
		log_warn("%lu open files are allowed: too few for limits.connections: %u and as "
			 "many to instances; see ulimit -n",
			 files, settings->limits.connections);
}

/* Whoever replaces a gateway that knows the instances must know them too before it accepts. */
static int server_wait_for_registry(struct server *s, struct err *e)
{
	struct microreg_error why = {0};

	if (microreg_follow_wait(s->gateway.registry, SERVER_REGISTRY_WAIT_MS, &why) == 0)
		return 0;
	return err_code(e, DAEMON_EXIT_SYSTEM,
			"replace: the registry does not answer (%s), and there is no "
			"registry.snapshot: the gateway that runs goes on",
			why.text);
}

/* What listens: everything that may fail, before anybody accepts. */
static int server_open(struct server *s, const char *name, struct err *e)
{
	const struct settings *settings = s->table->settings;
	struct takeover *t = &s->takeover;

	if (inherited_from_systemd(&t->doors, e) < 0)
		return -1;
	if (settings->registry.given &&
	    registry_open(&s->gateway, &settings->registry, name, e) < 0)
		return -1;
	if (t->fd >= 0 && settings->registry.given && server_wait_for_registry(s, e) < 0)
		return -1;
	if (server_renew_roster(s) < 0) /* workers begin with what the snapshot has */
		return err_code(e, DAEMON_EXIT_SYSTEM, "start: out of memory");
	if (doors_open(&s->doors, settings, &t->doors, e) < 0 || server_make_workers(s, e) < 0)
		return -1;
	if (!settings->admin.address.host)
		return 0;
	s->admin = admin_start(&s->gateway, s->table, t->admin.count ? &t->admin : &t->doors, e);
	admin_set_owner(s->admin, &(struct admin_owner){s->loop, server_reload, s});
	if (s->admin)
		admin_set_roster(s->admin, s->gateway.roster);
	return s->admin ? 0 : -1;
}

static int server_start(struct server *s, struct settings *settings, struct err *e)
{
	char name[REGISTRY_NAME_SIZE];

	if (server_make_shared(s, settings, e) < 0)
		return -1;
	s->first = table_ref(s->table);
	settings = s->table->settings;
	server_raise_files(settings);
	s->loop = loop_new(e);
	s->signals.on_event = server_on_signal;
	if (!s->loop || s->signals.fd < 0 || loop_watch(s->loop, &s->signals, true) < 0)
		return err_code(e, DAEMON_EXIT_SYSTEM, "start: no descriptors left for signals");
	s->timer.on_time = server_on_time;
	s->waiting.on_time = server_on_waiting;
	s->accepting = true;
	registry_name(name);
	if (s->options->replace && takeover_begin(&s->takeover, settings, e) < 0)
		return -1;
	if (server_open(s, name, e) < 0 || server_start_workers(s, e) < 0)
		return -1;
	if (settings->registry.given) {
		s->gateway.reporter = reporter_start(&s->gateway, &settings->registry, name, e);
		if (!s->gateway.reporter)
			return -1;
	}
	s->audit.on_time = server_on_audit;
	loop_timer_set(s->loop, &s->audit, AUDIT_FLUSH_MS);
	reload_start(&s->reload, s->loop, &s->options->file, server_reload, s);
	server_watch_claims(s);
	server_watch_roster(s);
	return 0;
}

static void server_finish(struct server *s)
{
	struct gateway *g = &s->gateway;
	struct reporter *reporter = g->reporter;

	doors_close(&s->doors);
	takeover_close(&s->takeover);
	handover_close(&s->handover);
	admin_stop(&s->admin);
	reload_stop(&s->reload);
	reporter_stop(reporter);
	issuers_stop(g->issuers);
	hasher_stop(g->hasher);
	for (size_t i = 0; i < g->worker_count; i++)
		if (worker_post_stop(g->workers[i]) < 0)
			loop_stop(worker_loop(g->workers[i]));
	for (size_t i = 0; i < g->worker_count; i++)
		worker_join(g->workers[i]);
	/* Workers use the library, and its threads post to the workers' loops: it goes after the
	 * threads of the ones and before the loops of the others. */
	server_unwatch_claims(s);
	microreg_close(&g->registry);
	g->reporter = NULL;
	reporter_free(&reporter);
	for (size_t i = 0; i < g->worker_count; i++)
		worker_free(&g->workers[i]);
	free(g->workers);
	roster_unref(&g->roster);
	table_unref(&s->table);
	table_unref(&s->first);
	issuers_free(&g->issuers);
	limiter_free(&g->limiter);
	quota_free(&g->quota);
	hasher_free(&g->hasher);
	access_log_close(&g->access_log);
	audit_close(&g->audit);
	cache_free(&g->cache);
	flights_free(&g->flights);
	verdicts_free(&g->verdicts);
	services_free(&g->services);
	usages_free(&g->usages);
	usages_free(&g->local_usages);
	stats_free(&g->stats);
	successor_leave(&s->successor);
	notify_close(&s->notify);
	if (s->loop)
		loop_unwatch(s->loop, &s->signals);
	if (s->signals.fd >= 0)
		(void)close(s->signals.fd); /* nothing to lose */
	loop_free(&s->loop);
}

/* Serving: the gateway before this one may go, and others are told. */
static void server_announce(struct server *s)
{
	size_t passed = s->takeover.doors.count;

	/* Its door first, ours then: one that dies in between must not have covered the other. */
	takeover_finish(&s->takeover);
	server_open_handover(s);
	doors_close(&s->doors);
	passed = passed ? inherited_close(&s->takeover.doors) : 0;
	if (passed)
		log_warn("%zu listening sockets were passed to this gateway that are of no address "
			 "in `listen` or `admin`; they are closed",
			 passed);
	takeover_close(&s->takeover);
	notify_ready(&s->notify);
	watchdog_start(&s->watchdog, s->loop, &s->gateway, &s->notify);
	server_tell_ready(s);
}

int server_run(struct server *s, const struct server_options *options, struct settings *settings,
	       struct err *e)
{
	int result;

	*s = (struct server){.options = options, .signals.fd = -1, .takeover.fd = -1};
	notify_open(&s->notify);
	result = server_start(s, settings, e);
	if (result == 0) {
		server_announce(s);
		loop_run(s->loop);
	}
	server_finish(s);
	return result;
}
