/*
 * store_sqlite: the store in one SQLite file, WAL mode, synchronous=FULL.
 *
 * Exactly one connection writes and checkpoints: two of them resetting one WAL
 * can corrupt it (fixed only in SQLite 3.51.3). A lock file keeps a second
 * registry off the directory.
 */
#include "common/clock.h"
#include "common/daemon.h"
#include "registry/store.h"
#include "registry/store_consumer.h"
#include "registry/store_files.h"
#include "registry/store_history.h"
#include "registry/store_load.h"
#include "registry/store_quota.h"
#include "registry/store_row.h"
#include "registry/store_schema.h"
#include "registry/store_wal.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { STORE_CONSUMER_ARENA = 1 << 20 };

enum store_statement {
	STORE_SQL_BEGIN,
	STORE_SQL_COMMIT,
	STORE_SQL_ROLLBACK,
	STORE_SQL_PUT,
	STORE_SQL_REMOVE,
	STORE_SQL_META,
	STORE_SQL_COUNT,
};

static const char *const store_sql[STORE_SQL_COUNT] = {
	[STORE_SQL_BEGIN] = "BEGIN IMMEDIATE",
	[STORE_SQL_COMMIT] = "COMMIT",
	[STORE_SQL_ROLLBACK] = "ROLLBACK",
	[STORE_SQL_PUT] = "INSERT OR REPLACE INTO instances (" STORE_ROW_COLUMNS
			  ") VALUES (" STORE_ROW_MARKS ")",
	[STORE_SQL_REMOVE] = "DELETE FROM instances WHERE service = ? AND id = ?",
	[STORE_SQL_META] = "UPDATE meta SET value = ? WHERE name = ?",
};

struct store {
	sqlite3 *db;
	sqlite3_stmt *sql[STORE_SQL_COUNT];
	int lock_fd;
	char *dir;
	char database[STORE_DATABASE_SIZE];
	uint64_t revision, number;
	int64_t seen_wall_ms;
	struct store_history history;
	struct store_quota_sql quotas;
	struct store_consumers consumers;
};

static int store_pragmas(struct store *store, struct err *e)
{
	char word[16];
	int rc;

	rc = store_schema_query(store->db, "PRAGMA journal_mode = WAL", word, sizeof(word));
	if (rc == SQLITE_OK && strcmp(word, "wal") != 0)
		return err_code(e, DAEMON_EXIT_DATA_DIR,
				"%s is on a file system that can't keep a SQLite WAL; give a local "
				"directory with --data-dir",
				store->dir);
	if (rc == SQLITE_OK)
		rc = sqlite3_exec(store->db,
				  "PRAGMA synchronous = FULL; PRAGMA trusted_schema = OFF", NULL,
				  NULL, NULL);
	return rc == SQLITE_OK ? 0 : store_schema_fail(store->db, rc, store->dir, "open", e);
}

/* A counter of the meta table. */
static int64_t store_counter(struct store *store, const char *name, int *rc)
{
	char sql[128];

	if (*rc != SQLITE_OK)
		return 0;
	(void)snprintf(sql, sizeof(sql), "SELECT value FROM meta WHERE name = '%s'", name);
	return store_schema_number(store->db, sql, rc);
}

static int store_prepare(struct store *store, struct err *e)
{
	long counters = 0;
	int rc = SQLITE_OK;

	for (size_t i = 0; rc == SQLITE_OK && i < STORE_SQL_COUNT; i++)
		rc = sqlite3_prepare_v3(store->db, store_sql[i], -1, SQLITE_PREPARE_PERSISTENT,
					&store->sql[i], NULL);
	if (rc == SQLITE_OK)
		rc = store_consumers_open(&store->consumers, store->db);
	if (rc == SQLITE_OK)
		rc = store_schema_query(store->db, "SELECT value FROM meta WHERE name = 'database'",
					store->database, sizeof(store->database));
	if (rc == SQLITE_OK)
		counters = store_schema_number(
			store->db,
			"SELECT count(*) FROM meta WHERE typeof(value) = 'integer' AND value >= 0"
			" AND name IN ('revision', 'number', 'seen')",
			&rc);
	store->revision = (uint64_t)store_counter(store, "revision", &rc);
	store->number = (uint64_t)store_counter(store, "number", &rc);
	store->seen_wall_ms = store_counter(store, "seen", &rc);
	if (rc != SQLITE_OK)
		return store_schema_fail(store->db, rc, store->dir, "read", e);
	if (strlen(store->database) != STORE_DATABASE_SIZE - 1 || counters != 3)
		return store_schema_damaged(store->dir, "its counters are wrong", e);
	return 0;
}

