/*
 * issuer: one thread each, which sleeps until a fetch is due or wanted, and
 * looks once a second whether a file has changed.
 */
#include "gateway/issuer.h"
#include "common/clock.h"
#include "common/log.h"
#include "gateway/issuer_source.h"
#include "gateway/jws.h"
#include "gateway/revoked.h"
#include "gateway/settings_policy.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

enum {
	ISSUER_NEWS_MS = 10000,	     /* between two fetches that somebody wanted */
	ISSUER_AGAIN_MS = 1000,	     /* after a fetch that failed; doubled each time … */
	ISSUER_AGAIN_MAX_MS = 60000, /* … up to this */
	ISSUER_LOOK_MS = 1000,	     /* at files */
};

/* Tells one version of a file from another. */
struct issuer_stamp {
	struct timespec changed; /* its mode and owner, too: then it may be readable */
	off_t size;
	ino_t inode;
};

struct issuer {
	atomic_uint refs; /* of tables and of the thread */
	struct issuers *all;
	struct issuer *next; /* guarded by all->lock */
	/* Copies of the settings, which a reload may free: */
	char *name, *expected, *jwks_file, *jwks_url, *discovery, *revoked_file;
	unsigned refresh_ms;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	/* Guarded by lock: */
	struct keyring *ring; /* NULL: nothing yet */
	bool wanted, busy;
	uint64_t asked_ms; /* when the last fetch began; 0: none did */
	/* The thread's: */
	struct jwk_set *keys;
	struct revoked *revoked;
	char *iss;
	struct issuer_stamp keys_stamp, revoked_stamp;
	uint64_t due_ms;
	unsigned again_ms;
	/* Any thread's: */
	atomic_bool stop;
	atomic_uint_fast64_t generation;
};

struct issuers {
	pthread_mutex_t lock;
	pthread_cond_t ended;
	struct issuer *first; /* guarded by lock; those whose thread runs */
	atomic_uint_fast64_t generations;
	void (*on_news)(void *arg);
	void *arg;
};

/* ---- What everybody sees ---- */

/* Makes what the thread knows what everybody sees. */
static int issuer_publish(struct issuer *i)
{
	uint64_t generation =
		atomic_fetch_add_explicit(&i->all->generations, 1, memory_order_relaxed) + 1;
	struct keyring *ring = keyring_new(i->keys, i->revoked, i->iss, generation), *old;

	if (!ring)
		return -1;
	(void)pthread_mutex_lock(&i->lock); /* it is never destroyed while used */
	old = i->ring;
	i->ring = ring;
	(void)pthread_mutex_unlock(&i->lock);
	atomic_store_explicit(&i->generation, generation, memory_order_release);
	keyring_unref(&old);
	return 0;
}

struct keyring *issuer_keyring(struct issuer *i)
{
	struct keyring *ring;

	(void)pthread_mutex_lock(&i->lock);
	ring = i->ring;
	if (ring)
		ring = keyring_ref(ring);
	(void)pthread_mutex_unlock(&i->lock);
	return ring;
}

uint64_t issuer_generation(const struct issuer *i)
{
	return atomic_load_explicit(&i->generation, memory_order_acquire);
}

bool issuer_wants_news(struct issuer *i, bool again)
{
	uint64_t now = clock_ms();
	bool coming;

	if (i->jwks_file)
		return false;
	(void)pthread_mutex_lock(&i->lock);
	coming = i->busy || i->wanted;
	if (!again && !coming &&
	    (!i->asked_ms || clock_since_ms(i->asked_ms, now) >= ISSUER_NEWS_MS)) {
		i->wanted = coming = true;
		(void)pthread_cond_signal(&i->wake);
	}
	(void)pthread_mutex_unlock(&i->lock);
	return coming;
}

/* ---- Loading ---- */

static struct jwk_set *issuer_load_keys(struct issuer *i, struct err *e)
{
	struct jwk_set *keys = NULL;
	char *url = NULL, *iss = NULL;
	struct buf text;
	int got;

