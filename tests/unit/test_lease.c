/* lease: who lives how long, and when expiry is held back. The clock is ours. */
#include "registry/catalog.h"
#include "registry/lease.h"
#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { START = 1000000, TTL = 6000 };

static struct catalog *c;
static uint64_t revision, now;
static struct lease_due due;

static void start(void)
{
	struct catalog_limits limits = {.instances_max = 1000,
					.services_max = 100,
					.tombstones_max = 10,
					.texts_max_bytes = 1 << 20};

	now = START;
	c = catalog_new("00aa00aa00", 0, &limits, now);
	ck_assert_ptr_nonnull(c);
	revision = 0;
}

static void stop(void)
{
	catalog_free(&c);
}

static struct record draft_of(const char *service, const char *id, const char *zone)
{
	return (struct record){.own = INSTANCE_UP,
			       .admin = RECORD_NO_ADMIN,
			       .lease = "token",
			       .number = 1,
			       .in = {.service = service,
				      .id = id,
				      .host = "h",
				      .zone = zone,
				      .port = 1,
				      .ttl_ms = TTL,
				      .weight = 1}};
}

static void apply(const struct record *draft, bool renew)
{
	struct catalog_change change = {
		.record = record_new(draft), .renew = renew, .revision = ++revision};

	ck_assert_ptr_nonnull(change.record);
	ck_assert_int_eq(catalog_reserve(c, draft->in.service, draft->in.id, NULL), 0);
	catalog_apply(c, &change, 1, now, (int64_t)now);
}

static void load(struct catalog *to, const struct record *draft, uint64_t now_ms, int64_t wall_ms)
{
	struct record *record = record_new(draft);

	ck_assert_ptr_nonnull(record);
	ck_assert_int_eq(catalog_load(to, &record, 1, now_ms, wall_ms), 0);
}

static void put(const char *service, const char *id, const char *zone)
{
	struct record draft = draft_of(service, id, zone);

	apply(&draft, true);
}

/* What the writer does with a lease that ended. */
static void expire(const char *service, const char *id)
{
	struct record draft = draft_of(service, id, "");

	draft.expired_wall_ms = (int64_t)now;
	apply(&draft, false);
}

static enum lease_beat beat(const char *service, const char *id)
{
	struct lease_term term;

	return lease_beat(c, service, id, "token", -1, now, &term);
}

/* Advances in small steps to `to`; returns how many leases ended on the way. */
static size_t advance(uint64_t to)
{
	size_t ended = 0;

	while (now < to) {
		now = now + 100 < to ? now + 100 : to;
		lease_advance(c, now, &due);
		ended += due.count;
		for (size_t i = 0; i < due.count; i++)
			if (!due.items[i].remove)
				expire(due.items[i].service, due.items[i].id);
	}
	return ended;
}

static size_t live(const char *service)
{
	struct catalog_answer a;
	size_t n;

	(void)catalog_look(c, service, &a);
	n = a.view ? a.view->count : 0;
	catalog_view_unref(&a.view);
	return n;
}

static bool is_held(const char *service)
{
	struct catalog_answer a;

	(void)catalog_look(c, service, &a);
	catalog_view_unref(&a.view);
	return a.held;
}

START_TEST(an_instance_that_never_beats_lives_its_ttl)
{
	put("s", "a", "");
	ck_assert_uint_eq(advance(START + TTL - 1), 0);
	ck_assert_uint_eq(live("s"), 1);
	ck_assert_uint_eq(advance(START + TTL + 10), 1);
	ck_assert_uint_eq(live("s"), 0);
}
END_TEST

START_TEST(a_beat_gives_the_whole_ttl_again)
{
	put("s", "a", "");
	for (int i = 1; i <= 5; i++) {
		ck_assert_uint_eq(advance(START + (uint64_t)i * (TTL - 500)), 0);
		ck_assert_int_eq((int)beat("s", "a"), LEASE_KNOWN);
	}
	ck_assert_uint_eq(advance(now + TTL - 1), 0);
	ck_assert_uint_eq(advance(now + 200), 1);
}
END_TEST