static int store_path(const struct store *store, const char *name, char out[PATH_MAX])
{
	/* Shorter than the lock's, which fitted. */
	return snprintf(out, PATH_MAX, "%s/%s", store->dir, name);
}

/* A new database gets its name when it is whole, so that an empty file of that name is a damage
 * and no beginning. */
static int store_create(struct store *store, const char *path, struct err *e)
{
	char fresh[PATH_MAX], journal[PATH_MAX];
	sqlite3 *db = NULL;
	int rc, r = -1;

	(void)store_path(store, "fresh", fresh);
	(void)store_path(store, "fresh-journal", journal);
	(void)unlink(journal); /* both are there when an earlier start was killed */
	(void)unlink(fresh);
	if (store_files_make(fresh) < 0)
		return err_code(e, DAEMON_EXIT_DATA_DIR,
				"can't make %s: %s; check its owner and mode", fresh,
				strerror(errno));
	rc = sqlite3_open_v2(fresh, &db, SQLITE_OPEN_READWRITE, NULL);
	if (rc != SQLITE_OK)
		(void)store_schema_fail(db, rc, store->dir, "make", e);
	else
		r = store_schema_migrate(db, store->dir, e);
	(void)sqlite3_close(db); /* a rollback journal keeps nothing back */
	if (r == 0 && (rename(fresh, path) < 0 || store_files_sync_dir(store->dir) < 0))
		r = err_code(e, DAEMON_EXIT_DATA_DIR, "can't make %s: %s; check the disk", path,
			     strerror(errno));
	if (r < 0)
		(void)unlink(fresh);
	return r;
}

/* Sees to it that there is a database, and that it may be written. */
static int store_find(struct store *store, const char *path, struct err *e)
{
	char wal[PATH_MAX];
	struct stat st;
	int fd;

	fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	if (fd >= 0) {
		int r = fstat(fd, &st);

		/* All of it will be read, and not in its order: a hint, no more. */
		(void)posix_fadvise(fd, 0, 0, POSIX_FADV_WILLNEED);
		(void)close(fd); /* nothing was written through it */
		if (r == 0 && st.st_size == 0)
			return store_schema_damaged(store->dir, "the file is empty", e);
		return 0;
	}
	if (errno != ENOENT)
		return err_code(e, DAEMON_EXIT_DATA_DIR,
				"can't open %s: %s; check its owner and mode", path,
				strerror(errno));
	(void)store_path(store, "registry.db-wal", wal);
	if (stat(wal, &st) == 0 && st.st_size > 0)
		return err_code(
			e, DAEMON_EXIT_DATABASE,
			"%s is gone, but its registry.db-wal is there and holds acknowledged "
			"changes; put registry.db back, or move the -wal away, then restore a "
			"backup with --restore FILE or start with an empty one",
			path);
	return store_create(store, path, e);
}

struct store *store_open(const char *dir, struct err *e)
{
	struct store *store = calloc(1, sizeof(*store));
	char path[PATH_MAX];
	int rc;

