/* store_schema: the tables, their versions, and the checks of a file that is to be opened. */
#include "registry/store_schema.h"
#include "common/daemon.h"
#include "registry/store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

enum { STORE_APPLICATION = 0x4d526567 }; /* "MReg", PRAGMA application_id */

/* Each brings the schema one version up, for ever: never edit one that was released. */
static const char *const store_schema_migrations[] = {
	"CREATE TABLE meta (name TEXT PRIMARY KEY, value) WITHOUT ROWID;"
	"CREATE TABLE instances ("
	" service TEXT NOT NULL, id TEXT NOT NULL, number INTEGER NOT NULL, host TEXT NOT NULL,"
	" port INTEGER NOT NULL, scheme TEXT NOT NULL, zone TEXT NOT NULL, version TEXT NOT NULL,"
	" weight INTEGER NOT NULL, ttl_ms INTEGER NOT NULL, own TEXT NOT NULL,"
	" admin TEXT NOT NULL, detail TEXT NOT NULL, check_failed INTEGER NOT NULL,"
	" legacy INTEGER NOT NULL, legacy_status INTEGER NOT NULL, legacy_host TEXT NOT NULL,"
	" origin TEXT NOT NULL, lease TEXT NOT NULL, tags TEXT NOT NULL, meta TEXT NOT NULL,"
	" routes TEXT NOT NULL, check_type TEXT NOT NULL, check_path TEXT NOT NULL,"
	" check_interval_ms INTEGER NOT NULL, check_timeout_ms INTEGER NOT NULL,"
	" registered_at INTEGER NOT NULL, expired_at INTEGER NOT NULL, down_at INTEGER NOT NULL,"
	" revision INTEGER NOT NULL,"
	" PRIMARY KEY (service, id)) WITHOUT ROWID;"
	"INSERT INTO meta VALUES ('database', ''), ('revision', 0), ('number', 0), ('seen', 0);",
	/* The columns of `instances` hold what was there before; NULL when nothing was. */
	"CREATE TABLE history ("
	" seq INTEGER PRIMARY KEY, at_revision INTEGER NOT NULL, at_time INTEGER NOT NULL,"
	" event TEXT NOT NULL, of_service TEXT NOT NULL, of_id TEXT NOT NULL, token TEXT NOT NULL,"
	" address TEXT NOT NULL, what TEXT NOT NULL,"
	" service TEXT, id TEXT, number INTEGER, host TEXT, port INTEGER, scheme TEXT, zone TEXT,"
	" version TEXT, weight INTEGER, ttl_ms INTEGER, own TEXT, admin TEXT, detail TEXT,"
	" check_failed INTEGER, legacy INTEGER, legacy_status INTEGER, legacy_host TEXT,"
	" origin TEXT, lease TEXT, tags TEXT, meta TEXT, routes TEXT, check_type TEXT,"
	" check_path TEXT, check_interval_ms INTEGER, check_timeout_ms INTEGER,"
	" registered_at INTEGER, expired_at INTEGER, down_at INTEGER, revision INTEGER);"
	/* From when on it is whole. */
	"INSERT INTO meta SELECT 'history', value FROM meta WHERE name = 'revision';",
	"CREATE TABLE quotas ("
	" name TEXT NOT NULL, key TEXT NOT NULL, period TEXT NOT NULL, used INTEGER NOT NULL,"
	" quota INTEGER NOT NULL, PRIMARY KEY (name, key, period)) WITHOUT ROWID;"
	"CREATE TABLE quota_senders ("
	" sender TEXT PRIMARY KEY, sequence INTEGER NOT NULL, seen INTEGER NOT NULL) WITHOUT "
	"ROWID;",
	/* Rows from before had an instance without it, or none. Parentheses: clang takes two
	 * strings for a forgotten comma. */
	("ALTER TABLE instances ADD COLUMN check_status TEXT NOT NULL DEFAULT '';"
	 "ALTER TABLE history ADD COLUMN check_status TEXT DEFAULT '';"),
	/* `consumers_gone` is the revision of the newest deletion of one. */
	("CREATE TABLE consumers ("
	 " name TEXT NOT NULL PRIMARY KEY, id TEXT NOT NULL UNIQUE, password TEXT NOT NULL,"
	 " description TEXT NOT NULL, keys TEXT NOT NULL, created_at INTEGER NOT NULL,"
	 " revision INTEGER NOT NULL) WITHOUT ROWID;"
	 "INSERT INTO meta VALUES ('consumers_gone', 0);"),
};

enum { STORE_SCHEMA = sizeof(store_schema_migrations) / sizeof(store_schema_migrations[0]) };

int store_schema_damaged(const char *dir, const char *how, struct err *e)
{
	/* A log that is left would be applied to whatever is copied over the database. */
	return err_code(e, DAEMON_EXIT_DATABASE,
			"%s/registry.db is damaged (%s); restore a backup with --restore FILE, or "
			"move registry.db* away to start with an empty one: live instances "
			"register again by themselves",
			dir, how);
}

