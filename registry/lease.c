/* lease: deadlines in the catalog's entries, timers in its wheel. */
#include "registry/lease.h"
#include "common/clock.h"
#include "registry/catalog_shape.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

/* A service of fewer instances in a zone is too small to tell a failed network from failed
 * instances. */
enum { LEASE_HOLD_LEAST = 3 };

static void lease_on_time(struct wheel_timer *timer);

/* ---- Small things ---- */

/* Only to spread beats, so a xorshift will do; a system call for each beat would cost more than the
 * beat. */
static unsigned lease_random(void)
{
	static _Thread_local uint32_t state;

	while (!state)
		/* Without randomness the beats are in step, which is a load, not an error. */
		if (getrandom(&state, sizeof(state), GRND_NONBLOCK) != (ssize_t)sizeof(state))
			state = 1;
	state ^= state << 13;
	state ^= state >> 17;
	state ^= state << 5;
	return state;
}

unsigned lease_heartbeat_ms(unsigned ttl_ms)
{
	unsigned third = ttl_ms / 3, spread = third / 4;

	return third - (spread ? lease_random() % spread : 0);
}

bool lease_token_equal(const char *a, const char *b)
{
	size_t len = strlen(a);
	unsigned different = 0;

	if (strlen(b) != len)
		return false;
	for (size_t i = 0; i < len; i++)
		different |= (unsigned)(unsigned char)a[i] ^ (unsigned)(unsigned char)b[i];
	return different == 0;
}

void lease_start_locked(struct catalog_entry *entry, bool renew, uint64_t now_ms, int64_t wall_ms)
{
	struct catalog *c = entry->service->catalog;
	const struct record *r = entry->record;

	entry->timer.on_time = lease_on_time;
	entry->ending = false;
	if (!record_is_live(r)) {
		int64_t age = wall_ms - r->expired_wall_ms;
		uint64_t left = LEASE_KEEP_MS;

		/* Wall time may have jumped: never longer than a day from now. */
		if (age > 0)
			left = age < LEASE_KEEP_MS ? LEASE_KEEP_MS - (uint64_t)age : 0;
		entry->lapsed = false;
		wheel_set(&c->wheel, &entry->timer, now_ms + left);
		return;
	}
	if (r->legacy) {
		wheel_clear(&c->wheel, &entry->timer); /* the checker looks after it */
		return;
	}
	/* One whose end waits to be stored is not brought back by an admin or a check. */
	if (!renew && (entry->lapsed || wheel_is_set(&entry->timer)))
		return;
	entry->renewed_ms = now_ms;
	entry->deadline_ms = now_ms + r->in.ttl_ms;
	entry->lapsed = false;
	wheel_set(&c->wheel, &entry->timer, entry->deadline_ms);
}

/* ---- Beats ---- */

enum lease_beat lease_beat(struct catalog *catalog, const char *service, const char *id,
			   const char *lease, int load, uint64_t now_ms, struct lease_term *out)
{
	enum lease_beat result = LEASE_UNKNOWN;
	struct catalog_entry *entry;

	(void)pthread_mutex_lock(&catalog->lock);
	entry = catalog_entry_locked(catalog, service, id);
	if (!entry || !entry->record)
		goto done;
	/* An expired one's lease decides too: an older process must not bring itself back. */
	if (*lease && !lease_token_equal(entry->record->lease, lease)) {
		result = LEASE_FENCED;
		goto done;
	}
	if (!record_is_live(entry->record) || entry->ending)
		goto done;
	if (entry->beats_paid_ms < now_ms)
		entry->beats_paid_ms = now_ms;
	if (entry->beats_paid_ms - now_ms >= LEASE_BEAT_MS * LEASE_BEAT_BURST) {
		result = LEASE_TOO_OFTEN;
		goto done;
	}
	entry->beats_paid_ms += LEASE_BEAT_MS;
	entry->renewed_ms = now_ms;
	entry->deadline_ms = now_ms + entry->record->in.ttl_ms;
	if (load >= 0)
		entry->load = load;
	catalog_set_held_locked(entry, false);
	if (entry->lapsed) {
		/* Its end was not durable yet: it never was. */
		entry->lapsed = false;
		catalog_view_drop_locked(entry->service);
		wheel_set(&catalog->wheel, &entry->timer, entry->deadline_ms);
	}
	out->ttl_ms = entry->record->in.ttl_ms;
	out->revision = entry->record->revision;
	result = LEASE_KNOWN;
done:
	(void)pthread_mutex_unlock(&catalog->lock);
	if (result == LEASE_KNOWN)
		out->heartbeat_ms = lease_heartbeat_ms(out->ttl_ms);
	return result;
}

