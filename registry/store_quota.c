/* store_quota: adds to rows, drops rows, reads them all. */
#include "registry/store_quota.h"
#include "common/period.h"

#include <limits.h>

static const char store_quota_add[] =
	"INSERT INTO quotas (name, key, period, used, quota) VALUES (?, ?, ?, ?, ?)"
	" ON CONFLICT (name, key, period)"
	" DO UPDATE SET used = used + excluded.used, quota = excluded.quota";

static const char store_quota_remove[] =
	"DELETE FROM quotas WHERE name = ? AND key = ? AND period = ?";

static const char store_quota_sender[] =
	"INSERT OR REPLACE INTO quota_senders (sender, sequence, seen) VALUES (?, ?, ?)";

static const char store_quota_forget[] =
	"DELETE FROM quota_senders WHERE seen < ?1 OR sender IN"
	" (SELECT sender FROM quota_senders ORDER BY seen DESC LIMIT -1 OFFSET ?2)";

static const char store_quota_senders[] =
	"SELECT sender, sequence, seen FROM quota_senders ORDER BY seen DESC LIMIT ?1";

int store_quota_open(struct store_quota_sql *q, sqlite3 *db)
{
	const struct {
		const char *sql;
		sqlite3_stmt **stmt;
	} all[] = {{store_quota_add, &q->add},
		   {store_quota_remove, &q->remove},
		   {store_quota_sender, &q->sender},
		   {store_quota_forget, &q->forget}};
	int rc = SQLITE_OK;

	q->db = db;
	for (size_t i = 0; rc == SQLITE_OK && i < sizeof(all) / sizeof(all[0]); i++)
		rc = sqlite3_prepare_v3(db, all[i].sql, -1, SQLITE_PREPARE_PERSISTENT, all[i].stmt,
					NULL);
	return rc;
}

void store_quota_close(struct store_quota_sql *q)
{
	/* Each repeats an old error. */
	(void)sqlite3_finalize(q->add);
	(void)sqlite3_finalize(q->remove);
	(void)sqlite3_finalize(q->sender);
	(void)sqlite3_finalize(q->forget);
}

static int store_quota_run(sqlite3_stmt *stmt)
{
	int rc = sqlite3_step(stmt);

	(void)sqlite3_reset(stmt); /* repeats rc */
	return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

static int store_quota_one(sqlite3_stmt *stmt, const struct store_quota *quota, bool add)
{
	/* What fails here shows in the step. */
	(void)sqlite3_bind_text(stmt, 1, quota->name, -1, SQLITE_STATIC);
	(void)sqlite3_bind_text(stmt, 2, quota->key, -1, SQLITE_STATIC);
	(void)sqlite3_bind_text(stmt, 3, quota->period, -1, SQLITE_STATIC);
	if (add) {
		(void)sqlite3_bind_int64(stmt, 4, (sqlite3_int64)quota->used);
		(void)sqlite3_bind_int64(stmt, 5, quota->quota);
	}
	return store_quota_run(stmt);
}

static int store_quota_note_sender(struct store_quota_sql *q, const struct store_quotas *quotas,
				   int64_t wall_ms)
{
	int rc;

	(void)sqlite3_bind_text(q->sender, 1, quotas->sender, -1, SQLITE_STATIC); /* as above */
	(void)sqlite3_bind_int(q->sender, 2, quotas->sequence);
	(void)sqlite3_bind_int64(q->sender, 3, wall_ms);
	rc = store_quota_run(q->sender);
	if (rc != SQLITE_OK ||
	    (wall_ms >= q->forgot_ms && wall_ms - q->forgot_ms < STORE_QUOTA_FORGET_MS))
		return rc;
	q->forgot_ms = wall_ms;
	(void)sqlite3_bind_int64(q->forget, 1, wall_ms - STORE_QUOTA_SENDER_MS);
	(void)sqlite3_bind_int(q->forget, 2, STORE_QUOTA_SENDERS_MAX);
	return store_quota_run(q->forget);
}

int store_quota_write(struct store_quota_sql *q, const struct store_change *change, int64_t wall_ms)
{
	const struct store_quotas *quotas = change->quotas;
	bool add = change->kind == STORE_QUOTAS_ADD;
	int rc = SQLITE_OK;

	for (size_t i = 0; rc == SQLITE_OK && i < quotas->count; i++)
		rc = store_quota_one(add ? q->add : q->remove, &quotas->items[i], add);
	if (rc == SQLITE_OK && quotas->sender)
		rc = store_quota_note_sender(q, quotas, wall_ms);
	return rc;
}

/* ---- Loading ---- */

static int store_quota_row(sqlite3_stmt *rows, const struct store_quota_reader *to)
{
	struct store_quota quota = {.name = (const char *)sqlite3_column_text(rows, 0),
				    .key = (const char *)sqlite3_column_text(rows, 1),
				    .period = (const char *)sqlite3_column_text(rows, 2)};
	sqlite3_int64 used = sqlite3_column_int64(rows, 3), most = sqlite3_column_int64(rows, 4);
	struct period period;

	if (!quota.name || !quota.key || !quota.period || period_parse(&period, quota.period) < 0 ||
	    used < 0 || most < 0 || most > INT_MAX)
		return SQLITE_CORRUPT;
	quota.used = (uint64_t)used;
	quota.quota = (unsigned)most;
	quota.end_ms = period.end_ms;
	return to->quota(to->arg, &quota) ? SQLITE_ABORT : SQLITE_OK;
}

static int store_quota_sender_row(sqlite3_stmt *rows, const struct store_quota_reader *to)
{
	const char *sender = (const char *)sqlite3_column_text(rows, 0);
	int sequence = sqlite3_column_int(rows, 1);

	if (!sender || sequence < 0)
		return SQLITE_CORRUPT;
	return to->sender(to->arg, sender, sequence, sqlite3_column_int64(rows, 2)) ? SQLITE_ABORT
										    : SQLITE_OK;
}

static int store_quota_each(struct store_quota_sql *q, const char *sql,
			    int (*row)(sqlite3_stmt *rows, const struct store_quota_reader *to),
			    const struct store_quota_reader *to)
{
	sqlite3_stmt *rows = NULL;
	int rc = sqlite3_prepare_v2(q->db, sql, -1, &rows, NULL);

	if (rc == SQLITE_OK && sqlite3_bind_parameter_count(rows))
		rc = sqlite3_bind_int(rows, 1, STORE_QUOTA_SENDERS_MAX);
	while (rc == SQLITE_OK && (rc = sqlite3_step(rows)) == SQLITE_ROW)
		rc = row(rows, to);
	(void)sqlite3_finalize(rows); /* repeats rc */
	return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

int store_quota_load(struct store_quota_sql *q, const struct store_quota_reader *to)
{
	int rc = store_quota_each(q, "SELECT name, key, period, used, quota FROM quotas",
				  store_quota_row, to);

	return rc == SQLITE_OK
		       ? store_quota_each(q, store_quota_senders, store_quota_sender_row, to)
		       : rc;
}
