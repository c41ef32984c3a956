/*
 * quotas: what gateways report is counted once, is there after a restart, and
 * goes when its time is over. Over the real store and the real writer.
 */
#include "registry/quotas.h"
#include "common/clock.h"
#include "common/rpc.h"
#include "registry/catalog.h"
#include "tests/unit/unit.h"

#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DAY INT64_C(86400000)

static const int64_t noon = INT64_C(1769860800000); /* 2026-01-31T12:00:00Z */

static char dir[64];
static struct store *store;
static struct catalog *catalog;
static struct writer *writer;
static struct quotas *quotas;
static size_t keys_max = 100;

static void open_all(void)
{
	struct catalog_limits limits = {
		.instances_max = 10, .services_max = 10, .tombstones_max = 10};
	struct writer_options options = {0};
	struct err e = {0};

	store = store_open(dir, &e);
	ck_assert_msg(store != NULL, "%s", e.text);
	catalog = catalog_new("00aa00aa00", store_revision(store), &limits, clock_ms());
	options.store = store;
	options.catalog = catalog;
	writer = writer_start(&options, &e);
	quotas = quotas_new(keys_max);
	ck_assert(catalog && writer && quotas);
	ck_assert_msg(quotas_load(quotas, store, &e) == 0, "%s", e.text);
}

static void close_all(void)
{
	writer_stop(&writer);
	quotas_free(&quotas);
	catalog_free(&catalog);
	store_close(&store);
}

