/* store_check: one statement of SQLite's, on a connection of its own. */
#include "registry/store_check.h"
#include "common/daemon.h"
#include "registry/store_schema.h"

#include <limits.h>
#include <stdio.h>

static void *store_check_main(void *arg)
{
	struct store_check *check = arg;
	char path[PATH_MAX];
	int rc;

	(void)snprintf(path, sizeof(path), "%s/registry.db",
		       check->dir); /* shorter than the lock's */
	rc = sqlite3_open_v2(path, &check->db, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL);
	if (rc == SQLITE_OK) {
		(void)sqlite3_busy_timeout(check->db, STORE_BUSY_MS); /* can't fail */
		check->result = store_schema_check_pages(check->db, check->dir, &check->why);
	} else {
		check->result = store_schema_fail(check->db, rc, check->dir, "read", &check->why);
	}
	(void)sqlite3_close(check->db); /* it has only read */
	if (check->result < 0)
		atomic_store(&check->failed, true);
	return NULL;
}

void store_check_start(struct store_check *check, const char *dir)
{
	*check = (struct store_check){.dir = dir};
	check->running = pthread_create(&check->thread, NULL, store_check_main, check) == 0;
}

bool store_check_has_failed(const struct store_check *check)
{
	return atomic_load_explicit(&check->failed, memory_order_relaxed);
}

int store_check_finish(struct store_check *check, struct err *e)
{
	if (check->running)
		(void)pthread_join(check->thread, NULL); /* it is there */
	else
		(void)store_check_main(check); /* no thread was to be had: one after the other */
	check->running = false;
	if (check->result < 0)
		*e = check->why;
	return check->result;
}
