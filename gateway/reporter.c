/*
 * reporter: take the revision, see that all workers use it, take the counts,
 * report. In this order: a count of 0 then means that nothing begun before that
 * revision is left.
 */
#include "gateway/reporter.h"
#include "client-lib/microreg.h"
#include "common/clock.h"
#include "common/daemon.h"
#include "common/log.h"
#include "gateway/quota.h"
#include "gateway/registry.h"
#include "gateway/usage.h"
#include "gateway/usage_choice.h"
#include "gateway/worker.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
	REPORTER_EVERY_MS = 1000,
	REPORTER_LEAST_MS = 100, /* between two, however hurried */
	REPORTER_QUOTAS_MS = 5,	 /* the same of quotas, for which requests wait */
	REPORTER_TIMEOUT_MS = 1000,
};

struct reporter {
	struct gateway *gateway;
	struct microreg *registry; /* a handle of its own, with a short deadline */
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	bool stopping, hurried; /* guarded by lock */
	/* Set under the lock; read without, so that of many requests that hurry it one takes it. */
	atomic_bool quotas_hurried;
	unsigned workers_due; /* guarded by lock: how many have not met the revision yet */
	bool failed;	      /* the last report; the thread's */
	bool reported;	      /* at least once; the thread's */
	bool quotas_failed;   /* likewise, of quotas; the thread's */
};

/* Waits on the condition until `at_ms` of clock_ms, or less. */
static void reporter_wait_locked(struct reporter *r, uint64_t at_ms)
{
	struct timespec at = {.tv_sec = (time_t)(at_ms / 1000),
			      .tv_nsec = (long)(at_ms % 1000) * 1000000};

	(void)pthread_cond_timedwait(&r->wake, &r->lock, &at); /* the caller looks at the clock */
}

static void reporter_met(void *arg)
{
	struct reporter *r = arg;

	(void)pthread_mutex_lock(&r->lock); /* can't fail: a plain mutex */
	if (--r->workers_due == 0)
		(void)pthread_cond_broadcast(&r->wake);
	(void)pthread_mutex_unlock(&r->lock);
}

/* Every worker has taken the newest snapshot. Mail is in order, so one more letter tells. False
 * when a worker did not come to it in time, or the end is near. */
static bool reporter_meet(struct reporter *r)
{
	struct gateway *g = r->gateway;
	uint64_t at_ms = clock_ms() + REPORTER_EVERY_MS;
	unsigned posted = 0;
	bool met;

	(void)pthread_mutex_lock(&r->lock);
	if (r->workers_due) { /* of the last time: wait for these first */
		(void)pthread_mutex_unlock(&r->lock);
		return false;
	}
	r->workers_due = (unsigned)g->worker_count;
	(void)pthread_mutex_unlock(&r->lock);
	for (size_t i = 0; i < g->worker_count; i++) {
		worker_post_snapshot(g->workers[i]);
		posted += worker_post_call(g->workers[i], reporter_met, r) == 0;
	}
	(void)pthread_mutex_lock(&r->lock);
	r->workers_due -= (unsigned)g->worker_count - posted;
	while (r->workers_due && !r->stopping && clock_ms() < at_ms)
		reporter_wait_locked(r, at_ms);
	met = !r->workers_due && posted == g->worker_count;
	(void)pthread_mutex_unlock(&r->lock);
	return met;
}

static void reporter_report(struct reporter *r)
{
	const struct microreg_snapshot *snapshot;
	struct microreg_watch_status watch;
	struct microreg_error error = {0};
	struct microreg_use *uses;
	size_t count;
	bool failed;

	microreg_watch_status(r->gateway->registry, &watch);
	if (!watch.connected || !watch.revision[0] || !reporter_meet(r))
		return;
	uses = usages_take(r->gateway->usages, &count);
	snapshot = microreg_snapshot_ref(r->gateway->registry);
	count = usage_choose(uses, count, snapshot);
	microreg_snapshot_unref(&snapshot);
	failed = microreg_report(r->registry, watch.revision, uses, count, &error) < 0;
	usages_release(r->gateway->usages);
	free(uses);
	if (failed && !r->failed)
		log_info("report to the registry: %s", error.text);
	r->failed = failed;
	r->reported |= !failed;
}

/* ---- Quotas ---- */

/* Requests that wait for what is left go on. */
static void reporter_tell_workers(struct gateway *g)
{
	for (size_t i = 0; i < g->worker_count; i++)
		if (worker_post_call(g->workers[i], worker_tell_quota, g->workers[i]) < 0)
			log_warn("out of memory: requests wait for their quota longer");
}

/* True when there is more to tell at once. */
static bool reporter_report_some(struct reporter *r)
{
	struct microreg_error error = {0};
	struct microreg_report report;
	bool failed, more = false;

	if (!quota_report(r->gateway->quota, &report))
		return false;
	failed = microreg_report_quotas(r->registry, &report, &error) < 0;
	if (failed)
		quota_failed(r->gateway->quota);
	else
		more = quota_answered(r->gateway->quota, &report, clock_ms(), clock_wall_ms());
	if (failed && !r->quotas_failed)
		log_warn("quotas: %s; until the registry answers this gateway goes on with what "
			 "it knows",
			 error.text);
	else if (!failed && r->quotas_failed)
		log_info("quotas: the registry counts them again");
	r->quotas_failed = failed;
	reporter_tell_workers(r->gateway);
	return more;
}

