/* store_sqlite: what was committed is there after a new start, whole; what is not ours is refused.
 */
#include "common/daemon.h"
#include "registry/store.h"
#include "tests/unit/unit.h"

#include <fcntl.h>
#include <inttypes.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char dir[64], db[96];

static void make_dir(void)
{
	(void)snprintf(dir, sizeof(dir), "/tmp/microreg-store-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	(void)snprintf(db, sizeof(db), "%s/registry.db", dir);
}

static void remove_dir(void)
{
	char command[128];

	(void)snprintf(command, sizeof(command), "rm -rf '%s'", dir);
	ck_assert_int_eq(system(command), 0);
}

static struct store *open_store(void)
{
	struct err e = {0};
	struct store *store = store_open(dir, &e);

	ck_assert_msg(store != NULL, "%s", e.text);
	return store;
}

static const char *const tags[] = {"a", "quoted \" tag", "\xc3\xa4"};
static const struct instance_pair meta[] = {{"color", "blue"}, {"zebra", "{}"}};
static const char *const routes[] = {"GET /orders/{id}"};

static struct record draft(const char *service, const char *id, uint64_t revision)
{
	struct record r = {.own = INSTANCE_UP,
			   .admin = RECORD_NO_ADMIN,
			   .lease = "0123456789abcdef",
			   .origin = "127.0.0.1",
			   .number = revision,
			   .revision = revision,
			   .registered_wall_ms = 1700000000123};

	r.in = (struct instance){.service = service,
				 .id = id,
				 .host = "10.0.0.1",
				 .scheme = "https",
				 .zone = "a",
				 .version = "1.2",
				 .port = 8443,
				 .weight = 7,
				 .ttl_ms = 45000,
				 .tags = tags,
				 .tag_count = 3,
				 .meta = meta,
				 .meta_count = 2,
				 .routes = routes,
				 .route_count = 1,
				 .check = INSTANCE_CHECK_HTTP,
				 .check_path = "/ok",
				 .check_status = "200-299,401",
				 .check_interval_ms = 2000,
				 .check_timeout_ms = 300};
	return r;
}

static void put(struct store *store, const char *service, const char *id, uint64_t revision)
{
	struct record r = draft(service, id, revision);
	struct store_change change = {.kind = STORE_PUT, .record = &r};
	struct err e = {0};

	ck_assert_msg(store_commit(store, &change, 1, revision, revision, &e) == 0, "%s", e.text);
}

struct loaded {
	size_t count;
	struct record *records[16];
};

static int keep(void *arg, struct record **records, size_t count)
{
	struct loaded *l = arg;

	ck_assert_uint_le(l->count + count, 16);
	memcpy(l->records + l->count, records, count * sizeof(*records));
	l->count += count;
	return 0;
}

static struct loaded load(struct store *store)
{
	struct loaded l = {0};
	struct err e = {0};

	ck_assert_msg(store_load(store, keep, &l, &e) == 0, "%s", e.text);
	return l;
}

static void forget(struct loaded *l)
{
	while (l->count)
		record_unref(&l->records[--l->count]);
}

START_TEST(a_record_comes_back_as_it_was)
{
	struct store *store = open_store();
	struct loaded l;
	const struct record *r;

	put(store, "orders", "one", 1);
	store_close(&store);
	store = open_store();
	l = load(store);
	ck_assert_uint_eq(l.count, 1);
	r = l.records[0];
	ck_assert_str_eq(r->in.service, "orders");
	ck_assert_str_eq(r->in.id, "one");
	ck_assert_str_eq(r->in.host, "10.0.0.1");
	ck_assert_str_eq(r->in.scheme, "https");
	ck_assert_str_eq(r->in.zone, "a");
	ck_assert_str_eq(r->in.version, "1.2");
	ck_assert_str_eq(r->in.detail, "");
	ck_assert_uint_eq(r->in.port, 8443);
	ck_assert_uint_eq(r->in.weight, 7);
	ck_assert_uint_eq(r->in.ttl_ms, 45000);
	ck_assert_uint_eq(r->in.tag_count, 3);
	ck_assert_str_eq(r->in.tags[1], "quoted \" tag");
	ck_assert_str_eq(r->in.tags[2], "\xc3\xa4");
	ck_assert_uint_eq(r->in.meta_count, 2);
	ck_assert_str_eq(r->in.meta[1].name, "zebra");
	ck_assert_str_eq(r->in.meta[1].value, "{}");
	ck_assert_uint_eq(r->in.route_count, 1);
	ck_assert_str_eq(r->in.routes[0], routes[0]);
	ck_assert_int_eq((int)r->in.check, INSTANCE_CHECK_HTTP);
	ck_assert_str_eq(r->in.check_path, "/ok");
	ck_assert_str_eq(r->in.check_status, "200-299,401");
	ck_assert_str_eq(r->lease, "0123456789abcdef");
	ck_assert_str_eq(r->origin, "127.0.0.1");
	ck_assert_int_eq(r->admin, RECORD_NO_ADMIN);
	ck_assert_int_eq((int)r->in.status, INSTANCE_UP);
	ck_assert_uint_eq(r->revision, 1);
	forget(&l);
	store_close(&store);
}
END_TEST

START_TEST(the_last_put_of_an_instance_counts_and_a_removal_removes)
{
	struct store_change gone = {.kind = STORE_REMOVE, .service = "s", .id = "b"};
	struct store *store = open_store();
	struct loaded l;

	put(store, "s", "a", 1);
	put(store, "s", "b", 2);
	put(store, "s", "a", 3);
	ck_assert_int_eq(store_commit(store, &gone, 1, 4, 3, NULL), 0);
	store_close(&store);
	store = open_store();
	ck_assert_uint_eq(store_revision(store), 4);
	ck_assert_uint_eq(store_number(store), 3);
	l = load(store);
	ck_assert_uint_eq(l.count, 1);
	ck_assert_uint_eq(l.records[0]->revision, 3);
	forget(&l);
	store_close(&store);
}
END_TEST

START_TEST(records_are_loaded_in_the_order_of_their_revisions)
{
	struct store *store = open_store();
	struct loaded l;

	put(store, "z", "1", 1);
	put(store, "a", "1", 2);
	put(store, "m", "1", 3);
	put(store, "z", "1", 4);
	l = load(store);
	ck_assert_uint_eq(l.count, 3);
	ck_assert_str_eq(l.records[0]->in.service, "a");
	ck_assert_str_eq(l.records[2]->in.service, "z");
	forget(&l);
	store_close(&store);
}
END_TEST

enum { MANY = 25000 };

static atomic_uint seen[MANY];

static int see(void *arg, struct record **records, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		unsigned long n = strtoul(records[i]->in.id, NULL, 10);

		ck_assert_uint_lt(n, MANY);
		atomic_fetch_add(&seen[n], 1);
		record_unref(&records[i]);
	}
	atomic_fetch_add((atomic_size_t *)arg, count);
	return 0;
}

