/* flight: who asks, who waits, who is told what; and how a failing origin is left alone. */
#include "gateway/flight.h"
#include "tests/unit/unit.h"

#include <string.h>

static struct flights *flights;
static struct loop *loop;
static unsigned told;
static enum flight_outcome outcome_told;
static const struct cache_key key_a = {.text = {"a", 1}, .hash = 7};
/* Of the same hash, which is no reason to be taken for the other. */
static const struct cache_key key_b = {.text = {"b", 1}, .hash = 7};
static const char origin[2];

static void on_landed(void *arg, enum flight_outcome outcome)
{
	unsigned *expected = arg;

	outcome_told = outcome;
	if (++told == *expected)
		loop_stop(loop);
}

static void setup(void)
{
	struct err e;

	flights = flights_new();
	loop = loop_new(&e);
	ck_assert(flights && loop);
	told = 0;
}

static void teardown(void)
{
	loop_free(&loop);
	flights_free(&flights);
}

static enum flight_part join(const struct cache_key *key, uint64_t wait_ms, void *expected,
			     struct flight **flight, struct flight_waiter **waiter)
{
	struct flight_ticket ticket = {
		.loop = loop, .wait_ms = wait_ms, .landed = on_landed, .arg = expected};

	return flight_join(flights, key, &ticket, flight, waiter);
}

START_TEST(the_first_leads_and_the_others_are_told_what_came_of_it)
{
	struct flight *f, *none;
	struct flight_waiter *w;
	unsigned expected = 3;

	ck_assert_int_eq(join(&key_a, 10000, &expected, &f, &w), FLIGHT_LEADS);
	ck_assert_ptr_null(w);
	for (unsigned i = 0; i < expected; i++) {
		ck_assert_int_eq(join(&key_a, 10000, &expected, &none, &w), FLIGHT_WAITS);
		ck_assert_ptr_null(none);
	}
	flight_end(&f, FLIGHT_SHARED, 0);
	ck_assert_ptr_null(f);
	ck_assert_uint_eq(told, 0); /* by the loop only */
	loop_run(loop);
	ck_assert_uint_eq(told, 3);
	ck_assert_int_eq(outcome_told, FLIGHT_SHARED);
	ck_assert_int_eq(join(&key_a, 10000, &expected, &f, &w), FLIGHT_LEADS);
	flight_end(&f, FLIGHT_DROPPED, 0);
}
END_TEST

START_TEST(keys_of_the_same_hash_have_nothing_to_do_with_each_other)
{
	struct flight *a, *b;
	struct flight_waiter *w;
	unsigned expected = 1;

	ck_assert_int_eq(join(&key_a, 10000, &expected, &a, &w), FLIGHT_LEADS);
	ck_assert_int_eq(join(&key_b, 10000, &expected, &b, &w), FLIGHT_LEADS);
	flight_end(&a, FLIGHT_FAILED, 0);
	flight_end(&b, FLIGHT_FAILED, 0);
}
END_TEST

START_TEST(who_leaves_is_not_told_before_or_after_the_end)
{
	struct flight *f, *none;
	struct flight_waiter *early, *late, *stays;
	unsigned expected = 1;

	ck_assert_int_eq(join(&key_a, 10000, &expected, &f, &early), FLIGHT_LEADS);
	ck_assert_int_eq(join(&key_a, 10000, &expected, &none, &early), FLIGHT_WAITS);
	ck_assert_int_eq(join(&key_a, 10000, &expected, &none, &stays), FLIGHT_WAITS);
	ck_assert_int_eq(join(&key_a, 10000, &expected, &none, &late), FLIGHT_WAITS);
	flight_leave(&early);
	ck_assert_ptr_null(early);
	flight_end(&f, FLIGHT_FAILED, 0);
	flight_leave(&late); /* its message is under way */
	loop_run(loop);
	ck_assert_uint_eq(told, 1);
	flight_leave(&late);
}
END_TEST

START_TEST(who_waited_long_enough_goes_alone)
{
	struct flight *f, *none;
	struct flight_waiter *w;
	unsigned expected = 1;

	ck_assert_int_eq(join(&key_a, 1, &expected, &f, &w), FLIGHT_LEADS);
	ck_assert_int_eq(join(&key_a, 1, &expected, &none, &w), FLIGHT_WAITS);
	loop_run(loop);
	ck_assert_int_eq(outcome_told, FLIGHT_FAILED);
	flight_end(&f, FLIGHT_SHARED, 0);
	ck_assert_uint_eq(told, 1);
}
END_TEST

