/* drain: one row per gateway and watched service, one list of waits. */
#include "registry/drain.h"
#include "common/clock.h"
#include "common/instance.h"
#include "common/siphash.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define HASH_FUNCTION(key, len, hash) ((hash) = (unsigned)siphash_process((key), (len)))
#define HASH_KEYCMP(a, b, len)	      memcmp((a), (b), (len))
#include <uthash.h>

struct drain_row {
	UT_hash_handle hh;
	uint64_t revision; /* taken, by its reports */
	uint64_t watched;  /* its watch goes on from here */
	uint64_t since_ms; /* its first call */
	uint64_t seen_ms;  /* its last call's begin or end */
	unsigned waiting;  /* calls that are waiting */
	/* The last report of the same gateway, copied to each of its rows. */
	uint64_t report_ms; /* 0: never */
	char *uses;	    /* "service\0id\0" of each instance with something in flight */
	size_t use_count;
	bool uses_unknown; /* too many, or no memory: any may be in use */
	size_t key_len;
	const char *service; /* within key */
	char key[];	     /* "watcher\0service" */
};

struct drain {
	pthread_mutex_t lock; /* guards all */
	struct drain_row *rows;
	struct drain_wait *waits;
	size_t wait_count;
	bool stopped;
};

struct drain *drain_new(void)
{
	struct drain *d = calloc(1, sizeof(*d));

	if (d && pthread_mutex_init(&d->lock, NULL)) {
		free(d);
		return NULL;
	}
	return d;
}

static void drain_row_free(struct drain_row *row)
{
	free(row->uses);
	free(row);
}

void drain_free(struct drain **drain)
{
	struct drain *d = *drain;
	struct drain_row *row, *next;

	if (!d)
		return;
	HASH_ITER(hh, d->rows, row, next)
	{
		HASH_DEL(d->rows, row);
		drain_row_free(row);
	}
	(void)pthread_mutex_destroy(&d->lock); /* nobody holds it */
	free(d);
	*drain = NULL;
}

/* ---- Rows ---- */

static bool drain_is_live(const struct drain_row *row, uint64_t now_ms)
{
	/* A call that waits says little: its gateway may have died since. Reports tell sooner. */
	if (row->report_ms)
		return clock_since_ms(row->report_ms, now_ms) < DRAIN_LIVE_MS;
	return row->waiting || clock_since_ms(row->seen_ms, now_ms) < DRAIN_LIVE_MS;
}

enum { DRAIN_KEY_MAX = 2 * (INSTANCE_NAME_MAX + 1) };

static size_t drain_key(char key[DRAIN_KEY_MAX], const char *watcher, const char *service)
{
	size_t n = strlen(watcher), m = strlen(service);

	/* Both were checked where they came in. */
	n = n < INSTANCE_NAME_MAX ? n : INSTANCE_NAME_MAX;
	m = m < INSTANCE_NAME_MAX ? m : INSTANCE_NAME_MAX;
	memcpy(key, watcher, n);
	key[n] = '\0';
	memcpy(key + n + 1, service, m);
	key[n + 1 + m] = '\0';
	return n + m + 2;
}

static struct drain_row *drain_find(struct drain *d, const char *watcher, const char *service)
{
	char key[DRAIN_KEY_MAX];
	size_t len = drain_key(key, watcher, service);
	struct drain_row *row;

	HASH_FIND(hh, d->rows, key, len, row);
	return row;
}

static void drain_prune(struct drain *d, uint64_t now_ms)
{
	struct drain_row *row, *next;

	HASH_ITER(hh, d->rows, row, next)
	{
		if (row->waiting || clock_since_ms(row->seen_ms, now_ms) < DRAIN_LIVE_MS)
			continue;
		HASH_DEL(d->rows, row);
		drain_row_free(row);
	}
}

