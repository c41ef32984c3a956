/*
 * store_quota: the tables `quotas` and `quota_senders`: how much of each quota
 * is used, and which report of each gateway is counted in it. For store_sqlite
 * only.
 */
#ifndef MICROREG_REGISTRY_STORE_QUOTA_H
#define MICROREG_REGISTRY_STORE_QUOTA_H

#include "registry/store.h"

#include <sqlite3.h>

/* How long a sender is remembered after its last report: longer than one is tried again. */
#define STORE_QUOTA_SENDER_MS INT64_C(86400000)
/* They are looked through this often: there is no index, and reports come each second. */
#define STORE_QUOTA_FORGET_MS INT64_C(60000)

struct store_quota_sql {
	sqlite3 *db; /* the writer's connection, borrowed */
	sqlite3_stmt *add, *remove, *sender, *forget;
	int64_t forgot_ms; /* when senders were forgotten last */
};

/* After the schema is there. SQLite's result codes, here and below. */
int store_quota_open(struct store_quota_sql *q, sqlite3 *db);
void store_quota_close(struct store_quota_sql *q);

/* Within a transaction: one change of kind STORE_QUOTAS_…. */
int store_quota_write(struct store_quota_sql *q, const struct store_change *change,
		      int64_t wall_ms);

/* See store_load_quotas. SQLITE_ABORT when one of the functions returned non-zero; SQLITE_CORRUPT
 * when a row makes no sense. */
int store_quota_load(struct store_quota_sql *q, const struct store_quota_reader *to);

#endif
