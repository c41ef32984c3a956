/* usage: a table by service and id, behind a lock; the counts are atomics. */
#include "gateway/usage.h"
#include "client-lib/microreg.h"
#include "common/siphash.h"
#include "gateway/tally.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Names come from whoever may register, so they are hashed with a key. */
#define HASH_FUNCTION(at, len, out) ((out) = (unsigned)siphash_process((at), (len)))
#include <uthash.h>

struct usage_private {
	struct usage usage;
	unsigned refs; /* guarded by the table's lock */
	bool told;     /* the last report had something of it; the reporter's */
	char key[260]; /* service, a slash, id: neither can hold a slash */
	UT_hash_handle hh;
};

struct usages {
	struct tallies *tallies;
	pthread_mutex_t lock;
	struct usage_private *by_key; /* guarded by lock */
	struct usage **taken;	      /* held for the reporter */
	size_t taken_count;
};

struct usages *usages_new(struct tallies *tallies)
{
	struct usages *all = calloc(1, sizeof(*all));

	if (all && pthread_mutex_init(&all->lock, NULL)) {
		free(all);
		return NULL;
	}
	if (all)
		all->tallies = tallies;
	return all;
}

void usages_free(struct usages **all)
{
	if (!*all)
		return;
	usages_release(*all);
	(void)pthread_mutex_destroy(&(*all)->lock); /* nobody holds it any more */
	free(*all);
	*all = NULL;
}

static void usage_free(struct usage_private *own)
{
	free(own->usage.service);
	free(own->usage.id);
	free(own);
}

static struct usage_private *usage_add_locked(struct usages *all, const char *service,
					      const char *id, const char *key)
{
	struct usage_private *own = calloc(1, sizeof(*own));

	if (!own)
		return NULL;
	own->usage.own = own;
	own->usage.all = all;
	own->usage.service = strdup(service);
	own->usage.id = strdup(id);
	memcpy(own->key, key, strlen(key) + 1);
	if (own->usage.service && own->usage.id) {
		HASH_ADD_STR(all->by_key, key, own);
		if (own->hh.tbl) { /* else uthash ran out of memory */
			own->usage.row = tallies_hold(all->tallies, TALLY_INSTANCE, service, id);
			return own;
		}
	}
	usage_free(own);
	return NULL;
}

struct usage *usage_get(struct usages *all, const char *service, const char *id)
{
	char key[sizeof(((struct usage_private *)NULL)->key)];
	struct usage_private *own;
	int len = snprintf(key, sizeof(key), "%s/%s", service, id);

	if (len < 0 || (size_t)len >= sizeof(key))
		return NULL;
	(void)pthread_mutex_lock(&all->lock); /* can't fail: a plain mutex */
	HASH_FIND_STR(all->by_key, key, own);
	if (!own)
		own = usage_add_locked(all, service, id, key);
	if (own)
		own->refs++;
	(void)pthread_mutex_unlock(&all->lock);
	return own ? &own->usage : NULL;
}

void usage_unref(struct usage **usage)
{
	struct usage_private *own;
	struct usages *all;

	if (!*usage)
		return;
	own = (*usage)->own;
	all = (*usage)->all;
	*usage = NULL;
	(void)pthread_mutex_lock(&all->lock); /* as above */
	if (--own->refs == 0) {
		HASH_DEL(all->by_key, own);
		tallies_release(all->tallies, &own->usage.row);
		usage_free(own);
	}
	(void)pthread_mutex_unlock(&all->lock);
}

bool usage_begin(struct usage *usage, unsigned most)
{
	unsigned now;

	if (!usage)
		return true;
	if (!most) {
		(void)atomic_fetch_add_explicit(&usage->in_flight, 1, memory_order_relaxed);
		return true;
	}
	now = atomic_load_explicit(&usage->in_flight, memory_order_relaxed);
	while (now < most)
		if (atomic_compare_exchange_weak_explicit(&usage->in_flight, &now, now + 1,
							  memory_order_seq_cst,
							  memory_order_relaxed))
			return true;
	return false;
}

/* In the one order of room.c: before a look at who waits. */
bool usage_end(struct usage *usage)
{
	return usage && atomic_fetch_sub_explicit(&usage->in_flight, 1, memory_order_seq_cst) == 1;
}

bool usage_has_room(const struct usage *usage, unsigned most)
{
	return !usage || !most ||
	       atomic_load_explicit(&usage->in_flight, memory_order_seq_cst) < most;
}

void usage_fail(struct usage *usage)
{
	if (usage)
		(void)atomic_fetch_add_explicit(&usage->failures, 1, memory_order_relaxed);
}

/* True when there is something to tell of it, which then is in *use. */
static bool usage_take(struct usage_private *own, struct microreg_use *use)
{
	bool told = own->told;

	use->service = own->usage.service;
	use->id = own->usage.id;
	use->in_flight = atomic_load_explicit(&own->usage.in_flight, memory_order_relaxed);
	use->failures = atomic_exchange_explicit(&own->usage.failures, 0, memory_order_relaxed);
	own->told = use->in_flight || use->failures;
	return told || own->told;
}

struct microreg_use *usages_take(struct usages *all, size_t *count)
{
	struct usage_private *own, *next;
	struct microreg_use *uses;
	size_t room;

	usages_release(all);
	*count = 0;
	(void)pthread_mutex_lock(&all->lock); /* as above */
	room = HASH_COUNT(all->by_key);
	uses = calloc(room + 1, sizeof(*uses));
	all->taken = calloc(room + 1, sizeof(struct usage *));
	if (uses && all->taken) {
		HASH_ITER(hh, all->by_key, own, next)
		{
			if (!usage_take(own, &uses[*count]))
				continue;
			own->refs++;
			all->taken[(*count)++] = &own->usage;
		}
	}
	all->taken_count = *count;
	(void)pthread_mutex_unlock(&all->lock);
	if (*count)
		return uses;
	free(uses);
	return NULL;
}

void usages_release(struct usages *all)
{
	for (size_t i = 0; i < all->taken_count; i++)
		usage_unref(&all->taken[i]);
	free(all->taken);
	all->taken = NULL;
	all->taken_count = 0;
}