static struct drain_row *drain_add(struct drain *d, const char *watcher, const char *service,
				   uint64_t now_ms)
{
	char key[DRAIN_KEY_MAX];
	size_t len = drain_key(key, watcher, service);
	struct drain_row *row, *found;

	if (HASH_COUNT(d->rows) >= DRAIN_WATCHERS_MAX)
		drain_prune(d, now_ms);
	if (HASH_COUNT(d->rows) >= DRAIN_WATCHERS_MAX)
		return NULL;
	row = calloc(1, sizeof(*row) + len);
	if (!row)
		return NULL;
	memcpy(row->key, key, len);
	row->key_len = len;
	row->since_ms = now_ms;
	row->service = row->key + strlen(row->key) + 1;
	HASH_ADD(hh, d->rows, key, len, row);
	HASH_FIND(hh, d->rows, key, len, found);
	if (found)
		return row;
	free(row);
	return NULL;
}

/* ---- Waits ---- */

/* What the gateway of this row has taken. */
static uint64_t drain_taken(const struct drain_row *row, uint64_t now_ms)
{
	if (row->report_ms && clock_since_ms(row->report_ms, now_ms) < DRAIN_LIVE_MS)
		return row->revision;
	/* It may be about to report that it still uses what it has watched away. */
	if (!row->report_ms && clock_since_ms(row->since_ms, now_ms) < DRAIN_FIRST_MS)
		return 0;
	return row->watched;
}

/* Did its last report have something in flight there? */
static bool drain_uses(const struct drain_row *row, const struct drain_wait *wait)
{
	const char *at = row->uses;

	for (size_t i = 0; i < row->use_count; i++) {
		const char *id = at + strlen(at) + 1;

		if (strcmp(at, wait->service) == 0 && strcmp(id, wait->id) == 0)
			return true;
		at = id + strlen(id) + 1;
	}
	return row->uses_unknown;
}

/* Does the gateway of this row still hold the wait up? */
static bool drain_holds(const struct drain_row *row, const struct drain_wait *wait, uint64_t now_ms)
{
	if (*row->service && strcmp(row->service, wait->service) != 0)
		return false;
	return drain_taken(row, now_ms) < wait->revision || drain_uses(row, wait);
}

static bool drain_is_over(struct drain *d, const struct drain_wait *wait, uint64_t now_ms)
{
	for (struct drain_row *row = d->rows; row; row = row->hh.next)
		if (drain_is_live(row, now_ms) && drain_holds(row, wait, now_ms))
			return false;
	return true;
}

static void drain_finish(struct drain_wait *over, bool drained)
{
	while (over) {
		struct drain_wait *next = over->next;

		over->finish(over, drained);
		over = next;
	}
}

/* Moves the waits that are over from the list to `over`. */
static struct drain_wait *drain_take_over(struct drain *d, uint64_t now_ms)
{
	struct drain_wait **at = &d->waits, *over = NULL;

	while (*at) {
		struct drain_wait *wait = *at;

		if (!drain_is_over(d, wait, now_ms)) {
			at = &wait->next;
			continue;
		}
		*at = wait->next;
		wait->next = over;
		over = wait;
		d->wait_count--;
	}
	return over;
}

void drain_wait(struct drain *drain, struct drain_wait *wait, uint64_t now_ms)
{
	bool over;

	(void)pthread_mutex_lock(&drain->lock);
	over = drain_is_over(drain, wait, now_ms);
	if (!over && !drain->stopped && wait->deadline_ms > now_ms &&
	    drain->wait_count < DRAIN_WAITS_MAX) {
		wait->next = drain->waits;
		drain->waits = wait;
		drain->wait_count++;
		wait = NULL;
	}
	(void)pthread_mutex_unlock(&drain->lock);
	if (wait)
		wait->finish(wait, over);
}

size_t drain_holders(struct drain *drain, const struct drain_wait *wait, uint64_t now_ms,
		     char (*names)[INSTANCE_NAME_MAX + 1], size_t max)
{
	size_t n = 0;

	(void)pthread_mutex_lock(&drain->lock);
	for (struct drain_row *row = drain->rows; row && n < max; row = row->hh.next) {
		if (!drain_is_live(row, now_ms) || !drain_holds(row, wait, now_ms))
			continue;
		/* The key begins with the watcher's name, which was cut to fit. */
		memcpy(names[n++], row->key, strlen(row->key) + 1);
	}
	(void)pthread_mutex_unlock(&drain->lock);
	return n;
}

