/* store_consumer: consumers in the database: as they were after a new start, also in one that was
 * made before there were any. */
#include "common/daemon.h"
#include "registry/store.h"
#include "tests/unit/unit.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

static void with_sql(const char *sql)
{
	sqlite3 *other;

	ck_assert_int_eq(sqlite3_open(db, &other), SQLITE_OK);
	ck_assert_int_eq(sqlite3_exec(other, sql, NULL, NULL, NULL), SQLITE_OK);
	ck_assert_int_eq(sqlite3_close(other), SQLITE_OK);
}

static const char *const groups[] = {"staff", "a/b"};
static const char *const networks[] = {"10.0.0.0/8", "::1"};
static const char *const certificates[] = {"subject:CN=\"ada\""};
static const struct instance_pair meta[] = {{"a", "\xc3\xa4"}, {"b", "{}"}};
static const struct consumer_limit limits[] = {
	{.name = "default",
	 .algorithm = "window",
	 .by = "header:x",
	 .rate = 5,
	 .per_ms = 60000,
	 .per = ""},
	{.name = "many", .algorithm = "bucket", .by = "consumer", .concurrent = 3, .per = ""},
	{.name = "plan", .algorithm = "bucket", .by = "key", .quota = 1000000000, .per = "month"}};
static const struct consumer_key keys[] = {
	{.id = "k00000001", .label = "laptop", .sha256 = {0xff, 1}, .created_wall_ms = 5},
	{.id = "k00000002", .label = "", .sha256 = {2}, .expires_wall_ms = 1893456000000}};

static struct consumer draft(const char *name, uint64_t revision)
{
	return (struct consumer){.name = name,
				 .id = name,
				 .password = "$2b$12$x",
				 .groups = {groups, 2},
				 .certificates = {certificates, 1},
				 .allow = {networks, 2},
				 .deny = {networks + 1, 1},
				 .meta = {meta, 2},
				 .limits = limits,
				 .limit_count = 3,
				 .keys = keys,
				 .key_count = 2,
				 .created_wall_ms = 1700000000123,
				 .revision = revision};
}

static void put(struct store *store, const char *name, uint64_t revision)
{
	struct consumer d = draft(name, revision);
	struct store_change change = {.kind = STORE_CONSUMER_PUT, .consumer = &d};
	struct err e = {0};

	change.event = (struct store_event){
		.name = "consumer_put", .service = "", .id = name, .revision = revision};
	ck_assert_msg(store_commit(store, &change, 1, revision, 0, &e) == 0, "%s", e.text);
}

struct loaded {
	size_t count;
	struct consumer *items[8];
};

static int keep(void *arg, const struct consumer *consumer)
{
	struct loaded *l = arg;

	ck_assert_uint_lt(l->count, 8);
	l->items[l->count] = consumer_new(consumer);
	return l->items[l->count++] ? 0 : -1;
}

static struct loaded load(struct store *store)
{
	struct loaded l = {0};
	struct err e = {0};

	ck_assert_msg(store_load_consumers(store, keep, &l, &e) == 0, "%s", e.text);
	return l;
}

static void forget(struct loaded *l)
{
	while (l->count)
		consumer_unref(&l->items[--l->count]);
}

START_TEST(a_consumer_comes_back_as_it_was)
{
	struct store *store = open_store();
	struct consumer d = draft("ada", 2);
	struct loaded l;

	put(store, "bob", 1);
	put(store, "ada", 1);
	put(store, "ada", 2);
	store_close(&store);
	store = open_store();
	l = load(store);
	ck_assert_uint_eq(l.count, 2);
	ck_assert_str_eq(l.items[0]->name, "bob"); /* in the order of the revisions */
	ck_assert(consumer_is_same(l.items[1], &d));
	ck_assert_uint_eq(l.items[1]->revision, 2);
	ck_assert_int_eq(l.items[1]->created_wall_ms, 1700000000123);
	ck_assert_uint_eq(l.items[1]->key_count, 2);
	for (size_t i = 0; i < 2; i++) {
		const struct consumer_key *key = &l.items[1]->keys[i];

		ck_assert_str_eq(key->id, keys[i].id);
		ck_assert_str_eq(key->label, keys[i].label);
		ck_assert_mem_eq(key->sha256, keys[i].sha256, CONSUMER_HASH_SIZE);
		ck_assert_int_eq(key->created_wall_ms, keys[i].created_wall_ms);
		ck_assert_int_eq(key->expires_wall_ms, keys[i].expires_wall_ms);
	}
	forget(&l);
	store_close(&store);
}
END_TEST

