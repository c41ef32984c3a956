/* worker: the thread, its mail, and its view of the services. */
#include "gateway/worker.h"
#include "client-lib/microreg.h"
#include "common/clock.h"
#include "common/log.h"
#include "gateway/client.h"
#include "gateway/exchange.h"
#include "gateway/guard.h"
#include "gateway/health.h"
#include "gateway/jq_pool.h"
#include "gateway/mirror.h"
#include "gateway/refresh.h"
#include "gateway/resolver.h"
#include "gateway/roster.h"
#include "gateway/stats.h"
#include "gateway/tunnel.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <uthash.h>

/* A worker's endpoints of one service, kept over reloads with their connections. */
struct worker_set {
	struct service *service; /* the key */
	struct endpoint_set set;
	UT_hash_handle hh;
};

static void worker_on_snapshot(struct loop_message *message);

/* ---- Tables ---- */

static struct endpoint_set *worker_find_set(struct worker *w, struct service *service)
{
	struct worker_set *entry;

	HASH_FIND_PTR(w->sets, &service, entry);
	if (entry)
		return &entry->set;
	entry = calloc(1, sizeof(*entry));
	if (!entry)
		return NULL;
	entry->service = service;
	endpoint_set_init(&entry->set, service);
	entry->set.worker = w->index;
	HASH_ADD_PTR(w->sets, service, entry);
	if (!entry->hh.tbl) { /* uthash ran out of memory */
		free(entry);
		return NULL;
	}
	return &entry->set;
}

/* Takes the reference to the table over when it succeeds. */
static struct worker_table *worker_table_new(struct worker *w, struct table *table,
					     struct roster *roster)
{
	struct worker_table *wt = worker_table_alloc(table);

	for (size_t i = 0; wt && i < table->settings->service_count; i++) {
		wt->sets[i] = worker_find_set(w, table->services[i]);
		if (!wt->sets[i] ||
		    endpoint_set_configure(wt->sets[i], &table->settings->services[i],
					   table->settings->zone, table->origins[i]) < 0) {
			free(wt->sets);
			free(wt);
			return NULL;
		}
	}
	if (wt)
		wt->roster = roster_ref(roster);
	return wt;
}

static void worker_check_update(int failed, const char *service)
{
	if (failed)
		log_warn("service \"%s\": out of memory; its instances are as they were before",
			 service);
}

void worker_refresh(struct worker *w, struct endpoint_set *set)
{
	const struct microreg_service *now = NULL;

	if (set->from_settings)
		return;
	if (w->snapshot)
		now = microreg_snapshot_find(w->snapshot, set->service->name);
	worker_check_update(endpoint_set_update(set, now, w->gateway->usages, loop_now_ms(w->loop)),
			    set->service->name);
}

struct endpoint_set *worker_resolve(struct worker *w, struct worker_table *wt, size_t index)
{
	const struct settings_service *settings = &wt->table->settings->services[index];
	struct endpoint_set *set = wt->sets[index];

	if (settings->instance_count) {
		worker_check_update(endpoint_set_update_settings(set, settings,
								 w->gateway->local_usages,
								 loop_now_ms(w->loop)),
				    settings->name);
		return set;
	}
	set->from_settings = NULL; /* an older table may have listed them */
	worker_refresh(w, set);
	return set;
}

/* ---- Mail ---- */

static void worker_on_snapshot(struct loop_message *message)
{
	struct worker *w =
		(struct worker *)(void *)((char *)message - offsetof(struct worker, snapshot_mail));
	struct worker_set *entry, *next;

	/* Before the snapshot is taken: what changes from here on posts again. */
	atomic_store_explicit(&w->snapshot_mailed, false, memory_order_seq_cst);
	if (!w->gateway->registry) /* closed: the last mail is delivered at the very end */
		return;
	microreg_snapshot_unref(&w->snapshot);
	w->snapshot = microreg_snapshot_ref(w->gateway->registry);
	HASH_ITER(hh, w->sets, entry, next)
	{
		room_call(&entry->service->room); /* an instance may have come */
	}
}

void worker_post_snapshot(struct worker *w)
{
	if (!atomic_exchange_explicit(&w->snapshot_mailed, true, memory_order_seq_cst))
		loop_post(w->loop, &w->snapshot_mail);
}

struct worker_mail {
	struct loop_message message;
	struct worker *worker;
	struct table *table;
	struct roster *roster;
	void (*call)(void *arg);
	void *arg;
};

static struct worker_mail *worker_mail_new(struct worker *w,
					   void (*deliver)(struct loop_message *message))
{
	struct worker_mail *mail = calloc(1, sizeof(*mail));

	if (!mail)
		return NULL;
	mail->message.deliver = deliver;
	mail->worker = w;
	return mail;
}

