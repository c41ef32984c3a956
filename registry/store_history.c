/* store_history: appends, drops from the other end, reads backwards or forwards. */
#include "registry/store_history.h"
#include "common/clock.h"
#include "common/rpc.h"
#include "registry/store_row.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	HISTORY_ROW_ARENA = 1 << 20,
	HISTORY_PRUNE = 512, /* events dropped at once */
	HISTORY_AGE_EVERY_MS = 1000,
	HISTORY_FIRST = 32, /* the parameter behind those of store_row_bind */
	HISTORY_COLUMN = 31,
};

#define HISTORY_COLUMNS                                                                       \
	STORE_ROW_COLUMNS ", at_revision, at_time, event, of_service, of_id, token, address," \
			  " what"

static const char history_put[] =
	"INSERT INTO history (" HISTORY_COLUMNS ") VALUES (" STORE_ROW_MARKS ",?,?,?,?,?,?,?,?)";

/* ---- Open and close ---- */

static int64_t history_number(sqlite3 *db, const char *sql, int *rc)
{
	sqlite3_stmt *stmt = NULL;
	int64_t value = 0;

	if (*rc == SQLITE_OK)
		*rc = sqlite3_prepare_v2(db, sql, -1, &stmt, NULL);
	if (*rc == SQLITE_OK) {
		*rc = sqlite3_step(stmt);
		value = *rc == SQLITE_ROW ? sqlite3_column_int64(stmt, 0) : 0;
		*rc = *rc == SQLITE_ROW || *rc == SQLITE_DONE ? SQLITE_OK : *rc;
	}
	(void)sqlite3_finalize(stmt); /* repeats rc */
	return value;
}

int store_history_open(struct store_history *h, sqlite3 *db, const char *dir, int *rc)
{
	char path[PATH_MAX];

	memset(h, 0, sizeof(*h));
	if (pthread_mutex_init(&h->lock, NULL)) {
		*rc = SQLITE_NOMEM;
		return -1;
	}
	h->dir = strdup(dir);
	h->db = db;
	(void)snprintf(path, sizeof(path), "%s/registry.db", dir); /* shorter than the lock's */
	*rc = h->dir ? sqlite3_prepare_v3(db, history_put, -1, SQLITE_PREPARE_PERSISTENT, &h->put,
					  NULL)
		     : SQLITE_NOMEM;
	h->first = history_number(db, "SELECT coalesce(min(seq), 1) FROM history", rc);
	h->last = history_number(db, "SELECT coalesce(max(seq), 0) FROM history", rc);
	if (*rc == SQLITE_OK)
		*rc = sqlite3_open_v2(path, &h->reader, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX,
				      NULL);
	if (*rc == SQLITE_OK)
		return 0;
	store_history_close(h);
	return -1;
}

void store_history_close(struct store_history *h)
{
	if (!h->db)
		return;
	(void)sqlite3_finalize(h->put); /* repeats an old error */
	(void)sqlite3_close(h->reader); /* it has only read */
	(void)pthread_mutex_destroy(&h->lock);
	free(h->dir);
	memset(h, 0, sizeof(*h));
}

/* ---- Writing ---- */

static int history_bind_event(sqlite3_stmt *to, const struct store_event *event, int64_t wall_ms)
{
	const char *texts[] = {event->name,  event->service, event->id,
			       event->token, event->address, event->detail};
	int rc = sqlite3_bind_int64(to, HISTORY_FIRST, (sqlite3_int64)event->revision);

	if (rc == SQLITE_OK)
		rc = sqlite3_bind_int64(to, HISTORY_FIRST + 1, wall_ms);
	for (int i = 0; rc == SQLITE_OK && i < 6; i++)
		rc = sqlite3_bind_text(to, HISTORY_FIRST + 2 + i, texts[i] ? texts[i] : "", -1,
				       SQLITE_STATIC);
	return rc;
}

int store_history_put(struct store_history *h, const struct store_event *event, int64_t wall_ms)
{
	int rc;

	if (!event->name || !h->keep.events)
		return SQLITE_OK;
	(void)sqlite3_clear_bindings(h->put); /* can't fail */
	if (event->before && store_row_bind(h->put, event->before) != 0)
		return SQLITE_NOMEM;
	rc = history_bind_event(h->put, event, wall_ms);
	if (rc == SQLITE_OK)
		rc = sqlite3_step(h->put);
	(void)sqlite3_reset(h->put); /* repeats rc */
	if (rc != SQLITE_DONE)
		return rc;
	h->last = sqlite3_last_insert_rowid(h->db);
	return SQLITE_OK;
}