START_TEST(an_ended_lease_is_gone_from_lookups_before_it_is_durable)
{
	bool lapsed;
	struct record *r;

	put("s", "a", "");
	now += TTL + 10;
	lease_advance(c, now, &due);
	ck_assert_uint_eq(due.count, 1);
	ck_assert_str_eq(due.items[0].service, "s");
	ck_assert_str_eq(due.items[0].id, "a");
	ck_assert_uint_eq(live("s"), 0);
	r = catalog_find(c, "s", "a", &lapsed);
	ck_assert(r && record_is_live(r) && lapsed);
	record_unref(&r);
	/* A beat that comes first saves it: nobody was told. */
	ck_assert_int_eq((int)beat("s", "a"), LEASE_KNOWN);
	ck_assert_uint_eq(live("s"), 1);
	ck_assert_uint_eq(advance(now + TTL - 1), 0);
	ck_assert_uint_eq(advance(now + 200), 1);
}
END_TEST

START_TEST(a_beat_while_the_end_is_being_stored_comes_too_late)
{
	put("s", "a", "");
	ck_assert(!lease_end(c, "s", "a"));
	now += TTL + 10;
	lease_advance(c, now, &due);
	ck_assert(lease_end(c, "s", "a"));
	ck_assert_int_eq((int)beat("s", "a"), LEASE_UNKNOWN);
	expire("s", "a");
	ck_assert_uint_eq(live("s"), 0);
	put("s", "a", "");
	ck_assert_int_eq((int)beat("s", "a"), LEASE_KNOWN);
	ck_assert_uint_eq(live("s"), 1);
}
END_TEST

START_TEST(a_beat_after_the_store_refused_the_end_is_in_time)
{
	put("s", "a", "");
	now += TTL + 10;
	lease_advance(c, now, &due);
	ck_assert(lease_end(c, "s", "a"));
	lease_retry(c, "s", "a", now);
	ck_assert_int_eq((int)beat("s", "a"), LEASE_KNOWN);
	ck_assert_uint_eq(live("s"), 1);
}
END_TEST

START_TEST(a_change_of_status_brings_no_ended_lease_back)
{
	struct record draft = draft_of("s", "a", "");

	put("s", "a", "");
	now += TTL + 10;
	lease_advance(c, now, &due);
	draft.own = INSTANCE_DRAINING;
	apply(&draft, false);
	ck_assert_uint_eq(live("s"), 0);
	ck_assert(lease_end(c, "s", "a"));
}
END_TEST

START_TEST(less_than_half_ending_at_once_is_no_hold)
{
	char id[16];
	size_t ended = 0;

	for (int i = 0; i < 900; i++) {
		(void)snprintf(id, sizeof(id), "i%d", i);
		put("s", id, "");
	}
	ck_assert_uint_eq(advance(START + TTL - 500), 0);
	for (int i = 400; i < 900; i++) {
		(void)snprintf(id, sizeof(id), "i%d", i);
		ck_assert_int_eq((int)beat("s", id), LEASE_KNOWN);
	}
	ended = advance(START + TTL + 400);
	ck_assert_uint_eq(ended, 400);
	ck_assert_uint_eq(live("s"), 500);
}
END_TEST

START_TEST(an_end_that_could_not_be_stored_comes_up_again)
{
	put("s", "a", "");
	now += TTL + 10;
	lease_advance(c, now, &due);
	ck_assert_uint_eq(due.count, 1);
	lease_retry(c, "s", "a", now);
	now += LEASE_RETRY_MS + 10;
	lease_advance(c, now, &due);
	ck_assert_uint_eq(due.count, 1);
	ck_assert(!due.items[0].remove);
}
END_TEST

START_TEST(an_expired_record_is_known_no_more_and_leaves_after_a_day)
{
	put("s", "a", "");
	ck_assert_uint_eq(advance(START + TTL + 10), 1);
	ck_assert_int_eq((int)beat("s", "a"), LEASE_UNKNOWN);
	now += LEASE_KEEP_MS - 1000;
	lease_advance(c, now, &due);
	ck_assert_uint_eq(due.count, 0);
	now += 2000;
	lease_advance(c, now, &due);
	ck_assert_uint_eq(due.count, 1);
	ck_assert(due.items[0].remove);
}
END_TEST

