/* service: a table by name that only grows, by the names that settings use. */
#include "gateway/service.h"
#include "gateway/stats.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

struct service_entry {
	struct service service;
	UT_hash_handle hh;
};

struct services {
	pthread_mutex_t lock;
	struct service_entry *by_name; /* guarded by lock; names come from the settings file */
	struct stats *stats;
};

struct services *services_new(struct stats *stats)
{
	struct services *all = calloc(1, sizeof(*all));

	if (!all)
		return NULL;
	all->stats = stats;
	if (pthread_mutex_init(&all->lock, NULL)) {
		free(all);
		return NULL;
	}
	return all;
}

static void service_entry_free(struct service_entry *entry)
{
	breaker_fini(&entry->service.breaker);
	bulkhead_fini(&entry->service.bulkhead);
	room_fini(&entry->service.room);
	free(entry->service.name);
	free(entry);
}

void services_free(struct services **all)
{
	struct service_entry *entry, *next;

	if (!*all)
		return;
	HASH_ITER(hh, (*all)->by_name, entry, next)
	{
		HASH_DEL((*all)->by_name, entry);
		tallies_release(services_tallies(*all), &entry->service.row);
		service_entry_free(entry);
	}
	(void)pthread_mutex_destroy(&(*all)->lock); /* nobody holds it any more */
	free(*all);
	*all = NULL;
}

static struct service_entry *service_add_locked(struct services *all, const char *name)
{
	struct service_entry *entry = calloc(1, sizeof(*entry));

	if (!entry)
		return NULL;
	if (breaker_init(&entry->service.breaker) < 0) {
		free(entry);
		return NULL;
	}
	if (bulkhead_init(&entry->service.bulkhead) < 0) {
		breaker_fini(&entry->service.breaker);
		free(entry);
		return NULL;
	}
	if (room_init(&entry->service.room) < 0) {
		bulkhead_fini(&entry->service.bulkhead);
		breaker_fini(&entry->service.breaker);
		free(entry);
		return NULL;
	}
	entry->service.name = strdup(name);
	if (!entry->service.name) {
		service_entry_free(entry);
		return NULL;
	}
	HASH_ADD_KEYPTR(hh, all->by_name, entry->service.name, strlen(name), entry);
	if (!entry->hh.tbl) { /* uthash ran out of memory */
		service_entry_free(entry);
		return NULL;
	}
	entry->service.stats = stats_service(all->stats, name);
	entry->service.row = tallies_hold(stats_tallies(all->stats), TALLY_SERVICE, "", name);
	return entry;
}

struct tallies *services_tallies(struct services *all)
{
	return stats_tallies(all->stats);
}

struct service *services_get(struct services *all, const char *name)
{
	struct service_entry *entry;

	(void)pthread_mutex_lock(&all->lock); /* can't fail: a plain mutex */
	HASH_FIND_STR(all->by_name, name, entry);
	if (!entry)
		entry = service_add_locked(all, name);
	(void)pthread_mutex_unlock(&all->lock);
	return entry ? &entry->service : NULL;
}
