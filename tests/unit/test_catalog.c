/* catalog: what readers and watchers see of what was applied. */
#include "common/rpc.h"
#include "registry/catalog.h"
#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct catalog *c;
static uint64_t revision;

static void start(void)
{
	struct catalog_limits limits = {.instances_max = 50,
					.services_max = 20,
					.tombstones_max = 3,
					.texts_max_bytes = 1 << 20};

	c = catalog_new("00aa00aa00", 100, &limits, 0);
	ck_assert_ptr_nonnull(c);
	revision = 100;
}

static void stop(void)
{
	catalog_free(&c);
}

static void put_record(const char *service, const char *id, enum instance_status status,
		       int64_t expired)
{
	struct record draft = {.own = status,
			       .admin = RECORD_NO_ADMIN,
			       .lease = "t",
			       .number = 1,
			       .expired_wall_ms = expired,
			       .in = {.service = service,
				      .id = id,
				      .host = "h",
				      .port = 1,
				      .ttl_ms = 30000,
				      .weight = 1}};
	struct catalog_change change = {.renew = true, .revision = ++revision};
	struct err e = {0};

	draft.revision = revision;
	change.record = record_new(&draft);
	ck_assert_ptr_nonnull(change.record);
	ck_assert_msg(catalog_reserve(c, service, id, &e) == 0, "%s", e.text);
	catalog_apply(c, &change, 1, 10, 1000);
}

static void load(struct catalog *to, const struct record *draft, uint64_t now_ms, int64_t wall_ms)
{
	struct record *record = record_new(draft);

	ck_assert_ptr_nonnull(record);
	ck_assert_int_eq(catalog_load(to, &record, 1, now_ms, wall_ms), 0);
}

static void put(const char *service, const char *id)
{
	put_record(service, id, INSTANCE_UP, 0);
}

static void gone(const char *service, const char *id)
{
	struct catalog_change change = {.service = service, .id = id, .revision = ++revision};

	catalog_apply(c, &change, 1, 10, 1000);
}

static size_t count_of(const char *service)
{
	struct catalog_answer a;
	size_t n;

	ck_assert_int_ne((int)catalog_look(c, service, &a), CATALOG_NO_MEMORY);
	n = a.view ? a.view->count : 0;
	catalog_view_unref(&a.view);
	return n;
}

static const char *reason_of(const char *service)
{
	struct catalog_answer a;
	const char *reason;

	(void)catalog_look(c, service, &a);
	reason = catalog_reason(a.view);
	catalog_view_unref(&a.view);
	return reason;
}

START_TEST(a_service_lists_what_was_put_and_not_what_was_removed)
{
	put("orders", "a");
	put("orders", "b");
	put("users", "a");
	ck_assert_uint_eq(count_of("orders"), 2);
	gone("orders", "a");
	ck_assert_uint_eq(count_of("orders"), 1);
	ck_assert_uint_eq(count_of("users"), 1);
	ck_assert_uint_eq(count_of("nobody"), 0);
}
END_TEST

START_TEST(a_view_stays_as_it_was_while_the_catalog_changes)
{
	struct catalog_answer a;

	put("s", "a");
	ck_assert_int_eq((int)catalog_look(c, "s", &a), CATALOG_FOUND);
	put("s", "b");
	gone("s", "a");
	ck_assert_uint_eq(a.view->count, 1);
	ck_assert_str_eq(a.view->records[0]->in.id, "a");
	ck_assert_uint_eq(a.view->revision, 101);
	catalog_view_unref(&a.view);
}
END_TEST

START_TEST(an_empty_list_has_a_reason)
{
	put("down", "a");
	put_record("down", "a", INSTANCE_DOWN, 0);
	put_record("old", "a", INSTANCE_UP, 5);
	put_record("drain", "a", INSTANCE_DRAINING, 0);
	put_record("drain", "b", INSTANCE_MAINTENANCE, 0);
	put("left", "a");
	gone("left", "a");
	ck_assert_str_eq(reason_of("down"), "filtered");
	ck_assert_str_eq(reason_of("old"), "all_expired");
	ck_assert_str_eq(reason_of("drain"), "all_draining");
	ck_assert_str_eq(reason_of("left"), "unknown_service");
	ck_assert_str_eq(reason_of("never"), "unknown_service");
}
END_TEST