static int worker_post(struct worker_mail *mail)
{
	if (!mail)
		return -1;
	loop_post(mail->worker->loop, &mail->message);
	return 0;
}

/* There may be more places now, at a service or at its instances, for those that wait. */
static void worker_call_waiting(const struct worker_table *wt)
{
	const struct settings *settings = wt->table->settings;

	for (size_t i = 0; i < settings->service_count; i++) {
		struct service *service = wt->table->services[i];

		bulkhead_call(&service->bulkhead, settings->services[i].max_in_flight);
		room_call(&service->room);
	}
}

static void worker_on_table(struct loop_message *message)
{
	struct worker_mail *mail = (struct worker_mail *)(void *)message;
	struct worker_table *wt =
		worker_table_new(mail->worker, mail->table, mail->worker->table->roster);

	if (wt) {
		worker_table_unref(&mail->worker->table);
		mail->worker->table = wt;
		/* A listener holds the newest door it was given, whether clients came or not. */
		for (size_t i = 0; i < mail->worker->listener_count; i++)
			(void)listener_door(&mail->worker->listeners[i]);
		worker_call_waiting(wt);
	} else {
		log_error("reload: out of memory; worker %u keeps the table it has",
			  mail->worker->index);
		table_unref(&mail->table);
	}
	free(mail);
}

static void worker_on_roster(struct loop_message *message)
{
	struct worker_mail *mail = (struct worker_mail *)(void *)message;
	struct worker *w = mail->worker;
	struct worker_table *wt = worker_table_with(w->table, mail->roster);

	if (wt) {
		worker_table_unref(&w->table);
		w->table = wt;
	} else {
		atomic_store_explicit(&w->roster_lost, true, memory_order_relaxed);
		log_error("consumers of the registry: out of memory; worker %u keeps those before",
			  w->index);
	}
	roster_unref(&mail->roster);
	free(mail);
}

static void worker_on_drain(struct loop_message *message)
{
	struct worker *w = ((struct worker_mail *)(void *)message)->worker;
	struct client *client, *next;

	w->draining = true;
	for (size_t i = 0; i < w->listener_count; i++)
		listener_drain(&w->listeners[i]);
	for (client = w->clients; client; client = next) {
		next = client->next;
		client_drain(client);
	}
	free(message);
}

static void worker_on_tunnels_over(struct loop_message *message)
{
	struct worker *w = ((struct worker_mail *)(void *)message)->worker;

	w->tunnels_over = true;
	tunnel_drain_all(w);
	free(message);
}

static void worker_on_stop(struct loop_message *message)
{
	struct worker *w = ((struct worker_mail *)(void *)message)->worker;

	loop_stop(w->loop);
	free(message);
}

int worker_post_table(struct worker *w, struct table *table)
{
	struct worker_mail *mail = worker_mail_new(w, worker_on_table);

	if (mail)
		mail->table = table_ref(table);
	return worker_post(mail);
}

int worker_post_roster(struct worker *w, struct roster *roster)
{
	struct worker_mail *mail = worker_mail_new(w, worker_on_roster);

	if (mail)
		mail->roster = roster_ref(roster);
	return worker_post(mail);
}

bool worker_lost_roster(struct worker *w)
{
	return atomic_exchange_explicit(&w->roster_lost, false, memory_order_relaxed);
}

int worker_post_drain(struct worker *w)
{
	return worker_post(worker_mail_new(w, worker_on_drain));
}

int worker_post_tunnels_over(struct worker *w)
{
	return worker_post(worker_mail_new(w, worker_on_tunnels_over));
}

int worker_post_stop(struct worker *w)
{
	return worker_post(worker_mail_new(w, worker_on_stop));
}

static void worker_on_call(struct loop_message *message)
{
	struct worker_mail *mail = (struct worker_mail *)(void *)message;

	mail->call(mail->arg);
	free(mail);
}

int worker_post_call(struct worker *w, void (*call)(void *arg), void *arg)
{
	struct worker_mail *mail = worker_mail_new(w, worker_on_call);

	if (mail) {
		mail->call = call;
		mail->arg = arg;
	}
	return worker_post(mail);
}

/* ---- Life ---- */

struct worker *worker_new(unsigned index, struct gateway *gateway, struct table *table,
			  struct listener *listeners, size_t listener_count, struct err *e)
{
	struct worker *w = calloc(1, sizeof(*w));

