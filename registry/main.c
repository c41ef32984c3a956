/*
 * main: the registry daemon: settings, store, catalog, threads, and their end
 * in the opposite order.
 */
#include "common/clock.h"
#include "common/daemon.h"
#include "common/inherited.h"
#include "common/log.h"
#include "common/notify.h"
#include "registry/backup.h"
#include "registry/blame.h"
#include "registry/catalog.h"
#include "registry/consumer_catalog.h"
#include "registry/checker.h"
#include "registry/drain.h"
#include "registry/import.h"
#include "registry/keeper.h"
#include "registry/method.h"
#include "registry/door.h"
#include "registry/door_metrics.h"
#include "registry/note.h"
#include "registry/options.h"
#include "common/rate.h"
#include "registry/quotas.h"
#include "registry/reload.h"
#include "registry/setup.h"
#include "registry/shared_answer.h"
#include "registry/store.h"
#include "registry/writer.h"

#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <signal.h>
#include <unistd.h>

enum {
	MAIN_TOMBSTONES = 10000,
	MAIN_SPARE_FILES = 400,
	MAIN_TEXT_MAX = 1 << 20,
	MAIN_STOP_MS = 30000
};

struct parts {
	size_t loaded; /* instances */
	struct setup *settings;
	struct store *store;
	struct registry registry;
	struct checker *checker;
	struct door *door;
	struct url_address address; /* to listen on */
	struct notify notify;
	struct httpd_tls tls;
};

/* -1: go on; else the exit code. */
static int main_settings(const struct options *o, struct parts *p)
{
	struct buf mistakes;

	buf_init(&mistakes, MAIN_TEXT_MAX);
	p->settings = setup_read(o->config, &mistakes);
	if (!p->settings) {
		const char *text = buf_str(&mistakes);

		(void)fputs(text ? text : "out of memory\n", stderr);
		buf_fini(&mistakes);
		return DAEMON_EXIT_SETTINGS;
	}
	buf_fini(&mistakes);
	if (o->listen)
		p->settings->listen = o->listen;
	if (o->data_dir)
		p->settings->data_dir = o->data_dir;
	if (!p->settings->data_dir)
		p->settings->data_dir = setup_data_dir();
	p->settings->insecure |= o->insecure;
	return -1;
}

/* Each connection is a descriptor; what is refused here shows as connections that wait. */
static void main_raise_files(unsigned connections)
{
	struct rlimit limit;
	rlim_t want = (rlim_t)connections + MAIN_SPARE_FILES;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur >= want)
		return;
	limit.rlim_cur = want < limit.rlim_max ? want : limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
		log_warn("can't raise the limit of open files: %s", strerror(errno));
	else if (limit.rlim_cur < want)
		log_warn("open files are limited to %llu, limits.connections is %u",
			 (unsigned long long)limit.rlim_cur, connections);
}

static int main_new_token(const char *name)
{
	struct err e = {0};
	struct buf out;
	bool failed;

	buf_init(&out, MAIN_TEXT_MAX);
	failed = access_make(name, &out, &e) < 0;
	if (failed)
		(void)fprintf(stderr, "microreg-registry: %s\n", e.text);
	else
		failed = fwrite(out.data, 1, out.len, stdout) != out.len;
	buf_fini(&out);
	return failed ? DAEMON_EXIT_USAGE : DAEMON_EXIT_OK;
}

/* The tokens, and the certificates before anything else is begun. */
static int main_access(struct parts *p, struct err *e)
{
	const struct setup *settings = p->settings;
	struct access *access = NULL;

	p->registry.access = access_gate_new();
	if (settings->token_count)
		access = access_new(settings->tokens, settings->token_count);
	if (!p->registry.access || (settings->token_count && !access)) {
		access_unref(&access);
		return err_code(e, DAEMON_EXIT_SYSTEM, "out of memory");
	}
	access_gate_set(p->registry.access, access);
	if (settings->token_count && !settings->tls.cert && !setup_is_local(settings))
		log_warn("tokens are sent in the clear: give tls.cert and tls.key in the settings");
	return settings->tls.cert ? httpd_tls_load(&p->tls, &settings->tls, e) : 0;
}

