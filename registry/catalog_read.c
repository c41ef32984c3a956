/* catalog_read: views, listings and differences: what readers see of the catalog. */
#include "registry/catalog.h"
#include "registry/catalog_shape.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- Views ---- */

const struct catalog_view *catalog_view_ref(const struct catalog_view *view)
{
	/* Counting is the one thing that changes in an immutable view. */
	struct catalog_view *v = (struct catalog_view *)(uintptr_t)view;

	if (v)
		atomic_fetch_add_explicit(&v->refs, 1, memory_order_relaxed);
	return v;
}

void catalog_view_unref(const struct catalog_view **view)
{
	struct catalog_view *v = (struct catalog_view *)(uintptr_t)*view;

	*view = NULL;
	if (!v || atomic_fetch_sub_explicit(&v->refs, 1, memory_order_acq_rel) != 1)
		return;
	for (size_t i = 0; i < v->count; i++)
		record_unref(&v->records[i]);
	free(v);
}

struct catalog_view *catalog_view_new(const char *service, uint64_t revision, size_t room)
{
	size_t name = strlen(service) + 1;
	struct catalog_view *v = malloc(sizeof(*v) + room * sizeof(struct record *) + name);
	char *text;

	if (!v)
		return NULL;
	text = (char *)&v->records[room];
	memcpy(text, service, name);
	*v = (struct catalog_view){.revision = revision, .service = text};
	atomic_init(&v->refs, 1);
	return v;
}

static struct catalog_view *catalog_make_view(struct catalog_service *s)
{
	struct catalog_view *v = catalog_view_new(s->name, s->revision, s->live);

	if (!v)
		return NULL;
	for (struct catalog_entry *e = s->entries; e; e = e->hh.next) {
		if (!e->record)
			continue;
		if (record_is_live(e->record) && !e->lapsed)
			v->records[v->count++] = record_ref(e->record);
		else
			v->expired++;
	}
	return v;
}

/* A reference to the service's view, made now if need be. */
static const struct catalog_view *catalog_view_locked(struct catalog_service *s)
{
	if (!s->view)
		s->view = catalog_make_view(s);
	return catalog_view_ref(s->view);
}

enum catalog_found catalog_look(struct catalog *catalog, const char *service,
				struct catalog_answer *out)
{
	enum catalog_found found = CATALOG_UNKNOWN;
	struct catalog_service *s;

	memset(out, 0, sizeof(*out));
	(void)pthread_mutex_lock(&catalog->lock);
	out->revision = catalog->revision;
	s = catalog_service_locked(catalog, service);
	if (s && s->revision) {
		out->view = catalog_view_locked(s);
		out->held = s->held > 0;
		found = out->view ? CATALOG_FOUND : CATALOG_NO_MEMORY;
	}
	(void)pthread_mutex_unlock(&catalog->lock);
	return found;
}

const struct catalog_text *catalog_look_text(struct catalog *catalog, const char *service,
					     enum catalog_text_kind kind)
{
	const struct catalog_text *text = NULL;
	struct catalog_service *s;

	(void)pthread_mutex_lock(&catalog->lock);
	s = catalog_service_locked(catalog, service);
	if (s)
		text = catalog_text_locked(s, kind);
	(void)pthread_mutex_unlock(&catalog->lock);
	return text;
}

unsigned catalog_turn(struct catalog *catalog, const char *service)
{
	struct catalog_service *s;
	unsigned turn = 0;

	(void)pthread_mutex_lock(&catalog->lock);
	s = catalog_service_locked(catalog, service);
	if (s)
		turn = s->turn++;
	(void)pthread_mutex_unlock(&catalog->lock);
	return turn;
}

const char *catalog_reason(const struct catalog_view *view)
{
	size_t draining = 0;

	if (!view || (!view->count && !view->expired))
		return "unknown_service";
	if (!view->count)
		return "all_expired";
	for (size_t i = 0; i < view->count; i++)
		draining += view->records[i]->in.status == INSTANCE_DRAINING ||
			    view->records[i]->in.status == INSTANCE_MAINTENANCE;
	return draining == view->count ? "all_draining" : "filtered";
}

/* ---- Listing ---- */

static int catalog_compare(const void *a, const void *b)
{
	const struct catalog_service *const *x = a, *const *y = b;

	return strcmp((*x)->name, (*y)->name);
}

static bool catalog_sort_locked(struct catalog *c)
{
	size_t n = 0;

	if (c->sorted)
		return true;
	c->sorted = malloc((c->service_count + 1) * sizeof(struct catalog_service *));
	if (!c->sorted)
		return false;
	for (struct catalog_service *s = c->services; s; s = s->hh.next)
		if (s->records)
			c->sorted[n++] = s;
	c->sorted_count = n;
	qsort(c->sorted, n, sizeof(*c->sorted), catalog_compare);
	return true;
}

