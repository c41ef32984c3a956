/* drain: a deregistration waits for the gateways that are alive, and for nobody else. */
#include "registry/drain.h"
#include "tests/unit/unit.h"

#include <stddef.h>

struct wait {
	struct drain_wait wait; /* first */
	int outcome;		/* -1: still waiting */
};

static struct drain *d;

static void start(void)
{
	d = drain_new();
	ck_assert_ptr_nonnull(d);
}

static void stop(void)
{
	drain_stop(d);
	drain_free(&d);
}

static void finish(struct drain_wait *wait, bool drained)
{
	((struct wait *)(void *)wait)->outcome = drained;
}

static struct wait begin(const char *service, uint64_t revision, uint64_t deadline)
{
	return (struct wait){.wait = {.service = service,
				      .id = "a",
				      .revision = revision,
				      .deadline_ms = deadline,
				      .finish = finish},
			     .outcome = -1};
}

/* The gateway asks for what comes after `revision`, and waits. */
static void watches(const char *name, const char *service, uint64_t revision, uint64_t now)
{
	ck_assert(drain_watching(d, name, service, revision, now));
}

START_TEST(without_gateways_it_is_drained_at_once)
{
	struct wait w = begin("s", 5, 1000);

	drain_wait(d, &w.wait, 10);
	ck_assert_int_eq(w.outcome, true);
}
END_TEST

START_TEST(it_waits_until_every_gateway_has_taken_the_revision)
{
	const uint64_t later = 10 + DRAIN_FIRST_MS;
	struct wait w = begin("s", 5, 10000);

	watches("g1", "", 4, 10);
	watches("g2", "", 4, 10);
	drain_wait(d, &w.wait, later);
	ck_assert_int_eq(w.outcome, -1);
	drain_watched(d, "g1", "", later + 1);
	watches("g1", "", 5, later + 2);
	ck_assert_int_eq(w.outcome, -1);
	drain_watched(d, "g2", "", later + 3);
	watches("g2", "", 6, later + 4);
	ck_assert_int_eq(w.outcome, true);
}
END_TEST

START_TEST(one_that_has_it_already_is_not_waited_for)
{
	struct wait w = begin("s", 5, 10000);

	watches("g1", "", 5, 10);
	drain_wait(d, &w.wait, 10 + DRAIN_FIRST_MS);
	ck_assert_int_eq(w.outcome, true);
}
END_TEST

START_TEST(what_was_reported_before_the_wait_began_counts)
{
	struct drain_use uses[] = {{"s", "b", 1}, {"s", "a", 1}, {"t", "a", 0}};
	struct wait w = begin("s", 5, 10000), v = begin("t", 5, 10000);

	watches("g1", "", 5, 10);
	drain_report(d, "g1", 5, uses, 3, 20);
	drain_wait(d, &w.wait, 30);
	ck_assert_int_eq(w.outcome, -1);
	drain_wait(d, &v.wait, 30);
	ck_assert_int_eq(v.outcome, true);
	drain_report(d, "g1", 5, uses, 1, 40);
	ck_assert_int_eq(w.outcome, true);
}
END_TEST

START_TEST(a_new_gateway_is_given_time_for_its_first_report)
{
	struct drain_use busy = {"s", "a", 1};
	struct wait w = begin("s", 5, 10000), v = begin("s", 5, 10000);

	watches("g1", "", 5, 10);
	drain_wait(d, &w.wait, 20);
	drain_report(d, "g1", 5, &busy, 1, 30);
	ck_assert_int_eq(w.outcome, -1);
	drain_report(d, "g1", 5, NULL, 0, 40);
	ck_assert_int_eq(w.outcome, true);
	/* One that never reports is taken by its watch after that time. */
	watches("g2", "", 5, 50);
	drain_wait(d, &v.wait, 60);
	drain_report(d, "g1", 5, NULL, 0, 2000);
	ck_assert(drain_advance(d, 49 + DRAIN_FIRST_MS));
	ck_assert(!drain_advance(d, 50 + DRAIN_FIRST_MS));
	ck_assert_int_eq(v.outcome, true);
}
END_TEST

START_TEST(a_report_heard_after_the_clock_was_read_counts_as_new)
{
	struct drain_use busy = {"s", "a", 1};
	struct wait w = begin("s", 5, 10000);

	watches("g1", "", 5, 10);
	drain_report(d, "g1", 5, &busy, 1, 30);
	drain_wait(d, &w.wait, 29); /* by a thread that was held up between clock and lock */
	ck_assert_int_eq(w.outcome, -1);
	ck_assert(drain_advance(d, 29));
	ck_assert_int_eq(w.outcome, -1);
	drain_report(d, "g1", 5, NULL, 0, 40);
	ck_assert_int_eq(w.outcome, true);
}
END_TEST