/* Two threads read them, from either end. */
START_TEST(each_of_many_records_is_loaded_once)
{
	struct store *store = open_store();
	struct store_change *changes = calloc(MANY, sizeof(*changes));
	struct record *records = calloc(MANY, sizeof(*records));
	atomic_size_t count = 0;
	char(*ids)[16] = calloc(MANY, sizeof(*ids));
	struct err e = {0};

	ck_assert(changes && records && ids);
	for (unsigned i = 0; i < MANY; i++) {
		(void)snprintf(ids[i], sizeof(ids[i]), "%u", i);
		records[i] = draft(i % 3 ? "a" : "b", ids[i], i + 1);
		changes[i] = (struct store_change){.kind = STORE_PUT, .record = &records[i]};
	}
	ck_assert_msg(store_commit(store, changes, MANY, MANY, MANY, &e) == 0, "%s", e.text);
	ck_assert_msg(store_load(store, see, &count, &e) == 0, "%s", e.text);
	ck_assert_uint_eq(count, MANY);
	for (unsigned i = 0; i < MANY; i++)
		ck_assert_uint_eq(seen[i], 1);
	store_close(&store);
	free(changes);
	free(records);
	free(ids);
}
END_TEST

static int refuse(void *arg, struct record **records, size_t count)
{
	for (size_t i = 0; i < count; i++)
		record_unref(&records[i]);
	return *(int *)arg;
}

