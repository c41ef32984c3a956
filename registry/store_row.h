/* store_row: a record as a row of the SQLite table `instances`, and back. For store_sqlite only. */
#ifndef MICROREG_REGISTRY_STORE_ROW_H
#define MICROREG_REGISTRY_STORE_ROW_H

#include "common/arena.h"
#include "common/err.h"
#include "registry/record.h"

#include <sqlite3.h>

/* The columns in the order that both functions use. */
#define STORE_ROW_COLUMNS                                                                       \
	"service, id, number, host, port, scheme, zone, version, weight, ttl_ms, own, admin, "  \
	"detail, check_failed, legacy, legacy_status, legacy_host, origin, lease, tags, meta, " \
	"routes, check_type, check_path, check_interval_ms, check_timeout_ms, check_status, "   \
	"registered_at, expired_at, down_at, revision"
#define STORE_ROW_MARKS "?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?"

/* In the order of STORE_ROW_COLUMNS. */
enum store_row_column {
	COL_SERVICE,
	COL_ID,
	COL_NUMBER,
	COL_HOST,
	COL_PORT,
	COL_SCHEME,
	COL_ZONE,
	COL_VERSION,
	COL_WEIGHT,
	COL_TTL,
	COL_OWN,
	COL_ADMIN,
	COL_DETAIL,
	COL_CHECK_FAILED,
	COL_LEGACY,
	COL_LEGACY_STATUS,
	COL_LEGACY_HOST,
	COL_ORIGIN,
	COL_LEASE,
	COL_TAGS,
	COL_META,
	COL_ROUTES,
	COL_CHECK_TYPE,
	COL_CHECK_PATH,
	COL_CHECK_INTERVAL,
	COL_CHECK_TIMEOUT,
	COL_CHECK_STATUS,
	COL_REGISTERED,
	COL_EXPIRED,
	COL_DOWN,
	COL_REVISION,
	STORE_ROW_COUNT,
};

extern const char *const store_row_checks[3]; /* by enum instance_check */

/* Binds every column. The record must live until the statement is reset. -1 without memory. */
int store_row_bind(sqlite3_stmt *to, const struct record *record);

/* Fills a draft from the current row; its strings are the row's, until the next step, or live in
 * the arena. -1 when the row makes no sense; the text names the column. */
int store_row_read(sqlite3_stmt *from, struct arena *arena, struct record *draft, struct err *e);
/* The same from the arguments of an SQL function that is called with all columns. */
int store_row_read_values(sqlite3_value **from, struct arena *arena, struct record *draft,
			  struct err *e);

#endif
