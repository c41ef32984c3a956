/*
 * catalog_check: whose active check is due. A record that wants checks is
 * either on the list of those that are due, first come first, or on the wheel
 * until its next turn.
 */
#include "registry/catalog_shape.h"

#include <stddef.h>

static void catalog_check_link(struct catalog_entry *e)
{
	struct catalog *c = e->service->catalog;

	e->check_prev = c->due_last;
	e->check_next = NULL;
	*(c->due_last ? &c->due_last->check_next : &c->due_first) = e;
	c->due_last = e;
	e->check_due = true;
}

static void catalog_check_unlink(struct catalog_entry *e)
{
	struct catalog *c = e->service->catalog;

	if (!e->check_due)
		return;
	*(e->check_prev ? &e->check_prev->check_next : &c->due_first) = e->check_next;
	*(e->check_next ? &e->check_next->check_prev : &c->due_last) = e->check_prev;
	e->check_prev = e->check_next = NULL;
	e->check_due = false;
}

static void catalog_check_on_time(struct wheel_timer *timer)
{
	catalog_check_link((void *)((char *)timer - offsetof(struct catalog_entry, check_timer)));
}

void catalog_check_locked(struct catalog_entry *entry)
{
	if (entry->checked)
		return;
	entry->checked = true;
	entry->check_timer = (struct wheel_timer){.on_time = catalog_check_on_time};
	catalog_check_link(entry);
}

void catalog_uncheck_locked(struct catalog_entry *entry)
{
	if (!entry->checked)
		return;
	catalog_check_unlink(entry);
	wheel_clear(&entry->service->catalog->check_wheel, &entry->check_timer);
	entry->checked = false;
}

struct record *catalog_check_next(struct catalog *catalog, unsigned interval_ms, uint64_t now_ms)
{
	struct record *record = NULL;
	struct catalog_entry *e;

	(void)pthread_mutex_lock(&catalog->lock);
	wheel_advance(&catalog->check_wheel, now_ms);
	e = catalog->due_first;
	if (e) {
		record = record_ref(e->record);
		if (record->in.check_interval_ms)
			interval_ms = record->in.check_interval_ms;
		catalog_check_unlink(e);
		wheel_set(&catalog->check_wheel, &e->check_timer, now_ms + interval_ms);
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