START_TEST(a_reservation_is_invisible_and_leaves_nothing_behind)
{
	struct catalog_stats stats;

	ck_assert_int_eq(catalog_reserve(c, "s", "a", NULL), 0);
	ck_assert_uint_eq(count_of("s"), 0);
	ck_assert_ptr_null(catalog_find(c, "s", "a", NULL));
	catalog_release(c, "s", "a");
	catalog_stats(c, &stats);
	ck_assert_uint_eq(stats.services, 0);
	ck_assert_uint_eq(stats.instances, 0);
	put("s", "b");
	ck_assert_int_eq(catalog_reserve(c, "s", "b", NULL), 0);
	catalog_release(c, "s", "b");
	ck_assert_uint_eq(count_of("s"), 1);
}
END_TEST

START_TEST(the_maxima_are_faults)
{
	struct err e = {0};
	char name[16];

	for (int i = 0; i < 20; i++) {
		(void)snprintf(name, sizeof(name), "s%d", i);
		put(name, "a");
	}
	ck_assert_int_eq(catalog_reserve(c, "s99", "a", &e), -1);
	ck_assert_int_eq(e.code, RPC_FAULT_TOO_MANY);
	for (int i = 0; i < 30; i++) {
		(void)snprintf(name, sizeof(name), "i%d", i);
		put("s0", name);
	}
	ck_assert_int_eq(catalog_reserve(c, "s0", "i99", &e), -1);
	ck_assert_int_eq(e.code, RPC_FAULT_TOO_MANY);
	ck_assert_int_eq(catalog_reserve(c, "s0", "i1", &e), 0);
}
END_TEST

START_TEST(services_are_listed_by_name_in_pages)
{
	static const char *const names[] = {"b", "a", "orders-2", "orders", "c"};
	struct catalog_summary page[2];
	uint64_t at;

	for (size_t i = 0; i < 5; i++)
		put(names[i], "x");
	put("left", "x");
	gone("left", "x");
	put_record("a", "y", INSTANCE_DOWN, 0);
	ck_assert_int_eq(catalog_services(c, "", "", page, 2, &at), 2);
	ck_assert_uint_eq(at, revision);
	ck_assert_str_eq(page[0].name, "a");
	ck_assert_uint_eq(page[0].instances, 2);
	ck_assert_uint_eq(page[0].up, 1);
	ck_assert_str_eq(page[1].name, "b");
	ck_assert_int_eq(catalog_services(c, "", "b", page, 2, &at), 2);
	ck_assert_str_eq(page[0].name, "c");
	ck_assert_str_eq(page[1].name, "orders");
	ck_assert_int_eq(catalog_services(c, "", "orders-2", page, 2, &at), 0);
	ck_assert_int_eq(catalog_services(c, "orders", "", page, 2, &at), 2);
	ck_assert_int_eq(catalog_services(c, "orders", "orders", page, 2, &at), 1);
	ck_assert_int_eq(catalog_services(c, "x", "", page, 2, &at), 0);
}
END_TEST

/* ---- Differences ---- */

static const struct catalog_position at_100 = {100, 100};

START_TEST(a_watcher_is_told_each_changed_service_once_oldest_change_first)
{
	struct catalog_changes d;

	put("a", "1");
	put("b", "1");
	put("a", "2");
	ck_assert_int_eq(catalog_changes(c, &at_100, NULL, 100, &d), 0);
	ck_assert(!d.reset && !d.more);
	ck_assert_uint_eq(d.count, 2);
	ck_assert_str_eq(d.items[0].service, "b");
	ck_assert_str_eq(d.items[1].service, "a");
	ck_assert_uint_eq(d.items[1].now.view->count, 2);
	ck_assert_uint_eq(d.position.at, revision);
	catalog_changes_fini(&d);

	ck_assert_int_eq(catalog_changes(c, &(struct catalog_position){102, 102}, NULL, 100, &d),
			 0);
	ck_assert_uint_eq(d.count, 1);
	ck_assert_str_eq(d.items[0].service, "a");
	catalog_changes_fini(&d);
}
END_TEST