struct main_loading {
	struct catalog *catalog;
	uint64_t now_ms;
	int64_t wall_ms;
	atomic_size_t count;
};

/* On threads of the store's. */
static int main_load_some(void *arg, struct record **records, size_t count)
{
	struct main_loading *loading = arg;

	atomic_fetch_add(&loading->count, count);
	return catalog_load(loading->catalog, records, count, loading->now_ms, loading->wall_ms);
}

static int main_load_consumer(void *arg, const struct consumer *consumer)
{
	struct err e;

	return consumer_catalog_load(arg, consumer, &e);
}

static int main_load_consumers(struct parts *p, struct err *e)
{
	struct consumer_catalog_limits limits = {.consumers_max = p->settings->limits.consumers,
						 .tombstones_max = MAIN_TOMBSTONES};
	struct consumer_catalog *consumers =
		consumer_catalog_new(&limits, store_consumers_gone(p->store));

	p->registry.consumers = consumers;
	if (!consumers)
		return err_code(e, DAEMON_EXIT_SYSTEM, "consumers: out of memory");
	return store_load_consumers(p->store, main_load_consumer, consumers, e);
}

static int main_load(struct parts *p, struct err *e)
{
	struct registry *r = &p->registry;
	struct catalog_limits limits = {.instances_max = p->settings->limits.instances,
					.services_max = p->settings->limits.services,
					.tombstones_max = MAIN_TOMBSTONES,
					.texts_max_bytes = p->settings->limits.answers_bytes};
	char seen[CLOCK_RFC3339_SIZE];
	struct main_loading loading = {.now_ms = clock_ms(), .wall_ms = clock_wall_ms()};

	p->store = store_open(p->settings->data_dir, e);
	if (!p->store)
		return -1;
	r->store = p->store;
	store_keep_history(p->store, &(struct store_keep){p->settings->history.events,
							  p->settings->history.age_ms});
	r->catalog = catalog_new(store_database(p->store), store_revision(p->store), &limits,
				 loading.now_ms);
	if (!r->catalog)
		return err_code(e, DAEMON_EXIT_SYSTEM, "catalog: out of memory");
	loading.catalog = r->catalog;
	if (store_load(p->store, main_load_some, &loading, e) < 0)
		return -1;
	if (catalog_loaded(r->catalog) < 0)
		return err_code(e, DAEMON_EXIT_SYSTEM, "catalog: out of memory");
	r->quotas = quotas_new(p->settings->limits.quotas);
	if (!r->quotas)
		return err_code(e, DAEMON_EXIT_SYSTEM, "quotas: out of memory");
	if (quotas_load(r->quotas, p->store, e) < 0)
		return -1;
	if (main_load_consumers(p, e) < 0)
		return -1;
	p->loaded = atomic_load(&loading.count);
	if (p->loaded) {
		clock_rfc3339(store_seen_wall_ms(p->store), seen);
		log_info("loaded %zu instances from %s, last written %s; each has its ttl to renew",
			 p->loaded, p->settings->data_dir, seen);
	}
	return 0;
}

/* --restore: nothing is served. */
static int main_restore(struct parts *p, const char *from, struct err *e)
{
	const char *dir = p->settings->data_dir;
	char kept[64];

	if (store_restore(dir, from, kept, sizeof(kept), e) < 0)
		return -1;
	(void)printf("%s/registry.db is %s now%s%s\n", dir, from,
		     *kept ? "; what was there is kept as " : "", kept);
	return 0;
}

