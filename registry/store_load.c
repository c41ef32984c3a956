/*
 * store_load: two scans, one from each end. Each takes the next rows of its own
 * only after it has claimed so many of those that are left, so together they
 * read every row once: nobody writes meanwhile.
 */
#include "registry/store_load.h"
#include "common/arena.h"
#include "common/daemon.h"
#include "registry/store_check.h"
#include "registry/store_row.h"
#include "registry/store_schema.h"

#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

enum {
	LOAD_ROW_ARENA = 1 << 20,
	LOAD_BATCH = 256,   /* rows */
	LOAD_ALONE = 10000, /* so few are not worth a second thread */
};

struct load {
	const struct store_load *of;
	atomic_long left; /* rows that nobody has claimed */
	struct store_check check;
	atomic_bool failed;
};

struct load_scan {
	struct load *load;
	sqlite3 *db;
	const char *sql;
	struct arena arena; /* of one row */
	long claimed;	    /* and not read yet */
	struct record *batch[LOAD_BATCH];
	size_t count;
	bool failed; /* `why` says it */
	struct err why;
};

static int load_no_memory(struct load_scan *scan)
{
	return err_code(&scan->why, DAEMON_EXIT_SYSTEM,
			"%s/registry.db holds more than fits in memory", scan->load->of->dir);
}

static int load_hand_over(struct load_scan *scan)
{
	const struct store_load *of = scan->load->of;
	size_t count = scan->count;

	scan->count = 0;
	return count && of->take(of->arg, scan->batch, count) != 0 ? load_no_memory(scan) : 0;
}

static int load_row(struct load_scan *scan, sqlite3_value **row)
{
	const struct store_load *of = scan->load->of;
	struct record draft;
	struct err why = {0};

	arena_reset(&scan->arena);
	if (store_row_read_values(row, &scan->arena, &draft, &why) < 0)
		return err_code(&scan->why, DAEMON_EXIT_DATABASE,
				"%s/registry.db: an instance's %s; restore a backup with "
				"--restore FILE, or delete that row with sqlite3",
				of->dir, why.text);
	/* One that went back would be given again, for something else. */
	if (draft.revision > of->revision || draft.number > of->number)
		return store_schema_damaged(of->dir, "its counters are wrong", &scan->why);
	scan->batch[scan->count] = record_new(&draft);
	if (!scan->batch[scan->count])
		return load_no_memory(scan);
	scan->count++;
	return scan->count < LOAD_BATCH ? 0 : load_hand_over(scan);
}

/* False when the other scan has the rest. */
static bool load_claim(struct load_scan *scan)
{
	long left;

	if (scan->claimed == 0) {
		left = atomic_fetch_sub(&scan->load->left, LOAD_BATCH);
		scan->claimed = left < 0 ? 0 : left < LOAD_BATCH ? left : LOAD_BATCH;
	}
	return scan->claimed-- > 0;
}

static void load_fail(struct load_scan *scan)
{
	scan->failed = true;
	atomic_store(&scan->load->failed, true);
}

/* An SQL function of all columns, which is called with each row. */
static void load_on_row(sqlite3_context *context, int count, sqlite3_value **row)
{
	struct load_scan *scan = sqlite3_user_data(context);

	(void)count; /* STORE_ROW_COUNT, as it was declared */
	/* In what is damaged one page may lead to another for ever. */
	if (!atomic_load_explicit(&scan->load->failed, memory_order_relaxed) &&
	    !store_check_has_failed(&scan->load->check) && load_claim(scan)) {
		if (load_row(scan, row) == 0)
			return;
		load_fail(scan);
	}
	sqlite3_result_error_code(context, SQLITE_ABORT);
}

static void load_scan_run(struct load_scan *scan)
{
	int rc = sqlite3_create_function(scan->db, "load_row", STORE_ROW_COUNT, SQLITE_UTF8, scan,
					 load_on_row, NULL, NULL);

	arena_init(&scan->arena, LOAD_ROW_ARENA);
	if (rc == SQLITE_OK)
		rc = sqlite3_exec(scan->db, scan->sql, NULL, NULL, NULL);
	if (rc != SQLITE_OK && rc != SQLITE_ABORT) {
		(void)store_schema_fail(scan->db, rc, scan->load->of->dir, "read", &scan->why);
		load_fail(scan);
	}
	if (load_hand_over(scan) < 0)
		load_fail(scan);
	/* Takes the function away; it was there, or could not be made. */
	(void)sqlite3_create_function(scan->db, "load_row", STORE_ROW_COUNT, SQLITE_UTF8, NULL,
				      NULL, NULL, NULL);
	arena_fini(&scan->arena);
}

/* The order is the table's own: nothing is sorted. */
#define LOAD_SQL(order)                                                                      \
	"SELECT load_row(" STORE_ROW_COLUMNS ") FROM instances ORDER BY service " order ", " \
	"id " order

static void *load_from_the_end(void *arg)
{
	struct load_scan *scan = arg;
	char path[PATH_MAX];

	(void)snprintf(path, sizeof(path), "%s/registry.db", scan->load->of->dir);
	/* One that can't be opened leaves all to the other. */
	if (sqlite3_open_v2(path, &scan->db, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL) ==
	    SQLITE_OK) {
		(void)sqlite3_busy_timeout(scan->db, STORE_BUSY_MS); /* can't fail */
		load_scan_run(scan);
	}
	(void)sqlite3_close(scan->db); /* it has only read */
	return NULL;
}

static int load_rows(struct load *load, struct err *e)
{
	struct load_scan first = {.load = load, .db = load->of->db, .sql = LOAD_SQL("ASC")};
	struct load_scan last = {.load = load, .sql = LOAD_SQL("DESC")};
	bool together = atomic_load(&load->left) > LOAD_ALONE;
	pthread_t thread;

	together = together && pthread_create(&thread, NULL, load_from_the_end, &last) == 0;
	load_scan_run(&first);
	if (together)
		(void)pthread_join(thread, NULL); /* it is there */
	if (first.failed || last.failed)
		*e = first.failed ? first.why : last.why;
	return first.failed || last.failed ? -1 : 0;
}

int store_load_all(const struct store_load *of, struct err *e)
{
	struct load load = {.of = of};
	int rc = SQLITE_OK, r;
	struct err damage;

	store_check_start(&load.check, of->dir);
	atomic_init(&load.left, store_schema_number(of->db, "SELECT count(*) FROM instances", &rc));
	if (rc == SQLITE_OK)
		r = load_rows(&load, e);
	else
		r = store_schema_fail(of->db, rc, of->dir, "read", e);
	if (store_check_finish(&load.check, &damage) < 0) {
		*e = damage; /* what was read of it says less */
		r = -1;
	}
	return r;
}