START_TEST(a_service_that_left_is_told_as_empty)
{
	struct catalog_changes d;

	put("a", "1");
	gone("a", "1");
	ck_assert_int_eq(catalog_changes(c, &at_100, NULL, 100, &d), 0);
	ck_assert_uint_eq(d.count, 1);
	ck_assert_uint_eq(d.items[0].now.view->count, 0);
	ck_assert_str_eq(catalog_reason(d.items[0].now.view), "unknown_service");
	catalog_changes_fini(&d);
	/* The whole state does not speak of it. */
	ck_assert_int_eq(catalog_changes(c, NULL, NULL, 100, &d), 0);
	ck_assert(d.reset);
	ck_assert_uint_eq(d.count, 0);
	ck_assert_uint_eq(d.position.at, revision);
	catalog_changes_fini(&d);
}
END_TEST

START_TEST(a_watcher_of_one_service_sleeps_through_others)
{
	struct catalog_changes d;
	uint64_t changed;

	put("a", "1");
	ck_assert(catalog_has_news(c, &at_100, "a", &changed));
	ck_assert(!catalog_has_news(c, &at_100, "b", &changed));
	ck_assert(catalog_has_news(c, &at_100, NULL, &changed));
	ck_assert_int_eq(catalog_changes(c, &at_100, "b", 100, &d), 0);
	ck_assert_uint_eq(d.count, 0);
	ck_assert_uint_eq(d.position.at, revision);
	catalog_changes_fini(&d);
	/* One that asks for everything is told of its service, also when there is none. */
	ck_assert_int_eq(catalog_changes(c, NULL, "b", 100, &d), 0);
	ck_assert(d.reset);
	ck_assert_uint_eq(d.count, 1);
	ck_assert_ptr_null(d.items[0].now.view);
	catalog_changes_fini(&d);
}
END_TEST

START_TEST(a_revision_that_is_too_old_or_too_new_gets_the_whole_state)
{
	static const uint64_t from[] = {0, 99, 200};
	struct catalog_changes d;

	put("a", "1");
	for (size_t i = 0; i < 3; i++) {
		struct catalog_position p = {from[i], from[i]};

		ck_assert_int_eq(catalog_changes(c, &p, NULL, 100, &d), 0);
		ck_assert(d.reset);
		ck_assert_uint_eq(d.count, 1);
		catalog_changes_fini(&d);
	}
}
END_TEST

START_TEST(forgotten_departures_make_older_revisions_too_old)
{
	struct catalog_changes d;
	char name[16];

	for (int i = 0; i < 6; i++) {
		(void)snprintf(name, sizeof(name), "s%d", i);
		put(name, "a");
	}
	for (int i = 0; i < 6; i++) {
		(void)snprintf(name, sizeof(name), "s%d", i);
		gone(name, "a");
	}
	/* Three departures are remembered: those at 110, 111, 112. */
	ck_assert_int_eq(catalog_changes(c, &(struct catalog_position){108, 108}, NULL, 9, &d), 0);
	ck_assert(d.reset);
	catalog_changes_fini(&d);
	ck_assert_int_eq(catalog_changes(c, &(struct catalog_position){109, 109}, NULL, 9, &d), 0);
	ck_assert(!d.reset);
	ck_assert_uint_eq(d.count, 3);
	catalog_changes_fini(&d);
}
END_TEST

START_TEST(a_large_state_is_told_in_pieces_that_miss_nothing)
{
	struct catalog_position at = {0, 0};
	char name[16], text[CATALOG_POSITION_SIZE];
	unsigned pieces = 0, seen = 0;
	bool first = true, more = true;

	for (int i = 0; i < 20; i++) {
		(void)snprintf(name, sizeof(name), "s%d", i);
		put(name, "a");
		put(name, "b");
	}
	while (more) {
		struct catalog_changes d;

		ck_assert_int_eq(catalog_changes(c, first ? NULL : &at, NULL, 10, &d), 0);
		ck_assert_int_eq(d.reset, first);
		ck_assert_uint_le(d.count, 3);
		seen += (unsigned)d.count;
		more = d.more;
		first = false;
		pieces++;
		/* The watcher keeps it as text. Services change and leave in between. */
		catalog_position_print(c, d.position, text);
		ck_assert(catalog_position_parse(c, text, &at));
		catalog_changes_fini(&d);
		if (pieces == 2) {
			put("s0", "c");
			for (int i = 1; i < 4; i++) {
				(void)snprintf(name, sizeof(name), "s%d", i);
				gone(name, "a");
				gone(name, "b");
			}
		}
	}
	ck_assert_uint_ge(seen, 20);
	ck_assert_uint_eq(at.at, revision);
	ck_assert_uint_ge(pieces, 7);
}
END_TEST