/* ---- Holds ---- */

static struct catalog_hold *lease_hold_of(struct catalog_service *service, const char *zone)
{
	struct catalog_hold *hold = service->holds;

	while (hold && strcmp(hold->zone, zone) != 0)
		hold = hold->next;
	return hold;
}

/* Zones come and go: what has no effect any more is forgotten. */
static void lease_hold_prune(struct catalog_service *service, uint64_t now_ms)
{
	struct catalog_hold **at = &service->holds;

	while (*at) {
		struct catalog_hold *hold = *at;

		if (hold->spent_ms > now_ms) {
			at = &hold->next;
			continue;
		}
		*at = hold->next;
		free(hold);
	}
}

/* More than half of three or more instances of the zone have missed a beat: it is the network, or
 * ourselves, rather than all of them. */
static bool lease_is_mass(struct catalog_service *service, const char *zone, uint64_t now_ms)
{
	size_t live = 0, silent = 0;

	for (struct catalog_entry *e = service->entries; e; e = e->hh.next) {
		if (!e->record || !record_is_live(e->record) || e->record->legacy || e->lapsed ||
		    strcmp(e->record->in.zone, zone) != 0)
			continue;
		live++;
		if (clock_since_ms(e->renewed_ms, now_ms) > e->record->in.ttl_ms / 2)
			silent++;
	}
	return live >= LEASE_HOLD_LEAST && silent * 2 > live;
}

/* Only marks them: the deadlines are put off one by one, as their timers fire. */
static void lease_hold_zone(struct catalog_service *service, const char *zone, uint64_t now_ms)
{
	for (struct catalog_entry *e = service->entries; e; e = e->hh.next)
		if (e->record && record_is_live(e->record) && !e->record->legacy && !e->lapsed &&
		    strcmp(e->record->in.zone, zone) == 0 &&
		    clock_since_ms(e->renewed_ms, now_ms) > e->record->in.ttl_ms / 2)
			catalog_set_held_locked(e, true);
}

static void lease_report_hold(struct catalog_service *service, const char *zone, uint64_t ttl_ms)
{
	struct lease_due *due = service->catalog->due;
	size_t n = due->hold_count;

	if (n == LEASE_HOLDS_MAX)
		return;
	memcpy(due->holds[n].service, service->name, strlen(service->name) + 1);
	memcpy(due->holds[n].zone, zone, strlen(zone) + 1);
	due->holds[n].ttl_ms = (unsigned)ttl_ms;
	due->hold_count++;
}

/* Until when this entry's end is put off, or 0. */
static uint64_t lease_hold_until(struct catalog_entry *entry, uint64_t now_ms)
{
	struct catalog_service *service = entry->service;
	const char *zone = entry->record->in.zone;
	struct catalog_hold *hold = lease_hold_of(service, zone);
	uint64_t ttl = entry->record->in.ttl_ms, zone_key = siphash_process(zone, strlen(zone));

	if (hold && now_ms < hold->until_ms)
		return hold->until_ms;
	if (hold && now_ms < hold->spent_ms)
		return 0;
	/* Asked once a turn: each of many ends at once would look at the whole service. */
	if (service->calm_ms == now_ms && service->calm_zone == zone_key)
		return 0;
	if (!lease_is_mass(service, zone, now_ms)) {
		service->calm_ms = now_ms;
		service->calm_zone = zone_key;
		return 0;
	}
	if (!hold) {
		lease_hold_prune(service, now_ms);
		hold = calloc(1, sizeof(*hold) + strlen(zone) + 1);
		if (!hold)
			return 0;
		memcpy(hold->zone, zone, strlen(zone) + 1);
		hold->next = service->holds;
		service->holds = hold;
	}
	hold->until_ms = now_ms + ttl;
	hold->spent_ms = now_ms + 2 * ttl;
	lease_hold_zone(service, zone, now_ms);
	lease_report_hold(service, zone, ttl);
	return hold->until_ms;
}

