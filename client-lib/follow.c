/*
 * follow: what a program calls to have services kept current; the watch
 * thread does it.
 */
#include "client-lib/snapshot.h"
#include "client-lib/watch.h"
#include "common/clock.h"
#include "common/instance.h"
#include "common/siphash.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HASH_FUNCTION(key, len, hash) ((hash) = (unsigned)siphash_process((key), (len)))
#include <uthash.h>

struct watch_name {
	UT_hash_handle hh;
	char text[INSTANCE_NAME_MAX + 1];
};

bool watch_has_name_locked(const struct watch *w, const char *name)
{
	struct watch_name *found;

	if (w->all)
		return true;
	HASH_FIND_STR(w->names, name, found);
	return found != NULL;
}

void watch_forget_names(struct watch *w)
{
	struct watch_name *name, *next;

	HASH_ITER(hh, w->names, name, next)
	{
		HASH_DEL(w->names, name);
		free(name);
	}
}

/* The handle's watch, made when it is the first. The thread waits for the lock before it looks. */
static int watch_open_locked(struct microreg *m, struct microreg_error *e)
{
	struct watch *w;

	if (m->watch)
		return 0;
	w = calloc(1, sizeof(*w));
	if (!w)
		return error_memory(e);
	w->multi = curl_multi_init();
	if (!w->multi) {
		free(w);
		return error_memory(e);
	}
	m->watch = w;
	if (handle_start_thread(&w->thread, watch_run, m, e) == 0)
		return 0;
	(void)curl_multi_cleanup(w->multi);
	free(w);
	m->watch = NULL;
	return -1;
}

/* Puts what the file knew of it into the snapshot, unless something newer is there. True when the
 * file knew anything. */
static bool watch_restore_locked(struct microreg *m, const char *service)
{
	const struct microreg_service *s;
	struct microreg_snapshot *next;
	const struct microreg_snapshot *drop;
	size_t at = 0;

	if (!m->saved || (service && !microreg_snapshot_find(m->saved, service)))
		return false;
	next = snapshot_copy(m->snapshot);
	if (!next)
		return false;
	while ((s = service ? microreg_snapshot_find(m->saved, service)
			    : microreg_snapshot_next(m->saved, &at)) != NULL) {
		if (!microreg_snapshot_find(next, s->name))
			(void)snapshot_put(next, s); /* full: the registry will tell */
		if (service)
			break;
	}
	drop = m->snapshot;
	m->snapshot = next;
	microreg_snapshot_unref(&drop);
	return true;
}

static int watch_add_name_locked(struct watch *w, const char *service, struct microreg_error *e)
{
	struct watch_name *name;

	if (w->name_count == WATCH_NAMES_MAX)
		return error_set(e, MICROREG_BAD_ARGUMENT,
				 "service: %d are followed by name; follow all of them (NULL)",
				 WATCH_NAMES_MAX);
	name = calloc(1, sizeof(*name));
	if (!name)
		return error_memory(e);
	(void)snprintf(name->text, sizeof(name->text), "%s", service);
	HASH_ADD_STR(w->names, text, name);
	if (!name->hh.tbl) {
		free(name);
		return error_memory(e);
	}
	w->name_count++;
	return 0;
}

static struct follow *watch_follow_new(struct microreg *m, const char *service)
{
	struct follow *f = calloc(1, sizeof(*f));

	if (!f)
		return NULL;
	f->service = service ? strdup(service) : NULL;
	if (service && !f->service) {
		free(f);
		return NULL;
	}
	f->address = atomic_load(&m->good);
	return f;
}

/* One poll for all takes the place of those there are: when all are wanted, and when there are too
 * many for one each. A poll of all that is there begins anew, as it has passed over the rest. */
static int watch_add_follow_locked(struct microreg *m, const char *service, bool known,
				   struct microreg_error *e)
{
	struct watch *w = m->watch;
	bool wide = !service || w->name_count > WATCH_SINGLE_MAX;
	struct follow *f = watch_follow_new(m, wide ? NULL : service);