START_TEST(positions_of_others_are_none)
{
	static const char *const texts[] = {"",
					    "5",
					    "00aa00aa00",
					    "00aa00aa00.",
					    "00aa00aa00.x",
					    "00aa00aa00.5x",
					    "00aa00aa00.-5",
					    "00aa00aa00.5-",
					    "ffffffffff.5",
					    "00aa00aa00.5-x",
					    "00aa00aa00.99999999999999999999999"};
	struct catalog_position p;
	char text[CATALOG_POSITION_SIZE];

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		ck_assert_msg(!catalog_position_parse(c, texts[i], &p), "%s", texts[i]);
	catalog_position_print(c, (struct catalog_position){7, 7}, text);
	ck_assert_str_eq(text, "00aa00aa00.7");
	catalog_position_print(c, (struct catalog_position){7, 9}, text);
	ck_assert(catalog_position_parse(c, text, &p));
	ck_assert_uint_eq(p.at, 7);
	ck_assert_uint_eq(p.base, 9);
}
END_TEST

START_TEST(changed_names_come_oldest_first_and_once)
{
	char names[2][INSTANCE_NAME_MAX + 1];
	uint64_t since = 100;
	bool lost;

	put("a", "1");
	put("b", "1");
	put("c", "1");
	put("a", "2");
	ck_assert_uint_eq(catalog_changed(c, &since, names, 2, &lost), 2);
	ck_assert(!lost);
	ck_assert_str_eq(names[0], "b");
	ck_assert_str_eq(names[1], "c");
	ck_assert_uint_eq(catalog_changed(c, &since, names, 2, &lost), 1);
	ck_assert_str_eq(names[0], "a");
	ck_assert_uint_eq(catalog_changed(c, &since, names, 2, &lost), 0);
	ck_assert_uint_eq(since, revision);
}
END_TEST

/* The id of the next instance to be checked at `now`, "" for none; borrowed until the next call. */
static const char *check_at(uint64_t now)
{
	static char id[32];
	struct record *r = catalog_check_next(c, 5000, now);

	(void)snprintf(id, sizeof(id), "%s", r ? r->in.id : "");
	record_unref(&r);
	return id;
}

static void put_checked(const char *id, unsigned interval_ms, enum instance_check check)
{
	struct record draft = {.admin = RECORD_NO_ADMIN,
			       .own = INSTANCE_UP,
			       .number = 1,
			       .in = {.service = "s",
				      .id = id,
				      .host = "h",
				      .port = 1,
				      .ttl_ms = 30000,
				      .check = check,
				      .check_interval_ms = interval_ms}};
	struct catalog_change change = {.renew = true, .revision = ++revision};

	change.record = record_new(&draft);
	ck_assert_ptr_nonnull(change.record);
	ck_assert_int_eq(catalog_reserve(c, "s", id, NULL), 0);
	ck_assert_int_eq(catalog_reserve_check(c, "s", id, NULL), 0);
	catalog_apply(c, &change, 1, 10, 1000);
}

START_TEST(a_check_is_due_at_once_and_then_after_its_own_interval)
{
	put("s", "unchecked");
	put_checked("default", 0, INSTANCE_CHECK_TCP);
	put_checked("slow", 20000, INSTANCE_CHECK_TCP);
	put_checked("fast", 1000, INSTANCE_CHECK_HTTP);
	ck_assert_str_eq(check_at(10), "default");
	ck_assert_str_eq(check_at(10), "slow");
	ck_assert_str_eq(check_at(10), "fast");
	ck_assert_str_eq(check_at(10), "");
	ck_assert_uint_gt(catalog_check_wait_ms(c, 10, 60000), 0);
	ck_assert_str_eq(check_at(1020), "fast");
	ck_assert_str_eq(check_at(1020), "");
	put_checked("fast", 1000, INSTANCE_CHECK_NONE);
	ck_assert_str_eq(check_at(5020), "default");
	ck_assert_str_eq(check_at(5020), "");
	gone("s", "default");
	ck_assert_str_eq(check_at(20020), "slow");
	ck_assert_str_eq(check_at(20020), "");
}
END_TEST

