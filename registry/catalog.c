/* catalog: reserve, apply, release; the lists and counts that follow from them. */
#include "registry/catalog.h"
#include "common/rpc.h"
#include "registry/catalog_shape.h"
#include "registry/claims.h"

#include <stdlib.h>
#include <string.h>

/* ---- Lists ---- */

static void catalog_unlink_service(struct catalog_service *s)
{
	struct catalog *c = s->catalog;

	if (!s->revision)
		return;
	*(s->older ? &s->older->newer : &c->oldest) = s->newer;
	*(s->newer ? &s->newer->older : &c->newest) = s->older;
	s->older = s->newer = NULL;
}

/* Puts it at the newest end. */
static void catalog_link_service(struct catalog_service *s, uint64_t revision)
{
	struct catalog *c = s->catalog;

	s->revision = revision;
	s->older = c->newest;
	*(c->newest ? &c->newest->newer : &c->oldest) = s;
	c->newest = s;
}

/* ---- Services and entries ---- */

struct catalog_service *catalog_service_locked(struct catalog *c, const char *name)
{
	struct catalog_service *s;

	HASH_FIND(hh, c->services, name, strlen(name), s);
	return s;
}

struct catalog_entry *catalog_entry_locked(struct catalog *c, const char *service, const char *id)
{
	struct catalog_service *s = catalog_service_locked(c, service);
	struct catalog_entry *e = NULL;

	if (s)
		HASH_FIND(hh, s->entries, id, strlen(id), e);
	return e;
}

static void catalog_names_changed(struct catalog *c)
{
	free(c->sorted);
	c->sorted = NULL;
}

void catalog_view_drop_locked(struct catalog_service *service)
{
	const struct catalog_view *view = service->view;

	service->view = NULL;
	catalog_view_unref(&view);
	catalog_text_drop_locked(service);
}

static void catalog_free_service(struct catalog_service *s)
{
	struct catalog *c = s->catalog;

	catalog_unlink_service(s);
	catalog_view_drop_locked(s);
	HASH_DEL(c->services, s);
	c->service_count--;
	catalog_names_changed(c);
	while (s->holds) {
		struct catalog_hold *hold = s->holds;

		s->holds = hold->next;
		free(hold);
	}
	free(s);
}

static void catalog_free_entry(struct catalog_entry *e)
{
	struct catalog *c = e->service->catalog;

	wheel_clear(&c->wheel, &e->timer);
	catalog_uncheck_locked(e);
	HASH_DEL(e->service->entries, e);
	c->entries--;
	record_unref(&e->record);
	free(e);
}

static struct catalog_service *catalog_add_service(struct catalog *c, const char *name)
{
	struct catalog_service *s = calloc(1, sizeof(*s) + strlen(name) + 1), *found;

	if (!s)
		return NULL;
	s->catalog = c;
	memcpy(s->name, name, strlen(name) + 1);
	HASH_ADD(hh, c->services, name, strlen(name), s);
	found = catalog_service_locked(c, name);
	if (!found) {
		free(s);
		return NULL;
	}
	c->service_count++;
	catalog_names_changed(c);
	return s;
}

static struct catalog_entry *catalog_add_entry(struct catalog_service *s, const char *id)
{
	size_t len = strlen(id);
	struct catalog_entry *e = calloc(1, sizeof(*e) + len + 1), *found;
	unsigned hash;

	if (!e)
		return NULL;
	e->service = s;
	e->load = -1;
	memcpy(e->id, id, len + 1);
	HASH_VALUE(id, len, hash);
	HASH_ADD_BYHASHVALUE(hh, s->entries, id, len, hash, e);
	HASH_FIND_BYHASHVALUE(hh, s->entries, id, len, hash, found);
	if (!found) {
		free(e);
		return NULL;
	}
	s->catalog->entries++;
	return e;
}

/* ---- Life ---- */

struct catalog *catalog_new(const char *database, uint64_t revision,
			    const struct catalog_limits *limits, uint64_t now_ms)
{
	struct catalog *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->claims = claims_new();
	if (!c->claims || pthread_mutex_init(&c->lock, NULL) ||
	    strlen(database) >= sizeof(c->database)) {
		claims_free(&c->claims);
		free(c);
		return NULL;
	}
	memcpy(c->database, database, strlen(database) + 1);
	c->revision = c->floor = revision;
	c->limits = *limits;
	wheel_init(&c->wheel, now_ms);
	wheel_init(&c->check_wheel, now_ms);
	return c;
}

void catalog_free(struct catalog **catalog)
{
	struct catalog *c = *catalog;
	struct catalog_service *s, *next_service;
	struct catalog_entry *e, *next_entry;

	if (!c)
		return;
	HASH_ITER(hh, c->services, s, next_service)
	{
		HASH_ITER(hh, s->entries, e, next_entry)
		{
			catalog_free_entry(e);
		}
		catalog_free_service(s);
	}
	catalog_names_changed(c);
	claims_free(&c->claims);
	(void)pthread_mutex_destroy(&c->lock); /* nobody holds it */
	free(c);
	*catalog = NULL;
}