	if (!w) {
		(void)err_set(e, "worker: out of memory");
		return NULL;
	}
	w->index = index;
	w->gateway = gateway;
	w->stats = stats_worker(gateway->stats, index);
	w->snapshot_mail.deliver = worker_on_snapshot;
	/* Ids want to be unlike others', not secret. */
	if (getrandom(w->random, sizeof(w->random), 0) != (ssize_t)sizeof(w->random))
		w->random[0] = clock_us();
	w->random[1] |= 1;
	w->loop = loop_new(e);
	w->resolver = w->loop ? resolver_new(w->loop, NULL, e) : NULL;
	if (!w->resolver) {
		worker_free(&w);
		return NULL;
	}
	w->guard = guard_new();
	w->jq_pool = jq_pool_new(w->loop);
	if (!w->guard || !w->jq_pool) {
		(void)err_set(e, "worker: out of memory");
		worker_free(&w);
		return NULL;
	}
	w->table = worker_table_new(w, table_ref(table), gateway->roster);
	if (!w->table) {
		table_unref(&table);
		(void)err_set(e, "worker: out of memory");
		worker_free(&w);
		return NULL;
	}
	if (gateway->registry)
		w->snapshot = microreg_snapshot_ref(gateway->registry);
	w->listeners = listeners;
	w->listener_count = listener_count;
	return w;
}

static void *worker_run(void *arg)
{
	struct worker *w = arg;

	loop_run(w->loop);
	while (w->clients)
		client_abort(w->clients);
	mirror_free_all(w);
	refresh_free_all(w);
	return NULL;
}

int worker_start(struct worker *w, struct err *e)
{
	int failed;

	for (size_t i = 0; i < w->listener_count; i++)
		if (listener_start(&w->listeners[i], w) < 0)
			return err_set(e, "worker: can't watch a listening socket");
	failed = pthread_create(&w->thread, NULL, worker_run, w);
	if (failed)
		return err_set(e, "worker: can't start its thread: %s", strerror(failed));
	w->started = true;
	return 0;
}

void worker_tell_news(void *worker)
{
	guard_tell(((struct worker *)worker)->guard, GUARD_ISSUER);
}

void worker_tell_quota(void *worker)
{
	guard_tell(((struct worker *)worker)->guard, GUARD_QUOTA);
}

void worker_join(struct worker *w)
{
	if (w->started)
		(void)pthread_join(w->thread, NULL); /* it is ours, and joined once */
	w->started = false;
}

void worker_free(struct worker **worker)
{
	struct worker *w = *worker;
	struct worker_set *entry, *next;

	*worker = NULL;
	if (!w)
		return;
	for (size_t i = 0; i < w->listener_count; i++)
		listener_close(&w->listeners[i]);
	free(w->listeners);
	exchange_free_spare(w);
	splice_pool_fini(&w->splices);
	worker_table_unref(&w->table);
	HASH_ITER(hh, w->sets, entry, next)
	{
		HASH_DEL(w->sets, entry);
		endpoint_set_fini(&entry->set);
		free(entry);
	}
	microreg_snapshot_unref(&w->snapshot);
	resolver_free(&w->resolver);
	guard_free(&w->guard);
	if (w->jq_pool)
		jq_pool_free(&w->jq_pool);
	loop_free(&w->loop);
	free(w);
}

/* ---- What others ask of it ---- */

void worker_restore(struct worker *w, const char *service, const char *instance)
{
	struct worker_set *entry, *next;

	HASH_ITER(hh, w->sets, entry, next)
	{
		if (strcmp(entry->service->name, service) == 0)
			health_restore(&entry->set, instance, loop_now_ms(w->loop));
	}
}

struct loop *worker_loop(const struct worker *w)
{
	return w->loop;
}

struct resolver *worker_resolver(const struct worker *w)
{
	return w->resolver;
}

const struct settings *worker_settings(const struct worker *w)
{
	return w->table->table->settings;
}

uint64_t worker_idle_timeout_ms(const struct worker *w)
{
	return worker_settings(w)->limits.idle_timeout_ms;
}

/* xorshift128+ (Vigna, 2014). */
uint64_t worker_random(struct worker *w)
{
	uint64_t a = w->random[0], b = w->random[1];

	w->random[0] = b;
	a ^= a << 23;
	w->random[1] = a ^ b ^ (a >> 17) ^ (b >> 26);
	return w->random[1] + b;
}

const char *worker_date(struct worker *w)
{
	uint64_t second = loop_now_ms(w->loop) / 1000;

	if (!w->date[0] || second != w->date_s) {
		clock_http(clock_wall_ms(), w->date);
		w->date_s = second;
	}
	return w->date;
}
