/* keeper: a loop with two timers and three kinds of messages. */
#include "registry/keeper.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/rpc.h"
#include "registry/consumer_catalog.h"
#include "registry/drain.h"
#include "registry/edit.h"
#include "registry/lease.h"
#include "registry/note.h"
#include "registry/quotas.h"
#include "registry/shared_answer.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	KEEPER_TICK_MS = 250,	  /* at least so often */
	KEEPER_DRAIN_MS = 50,	  /* while a deregistration waits */
	KEEPER_PAUSE_MS = 1000,	  /* later than this: we were stopped, or the machine slept */
	KEEPER_SEEN_MS = 30000,	  /* the store learns so often that all of it is still true */
	KEEPER_RECOVER_MS = 1000, /* a store that refuses is tried again so often */
	/* While so many wait, changes that follow each other are looked at so often, not one by
	 * one: each look touches everybody who waits. Short beside WAITERS_QUIET_MS. */
	KEEPER_MANY = 256,
	KEEPER_GATHER_MS = 5,
	KEEPER_NAMES = 64,
};

/* What waits for consumers waits for this: no service is called so. */
static const char keeper_consumers[] = "/consumers";

struct keeper {
	struct registry *registry;
	struct loop *loop;
	pthread_t thread;
	bool running; /* there is a thread; its owner's */
	bool ticking; /* the keeper's thread, between its start and its end */
	struct waiters *waiters;
	struct wheel_timer tick, gather;
	struct loop_message changed, draining;
	atomic_bool changed_posted, draining_posted;
	atomic_size_t waiting;
	size_t waiting_max;
	uint64_t seen;		       /* the revision up to which waiters were told */
	uint64_t consumers_seen;       /* the same of consumers */
	uint64_t planned_ms, slept_ms; /* when the tick should come; how long the machine slept */
	uint64_t touched_ms;
	struct lease_due due;
	char names[KEEPER_NAMES][INSTANCE_NAME_MAX + 1];
};

static void keeper_tick(struct keeper *k);

/* ---- Leases ---- */

/* An edit with the strings it borrows. */
struct keeper_edit {
	struct edit edit;
	char service[INSTANCE_NAME_MAX + 1], id[INSTANCE_NAME_MAX + 1];
};

static void keeper_edit_finish(struct edit *edit)
{
	struct keeper_edit *own = (void *)edit; /* its first member */
	struct keeper *k = edit->owner;

	if (edit->op.err.code)
		lease_retry(k->registry->catalog, own->service, own->id, clock_ms());
	else if (edit->existed && edit->kind == EDIT_EXPIRE)
		log_info("%s/%s expired: no heartbeat in its time", own->service, own->id);
	free(own);
}

static void keeper_end(struct keeper *k, const char *service, const char *id, bool remove)
{
	struct keeper_edit *own = calloc(1, sizeof(*own));

	if (!own) {
		lease_retry(k->registry->catalog, service, id, clock_ms());
		return;
	}
	memcpy(own->service, service, strlen(service) + 1);
	memcpy(own->id, id, strlen(id) + 1);
	own->edit.kind = remove ? EDIT_FORGET : EDIT_EXPIRE;
	own->edit.service = own->service;
	own->edit.id = own->id;
	own->edit.owner = k;
	own->edit.finish = keeper_edit_finish;
	if (edit_submit(k->registry->writer, &own->edit, NULL) < 0) {
		lease_retry(k->registry->catalog, service, id, clock_ms());
		free(own);
	}
}

/* Was this process stopped, or the machine asleep? Then nobody could beat. */
static void keeper_check_pause(struct keeper *k, uint64_t now_ms)
{
	uint64_t slept = clock_boot_ms() - now_ms, late = 0;

	if (now_ms > k->planned_ms)
		late = now_ms - k->planned_ms;
	if (late > KEEPER_PAUSE_MS || slept > k->slept_ms + KEEPER_PAUSE_MS) {
		log_warn("paused for %llu ms: every instance has its ttl again to renew",
			 (unsigned long long)(late + slept - k->slept_ms));
		lease_hold_all(k->registry->catalog, now_ms);
		note_tell(k->registry, &(struct note){.event = "held",
						      .service = "",
						      .id = "",
						      .detail = "the registry was paused: every "
								"instance has its ttl again"});
	}
	k->slept_ms = slept;
}

/* More than half of a zone's instances would end at once. */
static void keeper_tell_hold(struct keeper *k, size_t i)
{
	const char *service = k->due.holds[i].service, *zone = k->due.holds[i].zone;
	char detail[INSTANCE_TEXT_MAX + 128];

	(void)snprintf(detail, sizeof(detail),
		       "most of its instances%s%s would expire at once: they have %u ms more",
		       *zone ? " in zone " : "", zone, k->due.holds[i].ttl_ms);
	log_warn("%s: %s", service, detail);
	note_tell(k->registry,
		  &(struct note){.event = "held", .service = service, .id = "", .detail = detail});
}