START_TEST(a_deletion_is_remembered_by_its_revision)
{
	struct store_change change = {.kind = STORE_CONSUMER_REMOVE};
	struct store *store = open_store();
	struct err e = {0};
	struct loaded l;

	ck_assert_uint_eq(store_consumers_gone(store), 0);
	put(store, "ada", 1);
	change.event = (struct store_event){
		.name = "consumer_deleted", .service = "", .id = "ada", .revision = 7};
	ck_assert_int_eq(store_commit(store, &change, 1, 7, 0, &e), 0);
	store_close(&store);
	store = open_store();
	l = load(store);
	ck_assert_uint_eq(l.count, 0);
	ck_assert_uint_eq(store_consumers_gone(store), 7);
	store_close(&store);
}
END_TEST

START_TEST(a_database_from_before_there_were_consumers_is_brought_up)
{
	struct store *store = open_store();
	struct loaded l;
	char id[STORE_DATABASE_SIZE];

	(void)snprintf(id, sizeof(id), "%s", store_database(store));
	store_close(&store);
	with_sql("DROP TABLE consumers; DELETE FROM meta WHERE name = 'consumers_gone';"
		 "UPDATE meta SET value = 41 WHERE name = 'revision'; PRAGMA user_version = 4");
	store = open_store();
	ck_assert_str_eq(store_database(store), id);
	ck_assert_uint_eq(store_revision(store), 41);
	put(store, "ada", 42);
	store_close(&store);
	store = open_store();
	l = load(store);
	ck_assert_uint_eq(l.count, 1);
	forget(&l);
	store_close(&store);
}
END_TEST

static const struct {
	const char *sql, *says;
} rows[] = {
	{"UPDATE consumers SET name = 'a b'", "consumer's column name"},
	{"UPDATE consumers SET id = ''", "consumer's column id"},
	{"UPDATE consumers SET description = '{'", "consumer's column description"},
	{"UPDATE consumers SET description = '{}'", "consumer's column description"},
	{"UPDATE consumers SET keys = '{}'", "consumer's column keys"},
	{"UPDATE consumers SET keys = '[{\"id\": \"k\", \"label\": \"\", \"created\": 1, "
	 "\"expires\": 0, \"hash\": \"sha256:00\"}]'",
	 "no hash of a key"},
	{"UPDATE consumers SET created_at = 'x'", "consumer's column created_at"},
	{"UPDATE consumers SET revision = 99", "counters are wrong"},
};

START_TEST(a_row_that_makes_no_sense_is_refused_by_name)
{
	struct store *store = open_store();
	struct loaded l = {0};
	struct err e = {0};

	put(store, "ada", 1);
	store_close(&store);
	with_sql(rows[_i].sql);
	store = open_store();
	ck_assert_int_eq(store_load_consumers(store, keep, &l, &e), -1);
	ck_assert_int_eq(e.code, DAEMON_EXIT_DATABASE);
	ck_assert_msg(strstr(e.text, rows[_i].says) != NULL, "%s", e.text);
	forget(&l);
	store_close(&store);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("store_consumer");
	TCase *t = tcase_create("store_consumer");

	tcase_add_checked_fixture(t, make_dir, remove_dir);
	tcase_add_test(t, a_consumer_comes_back_as_it_was);
	tcase_add_test(t, a_deletion_is_remembered_by_its_revision);
	tcase_add_test(t, a_database_from_before_there_were_consumers_is_brought_up);
	tcase_add_loop_test(t, a_row_that_makes_no_sense_is_refused_by_name, 0,
			    (int)(sizeof(rows) / sizeof(rows[0])));
	suite_add_tcase(s, t);
	return unit_run(s);
}