int catalog_reserve(struct catalog *catalog, const char *service, const char *id, struct err *e)
{
	struct catalog_service *s;
	int r = 0;

	(void)pthread_mutex_lock(&catalog->lock);
	s = catalog_service_locked(catalog, service);
	if (s && catalog_entry_locked(catalog, service, id))
		goto done;
	if (catalog->entries >= catalog->limits.instances_max) {
		r = err_code(e, RPC_FAULT_TOO_MANY,
			     "the registry is full: %zu instances (limits.instances)",
			     catalog->entries);
		goto done;
	}
	if (!s && catalog->service_count - catalog->tombstones >= catalog->limits.services_max) {
		r = err_code(e, RPC_FAULT_TOO_MANY,
			     "the registry is full: %zu services (limits.services)",
			     catalog->limits.services_max);
		goto done;
	}
	if (!s)
		s = catalog_add_service(catalog, service);
	if (!s || !catalog_add_entry(s, id))
		r = err_code(e, RPC_FAULT_STORE, "the registry is out of memory");
done:
	if (r < 0 && s && !s->revision && !s->entries)
		catalog_free_service(s);
	(void)pthread_mutex_unlock(&catalog->lock);
	return r;
}

void catalog_release(struct catalog *catalog, const char *service, const char *id)
{
	struct catalog_service *s;
	struct catalog_entry *e;

	(void)pthread_mutex_lock(&catalog->lock);
	e = catalog_entry_locked(catalog, service, id);
	if (e && !e->record) {
		s = e->service;
		catalog_free_entry(e);
		if (!s->entries && !s->revision)
			catalog_free_service(s);
	}
	(void)pthread_mutex_unlock(&catalog->lock);
}

/* ---- Applying ---- */

void catalog_set_held_locked(struct catalog_entry *entry, bool held)
{
	bool was_held = entry->service->held > 0;

	if (entry->held == held)
		return;
	entry->held = held;
	if (held) {
		entry->service->held++;
		entry->service->catalog->held++;
	} else {
		entry->service->held--;
		entry->service->catalog->held--;
	}
	if (was_held != (entry->service->held > 0))
		catalog_text_drop_locked(entry->service);
}

/* Takes the entry's record out of the counts, or (sign 1) into them. */
static void catalog_count(struct catalog_entry *e, bool in)
{
	size_t one = in ? 1 : (size_t)-1; /* adding it subtracts: unsigned wraps */
	struct catalog_service *s = e->service;

	if (!e->record)
		return;
	s->records += one;
	if (record_is_live(e->record)) {
		claims_count(s->catalog->claims, &e->record->in, in);
		s->live += one;
		s->catalog->live += one;
	}
}

static void catalog_put(struct catalog_entry *e, struct record *record)
{
	catalog_count(e, false);
	record_unref(&e->record);
	e->record = record;
	catalog_count(e, true);
	catalog_set_held_locked(e, false);
	if (record_wants_checks(record))
		catalog_check_locked(e);
	else
		catalog_uncheck_locked(e);
}

static void catalog_drop_tombstones(struct catalog *c)
{
	struct catalog_service *s = c->oldest;

	while (s && c->tombstones > c->limits.tombstones_max) {
		struct catalog_service *newer = s->newer;

		if (!s->entries) {
			c->floor = s->revision > c->floor ? s->revision : c->floor;
			c->tombstones--;
			catalog_free_service(s);
		}
		s = newer;
	}
}

static void catalog_apply_to(struct catalog_entry *e, const struct catalog_change *change,
			     uint64_t now_ms, int64_t wall_ms)
{
	const struct record *r = change->record;
	struct catalog_service *s = e->service;
	struct catalog *c = s->catalog;
	bool was_empty = s->records == 0, held;

	if (r) {
		held = e->held && !change->renew && record_is_live(r);
		catalog_put(e, change->record);
		catalog_set_held_locked(e, held);
		lease_start_locked(e, change->renew, now_ms, wall_ms);
	} else {
		catalog_count(e, false);
		catalog_set_held_locked(e, false);
		catalog_free_entry(e);
	}
	if (was_empty && s->records && s->revision)
		c->tombstones--;
	if (!was_empty && !s->records)
		c->tombstones++;
	if (was_empty != (s->records == 0))
		catalog_names_changed(c);
	catalog_view_drop_locked(s);
	catalog_unlink_service(s);
	catalog_link_service(s, change->revision);
	c->revision = change->revision;
}

static void catalog_apply_one(struct catalog *c, const struct catalog_change *change,
			      uint64_t now_ms, int64_t wall_ms)
{
	const struct record *r = change->record;
	struct catalog_entry *e = catalog_entry_locked(c, r ? r->in.service : change->service,
						       r ? r->in.id : change->id);

	if (e) /* planned by the one thread that changes anything: it is there */
		catalog_apply_to(e, change, now_ms, wall_ms);
}