static void keeper_leases(struct keeper *k, uint64_t now_ms)
{
	lease_advance(k->registry->catalog, now_ms, &k->due);
	for (size_t i = 0; i < k->due.hold_count; i++)
		keeper_tell_hold(k, i);
	for (size_t i = 0; i < k->due.count; i++)
		keeper_end(k, k->due.items[i].service, k->due.items[i].id, k->due.items[i].remove);
}

/* ---- Watchers ---- */

/* Each turn, so that the timer is right whatever was added. */
static void keeper_arm(struct keeper *k, uint64_t now_ms, bool draining)
{
	uint64_t wait = draining ? KEEPER_DRAIN_MS : KEEPER_TICK_MS;

	wait = lease_wait_ms(k->registry->catalog, now_ms, wait);
	wait = waiters_wait_ms(k->waiters, now_ms, wait);
	k->planned_ms = now_ms + wait;
	loop_timer_set(k->loop, &k->tick, wait);
}

/* True when there was one. */
static bool keeper_tell_changes(struct keeper *k, uint64_t now_ms)
{
	uint64_t seen = k->seen, consumers_seen = k->consumers_seen;
	bool lost;
	size_t n;

	do {
		n = catalog_changed(k->registry->catalog, &k->seen, k->names, KEEPER_NAMES, &lost);
		for (size_t i = 0; i < n; i++)
			waiters_changed(k->waiters, k->names[i], now_ms);
		if (lost)
			waiters_changed(k->waiters, NULL, now_ms);
	} while (n == KEEPER_NAMES);
	if (consumer_catalog_revision(k->registry->consumers) != k->consumers_seen) {
		k->consumers_seen = consumer_catalog_revision(k->registry->consumers);
		waiters_changed_topic(k->waiters, keeper_consumers, now_ms);
	}
	return k->seen != seen || k->consumers_seen != consumers_seen;
}

static void keeper_look(struct keeper *k)
{
	/* Before looking, so that a change from now on posts again. */
	atomic_store(&k->changed_posted, false);
	/* Until the timer nobody posts. One who did meanwhile has sent the message. */
	if (keeper_tell_changes(k, clock_ms()) && keeper_waiting(k) >= KEEPER_MANY &&
	    !atomic_exchange(&k->changed_posted, true))
		loop_timer_set(k->loop, &k->gather, KEEPER_GATHER_MS);
	keeper_tick(k);
}

static void keeper_on_gather(struct wheel_timer *timer)
{
	keeper_look((void *)((char *)timer - offsetof(struct keeper, gather)));
}

static void keeper_on_changed(struct loop_message *message)
{
	keeper_look((void *)((char *)message - offsetof(struct keeper, changed)));
}

void keeper_changed(struct keeper *keeper)
{
	if (!atomic_exchange(&keeper->changed_posted, true))
		loop_post(keeper->loop, &keeper->changed);
}

static void keeper_on_draining(struct loop_message *message)
{
	struct keeper *k = (void *)((char *)message - offsetof(struct keeper, draining));

	atomic_store(&k->draining_posted, false);
	keeper_tick(k);
}

void keeper_draining(struct keeper *keeper)
{
	if (!atomic_exchange(&keeper->draining_posted, true))
		loop_post(keeper->loop, &keeper->draining);
}

static bool keeper_has_news(struct keeper *k, const struct keeper_wait *wait, uint64_t *changed_ms)
{
	if (wait->consumers)
		return consumer_catalog_has_news(k->registry->consumers, &wait->since, changed_ms);
	return catalog_has_news(k->registry->catalog, &wait->since, wait->service, changed_ms);
}

static int keeper_add(struct keeper *k, struct keeper_wait *wait)
{
	const char *topic = wait->consumers ? keeper_consumers : wait->service;

	return waiters_add(k->waiters, &wait->waiter, topic ? topic : "");
}

static void keeper_ready(struct keeper_wait *wait)
{
	atomic_fetch_sub(&wait->keeper->waiting, 1);
	wait->ready(wait);
}

static void keeper_wake(struct waiter *waiter)
{
	struct keeper_wait *wait = (void *)((char *)waiter - offsetof(struct keeper_wait, waiter));
	struct keeper *k = wait->keeper;
	uint64_t changed_ms;

	/* What it was touched for may be what it knew when it came: it can be here before the
	 * change is looked at. */
	if (k->ticking && clock_ms() < waiter->deadline_ms &&
	    !keeper_has_news(k, wait, &changed_ms) && keeper_add(k, wait) == 0)
		return;
	keeper_ready(wait);
}

