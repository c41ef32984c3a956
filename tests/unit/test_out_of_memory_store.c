/*
 * Out of memory where state is kept: the registry's catalog, and the client
 * library's snapshot and its file. What was there stays as it was.
 */
#include "client-lib/service.h"
#include "client-lib/snapshot_file.h"
#include "common/rpc.h"
#include "registry/catalog.h"
#include "tests/unit/fail_malloc.h"
#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const tags[] = {"a", "b"};
static const struct instance_pair meta[] = {{"k", "v"}};
static const struct instance one = {.service = "orders",
				    .id = "1",
				    .host = "10.0.0.1",
				    .scheme = "http",
				    .zone = "z",
				    .version = "2",
				    .detail = "",
				    .check_path = "",
				    .check_status = "",
				    .port = 80,
				    .weight = 10,
				    .ttl_ms = 30000,
				    .status = INSTANCE_UP,
				    .tags = tags,
				    .tag_count = 2,
				    .meta = meta,
				    .meta_count = 1};

/* ---- Registrations as XML-RPC ---- */

static int there_and_back(void *arg)
{
	struct instance again;
	struct err e = {0};
	struct arena arena;
	xmlrpc_value *built;
	xmlrpc_env env;
	int r = -1;

	(void)arg;
	arena_init(&arena, 1 << 20);
	xmlrpc_env_init(&env);
	built = rpc_build_registration(&env, &one);
	if (built && rpc_read_registration("it", built, &arena, &again, &e) == 0)
		r = 0;
	if (built)
		xmlrpc_DECREF(built);
	if (e.code && e.code != RPC_FAULT_STORE)
		r = -2;
	xmlrpc_env_clean(&env);
	arena_fini(&arena);
	return r;
}

static void is_our_fault(void *arg, int r)
{
	(void)arg;
	ck_assert_int_ne(r, -2);
}

START_TEST(an_instance_goes_through_xml_rpc)
{
	struct fail_malloc_count count = fail_malloc_each(there_and_back, is_our_fault, NULL);

	ck_assert_uint_eq(count.refused, count.rounds);
}
END_TEST

/* ---- The catalog ---- */

static struct catalog *catalog;
static uint64_t revision;

static int reserve(const char *id)
{
	struct record draft = {.own = INSTANCE_UP,
			       .admin = RECORD_NO_ADMIN,
			       .lease = "t",
			       .origin = "",
			       .legacy_host = "",
			       .number = 1,
			       .in = one};
	struct catalog_change change = {.renew = true, .revision = revision + 1};
	struct err e = {0};

	draft.in.id = id;
	draft.revision = change.revision;
	change.record = record_new(&draft);
	if (!change.record)
		return -1;
	if (catalog_reserve(catalog, "orders", id, &e) < 0) {
		record_unref(&change.record);
		return e.code == RPC_FAULT_STORE && e.text[0] ? -1 : -2;
	}
	revision++;
	catalog_apply(catalog, &change, 1, 10, 1000);
	return 0;
}

