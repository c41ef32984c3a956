/*
 * store_load: reads all records, from both ends of the table at once, while
 * store_check looks at the pages. For store_sqlite only.
 */
#ifndef MICROREG_REGISTRY_STORE_LOAD_H
#define MICROREG_REGISTRY_STORE_LOAD_H

#include "common/err.h"
#include "registry/record.h"

#include <sqlite3.h>
#include <stddef.h>
#include <stdint.h>

struct store_load {
	sqlite3 *db;
	const char *dir;
	uint64_t revision, number; /* the newest that a record may have */
	int (*take)(void *arg, struct record **records, size_t count);
	void *arg;
};

/* See store_load in store.h. */
int store_load_all(const struct store_load *of, struct err *e);

#endif
