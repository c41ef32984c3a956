/*
 * store_history: the table `history`: what happened, newest last, and what was
 * there before, so that the state of then can be told. For store_sqlite only.
 *
 * Written on the writer's connection within its transactions; read on another
 * one that never writes.
 */
#ifndef MICROREG_REGISTRY_STORE_HISTORY_H
#define MICROREG_REGISTRY_STORE_HISTORY_H

#include "registry/store.h"

#include <pthread.h>
#include <sqlite3.h>

struct store_history {
	/* The writer's thread. */
	sqlite3 *db; /* its connection, borrowed */
	sqlite3_stmt *put;
	struct store_keep keep;
	int64_t first, last; /* seq of the oldest and the newest event */
	int64_t pruned_ms;   /* wall time: when age was looked at */
	int64_t first_before, last_before, pruned_before; /* as they were at the last begin */
	/* Readers. */
	pthread_mutex_t lock; /* guards reader */
	sqlite3 *reader;
	char *dir;
};

/* After the schema is there. -1 with an SQLite result in *rc. */
int store_history_open(struct store_history *h, sqlite3 *db, const char *dir, int *rc);
void store_history_close(struct store_history *h);

/* Within a transaction. SQLite's result codes. */
int store_history_put(struct store_history *h, const struct store_event *event, int64_t wall_ms);
/* Drops what is beyond the limits, a bounded number. */
int store_history_prune(struct store_history *h, int64_t wall_ms);

/* Around a transaction: what is remembered goes back when it did. */
void store_history_begin(struct store_history *h);
void store_history_rollback(struct store_history *h);

/* ---- Any thread ---- */

/* See store_history, store_look_back and store_revision_at. */
int store_history_list(struct store_history *h, const struct store_history_query *query,
		       int (*each)(void *arg, const struct store_event *event), void *arg,
		       struct err *e);
enum store_find store_history_back(struct store_history *h, const struct store_history_query *query,
				   int (*each)(void *arg, const struct store_event *event),
				   void *arg, struct err *e);
enum store_find store_history_when(struct store_history *h, int64_t wall_ms, uint64_t *revision,
				   struct err *e);

#endif