/* The first whose name is not before `name`, or (after) is behind it. */
static size_t catalog_lower(const struct catalog *c, const char *name, bool after)
{
	size_t low = 0, high = c->sorted_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = strcmp(c->sorted[middle]->name, name);

		if (order < 0 || (after && order == 0))
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static void catalog_summarize(const struct catalog_service *s, struct catalog_summary *out)
{
	memset(out, 0, sizeof(*out));
	(void)snprintf(out->name, sizeof(out->name), "%s", s->name);
	out->revision = s->revision;
	for (const struct catalog_entry *e = s->entries; e; e = e->hh.next) {
		if (!e->record || !record_is_live(e->record) || e->lapsed)
			continue;
		out->instances++;
		out->up += e->record->in.status == INSTANCE_UP;
	}
}

long catalog_services(struct catalog *catalog, const char *prefix, const char *after,
		      struct catalog_summary *out, size_t max, uint64_t *revision)
{
	size_t n = 0, from, i;

	(void)pthread_mutex_lock(&catalog->lock);
	*revision = catalog->revision;
	if (!catalog_sort_locked(catalog)) {
		(void)pthread_mutex_unlock(&catalog->lock);
		return -1;
	}
	from = catalog_lower(catalog, prefix, false);
	i = catalog_lower(catalog, after, true);
	for (i = i > from ? i : from; n < max && i < catalog->sorted_count; i++) {
		const struct catalog_service *s = catalog->sorted[i];

		if (strncmp(s->name, prefix, strlen(prefix)) != 0)
			break;
		catalog_summarize(s, &out[n++]);
	}
	(void)pthread_mutex_unlock(&catalog->lock);
	return (long)n;
}

int catalog_list(struct catalog *catalog, size_t max, struct record ***out, size_t *count)
{
	size_t n = 0;

	(void)pthread_mutex_lock(&catalog->lock);
	max = max < catalog->live ? max : catalog->live;
	*out = malloc((max + 1) * sizeof(**out));
	for (struct catalog_service *s = *out ? catalog->services : NULL; s; s = s->hh.next)
		for (struct catalog_entry *e = s->entries; e && n < max; e = e->hh.next)
			if (e->record && record_is_live(e->record) && !e->lapsed)
				(*out)[n++] = record_ref(e->record);
	(void)pthread_mutex_unlock(&catalog->lock);
	*count = n;
	return *out ? 0 : -1;
}

void catalog_stats(struct catalog *catalog, struct catalog_stats *out)
{
	(void)pthread_mutex_lock(&catalog->lock);
	out->revision = catalog->revision;
	out->instances = catalog->live;
	out->expired = catalog->entries - catalog->live;
	out->services = catalog->service_count - catalog->tombstones;
	out->held = catalog->held;
	(void)pthread_mutex_unlock(&catalog->lock);
}

uint64_t catalog_revision(struct catalog *catalog)
{
	uint64_t revision;

	(void)pthread_mutex_lock(&catalog->lock);
	revision = catalog->revision;
	(void)pthread_mutex_unlock(&catalog->lock);
	return revision;
}

const char *catalog_database(const struct catalog *catalog)
{
	return catalog->database;
}

/* ---- Positions ---- */

void catalog_position_print(const struct catalog *catalog, struct catalog_position position,
			    char out[CATALOG_POSITION_SIZE])
{
	if (position.base == position.at)
		(void)snprintf(out, CATALOG_POSITION_SIZE, "%s.%" PRIu64, catalog->database,
			       position.at);
	else
		(void)snprintf(out, CATALOG_POSITION_SIZE, "%s.%" PRIu64 "-%" PRIu64,
			       catalog->database, position.at, position.base);
}

/* Digits only; NULL when there are none or too many. */
static const char *catalog_digits(const char *text, uint64_t *out)
{
	char *end;

	if (*text < '0' || *text > '9')
		return NULL;
	errno = 0;
	*out = strtoull(text, &end, 10);
	return errno ? NULL : end;
}

bool catalog_position_parse(const struct catalog *catalog, const char *text,
			    struct catalog_position *out)
{
	size_t len = strlen(catalog->database);
	const char *at;

	if (strncmp(text, catalog->database, len) != 0 || text[len] != '.')
		return false;
	at = catalog_digits(text + len + 1, &out->at);
	if (!at)
		return false;
	out->base = out->at;
	if (*at == '-')
		at = catalog_digits(at + 1, &out->base);
	return at && *at == '\0';
}

/* ---- Differences ---- */

/* The oldest service that changed after `at`, or NULL. From the newest: watchers are close. */
static struct catalog_service *catalog_first_after(struct catalog *c, uint64_t at)
{
	struct catalog_service *s = c->newest;

	if (!s || s->revision <= at)
		return NULL;
	while (s->older && s->older->revision > at)
		s = s->older;
	return s;
}

static int catalog_changes_add(struct catalog_changes *out, size_t *room, struct catalog_service *s)
{
	const struct catalog_view *view = catalog_view_locked(s);
	void *grown;

	if (!view)
		return -1;
	if (out->count == *room) {
		*room = *room ? *room * 2 : 8;
		grown = realloc(out->items, *room * sizeof(*out->items));
		if (!grown) {
			catalog_view_unref(&view);
			return -1;
		}
		out->items = grown;
	}
	memcpy(out->items[out->count].service, s->name, strlen(s->name) + 1);
	out->items[out->count].now = (struct catalog_answer){
		.view = view, .held = s->held > 0, .revision = s->catalog->revision};
	out->items[out->count].text = catalog_text_locked(s, CATALOG_TEXT_CHANGE);
	out->count++;
	return 0;
}

static int catalog_changes_all(struct catalog *c, uint64_t after, size_t instances_max,
			       struct catalog_changes *out)
{
	size_t room = 0, instances = 0;

	for (struct catalog_service *s = catalog_first_after(c, after); s; s = s->newer) {
		if (out->reset && !s->records)
			continue; /* the whole state names no service that is gone */
		/* Each counts, also without instances: an answer is never without bound. */
		if (out->count && instances + s->live + 1 > instances_max) {
			out->more = true;
			return 0;
		}
		if (catalog_changes_add(out, &room, s) < 0)
			return -1;
		instances += s->live + 1;
		out->position.at = s->revision;
	}
	return 0;
}

static int catalog_changes_one(struct catalog *c, uint64_t after, const char *service,
			       struct catalog_changes *out)
{
	struct catalog_service *s = catalog_service_locked(c, service);
	size_t room = 0;

	if (s && s->revision && (out->reset || s->revision > after))
		return catalog_changes_add(out, &room, s);
	if (!out->reset)
		return 0;
	out->items = calloc(1, sizeof(*out->items));
	if (!out->items)
		return -1;
	(void)snprintf(out->items[0].service, sizeof(out->items[0].service), "%s", service);
	out->count = 1;
	return 0;
}

/* Must it be told everything? What was forgotten before a whole state began was never told. */
static bool catalog_is_lost(const struct catalog *c, const struct catalog_position *since)
{
	return !since || since->at > c->revision ||
	       (since->at > since->base ? since->at : since->base) < c->floor;
}

bool catalog_has_news(struct catalog *catalog, const struct catalog_position *since,
		      const char *service, uint64_t *changed_ms)
{
	const struct catalog_service *s;
	bool news;

	(void)pthread_mutex_lock(&catalog->lock);
	*changed_ms = catalog->changed_ms;
	news = catalog_is_lost(catalog, since);
	if (!news && service) {
		s = catalog_service_locked(catalog, service);
		news = s && s->revision > since->at;
	} else if (!news) {
		news = catalog->newest && catalog->newest->revision > since->at;
	}
	(void)pthread_mutex_unlock(&catalog->lock);
	return news;
}

int catalog_changes(struct catalog *catalog, const struct catalog_position *since,
		    const char *service, size_t instances_max, struct catalog_changes *out)
{
	uint64_t after = 0, base;
	int r;

	memset(out, 0, sizeof(*out));
	(void)pthread_mutex_lock(&catalog->lock);
	base = catalog->revision;
	out->reset = catalog_is_lost(catalog, since);
	if (!out->reset) {
		after = since->at;
		base = since->base;
	}
	out->changed_ms = catalog->changed_ms;
	if (service)
		r = catalog_changes_one(catalog, after, service, out);
	else
		r = catalog_changes_all(catalog, after, instances_max, out);
	if (out->more)
		out->position.base = base;
	else
		out->position.at = out->position.base = catalog->revision;
	if (out->position.base < out->position.at)
		out->position.base = out->position.at;
	(void)pthread_mutex_unlock(&catalog->lock);
	if (r < 0)
		catalog_changes_fini(out);
	return r;
}

void catalog_changes_fini(struct catalog_changes *changes)
{
	for (size_t i = 0; i < changes->count; i++) {
		catalog_view_unref(&changes->items[i].now.view);
		catalog_text_unref(&changes->items[i].text);
	}
	free(changes->items);
	changes->items = NULL;
	changes->count = 0;
}

size_t catalog_changed(struct catalog *catalog, uint64_t *since,
		       char (*names)[INSTANCE_NAME_MAX + 1], size_t max, bool *lost)
{
	struct catalog_service *s;
	size_t n = 0;

	(void)pthread_mutex_lock(&catalog->lock);
	*lost = *since < catalog->floor;
	for (s = catalog_first_after(catalog, *since); s && n < max; s = s->newer) {
		memcpy(names[n++], s->name, strlen(s->name) + 1);
		*since = s->revision;
	}
	if (!s)
		*since = catalog->revision;
	(void)pthread_mutex_unlock(&catalog->lock);
	return n;
}
