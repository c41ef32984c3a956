/*
 * store_stub: a store in the place of the real one, which keeps two numbers and
 * nothing else. What is here are definitions: a program includes it once, and
 * brings a store_commit of its own.
 */
#ifndef MICROREG_TESTS_STORE_STUB_H
#define MICROREG_TESTS_STORE_STUB_H

#include "registry/store.h"

#include <stdbool.h>
#include <stdio.h>

struct store {
	uint64_t revision, number;
	bool refuse; /* of a copy; of changes it is for store_commit to mind */
};

const char *store_database(const struct store *store)
{
	(void)store;
	return "00aa00aa00";
}

uint64_t store_revision(const struct store *store)
{
	return store->revision;
}

uint64_t store_number(const struct store *store)
{
	return store->number;
}

int store_backup(const struct store *store, const atomic_bool *stop, char *file, size_t size,
		 struct err *e)
{
	(void)stop;
	(void)snprintf(file, size, "copy"); /* always fits */
	return store->refuse ? err_set(e, "no room") : 0;
}

int store_history(struct store *store, const struct store_history_query *query,
		  int (*each)(void *arg, const struct store_event *event), void *arg, struct err *e)
{
	(void)store;
	(void)query;
	(void)each;
	(void)arg;
	(void)e;
	return 0;
}

enum store_find store_look_back(struct store *store, const struct store_history_query *query,
				int (*each)(void *arg, const struct store_event *event), void *arg,
				struct err *e)
{
	(void)store;
	(void)query;
	(void)each;
	(void)arg;
	(void)e;
	return STORE_FOUND;
}

enum store_find store_revision_at(struct store *store, int64_t wall_ms, uint64_t *revision,
				  struct err *e)
{
	(void)store;
	(void)wall_ms;
	(void)e;
	*revision = 1;
	return STORE_FOUND;
}

int store_load_quotas(struct store *store, const struct store_quota_reader *to, struct err *e)
{
	(void)store;
	(void)to;
	(void)e;
	return 0;
}

#endif