static void keeper_on_wait(struct loop_message *message)
{
	struct keeper_wait *wait = (void *)message; /* its first member */
	struct keeper *k = wait->keeper;
	uint64_t now_ms = clock_ms(), changed_ms;

	wait->waiter.deadline_ms = now_ms + wait->wait_ms;
	wait->waiter.wake = keeper_wake;
	if (keeper_add(k, wait) < 0) {
		keeper_ready(wait); /* answered early: it may ask again */
		return;
	}
	if (keeper_has_news(k, wait, &changed_ms))
		waiters_touch(k->waiters, &wait->waiter, changed_ms, now_ms);
	keeper_tick(k);
}

int keeper_wait(struct keeper *keeper, struct keeper_wait *wait, struct err *e)
{
	if (atomic_fetch_add(&keeper->waiting, 1) >= keeper->waiting_max) {
		atomic_fetch_sub(&keeper->waiting, 1);
		return err_code(e, RPC_FAULT_TOO_MANY, "%zu watchers are waiting (limits.watchers)",
				keeper->waiting_max);
	}
	wait->keeper = keeper;
	wait->message.deliver = keeper_on_wait;
	loop_post(keeper->loop, &wait->message);
	return 0;
}

size_t keeper_waiting(const struct keeper *keeper)
{
	return atomic_load(&keeper->waiting);
}

/* ---- The clock ---- */

static void keeper_touch(struct keeper *k, uint64_t now_ms)
{
	struct err why;
	bool healthy = writer_is_healthy(k->registry->writer, &why);

	if (now_ms - k->touched_ms < (healthy ? KEEPER_SEEN_MS : KEEPER_RECOVER_MS))
		return;
	k->touched_ms = now_ms;
	writer_touch(k->registry->writer);
}

static void keeper_tick(struct keeper *k)
{
	uint64_t now_ms = clock_ms();
	bool draining;

	if (!k->ticking)
		return; /* keeper_free delivers the last messages: nothing is to begin then */
	keeper_check_pause(k, now_ms);
	keeper_leases(k, now_ms);
	waiters_advance(k->waiters, now_ms);
	shared_answers_drop(k->registry->shared);
	draining = drain_advance(k->registry->drain, now_ms);
	keeper_touch(k, now_ms);
	if (k->registry->quotas)
		quotas_advance(k->registry->quotas, k->registry->writer, clock_wall_ms());
	keeper_arm(k, now_ms, draining);
}

static void keeper_on_tick(struct wheel_timer *timer)
{
	keeper_tick((void *)((char *)timer - offsetof(struct keeper, tick)));
}

static void *keeper_main(void *arg)
{
	struct keeper *k = arg;
	uint64_t now_ms = clock_ms();

	k->planned_ms = k->touched_ms = now_ms;
	k->slept_ms = clock_boot_ms() - now_ms;
	k->ticking = true;
	keeper_tick(k);
	loop_run(k->loop);
	k->ticking = false;
	return NULL;
}

/* ---- Life ---- */

struct keeper *keeper_new(struct registry *registry, size_t waiting_max, struct err *e)
{
	struct keeper *k = calloc(1, sizeof(*k));

	if (k) {
		k->registry = registry;
		k->waiting_max = waiting_max;
		k->tick.on_time = keeper_on_tick;
		k->gather.on_time = keeper_on_gather;
		k->changed.deliver = keeper_on_changed;
		k->draining.deliver = keeper_on_draining;
		k->seen = catalog_revision(registry->catalog);
		k->waiters = waiters_new(clock_ms());
		k->loop = loop_new(e);
	}
	if (k && k->waiters && k->loop)
		return k;
	if (!k || !k->waiters)
		(void)err_set(e, "keeper: out of memory");
	if (k) {
		waiters_free(&k->waiters);
		loop_free(&k->loop);
		free(k);
	}
	return NULL;
}

int keeper_start(struct keeper *keeper, struct err *e)
{
	if (pthread_create(&keeper->thread, NULL, keeper_main, keeper))
		return err_set(e, "keeper: can't start a thread");
	keeper->running = true;
	return 0;
}

void keeper_stop(struct keeper *keeper)
{
	if (!keeper->running)
		return;
	loop_stop(keeper->loop);
	(void)pthread_join(keeper->thread, NULL);
	keeper->running = false;
}

void keeper_free(struct keeper **keeper)
{
	struct keeper *k = *keeper;

	if (!k)
		return;
	keeper_stop(k);
	loop_free(&k->loop); /* delivers what was posted */
	waiters_flush(k->waiters);
	waiters_free(&k->waiters);
	free(k);
	*keeper = NULL;
}