static void start(void)
{
	(void)snprintf(dir, sizeof(dir), "/tmp/microreg-quotas-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	open_all();
}

static void stop(void)
{
	char command[128];

	close_all();
	(void)snprintf(command, sizeof(command), "rm -rf '%s'", dir);
	ck_assert_int_eq(system(command), 0);
}

static void restart(void)
{
	close_all();
	open_all();
}

/* ---- Waiting for the writer ---- */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;

static void finish(bool *done)
{
	pthread_mutex_lock(&lock);
	*done = true;
	pthread_cond_broadcast(&changed);
	pthread_mutex_unlock(&lock);
}

static void await(const bool *done)
{
	pthread_mutex_lock(&lock);
	while (!*done)
		pthread_cond_wait(&changed, &lock);
	pthread_mutex_unlock(&lock);
}

static void reported(struct quotas_report *report)
{
	finish(report->owner);
}

static void was_reset(struct quotas_reset *reset)
{
	finish(reset->owner);
}

/* ---- Reports ---- */

static struct quotas_use use(const char *key, unsigned used)
{
	return (struct quotas_use){
		.name = "plan", .key = key, .period = "2026-01-31", .used = used, .quota = 100};
}

/* The fault, 0 for none. */
static int report_at(const char *sender, int sequence, struct quotas_use *uses, size_t count,
		     int64_t wall_ms)
{
	struct store_quota items[8];
	bool done = false;
	struct quotas_report report = {.quotas = quotas,
				       .sender = sender,
				       .sequence = sequence,
				       .wall_ms = wall_ms,
				       .uses = uses,
				       .count = count,
				       .items = items,
				       .finish = reported,
				       .owner = &done};

	ck_assert_int_eq(quotas_report(writer, &report, NULL), 0);
	await(&done);
	return report.op.err.code;
}

/* What the registry knows afterwards. */
static uint64_t tell(const char *sender, int sequence, const char *key, unsigned used)
{
	struct quotas_use one = use(key, used);

	ck_assert_int_eq(report_at(sender, sequence, &one, 1, noon), 0);
	ck_assert(one.counted);
	return one.total;
}

/* Very many reports, one after the other; only the last is waited for, so that they share commits.
 */
static struct many {
	struct quotas_report report;
	struct quotas_use use;
	struct store_quota item;
	char name[32];
	bool done;
} many[5000];

static struct many *prepare(int i)
{
	struct many *one = &many[i];

	*one = (struct many){.use = use("ada", 1)};
	(void)snprintf(one->name, sizeof(one->name), "n%d", i);
	one->report = (struct quotas_report){.quotas = quotas,
					     .sender = "g1",
					     .sequence = i + 1,
					     .wall_ms = noon,
					     .uses = &one->use,
					     .count = 1,
					     .items = &one->item,
					     .finish = reported,
					     .owner = &one->done};
	return one;
}

static void run_many(int count)
{
	for (int i = 0; i < count; i++)
		ck_assert_int_eq(quotas_report(writer, &many[i].report, NULL), 0);
	await(&many[count - 1].done);
	for (int i = 0; i < count; i++)
		ck_assert_int_eq(many[i].report.op.err.code, 0);
}

static uint64_t ask(const char *key)
{
	return tell("who asks", 1, key, 0);
}

START_TEST(gateways_are_counted_together)
{
	ck_assert_uint_eq(ask("ada"), 0);
	ck_assert_uint_eq(tell("g1", 1, "ada", 5), 5);
	ck_assert_uint_eq(tell("g2", 1, "ada", 3), 8);
	ck_assert_uint_eq(tell("g1", 2, "bob", 1), 1);
	ck_assert_uint_eq(ask("ada"), 8);
}
END_TEST

START_TEST(a_report_that_comes_again_counts_once)
{
	ck_assert_uint_eq(tell("g1", 1, "ada", 5), 5);
	ck_assert_uint_eq(tell("g1", 1, "ada", 5), 5);
	ck_assert_uint_eq(tell("g1", 2, "ada", 5), 10);
	ck_assert_uint_eq(tell("g1", 1, "ada", 5), 10);
	restart();
	ck_assert_uint_eq(tell("g1", 2, "ada", 5), 10);
	ck_assert_uint_eq(tell("g1", 3, "ada", 5), 15);
}
END_TEST

START_TEST(what_was_answered_is_there_after_a_restart)
{
	struct quotas_use both[2] = {use("ada", 7), use("ada", 7)};

	both[1].period = "2026-01";
	ck_assert_int_eq(report_at("g1", 1, both, 2, noon), 0);
	restart();
	both[0].used = both[1].used = 1;
	ck_assert_int_eq(report_at("g1", 2, both, 2, noon), 0);
	ck_assert_uint_eq(both[0].total, 8);
	ck_assert_uint_eq(both[1].total, 8);
}
END_TEST

START_TEST(one_report_may_name_a_caller_twice)
{
	struct quotas_use twice[2] = {use("ada", 2), use("ada", 3)};

	ck_assert_int_eq(report_at("g1", 1, twice, 2, noon), 0);
	ck_assert_uint_eq(twice[0].total, 5);
	ck_assert_uint_eq(twice[1].total, 5);
}
END_TEST

START_TEST(a_store_that_refuses_counts_nothing_and_the_report_can_come_again)
{
	struct quotas_use one = use("ada", 5);
	sqlite3 *other;
	char db[96];

	ck_assert_uint_eq(tell("g1", 1, "ada", 5), 5);
	/* Who holds the write lock makes ours give up after its timeout. */
	(void)snprintf(db, sizeof(db), "%s/registry.db", dir);
	ck_assert_int_eq(sqlite3_open(db, &other), SQLITE_OK);
	ck_assert_int_eq(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
	ck_assert_int_eq(report_at("g1", 2, &one, 1, noon), RPC_FAULT_STORE);
	one = use("new", 5);
	ck_assert_int_eq(report_at("g1", 3, &one, 1, noon), RPC_FAULT_STORE);
	ck_assert_uint_eq(ask("ada"), 5);
	ck_assert_uint_eq(ask("new"), 0);
	ck_assert_int_eq(sqlite3_exec(other, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
	ck_assert_int_eq(sqlite3_close(other), SQLITE_OK);
	ck_assert_uint_eq(tell("g1", 2, "ada", 5), 10);
}
END_TEST

START_TEST(more_keys_than_allowed_are_told_so_and_the_others_go_on)
{
	struct quotas_use uses[2] = {use("b", 1), use("c", 1)};
	struct quotas_stats stats;

	close_all();
	keys_max = 2;
	open_all();
	ck_assert_uint_eq(tell("g1", 1, "a", 1), 1);
	ck_assert_int_eq(report_at("g1", 2, uses, 2, noon), 0);
	ck_assert(uses[0].counted);
	ck_assert(!uses[1].counted);
	ck_assert_uint_eq(tell("g1", 3, "a", 1), 2);
	quotas_stats(quotas, &stats);
	ck_assert_uint_eq(stats.keys, 2);
	ck_assert_uint_eq(stats.refused, 1);
	ck_assert_uint_eq(stats.counted, 3);
}
END_TEST

START_TEST(what_is_not_counted_is_told_so_when_asked_or_told_again)
{
	struct quotas_use one = use("new", 0);

	close_all();
	keys_max = 1;
	open_all();
	ck_assert_int_eq(report_at("g1", 1, &one, 1, noon), 0);
	ck_assert(one.counted); /* there is room for it */
	one.period = "2025-12";
	ck_assert_int_eq(report_at("g1", 1, &one, 1, noon), 0);
	ck_assert(!one.counted);
	ck_assert_uint_eq(tell("g1", 1, "a", 1), 1);
	for (unsigned used = 0; used < 2; used++) {
		one = use("new", used);
		ck_assert_int_eq(report_at("g1", 2, &one, 1, noon), 0);
		ck_assert(!one.counted);
		ck_assert_int_eq(report_at("g1", 2, &one, 1, noon), 0);
		ck_assert(!one.counted);
	}
	ck_assert_uint_eq(ask("a"), 1);
}
END_TEST

START_TEST(periods_of_other_days_are_not_kept)
{
	static const struct {
		const char *period;
		bool counted;
	} cases[] = {
		{"2026-01-31", true},  {"2026-01-30", true},  {"2026-02-01", true},
		{"2026-01-29", false}, {"2026-02-02", false}, {"2026-01", true},
		{"2026-02", true},     {"2025-12", false},    {"2026-03", false},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct quotas_use one = use("ada", 1);

		one.period = cases[i].period;
		ck_assert_int_eq(report_at("g1", (int)i + 1, &one, 1, noon), 0);
		ck_assert_msg(one.counted == cases[i].counted, "%s", cases[i].period);
		ck_assert_uint_eq(one.total, cases[i].counted);
	}
}
END_TEST

static int senders_stored(void)
{
	sqlite3_stmt *rows;
	sqlite3 *db;
	char path[96];
	int count;

	(void)snprintf(path, sizeof(path), "%s/registry.db", dir);
	ck_assert_int_eq(sqlite3_open(path, &db), SQLITE_OK);
	ck_assert_int_eq(
		sqlite3_prepare_v2(db, "SELECT count(*) FROM quota_senders", -1, &rows, NULL),
		SQLITE_OK);
	ck_assert_int_eq(sqlite3_step(rows), SQLITE_ROW);
	count = sqlite3_column_int(rows, 0);
	ck_assert_int_eq(sqlite3_finalize(rows), SQLITE_OK);
	ck_assert_int_eq(sqlite3_close(db), SQLITE_OK);
	return count;
}

START_TEST(more_senders_than_are_remembered_do_no_harm)
{
	const int count = QUOTAS_SENDERS_MAX + 100;

	for (int i = 0; i < count; i++) {
		struct many *one = prepare(i);

		one->report.sender = one->name;
		one->report.sequence = 1;
	}
	run_many(count);
	ck_assert_uint_eq(ask("ada"), (uint64_t)count);
	ck_assert_uint_eq(tell(many[count - 1].name, 1, "ada", 1), (uint64_t)count);
	restart();
	ck_assert_uint_eq(tell(many[count - 1].name, 1, "ada", 1), (uint64_t)count);
	ck_assert_uint_eq(tell("one more", 1, "ada", 1), (uint64_t)count + 1);
	ck_assert_int_eq(senders_stored(), QUOTAS_SENDERS_MAX);
	ck_assert_uint_eq(tell("one more", 1, "ada", 1), (uint64_t)count + 1);
}
END_TEST

/* ---- Looking, resetting, removing ---- */

static char listed[256];

static void list_one(void *arg, const struct store_quota *quota)
{
	size_t len = strlen(listed);

	(void)arg;
	(void)snprintf(listed + len, sizeof(listed) - len, "%s/%s/%s=%u/%u ", quota->name,
		       quota->key, quota->period, (unsigned)quota->used, quota->quota);
}

static const char *list(const char *name, const char *key, size_t max)
{
	struct quotas_query query = {name, key, max};

	listed[0] = '\0';
	ck_assert_int_eq(quotas_list(quotas, &query, list_one, NULL), 0);
	return listed;
}

START_TEST(the_list_begins_with_what_is_used_most)
{
	struct quotas_use uses[4] = {use("ada", 20), use("bob", 90), use("eve", 30), use("ada", 9)};

	uses[3].name = "trial";
	uses[3].quota = 10;
	ck_assert_int_eq(report_at("g1", 1, uses, 4, noon), 0);
	ck_assert_str_eq(list(NULL, NULL, 2),
			 "plan/bob/2026-01-31=90/100 trial/ada/2026-01-31=9/10 ");
	ck_assert_str_eq(list(NULL, "ada", 9),
			 "trial/ada/2026-01-31=9/10 plan/ada/2026-01-31=20/100 ");
	ck_assert_str_eq(list("plan", NULL, 1), "plan/bob/2026-01-31=90/100 ");
	ck_assert_str_eq(list("plan", "nobody", 9), "");
}
END_TEST

static uint64_t reset(const char *key)
{
	bool done = false;
	struct quotas_reset one = {.quotas = quotas,
				   .name = "plan",
				   .key = key,
				   .wall_ms = noon,
				   .finish = was_reset,
				   .owner = &done};

	ck_assert_int_eq(quotas_reset(writer, &one, NULL), 0);
	await(&done);
	ck_assert_int_eq(one.op.err.code, 0);
	return one.used;
}

START_TEST(a_reset_forgets_day_and_month_of_one_caller)
{
	struct quotas_use uses[3] = {use("ada", 5), use("ada", 7), use("bob", 9)};

	uses[1].period = "2026-01";
	ck_assert_int_eq(report_at("g1", 1, uses, 3, noon), 0);
	ck_assert_uint_eq(reset("ada"), 12);
	ck_assert_uint_eq(reset("ada"), 0);
	ck_assert_uint_eq(ask("ada"), 0);
	ck_assert_uint_eq(ask("bob"), 9);
	restart();
	ck_assert_uint_eq(ask("ada"), 0);
	ck_assert_uint_eq(tell("g1", 2, "ada", 1), 1);
	ck_assert_uint_eq(ask("bob"), 9);
}
END_TEST

/* The writer has done what it was given before. */
static void sweep(int64_t wall_ms)
{
	quotas_advance(quotas, writer, wall_ms);
	(void)ask("nobody");
}

START_TEST(what_is_over_goes_a_day_later)
{
	struct quotas_use uses[2] = {use("ada", 5), use("ada", 7)};
	const int64_t end = noon + DAY / 2;

	uses[1].period = "2026-02";
	ck_assert_int_eq(report_at("g1", 1, uses, 2, noon), 0);
	sweep(end + DAY - 1);
	ck_assert_str_eq(list(NULL, NULL, 9), "plan/ada/2026-02=7/100 plan/ada/2026-01-31=5/100 ");
	sweep(end + DAY);
	ck_assert_str_eq(list(NULL, NULL, 9), "plan/ada/2026-02=7/100 ");
	restart();
	ck_assert_str_eq(list(NULL, NULL, 9), "plan/ada/2026-02=7/100 ");
	sweep(end + 29 * DAY - 1);
	ck_assert_str_eq(list(NULL, NULL, 9), "plan/ada/2026-02=7/100 ");
	sweep(end + 29 * DAY);
	ck_assert_str_eq(list(NULL, NULL, 9), "");
}
END_TEST

START_TEST(very_many_go_a_part_at_a_time)
{
	struct quotas_stats stats;
	size_t turns = 0;

	close_all();
	keys_max = 10000;
	open_all();
	for (int i = 0; i < 3000; i++) {
		struct many *one = prepare(i);

		one->use.key = one->name;
		one->use.period = i % 3 ? "2026-01-31" : "2026-02";
	}
	run_many(3000);
	do {
		sweep(noon + 3 * DAY);
		quotas_stats(quotas, &stats);
	} while (stats.keys > 1000 && turns++ < 100);
	ck_assert_uint_eq(stats.keys, 1000);
	ck_assert_uint_gt(turns, 6);
}
END_TEST

static struct {
	atomic_bool enough;
	atomic_uint lists;
} looking;

static void look_one(void *arg, const struct store_quota *quota)
{
	uint64_t *last = arg;

	ck_assert_uint_le(quota->used, *last); /* all of one quota */
	*last = quota->used;
}

static void *look_often(void *arg)
{
	const struct quotas_query query = {.max = 20};

	(void)arg;
	while (!atomic_load(&looking.enough)) {
		uint64_t last = UINT64_MAX;

		ck_assert_int_eq(quotas_list(quotas, &query, look_one, &last), 0);
		atomic_fetch_add(&looking.lists, 1);
	}
	return NULL;
}

START_TEST(a_list_goes_on_while_what_it_looks_at_goes)
{
	struct quotas_stats stats;
	pthread_t thread;

	close_all();
	keys_max = 10000;
	open_all();
	for (int i = 0; i < 5000; i++) {
		struct many *one = prepare(i);

		one->use.key = one->name;
		one->use.used = (unsigned)i % 4000 + 1; /* the most are in the middle */
		one->use.quota = 10000;
	}
	run_many(5000);
	(void)list(NULL, NULL, 1);
	ck_assert_ptr_nonnull(strstr(listed, "=4000/10000 "));
	ck_assert_int_eq(pthread_create(&thread, NULL, look_often, NULL), 0);
	do {
		sweep(noon + 3 * DAY);
		quotas_stats(quotas, &stats);
	} while (stats.keys || !atomic_load(&looking.lists));
	atomic_store(&looking.enough, true);
	ck_assert_int_eq(pthread_join(thread, NULL), 0);
	ck_assert_str_eq(list(NULL, NULL, 20), "");
}
END_TEST

/* ---- All at once ---- */

enum { THREADS = 4, REPORTS = 100 };

static void *many_reports(void *arg)
{
	const char *sender = arg;

	for (int i = 1; i <= REPORTS; i++) {
		(void)tell(sender, i, "ada", 1);
		(void)tell(sender, i, "ada", 1); /* again */
	}
	return NULL;
}

START_TEST(many_gateways_at_once_lose_nothing)
{
	static const char *const names[THREADS] = {"g1", "g2", "g3", "g4"};
	pthread_t threads[THREADS];

	for (size_t i = 0; i < THREADS; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, many_reports,
						(void *)(uintptr_t)names[i]),
				 0);
	for (size_t i = 0; i < THREADS; i++)
		ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
	ck_assert_uint_eq(ask("ada"), THREADS * REPORTS);
	restart();
	ck_assert_uint_eq(ask("ada"), THREADS * REPORTS);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("quotas");
	TCase *tc = tcase_create("quotas");

	tcase_add_checked_fixture(tc, start, stop);
	tcase_set_timeout(tc, 120);
	tcase_add_test(tc, gateways_are_counted_together);
	tcase_add_test(tc, a_report_that_comes_again_counts_once);
	tcase_add_test(tc, what_was_answered_is_there_after_a_restart);
	tcase_add_test(tc, one_report_may_name_a_caller_twice);
	tcase_add_test(tc, a_store_that_refuses_counts_nothing_and_the_report_can_come_again);
	tcase_add_test(tc, more_keys_than_allowed_are_told_so_and_the_others_go_on);
	tcase_add_test(tc, what_is_not_counted_is_told_so_when_asked_or_told_again);
	tcase_add_test(tc, periods_of_other_days_are_not_kept);
	tcase_add_test(tc, more_senders_than_are_remembered_do_no_harm);
	tcase_add_test(tc, the_list_begins_with_what_is_used_most);
	tcase_add_test(tc, a_reset_forgets_day_and_month_of_one_caller);
	tcase_add_test(tc, what_is_over_goes_a_day_later);
	tcase_add_test(tc, very_many_go_a_part_at_a_time);
	tcase_add_test(tc, a_list_goes_on_while_what_it_looks_at_goes);
	tcase_add_test(tc, many_gateways_at_once_lose_nothing);
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}