	buf_init(&text, ISSUER_SOURCE_MAX);
	if (i->jwks_file)
		got = issuer_source_file(i->jwks_file, &text, e);
	else if (i->jwks_url)
		got = issuer_source_url(i->jwks_url, &i->stop, &text, e);
	else
		got = issuer_source_discover(i->discovery, i->expected, &i->stop, &url, &iss, e);
	if (got == 0 && url)
		got = issuer_source_url(url, &i->stop, &text, e);
	if (got == 0)
		keys = jwk_set_read(text.len ? text.data : "", text.len, e);
	if (keys && iss) {
		free(i->iss);
		i->iss = iss;
		iss = NULL;
	}
	free(url);
	free(iss);
	buf_fini(&text);
	return keys;
}

/* True when it is another file than before, or none any more. */
static bool issuer_has_changed(const char *file, struct issuer_stamp *stamp)
{
	struct issuer_stamp now = {0};
	struct stat st;

	if (!file)
		return false;
	if (stat(file, &st) == 0)
		now = (struct issuer_stamp){st.st_ctim, st.st_size, st.st_ino};
	if (now.changed.tv_sec == stamp->changed.tv_sec &&
	    now.changed.tv_nsec == stamp->changed.tv_nsec && now.size == stamp->size &&
	    now.inode == stamp->inode)
		return false;
	*stamp = now;
	return true;
}

/* Takes over what has changed; what can't be read stays as it was. */
static int issuer_load(struct issuer *i, bool keys_due, bool revoked_due, struct err *e)
{
	int result = 0;

	if (keys_due) {
		struct jwk_set *keys = issuer_load_keys(i, e);

		if (keys) {
			jwk_set_unref(&i->keys);
			i->keys = keys;
		} else {
			result = -1;
		}
	}
	if (revoked_due) {
		struct revoked *revoked = revoked_read(i->revoked_file, e);

		if (revoked) {
			revoked_unref(&i->revoked);
			i->revoked = revoked;
		} else {
			result = -1;
		}
	}
	if (i->keys && issuer_publish(i) < 0)
		result = err_set(e, "out of memory");
	return result;
}

/* ---- The thread ---- */

static void issuer_free(struct issuer *i)
{
	keyring_unref(&i->ring);
	jwk_set_unref(&i->keys);
	revoked_unref(&i->revoked);
	free(i->iss);
	free(i->name);
	free(i->expected);
	free(i->jwks_file);
	free(i->jwks_url);
	free(i->discovery);
	free(i->revoked_file);
	(void)pthread_mutex_destroy(&i->lock);
	(void)pthread_cond_destroy(&i->wake);
	free(i);
}

static void issuer_release(struct issuer *i)
{
	if (atomic_fetch_sub_explicit(&i->refs, 1, memory_order_acq_rel) == 1)
		issuer_free(i);
}

/* One round of work, without the lock. `fetch`: the keys are due. */
static void issuer_work(struct issuer *i, bool fetch)
{
	bool again = i->again_ms && clock_ms() >= i->due_ms; /* what could not be read */
	bool keys_due = fetch || issuer_has_changed(i->jwks_file, &i->keys_stamp) ||
			(again && i->jwks_file);
	bool revoked_due = issuer_has_changed(i->revoked_file, &i->revoked_stamp) ||
			   (again && i->revoked_file);
	struct err e;

	if (!keys_due && !revoked_due)
		return;
	if (issuer_load(i, keys_due, revoked_due, &e) == 0) {
		log_debug("issuer \"%s\": %zu keys", i->name, jwk_set_count(i->keys));
		i->again_ms = 0;
		i->due_ms = clock_ms() + i->refresh_ms;
		return;
	}
	log_warn("issuer \"%s\": %s; %s", i->name, e.text,
		 i->keys ? "what was known before stays" : "its tokens are refused until then");
	i->again_ms = i->again_ms ? i->again_ms * 2 : ISSUER_AGAIN_MS;
	if (i->again_ms > ISSUER_AGAIN_MAX_MS)
		i->again_ms = ISSUER_AGAIN_MAX_MS;
	i->due_ms = clock_ms() + i->again_ms;
}