void catalog_apply(struct catalog *catalog, const struct catalog_change *changes, size_t count,
		   uint64_t now_ms, int64_t wall_ms)
{
	if (!count)
		return;
	(void)pthread_mutex_lock(&catalog->lock);
	for (size_t i = 0; i < count; i++)
		catalog_apply_one(catalog, &changes[i], now_ms, wall_ms);
	claims_settle(catalog->claims);
	catalog_drop_tombstones(catalog);
	catalog->changed_ms = now_ms;
	(void)pthread_mutex_unlock(&catalog->lock);
}

void catalog_advance(struct catalog *catalog, uint64_t revision)
{
	(void)pthread_mutex_lock(&catalog->lock);
	if (catalog->revision < revision)
		catalog->revision = revision;
	(void)pthread_mutex_unlock(&catalog->lock);
}

/* Room for a stored instance. What was acknowledged is kept, also when the maxima are lower now. */
static struct catalog_entry *catalog_load_entry(struct catalog *c, const struct record *record)
{
	struct catalog_service *s = c->newest; /* rows of one service come together */
	struct catalog_entry *e;

	if (!s || strcmp(s->name, record->in.service) != 0)
		s = catalog_service_locked(c, record->in.service);
	if (!s)
		s = catalog_add_service(c, record->in.service);
	if (!s)
		return NULL;
	e = catalog_add_entry(s, record->in.id);
	if (!e && !s->entries && !s->revision)
		catalog_free_service(s);
	return e;
}

static int catalog_load_locked(struct catalog *catalog, struct record *record, uint64_t now_ms,
			       int64_t wall_ms)
{
	struct catalog_change change = {.record = record, .renew = true};
	struct catalog_entry *e = catalog_load_entry(catalog, record);
	struct err claimed; /* what two services claim in an old database is the first one's */

	if (e && record_wants_checks(record) && catalog_reserve_check_locked(e) < 0) {
		catalog_free_entry(e);
		e = NULL;
	}
	if (!e) {
		record_unref(&record);
		return -1;
	}
	if (record_is_live(record))
		(void)claims_reserve(catalog->claims, &record->in, &claimed);
	change.revision =
		e->service->revision > record->revision ? e->service->revision : record->revision;
	catalog_apply_to(e, &change, now_ms, wall_ms);
	catalog->revision = catalog->floor;
	catalog_set_held_locked(e, record_is_live(record) && !record->legacy);
	return 0;
}

int catalog_load(struct catalog *catalog, struct record **records, size_t count, uint64_t now_ms,
		 int64_t wall_ms)
{
	bool failed = false;

	(void)pthread_mutex_lock(&catalog->lock);
	for (size_t i = 0; i < count; i++) {
		if (failed)
			record_unref(&records[i]);
		else
			failed = catalog_load_locked(catalog, records[i], now_ms, wall_ms) < 0;
	}
	(void)pthread_mutex_unlock(&catalog->lock);
	return failed ? -1 : 0;
}

static int catalog_by_revision(const void *a, const void *b)
{
	const struct catalog_service *const *x = a, *const *y = b;

	return ((*x)->revision > (*y)->revision) - ((*x)->revision < (*y)->revision);
}

int catalog_loaded(struct catalog *catalog)
{
	struct catalog_service **all, *s;
	size_t n = 0;

	all = malloc((catalog->service_count + 1) * sizeof(struct catalog_service *));
	if (!all)
		return -1;
	for (s = catalog->services; s; s = s->hh.next)
		all[n++] = s;
	qsort(all, n, sizeof(struct catalog_service *), catalog_by_revision);
	catalog->oldest = catalog->newest = NULL;
	for (size_t i = 0; i < n; i++) {
		all[i]->older = all[i]->newer = NULL;
		catalog_link_service(all[i], all[i]->revision);
	}
	free(all);
	return 0;
}

int catalog_claim(struct catalog *catalog, const struct instance *in, bool *are_new, struct err *e)
{
	int r;

	*are_new = false;
	if (!in->route_count)
		return 0;
	(void)pthread_mutex_lock(&catalog->lock);
	*are_new = claims_are_new(catalog->claims, in);
	r = claims_reserve(catalog->claims, in, e);
	(void)pthread_mutex_unlock(&catalog->lock);
	return r;
}

struct record *catalog_find(struct catalog *catalog, const char *service, const char *id,
			    bool *lapsed)
{
	struct record *found = NULL;
	struct catalog_entry *e;

	(void)pthread_mutex_lock(&catalog->lock);
	e = catalog_entry_locked(catalog, service, id);
	if (e && e->record)
		found = record_ref(e->record);
	if (lapsed)
		*lapsed = e && e->lapsed;
	(void)pthread_mutex_unlock(&catalog->lock);
	return found;
}