START_TEST(a_deadline_ends_the_wait_undrained)
{
	struct wait w = begin("s", 5, 1000);

	watches("g1", "", 4, 10);
	drain_wait(d, &w.wait, 20);
	ck_assert(drain_advance(d, 999));
	ck_assert_int_eq(w.outcome, -1);
	ck_assert(!drain_advance(d, 1000));
	ck_assert_int_eq(w.outcome, false);
}
END_TEST

START_TEST(a_gateway_that_went_away_is_not_waited_for_long)
{
	struct wait w = begin("s", 5, 60000);

	watches("g1", "", 4, 10);
	drain_watched(d, "g1", "", 20);
	drain_wait(d, &w.wait, 30);
	ck_assert_int_eq(w.outcome, -1);
	ck_assert(!drain_advance(d, 20 + DRAIN_LIVE_MS));
	ck_assert_int_eq(w.outcome, true);
	ck_assert_uint_eq(drain_gateways(d, 20 + DRAIN_LIVE_MS), 0);
}
END_TEST

START_TEST(a_gateway_of_another_service_is_not_waited_for)
{
	struct wait w = begin("s", 5, 10000), v = begin("t", 5, 10000);

	watches("g1", "t", 4, 10);
	drain_wait(d, &w.wait, 20);
	ck_assert_int_eq(w.outcome, true);
	drain_wait(d, &v.wait, 20);
	ck_assert_int_eq(v.outcome, -1);
	drain_stop(d);
}
END_TEST

START_TEST(one_that_reports_must_also_have_nothing_in_flight)
{
	struct drain_use busy = {"s", "a", 2}, other = {"s", "b", 9}, none = {"s", "a", 0};
	struct wait w = begin("s", 5, 10000);

	watches("g1", "", 4, 10);
	drain_report(d, "g1", 4, NULL, 0, 15);
	drain_wait(d, &w.wait, 20);
	drain_watched(d, "g1", "", 30);
	watches("g1", "", 5, 31);
	ck_assert_int_eq(w.outcome, -1);
	drain_report(d, "g1", 5, &busy, 1, 40);
	ck_assert_int_eq(w.outcome, -1);
	drain_report(d, "g1", 4, &none, 1, 50);
	ck_assert_int_eq(w.outcome, -1);
	drain_report(d, "g1", 5, &other, 1, 60);
	ck_assert_int_eq(w.outcome, true);
}
END_TEST

START_TEST(one_that_reported_and_fell_silent_is_not_waited_for_though_its_watch_seems_to_wait)
{
	struct wait w = begin("s", 5, 60000);

	watches("g1", "", 4, 10);
	drain_report(d, "g1", 4, NULL, 0, 15);
	drain_wait(d, &w.wait, 20);
	ck_assert(drain_advance(d, 1000));
	ck_assert(!drain_advance(d, 15 + DRAIN_LIVE_MS));
	ck_assert_int_eq(w.outcome, true);
}
END_TEST

START_TEST(stopping_ends_all_waits_and_later_ones_at_once)
{
	struct wait w = begin("s", 5, 60000), v = begin("s", 6, 60000);

	watches("g1", "", 4, 10);
	drain_wait(d, &w.wait, 20);
	drain_stop(d);
	ck_assert_int_eq(w.outcome, false);
	drain_wait(d, &v.wait, 30);
	ck_assert_int_eq(v.outcome, false);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("drain");
	TCase *t = tcase_create("drain");

	tcase_add_checked_fixture(t, start, stop);
	tcase_add_test(t, without_gateways_it_is_drained_at_once);
	tcase_add_test(t, it_waits_until_every_gateway_has_taken_the_revision);
	tcase_add_test(t, one_that_has_it_already_is_not_waited_for);
	tcase_add_test(t, what_was_reported_before_the_wait_began_counts);
	tcase_add_test(t, a_new_gateway_is_given_time_for_its_first_report);
	tcase_add_test(t, a_report_heard_after_the_clock_was_read_counts_as_new);
	tcase_add_test(t, a_deadline_ends_the_wait_undrained);
	tcase_add_test(t, a_gateway_that_went_away_is_not_waited_for_long);
	tcase_add_test(t, a_gateway_of_another_service_is_not_waited_for);
	tcase_add_test(t, one_that_reports_must_also_have_nothing_in_flight);
	tcase_add_test(
		t,
		one_that_reported_and_fell_silent_is_not_waited_for_though_its_watch_seems_to_wait);
	tcase_add_test(t, stopping_ends_all_waits_and_later_ones_at_once);
	suite_add_tcase(s, t);
	return unit_run(s);
}