START_TEST(what_does_not_fit_in_memory_ends_the_load)
{
	struct store *store = open_store();
	struct err e = {0};
	int no = -1;

	put(store, "s", "a", 1);
	ck_assert_int_eq(store_load(store, refuse, &no, &e), -1);
	ck_assert_int_eq(e.code, DAEMON_EXIT_SYSTEM);
	ck_assert_ptr_nonnull(strstr(e.text, "more than fits in memory"));
	store_close(&store);
}
END_TEST

START_TEST(a_database_keeps_its_id_and_a_backup_has_another)
{
	struct store *store = open_store();
	char id[STORE_DATABASE_SIZE], file[64], path[192];
	struct err e = {0};
	struct loaded l;

	put(store, "s", "a", 1);
	(void)snprintf(id, sizeof(id), "%s", store_database(store));
	ck_assert_uint_eq(strlen(id), STORE_DATABASE_SIZE - 1);
	ck_assert_msg(store_backup(store, NULL, file, sizeof(file), &e) == 0, "%s", e.text);
	store_close(&store);
	store = open_store();
	ck_assert_str_eq(store_database(store), id);
	store_close(&store);

	(void)snprintf(path, sizeof(path), "%s/%s", dir, file);
	ck_assert_int_eq(rename(path, db), 0);
	store = open_store();
	ck_assert_str_ne(store_database(store), id);
	l = load(store);
	ck_assert_uint_eq(l.count, 1);
	forget(&l);
	store_close(&store);
}
END_TEST

START_TEST(a_directory_in_use_is_refused)
{
	struct store *store = open_store(), *second;
	struct err e = {0};

	second = store_open(dir, &e);
	ck_assert_ptr_null(second);
	ck_assert_int_eq(e.code, DAEMON_EXIT_LOCKED);
	ck_assert_ptr_nonnull(strstr(e.text, dir));
	store_close(&store);
	store = open_store();
	store_close(&store);
}
END_TEST

static void write_file(const char *content, size_t len)
{
	FILE *file = fopen(db, "w");

	ck_assert_ptr_nonnull(file);
	ck_assert_uint_eq(fwrite(content, 1, len, file), len);
	ck_assert_int_eq(fclose(file), 0);
}

static void refuses(int code, const char *word)
{
	struct err e = {0};
	struct store *store = store_open(dir, &e);
	struct loaded l = {0};

	/* Damage within a row shows when it is loaded. */
	if (store && store_load(store, keep, &l, &e) == 0)
		ck_abort_msg("it was accepted");
	forget(&l);
	store_close(&store);
	ck_assert_msg(e.code == code, "code %d: %s", e.code, e.text);
	ck_assert_msg(strstr(e.text, word) != NULL, "%s", e.text);
}

START_TEST(a_file_that_is_no_database_is_refused)
{
	char junk[8192];

	memset(junk, 'x', sizeof(junk));
	write_file(junk, sizeof(junk));
	refuses(DAEMON_EXIT_DATABASE, "not a SQLite database");
}
END_TEST

static void with_sql(const char *sql)
{
	sqlite3 *other;

	ck_assert_int_eq(sqlite3_open(db, &other), SQLITE_OK);
	ck_assert_int_eq(sqlite3_exec(other, sql, NULL, NULL, NULL), SQLITE_OK);
	ck_assert_int_eq(sqlite3_close(other), SQLITE_OK);
}

START_TEST(the_database_of_another_program_is_refused)
{
	with_sql("CREATE TABLE t (x)");
	refuses(DAEMON_EXIT_DATABASE, "another program");
}
END_TEST

START_TEST(a_newer_schema_is_refused)
{
	struct store *store = open_store();

	store_close(&store);
	with_sql("PRAGMA user_version = 99");
	refuses(DAEMON_EXIT_DATABASE, "schema version 99");
}
END_TEST