static void issuer_sleep_locked(struct issuer *i)
{
	uint64_t now = clock_ms(), until = now + ISSUER_LOOK_MS;
	struct timespec at;

	if (!i->jwks_file && !i->revoked_file)
		until = i->due_ms;
	else if (!i->jwks_file && i->due_ms < until)
		until = i->due_ms;
	at = (struct timespec){(time_t)(until / 1000), (long)(until % 1000) * 1000000};
	(void)pthread_cond_timedwait(&i->wake, &i->lock, &at); /* woken or not: it looks */
}

static void *issuer_run(void *arg)
{
	struct issuer *i = arg, **link;
	struct issuers *all = i->all;

	(void)pthread_mutex_lock(&i->lock);
	while (!atomic_load_explicit(&i->stop, memory_order_relaxed)) {
		bool fetch = !i->jwks_file && (i->wanted || clock_ms() >= i->due_ms);

		if (!fetch && !i->jwks_file && !i->revoked_file) {
			issuer_sleep_locked(i);
			continue;
		}
		i->wanted = false;
		i->busy = fetch;
		if (fetch)
			i->asked_ms = clock_ms();
		(void)pthread_mutex_unlock(&i->lock);
		issuer_work(i, fetch);
		(void)pthread_mutex_lock(&i->lock);
		i->busy = false;
		if (fetch) {
			(void)pthread_mutex_unlock(&i->lock);
			all->on_news(all->arg);
			(void)pthread_mutex_lock(&i->lock);
		}
		if (!i->wanted && !atomic_load_explicit(&i->stop, memory_order_relaxed))
			issuer_sleep_locked(i);
	}
	(void)pthread_mutex_unlock(&i->lock);
	(void)pthread_mutex_lock(&all->lock);
	for (link = &all->first; *link != i; link = &(*link)->next)
		continue;
	*link = i->next;
	issuer_release(i);
	(void)pthread_cond_broadcast(&all->ended);
	(void)pthread_mutex_unlock(&all->lock);
	return NULL;
}

/* ---- All of them ---- */

struct issuers *issuers_new(void (*on_news)(void *arg), void *arg)
{
	struct issuers *all = calloc(1, sizeof(*all));

	if (!all)
		return NULL;
	all->on_news = on_news;
	all->arg = arg;
	if (pthread_mutex_init(&all->lock, NULL) != 0 ||
	    pthread_cond_init(&all->ended, NULL) != 0) {
		free(all);
		return NULL;
	}
	return all;
}

static void issuer_stop(struct issuer *i)
{
	(void)pthread_mutex_lock(&i->lock);
	atomic_store_explicit(&i->stop, true, memory_order_relaxed);
	(void)pthread_cond_signal(&i->wake);
	(void)pthread_mutex_unlock(&i->lock);
}

void issuers_stop(struct issuers *all)
{
	if (!all)
		return;
	(void)pthread_mutex_lock(&all->lock);
	for (struct issuer *i = all->first; i; i = i->next)
		issuer_stop(i);
	while (all->first)
		(void)pthread_cond_wait(&all->ended, &all->lock);
	(void)pthread_mutex_unlock(&all->lock);
}

void issuers_free(struct issuers **all)
{
	if (!*all)
		return;
	(void)pthread_mutex_destroy(&(*all)->lock);
	(void)pthread_cond_destroy(&(*all)->ended);
	free(*all);
	*all = NULL;
}

/* ---- One of them ---- */