/* Drops the events up to and with `seq`; what they tell of can't be asked for any more. */
static int history_drop(struct store_history *h, int64_t seq)
{
	char sql[256];
	int rc;

	(void)snprintf(sql, sizeof(sql),
		       "UPDATE meta SET value = max(value, coalesce((SELECT max(at_revision) FROM "
		       "history WHERE seq <= %" PRId64 "), 0)) WHERE name = 'history';"
		       "DELETE FROM history WHERE seq <= %" PRId64,
		       seq, seq);
	rc = sqlite3_exec(h->db, sql, NULL, NULL, NULL);
	if (rc == SQLITE_OK)
		h->first = seq + 1;
	return rc;
}

/* Without a history nothing of before can be told, also when there is one again later. */
static int history_forget(struct store_history *h)
{
	int rc = sqlite3_exec(
		h->db,
		"UPDATE meta SET value = (SELECT value FROM meta WHERE name = 'revision')"
		" WHERE name = 'history'",
		NULL, NULL, NULL);

	return rc == SQLITE_OK && h->first <= h->last
		       ? history_drop(h, h->last - h->first < HISTORY_PRUNE
						 ? h->last
						 : h->first + HISTORY_PRUNE)
		       : rc;
}

int store_history_prune(struct store_history *h, int64_t wall_ms)
{
	int64_t count = h->last - h->first + 1, over = 0;
	char sql[160];
	int rc = SQLITE_OK;

	if (!h->keep.events)
		return history_forget(h);
	/* Not for each: as many as fit a page or ten go at once. */
	if (count > (int64_t)h->keep.events + HISTORY_PRUNE / 2) {
		over = count - (int64_t)h->keep.events;
		return history_drop(h,
				    h->first + (over < HISTORY_PRUNE ? over : HISTORY_PRUNE) - 1);
	}
	if (count <= 0 || llabs(wall_ms - h->pruned_ms) < HISTORY_AGE_EVERY_MS)
		return rc;
	h->pruned_ms = wall_ms;
	(void)snprintf(sql, sizeof(sql),
		       "SELECT max(seq) FROM history WHERE seq < %" PRId64
		       " AND at_time < %" PRId64,
		       h->first + HISTORY_PRUNE, wall_ms - h->keep.age_ms);
	over = history_number(h->db, sql, &rc);
	return rc == SQLITE_OK && over >= h->first ? history_drop(h, over) : rc;
}

void store_history_begin(struct store_history *h)
{
	h->first_before = h->first;
	h->last_before = h->last;
	h->pruned_before = h->pruned_ms;
}

void store_history_rollback(struct store_history *h)
{
	h->first = h->first_before;
	h->last = h->last_before;
	h->pruned_ms = h->pruned_before;
}

/* ---- Reading ---- */

static const char *history_text(sqlite3_stmt *row, int column)
{
	const unsigned char *text = sqlite3_column_text(row, HISTORY_COLUMN + column);

	return text ? (const char *)text : "";
}

/* `draft` and the arena hold what was there before. */
static int history_read_row(sqlite3_stmt *row, struct arena *arena, struct record *draft,
			    struct store_event *event, struct err *e)
{
	*event = (struct store_event){
		.revision = (uint64_t)sqlite3_column_int64(row, HISTORY_COLUMN),
		.wall_ms = sqlite3_column_int64(row, HISTORY_COLUMN + 1),
		.name = history_text(row, 2),
		.service = history_text(row, 3),
		.id = history_text(row, 4),
		.token = history_text(row, 5),
		.address = history_text(row, 6),
		.detail = history_text(row, 7),
	};
	arena_reset(arena);
	if (sqlite3_column_type(row, 0) == SQLITE_NULL)
		return 0;
	if (store_row_read(row, arena, draft, e) < 0)
		return -1;
	record_settle(draft);
	event->before = draft;
	return 0;
}

static int history_fail(struct store_history *h, struct err *e)
{
	return err_code(e, RPC_FAULT_STORE, "the registry's store can't be read: %s",
			sqlite3_errmsg(h->reader));
}

/* Runs a query for events; `?1` is the service. With the lock. */
static int history_each_locked(struct store_history *h, const char *sql, const char *service,
			       int (*each)(void *arg, const struct store_event *event), void *arg,
			       struct err *e)
{
	sqlite3_stmt *rows = NULL;
	struct store_event event;
	struct record draft;
	struct arena arena;
	int rc, r = 0;

	arena_init(&arena, HISTORY_ROW_ARENA);
	rc = sqlite3_prepare_v2(h->reader, sql, -1, &rows, NULL);
	if (rc == SQLITE_OK && service)
		rc = sqlite3_bind_text(rows, 1, service, -1, SQLITE_STATIC);
	while (rc == SQLITE_OK && r == 0 && (rc = sqlite3_step(rows)) == SQLITE_ROW) {
		rc = SQLITE_OK;
		r = history_read_row(rows, &arena, &draft, &event, e);
		if (r < 0)
			e->code = RPC_FAULT_STORE;
		else if (each(arg, &event) != 0)
			break;
	}
	if (r == 0 && rc != SQLITE_OK && rc != SQLITE_DONE)
		r = history_fail(h, e);
	(void)sqlite3_finalize(rows); /* repeats rc */
	arena_fini(&arena);
	return r;
}