START_TEST(a_row_that_makes_no_sense_is_refused_by_name)
{
	static const char *const damage[][2] = {
		{"UPDATE instances SET port = 70000", "port"},
		{"UPDATE instances SET tags = '[1]'", "tags"},
		{"UPDATE instances SET tags = '[\"a\",]'", "tags"},
		{"UPDATE instances SET tags = '[\"a\":\"b\"]'", "tags"},
		{"UPDATE instances SET tags = '{}'", "tags"},
		{"UPDATE instances SET tags = '\"a\"'", "tags"},
		{"UPDATE instances SET meta = '{'", "meta"},
		{"UPDATE instances SET meta = '{\"a\"}'", "meta"},
		{"UPDATE instances SET meta = '{\"a\":\"b\",\"c\"}'", "meta"},
		{"UPDATE instances SET meta = '[\"a\",\"b\"]'", "meta"},
		{"UPDATE instances SET zone = CAST(x'610062' AS TEXT)", "zone"},
		{"UPDATE instances SET own = 'fine'", "own"},
		{"UPDATE instances SET service = 'a/b'", "service"},
		{"UPDATE instances SET check_type = 'icmp'", "check_type"},
		{"UPDATE instances SET check_status = '200-'", "check_status"},
	};
	struct store *store = open_store();

	put(store, "s", "a", 1);
	store_close(&store);
	with_sql(damage[_i][0]);
	refuses(DAEMON_EXIT_DATABASE, damage[_i][1]);
}
END_TEST

static int expects_nothing(void *arg, const struct store_event *event)
{
	ck_assert_ptr_nonnull(event->before);
	ck_assert_str_eq(event->before->in.check_path, "/ok");
	ck_assert_str_eq(event->before->in.check_status, "");
	++*(int *)arg;
	return 0;
}

START_TEST(a_database_of_schema_3_goes_on_without_expected_statuses)
{
	static char sql[8192];
	FILE *file = fopen("tests/data/registry_schema_3.sql", "r");
	const struct store_keep keeps = {.events = 10, .age_ms = INT64_MAX};
	const struct store_history_query past = {.service = "orders", .since = 1, .max = 10};
	struct store *store;
	struct err e = {0};
	struct loaded l;
	int events = 0;

	ck_assert_ptr_nonnull(file);
	sql[fread(sql, 1, sizeof(sql) - 1, file)] = '\0';
	ck_assert_int_eq(fclose(file), 0);
	with_sql(sql);
	store = open_store();
	store_keep_history(store, &keeps);
	put(store, "orders", "two", 3);
	store_close(&store);
	store = open_store();
	store_keep_history(store, &keeps);
	l = load(store);
	ck_assert_uint_eq(l.count, 2);
	ck_assert_str_eq(l.records[0]->in.id, "one");
	ck_assert_str_eq(l.records[0]->in.check_path, "/ok");
	ck_assert_str_eq(l.records[0]->in.check_status, "");
	ck_assert_str_eq(l.records[1]->in.check_status, "200-299,401");
	forget(&l);
	ck_assert_msg(store_look_back(store, &past, expects_nothing, &events, &e) == STORE_FOUND,
		      "%s", e.text);
	ck_assert_int_eq(events, 1);
	store_close(&store);
}
END_TEST

static int keep_revision(void *arg, const struct store_event *event)
{
	uint64_t *last = arg;

	ck_assert_uint_gt(event->revision, *last);
	*last = event->revision;
	return 0;
}

START_TEST(the_history_in_pages_leaves_out_no_event_of_a_commit)
{
	static const uint64_t revisions[] = {2, 5, 1, 4, 3}; /* as a batch writes them */
	const struct store_keep keeps = {.events = 10, .age_ms = INT64_MAX};
	struct store_history_query page = {.max = 2};
	struct store_change changes[5];
	struct store *store = open_store();
	struct err e = {0};

	store_keep_history(store, &keeps);
	for (size_t i = 0; i < 5; i++)
		changes[i] = (struct store_change){
			.kind = STORE_NOTE, .event = {.name = "held", .revision = revisions[i]}};
	ck_assert_msg(store_commit(store, changes, 5, 5, 5, &e) == 0, "%s", e.text);
	for (uint64_t next = 2; next <= 6; next += 2) {
		ck_assert_int_eq(store_history(store, &page, keep_revision, &page.since, &e), 0);
		ck_assert_uint_eq(page.since, next < 5 ? next : 5);
	}
	store_close(&store);
}
END_TEST

