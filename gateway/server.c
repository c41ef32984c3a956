/* server: start, reload, drain, stop. */
#include "gateway/server.h"
#include "client-lib/microreg.h"
#include "common/daemon.h"
#include "common/log.h"
#include "gateway/access_log.h"
#include "gateway/admin.h"
#include "gateway/cache.h"
#include "gateway/registry.h"
#include "gateway/reporter.h"
#include "gateway/stats.h"
#include "gateway/usage.h"
#include "gateway/worker.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

/* How often a drain looks whether the last client has gone. */
enum { SERVER_DRAIN_LOOK_MS = 20 };

#define server_of(member, pointer) \
	((struct server *)(void *)((char *)(pointer)-offsetof(struct server, member)))

/* ---- Reload ---- */

static void server_note_reload(struct server *s, bool ok, const char *text)
{
	stats_inc(stats_main(s->gateway.stats), ok ? STAT_RELOADS_OK : STAT_RELOADS_REFUSED);
	admin_note_reload(s->admin, ok, text);
}

static bool server_listens_alike(const struct settings *a, const struct settings *b)
{
	if (a->listen_count != b->listen_count)
		return false;
	for (size_t i = 0; i < a->listen_count; i++)
		if (strcmp(a->listen[i].text, b->listen[i].text) != 0)
			return false;
	return true;
}

/* Either may be NULL. */
static bool server_texts_equal(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

/* What a reload can't change, by its key; NULL when there is no such change. `then` is what the
 * gateway started with: a change that was taken back asks for nothing. */
static const char *server_needs_restart(const struct settings *then, const struct settings *now)
{
	const struct settings_registry *a = &then->registry, *b = &now->registry;

	if (!server_listens_alike(then, now))
		return "listen";
	if (then->workers != now->workers)
		return "workers";
	if (!server_texts_equal(then->admin.host, now->admin.host) ||
	    then->admin.port != now->admin.port)
		return "admin";
	if (a->given != b->given || a->urls.count != b->urls.count ||
	    !server_texts_equal(a->token_file, b->token_file) ||
	    !server_texts_equal(a->snapshot, b->snapshot))
		return "registry";
	for (size_t i = 0; i < a->urls.count; i++)
		if (strcmp(a->urls.items[i], b->urls.items[i]) != 0)
			return "registry";
	if (then->limits.cache_bytes != now->limits.cache_bytes ||
	    then->limits.cache_object_bytes != now->limits.cache_object_bytes)
		return "limits.cache";
	return NULL;
}

static void server_swap(struct server *s, struct table *next)
{
	const char *key = server_needs_restart(s->first->settings, next->settings);
	struct err e;

	if (key)
		log_warn("reload: a change of `%s` needs a restart", key);
	if (access_log_apply(s->gateway.access_log, &next->settings->log, &e) < 0)
		log_warn("reload: %s", e.text);
	log_set_level(next->settings->log.level);
	for (size_t i = 0; i < s->gateway.worker_count; i++)
		if (worker_post_table(s->gateway.workers[i], next) < 0)
			log_error("reload: out of memory; worker %zu keeps the old table", i);
	table_unref(&s->table);
	s->table = next;
	admin_set_table(s->admin, next);
}

/* Mistakes, each a line of its own. */
static void server_log_lines(const char *text)
{
	while (*text) {
		size_t len = strcspn(text, "\n");

		log_error("%.*s", (int)len, text);
		text += len + (text[len] == '\n');
	}
}

static void server_reload(void *arg)
{
	struct server *s = arg;
	struct settings *settings;
	struct table *table;
	struct buf mistakes;
	struct err e;

	buf_init(&mistakes, 64 << 10);
	reload_note(&s->reload);
	settings = settings_read(s->file, &mistakes);
	table = settings ? table_new(settings, s->gateway.services, &e) : NULL;
	if (table) {
		server_swap(s, table);
		log_info("%s is in effect; routes: %zu", s->file, table->settings->route_count);
		server_note_reload(s, true, "in effect");
	} else {
		const char *text = settings ? e.text : buf_str(&mistakes);

		log_error("%s was not taken over, what ran before goes on:", s->file);
		server_log_lines(text ? text : "out of memory");
		server_note_reload(s, false, text ? text : "out of memory");
	}
	buf_fini(&mistakes);
}

/* ---- The end ---- */

static void server_stop(struct server *s)
{
	loop_stop(s->loop);
}

static void server_drain_now(struct server *s)
{
	s->accepting = false;
	s->drain_until_ms = loop_now_ms(s->loop) + s->table->settings->drain_timeout_ms;
	for (size_t i = 0; i < s->gateway.worker_count; i++)
		if (worker_post_drain(s->gateway.workers[i]) < 0)
			log_warn("drain: out of memory; worker %zu is cut short", i);
}

static void server_on_time(struct wheel_timer *timer)
{
	struct server *s = server_of(timer, timer);
	unsigned open = atomic_load_explicit(&s->gateway.connections, memory_order_relaxed);

	if (s->accepting) {
		server_drain_now(s);
	} else if (!open) {
		server_stop(s);
		return;
	} else if (loop_now_ms(s->loop) >= s->drain_until_ms) {
		log_warn("drain: the time is over; %u connections are cut", open);
		server_stop(s);
		return;
	}
	loop_timer_set(s->loop, &s->timer, SERVER_DRAIN_LOOK_MS);
}

static void server_end(struct server *s)
{
	if (s->draining) {
		log_info("asked again: stopping now");
		server_stop(s);
		return;
	}
	s->draining = true;
	log_info("stopping: finishing what runs");
	admin_set_draining(s->admin);
	loop_timer_set(s->loop, &s->timer, s->table->settings->drain_delay_ms);
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
			if (access_log_apply(s->gateway.access_log, &s->table->settings->log, &e) <
			    0)
				log_error("%s", e.text);
		} else {
			server_end(s);
		}
	}
}

