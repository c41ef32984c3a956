/*
 * store_schema: what a SQLite file must be to be the registry's: its mark, its
 * version, its tables; and what SQLite's errors mean to the operator. For
 * store_sqlite only.
 */
#ifndef MICROREG_REGISTRY_STORE_SCHEMA_H
#define MICROREG_REGISTRY_STORE_SCHEMA_H

#include "common/err.h"

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>

enum { STORE_BUSY_MS = 1000 }; /* a person's sqlite3 may hold a lock for so long */

/* Is it ours, and of a version we know? Reads only; an empty database passes. -1 with the exit code
 * that fits. */
int store_schema_check(sqlite3 *db, const char *dir, struct err *e);
bool store_schema_is_current(sqlite3 *db);
/* Is it whole? Reads all of it, and only reads. -1 likewise. */
int store_schema_check_pages(sqlite3 *db, const char *dir, struct err *e);

/* Brings one that passed up to our version. */
int store_schema_migrate(sqlite3 *db, const char *dir, struct err *e);

/* Says that registry.db is damaged, how, and what to do. Returns -1. */
int store_schema_damaged(const char *dir, const char *how, struct err *e);

/* Fills `e` with what result `rc` means, and returns -1. `doing` is a verb: "read". */
int store_schema_fail(sqlite3 *db, int rc, const char *dir, const char *doing, struct err *e);

/* Runs a query that answers one value; returns SQLite's result code. */
int store_schema_query(sqlite3 *db, const char *sql, char *out, size_t size);
long store_schema_number(sqlite3 *db, const char *sql, int *rc);

/* Gives the database a new random id. SQLite's result code. */
int store_schema_new_id(sqlite3 *db);

#endif