START_TEST(a_wrong_token_is_fenced_and_none_is_an_administrator)
{
	struct lease_term term;

	put("s", "a", "");
	ck_assert_int_eq((int)lease_beat(c, "s", "a", "other", -1, now, &term), LEASE_FENCED);
	ck_assert_int_eq((int)lease_beat(c, "s", "a", "toke", -1, now, &term), LEASE_FENCED);
	ck_assert_int_eq((int)lease_beat(c, "s", "a", "", -1, now, &term), LEASE_KNOWN);
	ck_assert_int_eq((int)lease_beat(c, "s", "b", "token", -1, now, &term), LEASE_UNKNOWN);
	ck_assert_int_eq((int)lease_beat(c, "t", "a", "token", -1, now, &term), LEASE_UNKNOWN);
	/* Also of an expired one: an older process does not bring itself back. */
	ck_assert_uint_eq(advance(START + TTL + 10), 1);
	ck_assert_int_eq((int)lease_beat(c, "s", "a", "other", -1, now, &term), LEASE_FENCED);
}
END_TEST

START_TEST(the_next_beat_is_due_within_a_third_of_the_ttl_and_spread)
{
	unsigned least = UINT32_MAX, most = 0;

	for (int i = 0; i < 200; i++) {
		unsigned ms = lease_heartbeat_ms(30000);

		ck_assert_uint_ge(ms, 7500);
		ck_assert_uint_le(ms, 10000);
		least = ms < least ? ms : least;
		most = ms > most ? ms : most;
	}
	ck_assert_uint_gt(most - least, 500);
	ck_assert_uint_ge(lease_heartbeat_ms(1000), 250);
}
END_TEST

START_TEST(after_a_restart_everybody_has_a_ttl_to_renew_and_is_held_until_then)
{
	struct record a = draft_of("s", "a", ""), b = draft_of("s", "b", "");

	a.revision = 1;
	b.revision = 2;
	load(c, &a, now, (int64_t)now);
	load(c, &b, now, (int64_t)now);
	ck_assert(is_held("s"));
	ck_assert_uint_eq(advance(START + TTL - 500), 0);
	ck_assert_int_eq((int)beat("s", "a"), LEASE_KNOWN);
	ck_assert(is_held("s"));
	ck_assert_uint_eq(advance(START + TTL + 10), 1);
	ck_assert(!is_held("s"));
	ck_assert_uint_eq(live("s"), 1);
}
END_TEST

START_TEST(a_pause_gives_everybody_the_ttl_again)
{
	put("s", "a", "");
	now += 10 * TTL;
	lease_hold_all(c, now);
	lease_advance(c, now, &due);
	ck_assert_uint_eq(due.count, 0);
	ck_assert(is_held("s"));
	ck_assert_int_eq((int)beat("s", "a"), LEASE_KNOWN);
	ck_assert(!is_held("s"));
}
END_TEST

/* Four instances, of which `silent` stop beating; returns how many ended within two ttls. */
static size_t with_silent(unsigned silent, uint64_t until)
{
	static const char *const ids[] = {"a", "b", "c", "d"};
	size_t ended = 0;

	for (size_t i = 0; i < 4; i++)
		put("s", ids[i], "");
	while (now < until) {
		ended += advance(now + 1500);
		for (size_t i = silent; i < 4; i++)
			(void)beat("s", ids[i]);
	}
	return ended;
}

START_TEST(one_of_four_that_falls_silent_expires_in_its_time)
{
	ck_assert_uint_eq(with_silent(1, START + TTL + 1600), 1);
	ck_assert(!is_held("s"));
}
END_TEST

START_TEST(most_of_a_service_falling_silent_is_held_for_one_ttl_and_then_expires)
{
	ck_assert_uint_eq(with_silent(3, START + TTL + 1600), 0);
	ck_assert(is_held("s"));
	ck_assert_uint_eq(live("s"), 4);
	ck_assert_uint_eq(advance(START + 2 * TTL - 10), 0);
	(void)beat("s", "d");
	ck_assert_uint_eq(advance(START + 2 * TTL + 400), 3);
	ck_assert_uint_eq(live("s"), 1);
	ck_assert(!is_held("s"));
}
END_TEST