START_TEST(damage_is_refused_with_what_to_do)
{
	struct store *store = open_store();
	char junk[4096];
	int fd;

	for (unsigned i = 1; i < 200; i++) {
		char id[16];

		(void)snprintf(id, sizeof(id), "i%u", i);
		put(store, "s", id, i);
	}
	store_close(&store);
	memset(junk, 0xee, sizeof(junk));
	fd = open(db, O_WRONLY);
	ck_assert_int_ge(fd, 0);
	for (off_t at = 3; at < 8; at++)
		ck_assert_int_eq(pwrite(fd, junk, sizeof(junk), at * 4096), sizeof(junk));
	ck_assert_int_eq(close(fd), 0);
	refuses(DAEMON_EXIT_DATABASE, "restore a backup");
}
END_TEST

START_TEST(a_directory_that_cannot_be_made_is_refused)
{
	struct err e = {0};
	char path[128];
	struct store *store;

	(void)snprintf(path, sizeof(path), "%s/missing/deeper", dir);
	store = store_open(path, &e);
	ck_assert_ptr_null(store);
	ck_assert_int_eq(e.code, DAEMON_EXIT_DATA_DIR);
	ck_assert_ptr_nonnull(strstr(e.text, path));
}
END_TEST

START_TEST(a_missing_directory_is_made_for_its_owner_only)
{
	char path[128];
	struct stat st;
	struct store *store;

	(void)snprintf(path, sizeof(path), "%s/new", dir);
	store = store_open(path, NULL);
	ck_assert_ptr_nonnull(store);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_int_eq(st.st_mode & 0777, 0700);
	(void)snprintf(path, sizeof(path), "%s/new/registry.db", dir);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_int_eq(st.st_mode & 0777, 0600);
	store_close(&store);
}
END_TEST

START_TEST(a_commit_that_fails_changes_nothing_and_can_be_tried_again)
{
	struct store *store = open_store();
	struct record r = draft("s", "b", 2);
	struct store_change change = {.kind = STORE_PUT, .record = &r};
	struct err e = {0};
	sqlite3 *other;
	struct loaded l;

	put(store, "s", "a", 1);
	/* Another connection that holds the write lock makes ours give up after its timeout. */
	ck_assert_int_eq(sqlite3_open(db, &other), SQLITE_OK);
	ck_assert_int_eq(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
	ck_assert_int_eq(store_commit(store, &change, 1, 2, 2, &e), -1);
	ck_assert_ptr_nonnull(strstr(e.text, "nothing was changed"));
	ck_assert_uint_eq(store_revision(store), 1);
	ck_assert_int_eq(sqlite3_exec(other, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
	ck_assert_int_eq(sqlite3_close(other), SQLITE_OK);
	ck_assert_int_eq(store_commit(store, &change, 1, 2, 2, &e), 0);
	l = load(store);
	ck_assert_uint_eq(l.count, 2);
	forget(&l);
	store_close(&store);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("store_sqlite");
	TCase *t = tcase_create("store_sqlite");

	tcase_add_checked_fixture(t, make_dir, remove_dir);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, a_record_comes_back_as_it_was);
	tcase_add_test(t, the_last_put_of_an_instance_counts_and_a_removal_removes);
	tcase_add_test(t, records_are_loaded_in_the_order_of_their_revisions);
	tcase_add_test(t, each_of_many_records_is_loaded_once);
	tcase_add_test(t, what_does_not_fit_in_memory_ends_the_load);
	tcase_add_test(t, a_database_keeps_its_id_and_a_backup_has_another);
	tcase_add_test(t, a_directory_in_use_is_refused);
	tcase_add_test(t, a_file_that_is_no_database_is_refused);
	tcase_add_test(t, the_database_of_another_program_is_refused);
	tcase_add_test(t, a_newer_schema_is_refused);
	tcase_add_loop_test(t, a_row_that_makes_no_sense_is_refused_by_name, 0, 15);
	tcase_add_test(t, a_database_of_schema_3_goes_on_without_expected_statuses);
	tcase_add_test(t, the_history_in_pages_leaves_out_no_event_of_a_commit);
	tcase_add_test(t, damage_is_refused_with_what_to_do);
	tcase_add_test(t, a_directory_that_cannot_be_made_is_refused);
	tcase_add_test(t, a_missing_directory_is_made_for_its_owner_only);
	tcase_add_test(t, a_commit_that_fails_changes_nothing_and_can_be_tried_again);
	suite_add_tcase(s, t);
	return unit_run(s);
}