/* At most until `until_ms`. True when there is more. */
static bool reporter_report_quotas(struct reporter *r, uint64_t until_ms)
{
	while (reporter_report_some(r))
		if (clock_ms() >= until_ms)
			return true;
	return false;
}

/* ---- When ---- */

/* How long after the last report the next one is due. The first is not held back: until it came
 * the registry can't know that it has to wait for more of them. */
static uint64_t reporter_pause_locked(const struct reporter *r)
{
	if (!r->hurried)
		return REPORTER_EVERY_MS;
	return r->reported ? REPORTER_LEAST_MS : 0;
}

/* A registry that is away is not asked more often because many wait for it. */
static uint64_t reporter_quotas_pause_locked(const struct reporter *r)
{
	return atomic_load(&r->quotas_hurried) && !r->quotas_failed ? REPORTER_QUOTAS_MS
								    : REPORTER_EVERY_MS;
}

static void *reporter_run(void *arg)
{
	struct reporter *r = arg;
	uint64_t began = 0, quotas_began = 0; /* of the last ones */

	(void)pthread_mutex_lock(&r->lock);
	while (!r->stopping) {
		uint64_t now = clock_ms(), at = began + reporter_pause_locked(r);
		uint64_t quotas_at = quotas_began + reporter_quotas_pause_locked(r);

		if (now < at && now < quotas_at) {
			reporter_wait_locked(r, at < quotas_at ? at : quotas_at);
		} else if (now >= quotas_at && (now < at || quotas_at <= at)) {
			/* What is due longest: neither keeps the other from its turn. */
			bool more;

			atomic_store(&r->quotas_hurried, false); /* before the counts are read */
			(void)pthread_mutex_unlock(&r->lock);
			more = reporter_report_quotas(r, now + REPORTER_EVERY_MS / 2);
			(void)pthread_mutex_lock(&r->lock);
			if (more)
				atomic_store(&r->quotas_hurried, true);
			quotas_began = now;
		} else {
			r->hurried = false;
			(void)pthread_mutex_unlock(&r->lock);
			reporter_report(r);
			(void)pthread_mutex_lock(&r->lock);
			began = now;
		}
	}
	(void)pthread_mutex_unlock(&r->lock);
	if (!r->quotas_failed) /* what came since, so that it is kept over a restart */
		(void)reporter_report_quotas(r, clock_ms() + REPORTER_EVERY_MS); /* or not all */
	return NULL;
}

static int reporter_init_locks(struct reporter *r)
{
	pthread_condattr_t attr;
	int failed;

	if (pthread_mutex_init(&r->lock, NULL))
		return -1;
	failed = pthread_condattr_init(&attr);
	if (!failed) {
		failed = pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
		failed = failed ? failed : pthread_cond_init(&r->wake, &attr);
		(void)pthread_condattr_destroy(&attr); /* frees nothing */
	}
	if (failed)
		(void)pthread_mutex_destroy(&r->lock); /* nobody holds it */
	return failed ? -1 : 0;
}

struct reporter *reporter_start(struct gateway *gateway, const struct settings_registry *settings,
				const char *name, struct err *e)
{
	struct reporter *r = calloc(1, sizeof(*r));

	if (!r || reporter_init_locks(r) < 0) {
		free(r);
		(void)err_code(e, DAEMON_EXIT_SYSTEM, "reporter: out of memory");
		return NULL;
	}
	r->gateway = gateway;
	r->registry = registry_connect(settings, name, REPORTER_TIMEOUT_MS, NULL, e);
	if (r->registry && pthread_create(&r->thread, NULL, reporter_run, r) == 0)
		return r;
	if (r->registry)
		(void)err_code(e, DAEMON_EXIT_SYSTEM, "reporter: can't start its thread");
	reporter_free(&r);
	return NULL;
}

void reporter_stop(struct reporter *r)
{
	if (!r)
		return;
	(void)pthread_mutex_lock(&r->lock);
	r->stopping = true;
	(void)pthread_cond_broadcast(&r->wake);
	(void)pthread_mutex_unlock(&r->lock);
	(void)pthread_join(r->thread, NULL); /* it is ours, and joined once */
}

void reporter_free(struct reporter **reporter)
{
	struct reporter *r = *reporter;

	*reporter = NULL;
	if (!r)
		return;
	microreg_close(&r->registry);
	(void)pthread_cond_destroy(&r->wake); /* nobody waits on it */
	(void)pthread_mutex_destroy(&r->lock);
	free(r);
}

void reporter_hurry(struct reporter *r)
{
	if (!r)
		return;
	(void)pthread_mutex_lock(&r->lock);
	r->hurried = true;
	(void)pthread_cond_signal(&r->wake);
	(void)pthread_mutex_unlock(&r->lock);
}

void reporter_hurry_quotas(struct reporter *r)
{
	/* While it is set the report that clears it is still to be gathered, with what the caller
	 * has counted before. */
	if (!r || atomic_load(&r->quotas_hurried))
		return;
	(void)pthread_mutex_lock(&r->lock);
	atomic_store(&r->quotas_hurried, true);
	(void)pthread_cond_signal(&r->wake);
	(void)pthread_mutex_unlock(&r->lock);
}
