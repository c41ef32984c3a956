/*
 * catalog_check: whose active check is due. A record that wants checks is
 * either on the list of those that are due, first come first, or on the wheel
 * until its next turn.
 */
#include "common/rpc.h"
#include "registry/catalog_shape.h"

#include <stddef.h>
#include <stdlib.h>

/* Who waits for its first passed check is asked this often. */
enum { CATALOG_CHECK_PENDING_MS = 1000 };

/* Beside the entry, since of a million few are checked. */
struct catalog_check {
	struct wheel_timer timer; /* first */
	struct catalog_entry *entry;
	struct catalog_check *prev, *next; /* of those that are due */
	bool due;
	bool started; /* else only reserved */
};

static void catalog_check_link(struct catalog_check *check)
{
	struct catalog *c = check->entry->service->catalog;

	check->prev = c->due_last;
	check->next = NULL;
	*(c->due_last ? &c->due_last->next : &c->due_first) = check;
	c->due_last = check;
	check->due = true;
}

static void catalog_check_unlink(struct catalog_check *check)
{
	struct catalog *c = check->entry->service->catalog;

	if (!check->due)
		return;
	*(check->prev ? &check->prev->next : &c->due_first) = check->next;
	*(check->next ? &check->next->prev : &c->due_last) = check->prev;
	check->prev = check->next = NULL;
	check->due = false;
}

static void catalog_check_on_time(struct wheel_timer *timer)
{
	catalog_check_link((void *)timer);
}

int catalog_reserve_check_locked(struct catalog_entry *entry)
{
	if (entry->check)
		return 0;
	entry->check = calloc(1, sizeof(*entry->check));
	if (!entry->check)
		return -1;
	entry->check->entry = entry;
	return 0;
}

int catalog_reserve_check(struct catalog *catalog, const char *service, const char *id,
			  struct err *e)
{
	struct catalog_entry *entry;
	int r = 0;

	(void)pthread_mutex_lock(&catalog->lock);
	entry = catalog_entry_locked(catalog, service, id);
	if (entry && catalog_reserve_check_locked(entry) < 0)
		r = err_code(e, RPC_FAULT_STORE, "the registry is out of memory");
	(void)pthread_mutex_unlock(&catalog->lock);
	return r;
}

void catalog_check_locked(struct catalog_entry *entry)
{
	struct catalog_check *check = entry->check;

	if (!check || check->started)
		return;
	check->started = true;
	check->timer.on_time = catalog_check_on_time;
	catalog_check_link(check);
}

void catalog_uncheck_locked(struct catalog_entry *entry)
{
	if (!entry->check)
		return;
	catalog_check_unlink(entry->check);
	wheel_clear(&entry->service->catalog->check_wheel, &entry->check->timer);
	free(entry->check);
	entry->check = NULL;
}

struct record *catalog_check_next(struct catalog *catalog, unsigned interval_ms, uint64_t now_ms)
{
	struct record *record = NULL;
	struct catalog_check *check;

	(void)pthread_mutex_lock(&catalog->lock);
	wheel_advance(&catalog->check_wheel, now_ms);
	check = catalog->due_first;
	if (check) {
		record = record_ref(check->entry->record);
		if (record->in.check_interval_ms)
			interval_ms = record->in.check_interval_ms;
		if (record->check_pending && interval_ms > CATALOG_CHECK_PENDING_MS)
			interval_ms = CATALOG_CHECK_PENDING_MS;
		catalog_check_unlink(check);
		wheel_set(&catalog->check_wheel, &check->timer, now_ms + interval_ms);
	}
	(void)pthread_mutex_unlock(&catalog->lock);
	return record;
}

uint64_t catalog_check_wait_ms(struct catalog *catalog, uint64_t now_ms, uint64_t most_ms)
{
	uint64_t wait = 0;

	(void)pthread_mutex_lock(&catalog->lock);
	if (!catalog->due_first)
		wait = wheel_wait_ms(&catalog->check_wheel, now_ms, most_ms);
	(void)pthread_mutex_unlock(&catalog->lock);
	return wait;
}