/* --import: likewise. */
static int main_import(struct parts *p, const char *from, struct err *e)
{
	struct import_count count;
	struct buf said;
	const char *text;
	int r;

	if (main_load(p, e) < 0)
		return -1;
	buf_init(&said, MAIN_TEXT_MAX);
	r = import_file(from, p->store, p->registry.catalog, &said, &count, e);
	text = buf_str(&said);
	if (text)
		(void)fputs(text, stderr);
	if (r == 0)
		(void)printf("%s: %zu imported into %s, %zu were there already, %zu left out\n",
			     from, count.imported, p->settings->data_dir, count.known,
			     count.refused);
	buf_fini(&said);
	return r;
}

static void main_on_change(void *arg)
{
	struct registry *r = arg;

	keeper_changed(r->keeper);
}

static int main_threads(struct parts *p, struct err *e)
{
	struct registry *r = &p->registry;
	struct writer_options writer = {.store = p->store,
					.catalog = r->catalog,
					.consumers = r->consumers,
					.on_change = main_on_change,
					.arg = r};

	const struct setup_checks *checks = &p->settings->checks;
	struct checker_options checker = {.interval_ms = checks->interval_ms,
					  .timeout_ms = checks->timeout_ms,
					  .failures = checks->failures,
					  .rise = checks->rise,
					  .fall = checks->fall,
					  .keep_ms = checks->keep_ms};

	r->legacy_strict = p->settings->legacy_strict;
	r->started_ms = clock_ms();
	r->drain = drain_new();
	r->blame = blame_new();
	r->notes = rate_new();
	r->shared = shared_answers_new();
	r->backup = backup_new(p->store);
	if (!r->drain || !r->blame || !r->notes || !r->backup || !r->shared)
		return err_code(e, DAEMON_EXIT_SYSTEM, "out of memory");
	r->keeper = keeper_new(r, p->settings->limits.watchers, e);
	if (r->keeper)
		r->writer = writer_start(&writer, e);
	if (r->writer && keeper_start(r->keeper, e) == 0)
		p->checker = checker_start(r, &checker, e);
	if (p->checker && p->loaded)
		note_tell(r,
			  &(struct note){.event = "held",
					 .service = "",
					 .id = "",
					 .detail = "the registry was started: every instance has "
						   "its ttl again"});
	if (p->checker)
		return 0;
	e->code = DAEMON_EXIT_SYSTEM;
	return -1;
}

static int main_serve(struct parts *p, struct err *e)
{
	const struct setup_limits *limits = &p->settings->limits;
	struct door_options options = {.threads = p->settings->threads,
				       .connections_max = limits->connections,
				       .connections_per_address = limits->connections_per_address,
				       .calls_per_address = limits->calls_per_address,
				       .tls = p->tls};
	struct inherited inherited = {0};

	options.address = p->address.host;
	options.port = p->address.port;
	options.inherited = &inherited;
	if (inherited_from_systemd(&inherited, e) == 0) {
		p->tls = (struct httpd_tls){0}; /* the door's now */
		p->door = door_start(&p->registry, &options, e);
	}
	if (inherited_close(&inherited) && p->door)
		log_warn("sockets were passed to this registry for other addresses than `listen`; "
			 "they are closed");
	if (!p->door) {
		e->code = e->code ? e->code : DAEMON_EXIT_SYSTEM;
		return -1;
	}
	log_info(p->address.ipv6 ? "listening on [%s]:%u" : "listening on %s:%u", p->address.host,
		 door_port(p->door));
	return 0;
}

/* What answers suspended calls ends before the door: keeper's thread, writer, then the rest. */
static void main_stop(struct parts *p)
{
	struct registry *r = &p->registry;

	if (p->door)
		door_close(p->door);
	backup_free(&r->backup);
	checker_stop(&p->checker);
	if (r->keeper)
		keeper_stop(r->keeper);
	writer_stop(&r->writer);
	if (r->drain)
		drain_stop(r->drain);
	keeper_free(&r->keeper);
	door_stop(&p->door);
	shared_answers_free(&r->shared);
	drain_free(&r->drain);
	blame_free(&r->blame);
	quotas_free(&r->quotas);
	catalog_free(&r->catalog);
	consumer_catalog_free(&r->consumers);
	store_close(&p->store);
	access_gate_free(&r->access);
	rate_free(&r->notes);
	httpd_tls_fini(&p->tls);
	setup_free(&p->settings);
}