bool drain_advance(struct drain *drain, uint64_t now_ms)
{
	struct drain_wait *over, *late = NULL, **at = &drain->waits;
	bool left;

	(void)pthread_mutex_lock(&drain->lock);
	over = drain_take_over(drain, now_ms);
	while (*at) {
		struct drain_wait *wait = *at;

		if (wait->deadline_ms > now_ms) {
			at = &wait->next;
			continue;
		}
		*at = wait->next;
		wait->next = late;
		late = wait;
		drain->wait_count--;
	}
	left = drain->waits != NULL;
	(void)pthread_mutex_unlock(&drain->lock);
	drain_finish(over, true);
	drain_finish(late, false);
	return left;
}

void drain_stop(struct drain *drain)
{
	struct drain_wait *all;

	(void)pthread_mutex_lock(&drain->lock);
	drain->stopped = true;
	all = drain->waits;
	drain->waits = NULL;
	drain->wait_count = 0;
	(void)pthread_mutex_unlock(&drain->lock);
	drain_finish(all, false);
}

/* ---- What gateways tell ---- */

bool drain_watching(struct drain *drain, const char *watcher, const char *service,
		    uint64_t revision, uint64_t now_ms)
{
	struct drain_wait *over = NULL;
	struct drain_row *row;

	(void)pthread_mutex_lock(&drain->lock);
	row = drain_find(drain, watcher, service);
	if (!row)
		row = drain_add(drain, watcher, service, now_ms);
	if (row) {
		row->waiting++;
		row->seen_ms = now_ms;
		row->watched = revision;
		over = drain_take_over(drain, now_ms);
	}
	(void)pthread_mutex_unlock(&drain->lock);
	drain_finish(over, true);
	return row != NULL;
}

void drain_watched(struct drain *drain, const char *watcher, const char *service, uint64_t now_ms)
{
	struct drain_row *row;

	(void)pthread_mutex_lock(&drain->lock);
	row = drain_find(drain, watcher, service);
	if (row && row->waiting) {
		row->waiting--;
		row->seen_ms = now_ms;
	}
	(void)pthread_mutex_unlock(&drain->lock);
}

/* Copies a text with its end to where room was measured for it. */
static char *drain_put(char *at, const char *text)
{
	size_t size = strlen(text) + 1;

	memcpy(at, text, size);
	return at + size;
}

/* Keeps what has something in flight: a deregistration may only begin to wait when the report that
 * speaks of its instance has been heard already. */
static void drain_keep_uses(struct drain_row *row, const struct drain_use *uses, size_t count)
{
	size_t len = 0, n = 0;
	char *at;

	free(row->uses);
	row->uses = NULL;
	row->use_count = 0;
	for (size_t i = 0; i < count; i++) {
		if (!uses[i].in_flight)
			continue;
		n++;
		len += strlen(uses[i].service) + strlen(uses[i].id) + 2;
	}
	row->uses_unknown = n > DRAIN_USES_MAX;
	if (!n || row->uses_unknown)
		return;
	row->uses = at = malloc(len);
	if (!at) {
		row->uses_unknown = true;
		return;
	}
	row->use_count = n;
	for (size_t i = 0; i < count; i++) {
		if (!uses[i].in_flight)
			continue;
		at = drain_put(at, uses[i].service);
		at = drain_put(at, uses[i].id);
	}
}

void drain_report(struct drain *drain, const char *watcher, uint64_t revision,
		  const struct drain_use *uses, size_t count, uint64_t now_ms)
{
	struct drain_wait *over;

	(void)pthread_mutex_lock(&drain->lock);
	for (struct drain_row *row = drain->rows; row; row = row->hh.next) {
		if (strcmp(row->key, watcher) != 0)
			continue;
		row->report_ms = now_ms;
		row->revision = revision;
		drain_keep_uses(row, uses, count);
	}
	over = drain_take_over(drain, now_ms);
	(void)pthread_mutex_unlock(&drain->lock);
	drain_finish(over, true);
}

size_t drain_gateways(struct drain *drain, uint64_t now_ms)
{
	size_t n = 0;

	(void)pthread_mutex_lock(&drain->lock);
	for (struct drain_row *row = drain->rows; row; row = row->hh.next)
		n += drain_is_live(row, now_ms);
	(void)pthread_mutex_unlock(&drain->lock);
	return n;
}
