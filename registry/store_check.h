/*
 * store_check: looks at every page of the database on a thread of its own,
 * while its rows are read on others. For store_load only.
 */
#ifndef MICROREG_REGISTRY_STORE_CHECK_H
#define MICROREG_REGISTRY_STORE_CHECK_H

#include "common/err.h"

#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdbool.h>

struct store_check {
	sqlite3 *db; /* its own, which only reads */
	const char *dir;
	pthread_t thread;
	bool running; /* there is a thread */
	int result;   /* its, until it was joined */
	struct err why;
	atomic_bool failed;
};

/* Begins. `dir`, where a database is open in WAL mode, must outlive it. */
void store_check_start(struct store_check *check, const char *dir);

/* Has it found damage? What is read meanwhile may make no sense. Any thread. */
bool store_check_has_failed(const struct store_check *check);

/* Waits for its end. -1 when the database is not whole, with the exit code that fits. */
int store_check_finish(struct store_check *check, struct err *e);

#endif