	if (store)
		store->dir = strdup(dir);
	if (!store || !store->dir) {
		(void)err_code(e, DAEMON_EXIT_SYSTEM, "store: out of memory");
		free(store);
		return NULL;
	}
	store->lock_fd = store_files_lock(dir, e);
	if (store->lock_fd < 0)
		goto fail;
	(void)store_path(store, "registry.db", path);
	if (store_find(store, path, e) < 0 || store_wal_check(dir, e) < 0)
		goto fail;
	rc = sqlite3_open_v2(path, &store->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
	if (rc != SQLITE_OK) {
		(void)store_schema_fail(store->db, rc, dir, "open", e);
		goto fail;
	}
	(void)sqlite3_busy_timeout(store->db, STORE_BUSY_MS); /* can't fail */
	if (store_schema_check(store->db, dir, e) < 0)
		goto fail;
	/* Nothing is written into one that is not whole. Else store_load looks. */
	if (!store_schema_is_current(store->db) && store_schema_check_pages(store->db, dir, e) < 0)
		goto fail;
	if (store_pragmas(store, e) < 0 || store_schema_migrate(store->db, dir, e) < 0 ||
	    store_prepare(store, e) < 0)
		goto fail;
	if (store_history_open(&store->history, store->db, dir, &rc) < 0) {
		(void)store_schema_fail(store->db, rc, dir, "read", e);
		goto fail;
	}
	rc = store_quota_open(&store->quotas, store->db);
	if (rc != SQLITE_OK) {
		(void)store_schema_fail(store->db, rc, dir, "read", e);
		goto fail;
	}
	return store;
fail:
	store_close(&store);
	return NULL;
}

void store_close(struct store **store)
{
	struct store *s = *store;

	if (!s)
		return;
	store_history_close(&s->history);
	store_quota_close(&s->quotas);
	store_consumers_close(&s->consumers);
	for (size_t i = 0; i < STORE_SQL_COUNT; i++)
		(void)sqlite3_finalize(s->sql[i]); /* repeats an old error */
	(void)sqlite3_close(s->db);		   /* what was committed is safe whatever it says */
	if (s->lock_fd >= 0)
		(void)close(s->lock_fd);
	free(s->dir);
	free(s);
	*store = NULL;
}

const char *store_dir(const struct store *store)
{
	return store->dir;
}

const char *store_database(const struct store *store)
{
	return store->database;
}

uint64_t store_revision(const struct store *store)
{
	return store->revision;
}

uint64_t store_number(const struct store *store)
{
	return store->number;
}

int64_t store_seen_wall_ms(const struct store *store)
{
	return store->seen_wall_ms;
}

int store_load(struct store *store, int (*take)(void *arg, struct record **records, size_t count),
	       void *arg, struct err *e)
{
	struct store_load load = {.db = store->db,
				  .dir = store->dir,
				  .revision = store->revision,
				  .number = store->number,
				  .take = take,
				  .arg = arg};

	return store_load_all(&load, e);
}

int store_load_quotas(struct store *store, const struct store_quota_reader *to, struct err *e)
{
	int rc = store_quota_load(&store->quotas, to);

	if (rc == SQLITE_OK)
		return 0;
	if (rc == SQLITE_ABORT)
		return err_code(e, DAEMON_EXIT_SYSTEM,
				"%s/registry.db holds more quotas than fit in memory", store->dir);
	if (rc == SQLITE_CORRUPT)
		return store_schema_damaged(store->dir, "a quota makes no sense", e);
	return store_schema_fail(store->db, rc, store->dir, "read", e);
}

int store_load_consumers(struct store *store,
			 int (*each)(void *arg, const struct consumer *consumer), void *arg,
			 struct err *e)
{
	sqlite3_stmt *rows = NULL;
	struct consumer draft;
	struct arena arena;
	struct err why = {0};
	int rc, r = -1;

