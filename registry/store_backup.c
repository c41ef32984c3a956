/*
 * store_backup: copies of the database, by SQLite's online backup, and the way
 * back. A copy is made on a connection of its own that only reads one
 * snapshot, so commits go on; the log grows meanwhile.
 */
#include "common/clock.h"
#include "common/daemon.h"
#include "registry/store.h"
#include "registry/store_files.h"
#include "registry/store_schema.h"

#include <errno.h>
#include <limits.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BACKUP_PAGES = 256 }; /* of one step: 1 MiB */

/* "backup-2026-01-31T23-59-59-123Z.db" */
static void backup_name(const char *what, char *file, size_t size)
{
	char stamp[CLOCK_RFC3339_SIZE];

	clock_rfc3339(clock_wall_ms(), stamp);
	for (char *p = stamp; *p; p++)
		if (*p == ':' || *p == '.')
			*p = '-';
	(void)snprintf(file, size, "%s-%s.db", what, stamp);
}

/* All pages of one snapshot. SQLite's result codes; SQLITE_INTERRUPT when stopped. */
static int backup_copy(sqlite3 *from, sqlite3 *to, const atomic_bool *stop)
{
	sqlite3_backup *copy;
	int rc = sqlite3_exec(from, "BEGIN; SELECT count(*) FROM meta", NULL, NULL, NULL);

	if (rc != SQLITE_OK)
		return rc;
	copy = sqlite3_backup_init(to, "main", from, "main");
	if (!copy)
		return sqlite3_errcode(to);
	do {
		rc = stop && atomic_load(stop) ? SQLITE_INTERRUPT
					       : sqlite3_backup_step(copy, BACKUP_PAGES);
	} while (rc == SQLITE_OK);
	if (rc == SQLITE_DONE || rc == SQLITE_OK)
		return sqlite3_backup_finish(copy);
	(void)sqlite3_backup_finish(copy); /* repeats rc, or is SQLITE_OK when stopped */
	return rc;
}

/* From an open database to a new file with an id of its own. */
static int backup_make(sqlite3 *from, const char *path, const atomic_bool *stop, struct err *e)
{
	sqlite3 *to = NULL;
	int rc = sqlite3_open_v2(path, &to, SQLITE_OPEN_READWRITE, NULL);

	if (rc == SQLITE_OK)
		rc = backup_copy(from, to, stop);
	if (rc == SQLITE_OK)
		rc = sqlite3_exec(to, "PRAGMA journal_mode = DELETE", NULL, NULL, NULL);
	if (rc == SQLITE_OK)
		rc = store_schema_new_id(to);
	if (rc == SQLITE_INTERRUPT)
		(void)err_set(e, "backup to %s: the registry is stopping", path);
	else if (rc != SQLITE_OK)
		(void)err_set(e, "backup to %s: %s", path,
			      to ? sqlite3_errmsg(to) : sqlite3_errstr(rc));
	(void)sqlite3_close(to); /* everything is written: rc says */
	return rc == SQLITE_OK ? 0 : -1;
}

int store_backup(const struct store *store, const atomic_bool *stop, char *file, size_t size,
		 struct err *e)
{
	const char *dir = store_dir(store);
	char path[PATH_MAX], database[PATH_MAX];
	sqlite3 *from = NULL;
	int rc, r;

	backup_name("backup", file, size);
	(void)snprintf(database, sizeof(database), "%s/registry.db", dir);
	if (snprintf(path, sizeof(path), "%s/%s", dir, file) >= (int)sizeof(path))
		return err_set(e, "backup: the path is too long");
	if (store_files_make(path) < 0)
		return err_set(e, "backup: can't make %s: %s", path, strerror(errno));
	rc = sqlite3_open_v2(database, &from, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL);
	if (rc == SQLITE_OK)
		r = backup_make(from, path, stop, e);
	else
		r = err_set(e, "backup: can't read %s: %s", database, sqlite3_errstr(rc));
	(void)sqlite3_close(from); /* it has only read */
	if (r == 0 && store_files_sync_dir(dir) < 0)
		r = err_set(e, "backup to %s: %s", path, strerror(errno));
	if (r < 0)
		(void)unlink(path); /* half a copy is worse than none */
	return r;
}