static bool issuer_same(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

static bool issuer_is(const struct issuer *i, const struct settings_issuer *s)
{
	return issuer_same(i->name, s->name) && issuer_same(i->expected, s->issuer) &&
	       issuer_same(i->jwks_file, s->jwks_file) && issuer_same(i->jwks_url, s->jwks_url) &&
	       issuer_same(i->discovery, s->discovery) &&
	       issuer_same(i->revoked_file, s->revoked_file) && i->refresh_ms == s->refresh_ms;
}

static char *issuer_copy(const char *text, bool *ok)
{
	char *copy = text ? strdup(text) : NULL;

	*ok &= !text || copy;
	return copy;
}

static struct issuer *issuer_new(struct issuers *all, const struct settings_issuer *s)
{
	struct issuer *i = calloc(1, sizeof(*i));
	pthread_condattr_t monotonic;
	bool ok = true;

	if (!i)
		return NULL;
	i->all = all;
	i->name = issuer_copy(s->name, &ok);
	i->expected = issuer_copy(s->issuer, &ok);
	i->jwks_file = issuer_copy(s->jwks_file, &ok);
	i->jwks_url = issuer_copy(s->jwks_url, &ok);
	i->discovery = issuer_copy(s->discovery, &ok);
	i->revoked_file = issuer_copy(s->revoked_file, &ok);
	i->refresh_ms = s->refresh_ms;
	(void)pthread_mutex_init(&i->lock, NULL); /* neither fails on Linux, here and below */
	(void)pthread_condattr_init(&monotonic);
	(void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&i->wake, &monotonic);
	(void)pthread_condattr_destroy(&monotonic);
	atomic_init(&i->refs, 1);
	if (!ok) {
		issuer_free(i);
		return NULL;
	}
	return i;
}

static struct issuer *issuer_find_locked(struct issuers *all, const struct settings_issuer *s)
{
	for (struct issuer *i = all->first; i; i = i->next)
		if (issuer_is(i, s) && !atomic_load_explicit(&i->stop, memory_order_relaxed)) {
			(void)atomic_fetch_add_explicit(&i->refs, 1, memory_order_relaxed);
			return i;
		}
	return NULL;
}

/* Its files are read before anybody asks. */
static int issuer_start(struct issuer *i, struct err *e)
{
	bool file = issuer_has_changed(i->jwks_file, &i->keys_stamp);
	bool revoked = issuer_has_changed(i->revoked_file, &i->revoked_stamp);
	pthread_t thread;

	if ((file || revoked) && issuer_load(i, file, revoked, e) < 0)
		return -1;
	(void)pthread_mutex_lock(&i->all->lock);
	(void)atomic_fetch_add_explicit(&i->refs, 1, memory_order_relaxed); /* the thread's */
	i->next = i->all->first;
	i->all->first = i;
	if (pthread_create(&thread, NULL, issuer_run, i) == 0) {
		(void)pthread_detach(thread); /* issuers_stop waits for its end */
		(void)pthread_mutex_unlock(&i->all->lock);
		return 0;
	}
	i->all->first = i->next;
	(void)pthread_mutex_unlock(&i->all->lock);
	issuer_release(i);
	return err_set(e, "issuer \"%s\": no thread can be started", i->name);
}

struct issuer *issuer_get(struct issuers *all, const struct settings_issuer *settings,
			  struct err *e)
{
	struct issuer *i;

	(void)pthread_mutex_lock(&all->lock);
	i = issuer_find_locked(all, settings);
	(void)pthread_mutex_unlock(&all->lock);
	if (i)
		return i;
	i = issuer_new(all, settings);
	if (!i) {
		(void)err_set(e, "issuers: out of memory");
		return NULL;
	}
	if (issuer_start(i, e) < 0) {
		issuer_release(i);
		return NULL;
	}
	return i;
}

/* The last table that uses it: only the thread's own reference is left. */
void issuer_unref(struct issuer **issuer)
{
	struct issuer *i = *issuer;
	struct issuers *all = i ? i->all : NULL;

	*issuer = NULL;
	if (!i)
		return;
	(void)pthread_mutex_lock(&all->lock); /* nobody finds it meanwhile */
	if (atomic_load_explicit(&i->refs, memory_order_acquire) == 2)
		issuer_stop(i);
	issuer_release(i);
	(void)pthread_mutex_unlock(&all->lock);
}

int issuer_check(const struct settings_issuer *settings, struct err *e)
{
	struct issuer files = {.jwks_file = (char *)(uintptr_t)settings->jwks_file};
	struct revoked *revoked = NULL;
	struct jwk_set *keys = NULL;
	struct err why = {0};
	int result = 0;

	if (settings->jwks_file) {
		keys = issuer_load_keys(&files, &why);
		if (!keys)
			result = err_set(e, "jwks_file: %s", why.text);
	}
	if (result == 0 && settings->revoked_file) {
		revoked = revoked_read(settings->revoked_file, &why);
		if (!revoked)
			result = err_set(e, "revoked_file: %s", why.text);
	}
	jwk_set_unref(&keys);
	revoked_unref(&revoked);
	return result;
}