/* Whoever hangs with the writer's lock in hand keeps this from being said. */
static void main_say_alive(const struct parts *p)
{
	struct err why;

	(void)writer_is_healthy(p->registry.writer, &why); /* a full disk is no hang */
	notify_alive(&p->notify);
}

static void main_wait(struct parts *p, const char *config, int signals)
{
	struct pollfd fd = {.fd = signals, .events = POLLIN};
	struct signalfd_siginfo info;
	struct reload reload;
	int wait = p->notify.watchdog_ms ? (int)p->notify.watchdog_ms : -1;

	reload_init(&reload, p->settings, p->registry.access, p->door);
	for (;;) {
		int ready = poll(&fd, 1, wait);

		if (ready < 0 && errno != EINTR)
			return;
		if (p->notify.watchdog_ms)
			main_say_alive(p);
		if (ready <= 0)
			continue;
		if (read(signals, &info, sizeof(info)) != (ssize_t)sizeof(info))
			continue;
		if (info.ssi_signo == SIGTERM || info.ssi_signo == SIGINT) {
			log_info("stopping");
			notify_stopping(&p->notify, MAIN_STOP_MS);
			return;
		}
		if (info.ssi_signo == SIGHUP)
			reload_read(&reload, config);
	}
}

/* --restore and --import: what is done without serving. */
static int main_offline(const struct options *o, struct parts *p)
{
	struct err e = {0};
	int failed = o->restore ? main_restore(p, o->restore, &e) : 0;

	if (!failed && o->import_from)
		failed = main_import(p, o->import_from, &e);
	if (failed)
		(void)fprintf(stderr, "microreg-registry: %s\n", e.text);
	main_stop(p);
	return !failed ? DAEMON_EXIT_OK : e.code ? e.code : DAEMON_EXIT_SYSTEM;
}

static int main_run(const struct options *o, struct parts *p)
{
	int signals = daemon_signals(), code = DAEMON_EXIT_OK;
	struct err e = {0};

	notify_open(&p->notify);
	main_raise_files(p->settings->limits.connections);
	if (signals < 0)
		(void)err_code(&e, DAEMON_EXIT_SYSTEM, "signals: %s", strerror(errno));
	if (signals >= 0 && setup_address(p->settings, &p->address, &e) == 0 &&
	    main_access(p, &e) == 0 && main_load(p, &e) == 0 && main_threads(p, &e) == 0 &&
	    main_serve(p, &e) == 0) {
		/* The default depends on the machine, so it must be told. */
		log_info("what is registered is kept in %s", p->settings->data_dir);
		notify_ready(&p->notify);
		main_wait(p, o->config, signals);
	} else {
		log_error("%s", e.text);
		code = e.code ? e.code : DAEMON_EXIT_SYSTEM;
	}
	main_stop(p);
	notify_close(&p->notify);
	return code;
}

int main(int argc, char **argv)
{
	struct options options = {0};
	struct parts parts = {0};
	int code = options_read(argc, argv, &options);

	if (code >= 0)
		return code;
	if (options.new_token)
		return main_new_token(options.new_token);
	log_open("registry", LOG_INFO);
	code = main_settings(&options, &parts);
	if (code >= 0 || options.check) {
		if (code < 0)
			(void)printf("%s: no mistakes\n",
				     options.config ? options.config : "the settings");
		setup_free(&parts.settings);
		return code >= 0 ? code : DAEMON_EXIT_OK;
	}
	log_set_level((enum log_level)parts.settings->log.level);
	method_init();
	if (options.restore || options.import_from)
		return main_offline(&options, &parts);
	return main_run(&options, &parts);
}