/* ---- The way back ---- */

/* Moves registry.db and what belongs to it aside. The database first: a log without it is refused
 * at the start, a database without its log would be taken for whole. */
static int restore_put_aside(const char *dir, char *kept, size_t size, struct err *e)
{
	static const char *const endings[] = {"", "-wal", "-shm"};
	char from[PATH_MAX], to[PATH_MAX];

	backup_name("replaced", kept, size);
	for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++) {
		(void)snprintf(from, sizeof(from), "%s/registry.db%s", dir, endings[i]);
		if (snprintf(to, sizeof(to), "%s/%s%s", dir, kept, endings[i]) >= (int)sizeof(to))
			return err_code(e, DAEMON_EXIT_DATA_DIR,
					"the path of --data-dir is too long");
		if (rename(from, to) == 0)
			continue;
		if (errno != ENOENT)
			return err_code(e, DAEMON_EXIT_DATA_DIR, "can't move %s aside: %s", from,
					strerror(errno));
		if (i == 0)
			kept[0] = '\0';
	}
	return 0;
}

/* The backup as DIR/fresh, checked. */
static int restore_fetch(const char *from, const char *fresh, struct err *e)
{
	struct err why = {0};
	sqlite3 *db = NULL;
	struct stat st;
	int rc, r;

	if (stat(from, &st) < 0 || !S_ISREG(st.st_mode))
		return err_code(e, DAEMON_EXIT_DATABASE, "can't read %s: %s", from,
				errno ? strerror(errno) : "it is no file");
	(void)unlink(fresh);
	if (store_files_make(fresh) < 0)
		return err_code(e, DAEMON_EXIT_DATA_DIR, "can't make %s: %s", fresh,
				strerror(errno));
	rc = sqlite3_open_v2(from, &db, SQLITE_OPEN_READONLY, NULL);
	if (st.st_size == 0)
		r = err_code(&why, DAEMON_EXIT_DATABASE, "it is empty");
	else if (rc != SQLITE_OK)
		r = err_code(&why, DAEMON_EXIT_DATABASE, "%s", sqlite3_errstr(rc));
	else
		r = store_schema_check(db, "its", &why) < 0 ||
				    store_schema_check_pages(db, "its", &why) < 0
			    ? -1
			    : 0;
	if (r < 0)
		(void)err_code(e, why.code, "%s is no backup of a registry: %s", from, why.text);
	else if (backup_make(db, fresh, NULL, e) < 0)
		r = err_code(e, DAEMON_EXIT_DATA_DIR, "%s", why.text[0] ? why.text : e->text);
	(void)sqlite3_close(db); /* it was only read */
	return r;
}

int store_restore(const char *dir, const char *from, char *kept, size_t size, struct err *e)
{
	char fresh[PATH_MAX], path[PATH_MAX];
	int lock = store_files_lock(dir, e), r;

	if (lock < 0)
		return -1;
	kept[0] = '\0';
	(void)snprintf(fresh, sizeof(fresh), "%s/fresh", dir); /* shorter than the lock's */
	(void)snprintf(path, sizeof(path), "%s/registry.db", dir);
	r = restore_fetch(from, fresh, e);
	if (r == 0)
		r = restore_put_aside(dir, kept, size, e);
	if (r == 0 && (rename(fresh, path) < 0 || store_files_sync_dir(dir) < 0))
		r = err_code(e, DAEMON_EXIT_DATA_DIR, "can't make %s: %s", path, strerror(errno));
	if (r < 0)
		(void)unlink(fresh);
	(void)close(lock); /* nothing was written to it */
	return r;
}