START_TEST(a_held_instance_that_beats_again_stays)
{
	ck_assert_uint_eq(with_silent(3, START + TTL + 1600), 0);
	ck_assert_int_eq((int)beat("s", "a"), LEASE_KNOWN);
	(void)beat("s", "d");
	ck_assert_uint_eq(advance(START + 2 * TTL + 400), 2);
	ck_assert_uint_eq(live("s"), 2);
}
END_TEST

START_TEST(zones_are_held_apart)
{
	put("s", "a", "east");
	put("s", "b", "east");
	put("s", "c", "east");
	put("s", "d", "west");
	ck_assert_uint_eq(advance(START + TTL + 400), 1);
	ck_assert_uint_eq(live("s"), 3);
	ck_assert_uint_eq(advance(START + 2 * TTL + 800), 3);
}
END_TEST

START_TEST(two_instances_are_too_few_for_a_hold)
{
	put("s", "a", "");
	put("s", "b", "");
	ck_assert_uint_eq(advance(START + TTL + 400), 2);
}
END_TEST

START_TEST(instances_of_original_clients_have_no_lease)
{
	struct record draft = draft_of("s", "a", "");

	draft.legacy = true;
	apply(&draft, true);
	ck_assert_uint_eq(advance(START + 3 * TTL), 0);
	ck_assert_uint_eq(live("s"), 1);
}
END_TEST

START_TEST(a_change_of_status_does_not_prolong_a_lease)
{
	struct record draft = draft_of("s", "a", "");

	put("s", "a", "");
	ck_assert_uint_eq(advance(START + TTL / 2), 0);
	draft.own = INSTANCE_DRAINING;
	apply(&draft, false);
	ck_assert_uint_eq(advance(START + TTL + 10), 1);
}
END_TEST

START_TEST(more_ends_at_once_than_fit_come_in_turns)
{
	size_t ended = 0;
	char id[16];

	for (int i = 0; i < LEASE_DUE_MAX + 50; i++) {
		(void)snprintf(id, sizeof(id), "i%d", i);
		put(i % 2 ? "s" : "t", id, id);
	}
	now += TTL + 10;
	for (int i = 0; i < 4; i++, now += 10) {
		lease_advance(c, now, &due);
		ended += due.count;
	}
	ck_assert_uint_eq(ended, LEASE_DUE_MAX + 50);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("lease");
	TCase *t = tcase_create("lease");

	tcase_add_checked_fixture(t, start, stop);
	tcase_add_test(t, an_instance_that_never_beats_lives_its_ttl);
	tcase_add_test(t, a_beat_gives_the_whole_ttl_again);
	tcase_add_test(t, an_ended_lease_is_gone_from_lookups_before_it_is_durable);
	tcase_add_test(t, a_beat_while_the_end_is_being_stored_comes_too_late);
	tcase_add_test(t, a_beat_after_the_store_refused_the_end_is_in_time);
	tcase_add_test(t, a_change_of_status_brings_no_ended_lease_back);
	tcase_add_test(t, less_than_half_ending_at_once_is_no_hold);
	tcase_add_test(t, an_end_that_could_not_be_stored_comes_up_again);
	tcase_add_test(t, an_expired_record_is_known_no_more_and_leaves_after_a_day);
	tcase_add_test(t, a_wrong_token_is_fenced_and_none_is_an_administrator);
	tcase_add_test(t, the_next_beat_is_due_within_a_third_of_the_ttl_and_spread);
	tcase_add_test(t, after_a_restart_everybody_has_a_ttl_to_renew_and_is_held_until_then);
	tcase_add_test(t, a_pause_gives_everybody_the_ttl_again);
	tcase_add_test(t, one_of_four_that_falls_silent_expires_in_its_time);
	tcase_add_test(t, most_of_a_service_falling_silent_is_held_for_one_ttl_and_then_expires);
	tcase_add_test(t, a_held_instance_that_beats_again_stays);
	tcase_add_test(t, zones_are_held_apart);
	tcase_add_test(t, two_instances_are_too_few_for_a_hold);
	tcase_add_test(t, instances_of_original_clients_have_no_lease);
	tcase_add_test(t, a_change_of_status_does_not_prolong_a_lease);
	tcase_add_test(t, more_ends_at_once_than_fit_come_in_turns);
	suite_add_tcase(s, t);
	return unit_run(s);
}