/* ---- The start ---- */

static int server_open_listeners(struct listener *listeners, uint16_t *ports,
				 const struct settings *settings, bool first, struct err *e)
{
	for (size_t i = 0; i < settings->listen_count; i++) {
		const struct settings_address *address = &settings->listen[i];

		if (first && address->port && listener_probe(address, e) < 0)
			return -1;
		if (listener_open(&listeners[i], address, &ports[i], e) < 0)
			return -1;
		if (first)
			log_info("listening on %s%s%s:%u", strchr(address->host, ':') ? "[" : "",
				 address->host, strchr(address->host, ':') ? "]" : "",
				 (unsigned)ports[i]);
	}
	return 0;
}

static struct worker *server_new_worker(struct server *s, unsigned index, uint16_t *ports,
					struct err *e)
{
	const struct settings *settings = s->table->settings;
	size_t count = settings->listen_count;
	struct listener *listeners = calloc(count, sizeof(*listeners));
	struct worker *worker = NULL;

	if (!listeners) {
		(void)err_code(e, DAEMON_EXIT_SYSTEM, "listeners: out of memory");
		return NULL;
	}
	for (size_t i = 0; i < count; i++)
		listeners[i].lfd.fd = -1;
	if (server_open_listeners(listeners, ports, settings, index == 0, e) == 0)
		worker = worker_new(index, &s->gateway, s->table, listeners, count, e);
	if (worker)
		return worker;
	for (size_t i = 0; i < count; i++)
		listener_close(&listeners[i]);
	free(listeners);
	return NULL;
}

static int server_start_workers(struct server *s, struct err *e)
{
	const struct settings *settings = s->table->settings;
	uint16_t *ports = calloc(settings->listen_count, sizeof(*ports));
	int result = -1;

	s->gateway.workers = calloc(settings->workers, sizeof(struct worker *));
	if (!ports || !s->gateway.workers) {
		(void)err_code(e, DAEMON_EXIT_SYSTEM, "workers: out of memory");
		goto done;
	}
	for (size_t i = 0; i < settings->listen_count; i++)
		ports[i] = settings->listen[i].port;
	for (unsigned i = 0; i < settings->workers; i++) {
		s->gateway.workers[i] = server_new_worker(s, i, ports, e);
		if (!s->gateway.workers[i])
			goto done;
		s->gateway.worker_count++;
	}
	for (unsigned i = 0; i < settings->workers; i++)
		if (worker_start(s->gateway.workers[i], e) < 0)
			goto done;
	atomic_store_explicit(&s->gateway.workers_ready, s->gateway.worker_count,
			      memory_order_release);
	/* The snapshot may have changed between their making and now. */
	for (unsigned i = 0; s->gateway.registry && i < settings->workers; i++)
		worker_post_snapshot(s->gateway.workers[i]);
	result = 0;
done:
	free(ports);
	return result;
}