START_TEST(nobody_waits_for_what_could_not_be_shared_a_moment_ago)
{
	struct flight *f;
	struct flight_waiter *w;
	unsigned expected = 1;
	uint64_t now = loop_now_ms(loop);

	ck_assert_int_eq(join(&key_a, 1, &expected, &f, &w), FLIGHT_LEADS);
	flight_end(&f, FLIGHT_PRIVATE, now);
	ck_assert_int_eq(join(&key_a, 1, &expected, &f, &w), FLIGHT_ALONE);
	ck_assert_ptr_null(f);
	ck_assert_ptr_null(w);
	flight_end(&f, FLIGHT_SHARED, now); /* harmless */
	flight_leave(&w);
}
END_TEST

START_TEST(who_asks_for_the_cache_alone_leads_if_nobody_does_and_never_waits)
{
	struct flight_ticket ticket = {.loop = loop};
	struct flight *f, *none;
	struct flight_waiter *w;
	unsigned expected = 1;

	ck_assert_int_eq(join(&key_a, 1, &expected, &f, &w), FLIGHT_LEADS);
	ck_assert_int_eq(flight_join(flights, &key_a, &ticket, &none, &w), FLIGHT_ALONE);
	flight_end(&f, FLIGHT_PRIVATE, loop_now_ms(loop));
	ck_assert_int_eq(flight_join(flights, &key_a, &ticket, &f, &w), FLIGHT_LEADS);
	flight_end(&f, FLIGHT_DROPPED, 0);
}
END_TEST

START_TEST(a_mark_is_forgotten_after_a_while)
{
	struct flight *f;
	struct flight_waiter *w;
	unsigned expected = 1;

	ck_assert_int_eq(join(&key_a, 1, &expected, &f, &w), FLIGHT_LEADS);
	flight_end(&f, FLIGHT_PRIVATE, loop_now_ms(loop) - FLIGHT_ALONE_MS);
	ck_assert_int_eq(join(&key_a, 1, &expected, &f, &w), FLIGHT_LEADS);
	flight_end(&f, FLIGHT_DROPPED, 0);
}
END_TEST

START_TEST(an_origin_that_failed_is_asked_by_one_with_growing_pauses)
{
	uint64_t now = 1000, pause = FLIGHT_PROBE_MS;

	ck_assert(!flight_is_held(flights, &key_a, origin, 500, now));
	for (unsigned i = 0; i < 10; i++) /* all that were under way */
		flight_failed(flights, &key_a, origin, now);
	for (unsigned i = 0; i < 6; i++) {
		ck_assert(flight_is_held(flights, &key_a, origin, 500, now + pause - 1));
		ck_assert(!flight_is_held(flights, &key_a, origin, 500, now + pause));
		ck_assert(flight_is_held(flights, &key_a, origin, 500, now + pause + 499));
		now += pause + 499;
		flight_failed(flights, &key_a, origin, now);
		pause = pause * 2 < FLIGHT_PROBE_MOST ? pause * 2 : FLIGHT_PROBE_MOST;
	}
	flight_succeeded(flights, &key_a);
	ck_assert(!flight_is_held(flights, &key_a, origin, 500, now));
	ck_assert(!flight_is_held(flights, &key_a, origin, 500, now)); /* each may ask */
}
END_TEST

START_TEST(a_prober_that_never_comes_back_is_given_up)
{
	flight_failed(flights, &key_a, origin, 1000);
	ck_assert(!flight_is_held(flights, &key_a, origin, 500, 3000));
	ck_assert(flight_is_held(flights, &key_a, origin, 500, 3499));
	ck_assert(!flight_is_held(flights, &key_a, origin, 500, 3500));
}
END_TEST

START_TEST(other_instances_are_asked_at_once_by_one)
{
	flight_failed(flights, &key_a, origin, 1000);
	ck_assert(flight_is_held(flights, &key_a, origin, 500, 1001));
	ck_assert(!flight_is_held(flights, &key_a, origin + 1, 500, 1001));
	ck_assert(flight_is_held(flights, &key_a, origin + 1, 500, 1002));
}
END_TEST

int main(void)
{
	Suite *s = suite_create("flight");
	TCase *t = tcase_create("flight");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, the_first_leads_and_the_others_are_told_what_came_of_it);
	tcase_add_test(t, keys_of_the_same_hash_have_nothing_to_do_with_each_other);
	tcase_add_test(t, who_leaves_is_not_told_before_or_after_the_end);
	tcase_add_test(t, who_waited_long_enough_goes_alone);
	tcase_add_test(t, nobody_waits_for_what_could_not_be_shared_a_moment_ago);
	tcase_add_test(t, who_asks_for_the_cache_alone_leads_if_nobody_does_and_never_waits);
	tcase_add_test(t, a_mark_is_forgotten_after_a_while);
	tcase_add_test(t, an_origin_that_failed_is_asked_by_one_with_growing_pauses);
	tcase_add_test(t, a_prober_that_never_comes_back_is_given_up);
	tcase_add_test(t, other_instances_are_asked_at_once_by_one);
	suite_add_tcase(s, t);
	return unit_run(s);
}