START_TEST(loaded_records_are_held_and_keep_their_revisions)
{
	struct record draft = {.admin = RECORD_NO_ADMIN,
			       .own = INSTANCE_UP,
			       .revision = 42,
			       .in = {.service = "s", .id = "a", .ttl_ms = 5000, .port = 1}};
	struct catalog_answer a;

	load(c, &draft, 1000, 1000);
	ck_assert_int_eq((int)catalog_look(c, "s", &a), CATALOG_FOUND);
	ck_assert(a.held);
	ck_assert_uint_eq(a.revision, 100);
	ck_assert_uint_eq(a.view->revision, 42);
	catalog_view_unref(&a.view);
}
END_TEST

/* The store tells them in any order; watchers want the oldest change first. */
START_TEST(what_is_loaded_is_ordered_by_its_revision)
{
	static const struct {
		const char *service, *id;
		uint64_t revision;
	} rows[] = {{"c", "1", 9}, {"c", "2", 1}, {"a", "1", 7}, {"a", "2", 3}, {"b", "1", 2}};
	struct catalog_position since = {.at = 7, .base = 7};
	struct catalog_limits limits = {.instances_max = 1, .services_max = 1, .tombstones_max = 3};
	struct catalog *stored = catalog_new("00aa00aa00", 9, &limits, 10);
	struct catalog_changes d;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct record draft = {.admin = RECORD_NO_ADMIN,
				       .own = INSTANCE_UP,
				       .number = 1,
				       .revision = rows[i].revision,
				       .in = {.service = rows[i].service,
					      .id = rows[i].id,
					      .host = "h",
					      .port = 1,
					      .ttl_ms = 30000}};

		load(stored, &draft, 10, 1000);
	}
	ck_assert_int_eq(catalog_loaded(stored), 0);
	ck_assert_int_eq(catalog_changes(stored, NULL, NULL, 100, &d), 0);
	ck_assert_uint_eq(d.count, 3);
	ck_assert_str_eq(d.items[0].service, "b");
	ck_assert_str_eq(d.items[1].service, "a");
	ck_assert_str_eq(d.items[2].service, "c");
	ck_assert_uint_eq(d.items[2].now.view->revision, 9);
	catalog_changes_fini(&d);
	/* Below the floor it is told everything. */
	ck_assert_int_eq(catalog_changes(stored, &since, NULL, 100, &d), 0);
	ck_assert(d.reset);
	catalog_changes_fini(&d);
	catalog_free(&stored);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("catalog");
	TCase *t = tcase_create("catalog");

	tcase_add_checked_fixture(t, start, stop);
	tcase_add_test(t, a_service_lists_what_was_put_and_not_what_was_removed);
	tcase_add_test(t, a_view_stays_as_it_was_while_the_catalog_changes);
	tcase_add_test(t, an_empty_list_has_a_reason);
	tcase_add_test(t, a_reservation_is_invisible_and_leaves_nothing_behind);
	tcase_add_test(t, the_maxima_are_faults);
	tcase_add_test(t, services_are_listed_by_name_in_pages);
	tcase_add_test(t, a_watcher_is_told_each_changed_service_once_oldest_change_first);
	tcase_add_test(t, a_service_that_left_is_told_as_empty);
	tcase_add_test(t, a_watcher_of_one_service_sleeps_through_others);
	tcase_add_test(t, a_revision_that_is_too_old_or_too_new_gets_the_whole_state);
	tcase_add_test(t, forgotten_departures_make_older_revisions_too_old);
	tcase_add_test(t, a_large_state_is_told_in_pieces_that_miss_nothing);
	tcase_add_test(t, positions_of_others_are_none);
	tcase_add_test(t, changed_names_come_oldest_first_and_once);
	tcase_add_test(t, a_check_is_due_at_once_and_then_after_its_own_interval);
	tcase_add_test(t, loaded_records_are_held_and_keep_their_revisions);
	tcase_add_test(t, what_is_loaded_is_ordered_by_its_revision);
	suite_add_tcase(s, t);
	return unit_run(s);
}