void lease_hold_all(struct catalog *catalog, uint64_t now_ms)
{
	(void)pthread_mutex_lock(&catalog->lock);
	for (struct catalog_service *s = catalog->services; s; s = s->hh.next)
		for (struct catalog_entry *e = s->entries; e; e = e->hh.next) {
			if (!e->record || !record_is_live(e->record) || e->record->legacy ||
			    e->lapsed)
				continue;
			catalog_set_held_locked(e, true);
			e->deadline_ms = now_ms + e->record->in.ttl_ms;
		}
	(void)pthread_mutex_unlock(&catalog->lock);
}

/* ---- The end ---- */

static void lease_report(struct catalog_entry *entry, bool remove)
{
	struct catalog *c = entry->service->catalog;
	struct lease_due *due = c->due;

	if (due->count == LEASE_DUE_MAX) {
		wheel_set(&c->wheel, &entry->timer, c->now_ms + 2 * WHEEL_TICK_MS);
		return;
	}
	due->items[due->count].remove = remove;
	memcpy(due->items[due->count].service, entry->service->name,
	       strlen(entry->service->name) + 1);
	memcpy(due->items[due->count].id, entry->id, strlen(entry->id) + 1);
	due->count++;
	if (remove || entry->lapsed)
		return;
	entry->lapsed = true;
	catalog_view_drop_locked(entry->service);
}

static void lease_on_time(struct wheel_timer *timer)
{
	struct catalog_entry *entry =
		(void *)((char *)timer - offsetof(struct catalog_entry, timer));
	struct catalog *c = entry->service->catalog;
	uint64_t until;

	if (!record_is_live(entry->record)) {
		lease_report(entry, true);
		return;
	}
	until = entry->deadline_ms;
	if (until <= c->now_ms && !entry->lapsed)
		until = lease_hold_until(entry, c->now_ms);
	if (until > c->now_ms)
		wheel_set(&c->wheel, &entry->timer, until);
	else
		lease_report(entry, false);
}

void lease_advance(struct catalog *catalog, uint64_t now_ms, struct lease_due *due)
{
	due->count = due->hold_count = 0;
	(void)pthread_mutex_lock(&catalog->lock);
	catalog->due = due;
	catalog->now_ms = now_ms;
	wheel_advance(&catalog->wheel, now_ms);
	catalog->due = NULL;
	(void)pthread_mutex_unlock(&catalog->lock);
}

uint64_t lease_wait_ms(struct catalog *catalog, uint64_t now_ms, uint64_t most_ms)
{
	uint64_t wait;

	(void)pthread_mutex_lock(&catalog->lock);
	wait = wheel_wait_ms(&catalog->wheel, now_ms, most_ms);
	(void)pthread_mutex_unlock(&catalog->lock);
	return wait;
}

bool lease_end(struct catalog *catalog, const char *service, const char *id)
{
	struct catalog_entry *entry;
	bool over;

	(void)pthread_mutex_lock(&catalog->lock);
	entry = catalog_entry_locked(catalog, service, id);
	over = entry && entry->record && record_is_live(entry->record) && entry->lapsed;
	if (over)
		entry->ending = true;
	(void)pthread_mutex_unlock(&catalog->lock);
	return over;
}

void lease_retry(struct catalog *catalog, const char *service, const char *id, uint64_t now_ms)
{
	struct catalog_entry *entry;

	(void)pthread_mutex_lock(&catalog->lock);
	entry = catalog_entry_locked(catalog, service, id);
	if (entry)
		entry->ending = false;
	if (entry && entry->record && !wheel_is_set(&entry->timer) && !entry->record->legacy)
		wheel_set(&catalog->wheel, &entry->timer, now_ms + LEASE_RETRY_MS);
	(void)pthread_mutex_unlock(&catalog->lock);
}