static const char history_of_instances[] = " AND event NOT GLOB 'consumer_*'"
					   " AND event NOT GLOB 'key_*'"
					   " AND event NOT GLOB 'quota_*'";

int store_history_list(struct store_history *h, const struct store_history_query *query,
		       int (*each)(void *arg, const struct store_event *event), void *arg,
		       struct err *e)
{
	const char *of = query->service ? " AND of_service = ?1" : "";
	const char *instances = query->of_instances ? history_of_instances : "";
	char sql[1400];
	int r;

	if (query->newest)
		(void)snprintf(sql, sizeof(sql),
			       "SELECT " HISTORY_COLUMNS
			       " FROM history WHERE seq IN (SELECT seq FROM "
			       "history WHERE at_revision > %" PRIu64
			       "%s%s ORDER BY seq DESC LIMIT %zu) ORDER BY seq",
			       query->since, of, instances, query->max);
	else /* within one commit seq is not the order of revisions, by which callers go on */
		(void)snprintf(
			sql, sizeof(sql),
			"SELECT " HISTORY_COLUMNS " FROM history WHERE seq IN (SELECT seq FROM "
			"history WHERE at_revision > %" PRIu64
			"%s%s ORDER BY seq LIMIT %zu) ORDER BY at_revision, seq LIMIT %zu",
			query->since, of, instances, query->max + STORE_CHANGES_MAX, query->max);
	(void)pthread_mutex_lock(&h->lock);
	r = history_each_locked(h, sql, query->service, each, arg, e);
	(void)pthread_mutex_unlock(&h->lock);
	return r;
}

/* From which revision on the history is whole; -1 on an error. */
static int64_t history_floor_locked(struct store_history *h, struct err *e)
{
	int rc = SQLITE_OK;
	int64_t floor =
		history_number(h->reader, "SELECT value FROM meta WHERE name = 'history'", &rc);

	return rc == SQLITE_OK ? floor : history_fail(h, e);
}

static enum store_find history_past(int64_t floor, struct err *e)
{
	(void)err_code(e, RPC_FAULT_PARAMS,
		       "that is not kept any more; the history goes back to revision %" PRId64
		       " (history.events, history.age)",
		       floor);
	return STORE_PAST;
}

enum store_find store_history_back(struct store_history *h, const struct store_history_query *query,
				   int (*each)(void *arg, const struct store_event *event),
				   void *arg, struct err *e)
{
	enum store_find found = STORE_FOUND;
	char sql[1200];
	int64_t floor;

	/* Of each instance the first, which tells what it was before; a service that changes all
	 * the time has very many others. */
	(void)snprintf(sql, sizeof(sql),
		       "SELECT " HISTORY_COLUMNS " FROM history WHERE seq IN (SELECT min(seq) FROM "
		       "history WHERE at_revision > %" PRIu64
		       " AND of_service = ?1 AND event NOT IN ('fenced', 'held') GROUP BY of_id) "
		       "ORDER BY seq",
		       query->since);
	(void)pthread_mutex_lock(&h->lock);
	floor = history_floor_locked(h, e);
	if (floor < 0)
		found = STORE_FAILED;
	else if (query->since < (uint64_t)floor)
		found = history_past(floor, e);
	else if (history_each_locked(h, sql, query->service, each, arg, e) < 0)
		found = STORE_FAILED;
	(void)pthread_mutex_unlock(&h->lock);
	return found;
}

enum store_find store_history_when(struct store_history *h, int64_t wall_ms, uint64_t *revision,
				   struct err *e)
{
	enum store_find found = STORE_FOUND;
	int64_t floor, last = 0;
	int rc = SQLITE_OK;
	char sql[160];

	(void)snprintf(
		sql, sizeof(sql),
		"SELECT coalesce(max(at_revision), -1) FROM history WHERE at_time <= %" PRId64,
		wall_ms);
	(void)pthread_mutex_lock(&h->lock);
	floor = history_floor_locked(h, e);
	if (floor >= 0)
		last = history_number(h->reader, sql, &rc);
	if (floor < 0)
		found = STORE_FAILED;
	else if (rc != SQLITE_OK)
		found = history_fail(h, e) < 0 ? STORE_FAILED : STORE_FOUND;
	else if (last < floor && floor > 0)
		found = history_past(floor, e);
	*revision = last > 0 ? (uint64_t)last : 0;
	(void)pthread_mutex_unlock(&h->lock);
	return found;
}