/* What the workers will share. */
static int server_make_shared(struct server *s, struct settings *settings, struct err *e)
{
	struct gateway *g = &s->gateway;
	const struct settings_limits limits = settings->limits;
	unsigned workers = settings->workers;

	g->stats = stats_new(workers);
	g->services = g->stats ? services_new(g->stats) : NULL;
	g->usages = usages_new();
	g->local_usages = usages_new();
	g->cache = cache_new(limits.cache_bytes, limits.cache_object_bytes);
	if (!g->services || !g->cache || !g->usages || !g->local_usages) {
		settings_free(&settings);
		return err_code(e, DAEMON_EXIT_SYSTEM, "start: out of memory");
	}
	/* Before any thread: they inherit the signal mask. */
	s->signals.fd = daemon_signals();
	s->table = table_new(settings, g->services, e);
	if (!s->table)
		return -1;
	g->access_log = access_log_open(&s->table->settings->log, e);
	return g->access_log ? 0 : -1;
}

static int server_start(struct server *s, struct settings *settings, struct err *e)
{
	unsigned long files;
	char name[REGISTRY_NAME_SIZE];

	if (server_make_shared(s, settings, e) < 0)
		return -1;
	s->first = table_ref(s->table);
	settings = s->table->settings;
	/* A client's connection, and one to an instance. */
	files = daemon_raise_files();
	if (files < 2ul * settings->limits.connections)
		log_warn("%lu open files are allowed: too few for limits.connections: %u and as "
			 "many "
			 "to instances; see ulimit -n",
			 files, settings->limits.connections);
	s->loop = loop_new(e);
	s->signals.on_event = server_on_signal;
	if (!s->loop || s->signals.fd < 0 || loop_watch(s->loop, &s->signals, true) < 0)
		return err_code(e, DAEMON_EXIT_SYSTEM, "start: no descriptors left for signals");
	s->timer.on_time = server_on_time;
	s->accepting = true;
	registry_name(name);
	if (settings->registry.given &&
	    registry_open(&s->gateway, &settings->registry, name, e) < 0)
		return -1;
	if (server_start_workers(s, e) < 0)
		return -1;
	if (settings->registry.given) {
		s->gateway.reporter = reporter_start(&s->gateway, &settings->registry, name, e);
		if (!s->gateway.reporter)
			return -1;
	}
	if (settings->admin.host) {
		s->admin = admin_start(&s->gateway, s->table, e);
		if (!s->admin)
			return -1;
	}
	reload_start(&s->reload, s->loop, s->file, server_reload, s);
	return 0;
}

static void server_finish(struct server *s)
{
	struct gateway *g = &s->gateway;
	struct reporter *reporter = g->reporter;

	admin_stop(&s->admin);
	reload_stop(&s->reload);
	reporter_stop(reporter);
	for (size_t i = 0; i < g->worker_count; i++)
		if (worker_post_stop(g->workers[i]) < 0)
			loop_stop(worker_loop(g->workers[i]));
	for (size_t i = 0; i < g->worker_count; i++)
		worker_join(g->workers[i]);
	/* Workers use the library, and its threads post to the workers' loops: it goes after the
	 * threads of the ones and before the loops of the others. */
	microreg_close(&g->registry);
	g->reporter = NULL;
	reporter_free(&reporter);
	for (size_t i = 0; i < g->worker_count; i++)
		worker_free(&g->workers[i]);
	free(g->workers);
	table_unref(&s->table);
	table_unref(&s->first);
	access_log_close(&g->access_log);
	cache_free(&g->cache);
	services_free(&g->services);
	usages_free(&g->usages);
	usages_free(&g->local_usages);
	stats_free(&g->stats);
	if (s->loop)
		loop_unwatch(s->loop, &s->signals);
	if (s->signals.fd >= 0)
		(void)close(s->signals.fd); /* nothing to lose */
	loop_free(&s->loop);
}

int server_run(struct server *s, const char *file, struct settings *settings, struct err *e)
{
	int result;

	*s = (struct server){.file = file, .signals.fd = -1};
	result = server_start(s, settings, e);
	if (result == 0) {
		log_info("ready");
		loop_run(s->loop);
	}
	server_finish(s);
	return result;
}