/* A new instance each time, then all that readers ask. */
static int change_and_read(void *arg)
{
	struct catalog_changes changes;
	struct catalog_summary names[4];
	struct catalog_answer answer;
	struct record **records;
	uint64_t at;
	size_t n;
	char id[24];
	int r;

	(void)snprintf(id, sizeof(id), "i%d", ++*(int *)arg);
	r = reserve(id);
	if (r)
		return r;
	if (catalog_look(catalog, "orders", &answer) == CATALOG_NO_MEMORY)
		return -1;
	catalog_view_unref(&answer.view);
	if (catalog_services(catalog, "", "", names, 4, &at) < 0 ||
	    catalog_changes(catalog, NULL, NULL, 1000, &changes) < 0)
		return -1;
	catalog_changes_fini(&changes);
	if (catalog_list(catalog, 1000, &records, &n) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		record_unref(&records[i]);
	free(records);
	return 0;
}

static void catalog_is_whole(void *arg, int r)
{
	struct catalog_answer answer;
	struct catalog_stats stats;

	(void)arg;
	ck_assert_int_ne(r, -2);
	ck_assert_int_eq((int)catalog_look(catalog, "orders", &answer),
			 revision ? CATALOG_FOUND : CATALOG_UNKNOWN);
	ck_assert_uint_eq(answer.view ? answer.view->count : 0, revision);
	catalog_view_unref(&answer.view);
	catalog_stats(catalog, &stats);
	ck_assert_uint_eq(stats.instances, revision);
	ck_assert_uint_eq(stats.revision, revision);
}

START_TEST(the_catalog_keeps_what_it_has)
{
	struct catalog_limits limits = {.instances_max = 1000,
					.services_max = 20,
					.tombstones_max = 3,
					.texts_max_bytes = 1 << 20};
	struct fail_malloc_count count;
	int next = 0;

	catalog = catalog_new("00aa00aa00", 0, &limits, 0);
	revision = 0;
	count = fail_malloc_each(change_and_read, catalog_is_whole, &next);
	ck_assert_uint_eq(count.refused, count.rounds);
	catalog_free(&catalog);
}
END_TEST

/* ---- The snapshot ---- */

static const struct microreg_snapshot *good; /* of one service */
static char path[64];

static int add(struct microreg_snapshot *to, const char *name)
{
	struct service_facts facts = {
		.name = name, .revision = "1", .reason = "", .instances = &one, .count = 1};
	const struct microreg_service *service = service_new(&facts);
	int r = service ? snapshot_put(to, service) : -1;

	microreg_service_unref(&service);
	return r;
}

static int change_copy(void *arg)
{
	struct microreg_snapshot *copy = snapshot_copy(good);
	const struct microreg_snapshot *drop = copy;
	int r = -1;

	(void)arg;
	if (copy && add(copy, "users") == 0 && snapshot_drop(copy, "orders") == 0)
		r = 0;
	microreg_snapshot_unref(&drop);
	return r;
}

static int write_and_read(void *arg)
{
	const struct microreg_snapshot *again;
	struct err e = {0};

	(void)arg;
	if (snapshot_file_write(path, good, &e) < 0)
		return e.text[0] ? -1 : -2;
	again = snapshot_file_read(path, &e);
	if (!again)
		return e.text[0] ? -1 : -2;
	microreg_snapshot_unref(&again);
	return 0;
}

static void good_is_whole(void *arg, int r)
{
	const struct microreg_service *service;
	size_t at = 0;

	(void)arg;
	ck_assert_int_ne(r, -2);
	ck_assert_uint_eq(snapshot_count(good), 1);
	service = microreg_snapshot_next(good, &at);
	ck_assert_str_eq(service->name, "orders");
	ck_assert_uint_eq(service->count, 1);
}

static void file_is_whole(void *arg, int r)
{
	const struct microreg_snapshot *read;
	struct err e = {0};

	good_is_whole(arg, r);
	read = snapshot_file_read(path, &e);
	ck_assert_msg(read != NULL, "%s", e.text);
	ck_assert_uint_eq(snapshot_count(read), 1);
	microreg_snapshot_unref(&read);
}

START_TEST(the_snapshot_and_its_file_stay_good)
{
	struct microreg_snapshot *made = snapshot_new();
	struct err e = {0};
	int fd;

	(void)snprintf(path, sizeof(path), "/tmp/test_out_of_memory_XXXXXX");
	fd = mkstemp(path);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(close(fd), 0);
	ck_assert_int_eq(add(made, "orders"), 0);
	good = made;
	(void)fail_malloc_each(change_copy, good_is_whole, NULL);
	ck_assert_int_eq(snapshot_file_write(path, good, &e), 0);
	(void)fail_malloc_each(write_and_read, file_is_whole, NULL);
	microreg_snapshot_unref(&good);
	ck_assert_int_eq(unlink(path), 0);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("out_of_memory_store");
	TCase *t = tcase_create("store");

	tcase_add_test(t, an_instance_goes_through_xml_rpc);
	tcase_add_test(t, the_catalog_keeps_what_it_has);
	tcase_add_test(t, the_snapshot_and_its_file_stay_good);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	return unit_run(suite());
}