	if (!f)
		return error_memory(e);
	f->answered = known;
	for (struct follow *old = w->follows; wide && old; old = old->next) {
		if (old->consumers)
			continue;
		old->cancelled = true;
		f->answered = f->answered && old->answered;
	}
	f->next = w->follows;
	w->follows = f;
	(void)curl_multi_wakeup(w->multi); /* fails only when one is pending */
	return 0;
}

int microreg_follow(struct microreg *registry, const char *service, struct microreg_error *error)
{
	struct microreg *m = registry;
	bool known;
	int failed;

	error_clear(error);
	if (!m)
		return error_set(error, MICROREG_BAD_ARGUMENT,
				 "registry: NULL; open one with microreg_open");
	if (service && !instance_service_is_valid(service))
		return error_set(error, MICROREG_BAD_ARGUMENT,
				 "service: \"%.40s\"; allowed: a name of at most 128 letters, "
				 "digits, '.', '_' and '-'",
				 service);
	(void)pthread_mutex_lock(&m->lock);
	failed = watch_open_locked(m, error);
	if (!failed && !(service ? watch_has_name_locked(m->watch, service) : m->watch->all)) {
		known = watch_restore_locked(m, service);
		failed = service ? watch_add_name_locked(m->watch, service, error) : 0;
		if (!failed)
			failed = watch_add_follow_locked(m, service, known, error);
		if (!failed && !service)
			m->watch->all = true;
	}
	(void)pthread_mutex_unlock(&m->lock);
	return failed;
}

int microreg_follow_consumers(struct microreg *registry, struct microreg_error *error)
{
	struct microreg *m = registry;
	struct follow *f = NULL;
	int failed;

	error_clear(error);
	if (!m)
		return error_set(error, MICROREG_BAD_ARGUMENT,
				 "registry: NULL; open one with microreg_open");
	(void)pthread_mutex_lock(&m->lock);
	failed = watch_open_locked(m, error);
	if (!failed && !m->watch->consumers_followed) {
		f = watch_follow_new(m, NULL);
		failed = f ? 0 : error_memory(error);
	}
	if (f) {
		f->consumers = m->watch->consumers_followed = true;
		m->consumers = m->saved_consumers;
		m->saved_consumers = NULL;
		f->answered = m->consumers != NULL;
		f->next = m->watch->follows;
		m->watch->follows = f;
		(void)curl_multi_wakeup(m->watch->multi); /* fails only when one is pending */
	}
	(void)pthread_mutex_unlock(&m->lock);
	return failed;
}

static bool watch_is_answered_locked(const struct watch *w)
{
	for (const struct follow *f = w ? w->follows : NULL; f; f = f->next)
		if (!f->answered && !f->cancelled)
			return false;
	return true;
}

int microreg_follow_wait(struct microreg *registry, unsigned wait_ms, struct microreg_error *error)
{
	struct microreg *m = registry;
	uint64_t until = clock_ms() + wait_ms;
	bool answered;

	error_clear(error);
	if (!m)
		return error_set(error, MICROREG_BAD_ARGUMENT,
				 "registry: NULL; open one with microreg_open");
	(void)pthread_mutex_lock(&m->lock);
	while (!(answered = watch_is_answered_locked(m->watch)) && !handle_is_closing(m) &&
	       clock_ms() < until)
		handle_wait_locked(m, until);
	(void)pthread_mutex_unlock(&m->lock);
	if (answered)
		return 0;
	return error_set(error, MICROREG_TIMEOUT,
			 "no registry answered within %u ms; first tried: %s; is microreg-registry "
			 "running?",
			 wait_ms, m->addresses[0].shown);
}

void microreg_watch_status(struct microreg *registry, struct microreg_watch_status *status)
{
	struct microreg *m = registry;

	*status = (struct microreg_watch_status){.answered_ms = UINT64_MAX};
	if (!m)
		return;
	(void)pthread_mutex_lock(&m->lock);
	if (m->watch) {
		status->connected = m->watch->connected;
		(void)snprintf(status->revision, sizeof(status->revision), "%.*s",
			       (int)sizeof(status->revision) - 1, m->watch->revision);
		if (m->watch->answered_ms)
			status->answered_ms = clock_ms() - m->watch->answered_ms;
	}
	(void)pthread_mutex_unlock(&m->lock);
}