int store_schema_fail(sqlite3 *db, int rc, const char *dir, const char *doing, struct err *e)
{
	const char *why = db ? sqlite3_errmsg(db) : sqlite3_errstr(rc);

	switch (rc & 0xff) {
	case SQLITE_NOTADB:
		return err_code(
			e, DAEMON_EXIT_DATABASE,
			"%s/registry.db is not a SQLite database; move registry.db* away to start "
			"with an empty one, or give another --data-dir",
			dir);
	case SQLITE_CORRUPT:
	case SQLITE_ERROR: /* a table or a column is not there */
		return store_schema_damaged(dir, why, e);
	case SQLITE_NOMEM:
		return err_code(e, DAEMON_EXIT_SYSTEM, "%s/registry.db: out of memory", dir);
	default:
		return err_code(e, DAEMON_EXIT_DATA_DIR,
				"can't %s %s/registry.db: %s; check its owner, mode and free space",
				doing, dir, why);
	}
}

int store_schema_query(sqlite3 *db, const char *sql, char *out, size_t size)
{
	sqlite3_stmt *stmt = NULL;
	int rc = sqlite3_prepare_v2(db, sql, -1, &stmt, NULL);

	out[0] = '\0';
	if (rc == SQLITE_OK) {
		rc = sqlite3_step(stmt);
		if (rc == SQLITE_ROW) {
			const unsigned char *text = sqlite3_column_text(stmt, 0);

			(void)snprintf(out, size, "%s", text ? (const char *)text : "");
			rc = SQLITE_OK;
		} else if (rc == SQLITE_DONE) {
			rc = SQLITE_OK;
		}
	}
	(void)sqlite3_finalize(stmt); /* repeats rc */
	return rc;
}

long store_schema_number(sqlite3 *db, const char *sql, int *rc)
{
	char text[32];

	*rc = store_schema_query(db, sql, text, sizeof(text));
	return *rc == SQLITE_OK ? strtol(text, NULL, 10) : -1;
}

static int store_schema_random_id(char out[STORE_DATABASE_SIZE])
{
	unsigned char bytes[(STORE_DATABASE_SIZE - 1) / 2];

	if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes))
		return -1;
	for (size_t i = 0; i < sizeof(bytes); i++)
		(void)snprintf(out + 2 * i, 3, "%02x", bytes[i]);
	return 0;
}

int store_schema_new_id(sqlite3 *db)
{
	char id[STORE_DATABASE_SIZE], sql[128];

	if (store_schema_random_id(id) < 0)
		return SQLITE_ERROR;
	(void)snprintf(sql, sizeof(sql), "UPDATE meta SET value = '%s' WHERE name = 'database'",
		       id);
	return sqlite3_exec(db, sql, NULL, NULL, NULL);
}

int store_schema_migrate(sqlite3 *db, const char *dir, struct err *e)
{
	char sql[96];
	int rc;
	long version = store_schema_number(db, "PRAGMA user_version", &rc);

	if (rc == SQLITE_OK && version == STORE_SCHEMA)
		return 0;
	(void)snprintf(sql, sizeof(sql), "PRAGMA application_id = %d; PRAGMA user_version = %d",
		       STORE_APPLICATION, STORE_SCHEMA);
	if (rc == SQLITE_OK)
		rc = sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL);
	for (long v = version; rc == SQLITE_OK && v < STORE_SCHEMA; v++)
		rc = sqlite3_exec(db, store_schema_migrations[v], NULL, NULL, NULL);
	if (rc == SQLITE_OK && version == 0)
		rc = store_schema_new_id(db);
	if (rc == SQLITE_OK)
		rc = sqlite3_exec(db, sql, NULL, NULL, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_exec(db, "COMMIT", NULL, NULL, NULL);
	return rc == SQLITE_OK ? 0 : store_schema_fail(db, rc, dir, "write", e);
}

bool store_schema_is_current(sqlite3 *db)
{
	int rc;

	return store_schema_number(db, "PRAGMA user_version", &rc) == STORE_SCHEMA;
}

int store_schema_check(sqlite3 *db, const char *dir, struct err *e)
{
	int rc, rc2, rc3;
	long version = store_schema_number(db, "PRAGMA user_version", &rc);
	long application = store_schema_number(db, "PRAGMA application_id", &rc2);
	long tables = store_schema_number(db, "SELECT count(*) FROM sqlite_master", &rc3);

	if (rc == SQLITE_OK)
		rc = rc2 != SQLITE_OK ? rc2 : rc3;
	if (rc != SQLITE_OK)
		return store_schema_fail(db, rc, dir, "read", e);
	if (application != STORE_APPLICATION && (application || version || tables))
		return err_code(e, DAEMON_EXIT_DATABASE,
				"%s/registry.db is a database of another program; give another "
				"--data-dir",
				dir);
	if (version < 0 || version > STORE_SCHEMA)
		return err_code(
			e, DAEMON_EXIT_DATABASE,
			"%s/registry.db has schema version %ld, this program knows up to %d; "
			"run the newer version, or restore a backup made by this one with "
			"--restore FILE",
			dir, version, STORE_SCHEMA);
	return 0;
}

int store_schema_check_pages(sqlite3 *db, const char *dir, struct err *e)
{
	char word[256], *finding;
	int rc = store_schema_query(db, "PRAGMA quick_check(1)", word, sizeof(word));

	if (rc != SQLITE_OK)
		return store_schema_fail(db, rc, dir, "read", e);
	/* Before the finding comes a line that only names the database. */
	finding = strchr(word, '\n');
	finding = finding ? finding + 1 : word;
	finding[strcspn(finding, "\n")] = '\0';
	return strcmp(word, "ok") == 0 ? 0 : store_schema_damaged(dir, finding, e);
}