	arena_init(&arena, STORE_CONSUMER_ARENA);
	rc = sqlite3_prepare_v2(
		store->db, "SELECT " STORE_CONSUMER_COLUMNS " FROM consumers ORDER BY revision", -1,
		&rows, NULL);
	while (rc == SQLITE_OK && (rc = sqlite3_step(rows)) == SQLITE_ROW) {
		arena_reset(&arena);
		if (store_consumer_read(rows, &arena, &draft, &why) < 0) {
			(void)err_code(e, DAEMON_EXIT_DATABASE,
				       "%s/registry.db: a consumer's %s; restore a backup with "
				       "--restore FILE, or delete that row with sqlite3",
				       store->dir, why.text);
			goto done;
		}
		if (draft.revision > store->revision) {
			(void)store_schema_damaged(store->dir, "its counters are wrong", e);
			goto done;
		}
		if (each(arg, &draft) != 0) {
			(void)err_code(e, DAEMON_EXIT_SYSTEM,
				       "%s/registry.db holds more than fits in memory", store->dir);
			goto done;
		}
		rc = SQLITE_OK;
	}
	r = rc == SQLITE_DONE ? 0 : store_schema_fail(store->db, rc, store->dir, "read", e);
done:
	(void)sqlite3_finalize(rows); /* repeats rc */
	arena_fini(&arena);
	return r;
}

uint64_t store_consumers_gone(const struct store *store)
{
	return store->consumers.gone;
}

/* ---- Writing ---- */

static int store_run(struct store *store, enum store_statement which)
{
	int rc = sqlite3_step(store->sql[which]);

	(void)sqlite3_reset(store->sql[which]); /* repeats rc */
	return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

static int store_write(struct store *store, const struct store_change *change, int64_t wall_ms)
{
	sqlite3_stmt *stmt = store->sql[STORE_SQL_REMOVE];
	int rc;

	if (change->kind == STORE_NOTE)
		return SQLITE_OK;
	if (change->kind == STORE_QUOTAS_ADD || change->kind == STORE_QUOTAS_REMOVE)
		return store_quota_write(&store->quotas, change, wall_ms);
	if (change->kind == STORE_CONSUMER_PUT || change->kind == STORE_CONSUMER_REMOVE)
		return store_consumers_write(&store->consumers, change);
	if (change->kind == STORE_PUT) {
		if (store_row_bind(store->sql[STORE_SQL_PUT], change->record) != 0)
			return SQLITE_NOMEM;
		return store_run(store, STORE_SQL_PUT);
	}
	rc = sqlite3_bind_text(stmt, 1, change->service, -1, SQLITE_STATIC);
	if (rc == SQLITE_OK)
		rc = sqlite3_bind_text(stmt, 2, change->id, -1, SQLITE_STATIC);
	return rc == SQLITE_OK ? store_run(store, STORE_SQL_REMOVE) : rc;
}

static int store_write_meta(struct store *store, const char *name, uint64_t value)
{
	sqlite3_stmt *stmt = store->sql[STORE_SQL_META];

	(void)sqlite3_bind_int64(stmt, 1, (sqlite3_int64)value); /* shows in the step */
	(void)sqlite3_bind_text(stmt, 2, name, -1, SQLITE_STATIC);
	return store_run(store, STORE_SQL_META);
}

int store_commit(struct store *store, const struct store_change *changes, size_t count,
		 uint64_t revision, uint64_t number, struct err *e)
{
	int rc = store_run(store, STORE_SQL_BEGIN);
	int64_t seen_wall_ms = clock_wall_ms();

	store_history_begin(&store->history);
	for (size_t i = 0; rc == SQLITE_OK && i < count; i++) {
		rc = store_write(store, &changes[i], seen_wall_ms);
		if (rc == SQLITE_OK)
			rc = store_history_put(&store->history, &changes[i].event, seen_wall_ms);
	}
	if (rc == SQLITE_OK)
		rc = store_write_meta(store, "revision", revision);
	if (rc == SQLITE_OK)
		rc = store_write_meta(store, "number", number);
	if (rc == SQLITE_OK)
		rc = store_write_meta(store, "seen", (uint64_t)seen_wall_ms);
	if (rc == SQLITE_OK)
		rc = store_history_prune(&store->history, seen_wall_ms);
	if (rc == SQLITE_OK)
		rc = store_run(store, STORE_SQL_COMMIT);
	if (rc == SQLITE_OK) {
		store->revision = revision;
		store->number = number;
		store->seen_wall_ms = seen_wall_ms;
		return 0;
	}
	(void)err_set(e, "the registry's store refuses: %s; nothing was changed",
		      sqlite3_errmsg(store->db));
	store_history_rollback(&store->history);
	/* Some errors have rolled back already; then there is nothing to do. */
	if (!sqlite3_get_autocommit(store->db))
		(void)store_run(store, STORE_SQL_ROLLBACK);
	return -1;
}

void store_keep_history(struct store *store, const struct store_keep *keep)
{
	store->history.keep = *keep;
}

int store_history(struct store *store, const struct store_history_query *query,
		  int (*each)(void *arg, const struct store_event *event), void *arg, struct err *e)
{
	return store_history_list(&store->history, query, each, arg, e);
}

enum store_find store_look_back(struct store *store, const struct store_history_query *query,
				int (*each)(void *arg, const struct store_event *event), void *arg,
				struct err *e)
{
	return store_history_back(&store->history, query, each, arg, e);
}

enum store_find store_revision_at(struct store *store, int64_t wall_ms, uint64_t *revision,
				  struct err *e)
{
	return store_history_when(&store->history, wall_ms, revision, e);
}
