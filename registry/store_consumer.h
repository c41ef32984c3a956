/*
 * store_consumer: the table `consumers`: a row for each, with what it may and
 * its keys as JSON, so that people can read it with sqlite3. Secrets are not in
 * it, only their hashes. For store_sqlite only.
 */
#ifndef MICROREG_REGISTRY_STORE_CONSUMER_H
#define MICROREG_REGISTRY_STORE_CONSUMER_H

#include "common/arena.h"
#include "common/err.h"
#include "registry/store.h"

#include <sqlite3.h>

/* The columns in the order that both files use. */
#define STORE_CONSUMER_COLUMNS "name, id, password, description, keys, created_at, revision"
#define STORE_CONSUMER_MARKS   "?,?,?,?,?,?,?"

enum store_consumer_column {
	CONSUMER_COL_NAME,
	CONSUMER_COL_ID,
	CONSUMER_COL_PASSWORD,
	CONSUMER_COL_DESCRIPTION,
	CONSUMER_COL_KEYS,
	CONSUMER_COL_CREATED,
	CONSUMER_COL_REVISION,
};

struct store_consumers {
	sqlite3_stmt *put, *remove, *set_gone;
	uint64_t gone; /* the newest deletion, as it was at the start */
};

/* SQLite's result codes, as is that of write. */
int store_consumers_open(struct store_consumers *c, sqlite3 *db);
void store_consumers_close(struct store_consumers *c);

/* A STORE_CONSUMER_… within a transaction. */
int store_consumers_write(struct store_consumers *c, const struct store_change *change);

/* Fills a draft from the current row; its strings live in the arena. -1 when the row makes no
 * sense; the text names the column. */
int store_consumer_read(sqlite3_stmt *from, struct arena *arena, struct consumer *draft,
			struct err *e);

#endif
