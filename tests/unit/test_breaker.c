/* breaker: opens when half fail, stays open, and closes over a ramp of trials. */
#include "gateway/breaker.h"
#include "gateway/settings.h"
#include "tests/unit/unit.h"

static const struct settings_breaker usual = {
	.requests = 20, .failed = 50, .window_ms = 10000, .open_ms = 10000, .ramp_ms = 10000};
static struct breaker b;

enum { START = 1000000 }; /* ms */

static void setup(void)
{
	ck_assert_int_eq(breaker_init(&b), 0);
}

static void teardown(void)
{
	breaker_fini(&b);
}

/* One request that takes no time. False: it was refused. */
static bool request(bool failed, uint64_t now_ms)
{
	unsigned ticket = breaker_ask(&b, &usual, now_ms);

	if (ticket)
		breaker_end(&b, &usual, ticket, failed, now_ms);
	return ticket != 0;
}

static void requests(unsigned good, unsigned bad, uint64_t now_ms)
{
	while (good--)
		ck_assert(request(false, now_ms));
	while (bad--)
		ck_assert(request(true, now_ms));
}

static bool is_open(uint64_t now_ms)
{
	return breaker_left_ms(&b, &usual, now_ms) > 0;
}

static const struct {
	unsigned good, bad;
	bool opens;
} counts[] = {
	{0, 19, false},	 {0, 20, true}, {10, 10, true},
	{11, 10, false}, {5, 15, true}, {1000, 999, false},
};

START_TEST(it_opens_when_half_of_at_least_twenty_failed)
{
	requests(counts[_i].good, counts[_i].bad, START);
	ck_assert_int_eq(is_open(START), counts[_i].opens);
	ck_assert_str_eq(breaker_state_name(&b), counts[_i].opens ? "open" : "closed");
	ck_assert_int_eq(request(false, START), !counts[_i].opens);
}
END_TEST

START_TEST(what_failed_longer_ago_than_the_window_does_not_count)
{
	requests(0, 19, START);
	requests(0, 19, START + 10000);
	ck_assert(!is_open(START + 10000));
	requests(0, 1, START + 19999 - 1000);
	ck_assert(is_open(START + 19000));
}
END_TEST

START_TEST(failures_all_over_the_window_count_together)
{
	for (uint64_t i = 0; i < 19; i++)
		requests(0, 1, START + i * 450);
	ck_assert(!is_open(START + 9000));
	requests(0, 1, START + 9000);
	ck_assert(is_open(START + 9000));
}
END_TEST

START_TEST(requests_without_a_result_do_not_count)
{
	for (unsigned i = 0; i < 100; i++)
		ck_assert_uint_ne(breaker_ask(&b, &usual, START), 0);
	requests(0, 19, START);
	ck_assert(!is_open(START));
}
END_TEST

START_TEST(while_open_nothing_passes_and_late_results_do_not_count)
{
	unsigned before = breaker_ask(&b, &usual, START);

	requests(0, 20, START);
	for (uint64_t ms = 0; ms < 10000; ms += 100)
		ck_assert(!request(false, START + ms));
	ck_assert_uint_eq(breaker_left_ms(&b, &usual, START + 4000), 6000);
	ck_assert(request(false, START + 10000));
	breaker_end(&b, &usual, before, true, START + 10000);
	ck_assert_str_eq(breaker_state_name(&b), "ramp");
}
END_TEST

START_TEST(the_ramp_lets_a_growing_share_through_and_then_all)
{
	unsigned let[10] = {0};

	requests(0, 20, START);
	for (unsigned second = 0; second < 10; second++)
		for (unsigned i = 0; i < 100; i++)
			let[second] += request(false, START + 10000 + second * 1000 + i * 10);
	ck_assert_uint_ge(let[0], 1);
	ck_assert_uint_le(let[0], 10);
	for (unsigned second = 1; second < 10; second++)
		ck_assert_uint_gt(let[second], let[second - 1]);
	ck_assert_uint_gt(let[9], 90);
	ck_assert_str_eq(breaker_state_name(&b), "ramp");
	requests(100, 0, START + 20000);
	ck_assert_str_eq(breaker_state_name(&b), "closed");
}
END_TEST

START_TEST(a_first_trial_that_fails_opens_again_for_as_long)
{
	requests(0, 20, START);
	ck_assert(request(true, START + 10000));
	ck_assert_uint_eq(breaker_left_ms(&b, &usual, START + 10000), 10000);
	ck_assert(!request(false, START + 19999));
	ck_assert(request(false, START + 20000));
}
END_TEST

START_TEST(a_few_failures_among_good_trials_do_not_open_again)
{
	requests(0, 20, START);
	ck_assert(request(false, START + 10000));
	for (unsigned i = 1; i < 100; i++)
		(void)request(i % 10 == 9, START + 10000 + i * 100);
	ck_assert(!is_open(START + 20000));
}
END_TEST

START_TEST(trials_that_hang_do_not_close_it)
{
	unsigned ticket;

	requests(0, 20, START);
	ticket = breaker_ask(&b, &usual, START + 10000);
	ck_assert_uint_ne(ticket, 0);
	ck_assert_uint_ne(breaker_ask(&b, &usual, START + 20000), 0);
	ck_assert_uint_eq(breaker_ask(&b, &usual, START + 20000), 0);
	breaker_end(&b, &usual, ticket, true, START + 20001);
	ck_assert(is_open(START + 20001));
}
END_TEST

START_TEST(off_lets_everything_through)
{
	struct settings_breaker off = {.off = true};

	for (unsigned i = 0; i < 100; i++) {
		unsigned ticket = breaker_ask(&b, &off, START);

		ck_assert_uint_ne(ticket, 0);
		breaker_end(&b, &off, ticket, true, START);
	}
}
END_TEST

START_TEST(another_window_after_a_reload_forgets_what_was_counted)
{
	struct settings_breaker longer = usual;
	unsigned ticket;

	requests(0, 19, START);
	longer.window_ms = 60000;
	ticket = breaker_ask(&b, &longer, START + 1);
	breaker_end(&b, &longer, ticket, true, START + 1);
	ck_assert(!is_open(START + 1));
	for (unsigned i = 0; i < 19; i++)
		breaker_end(&b, &longer, ticket, true, START + 50000);
	ck_assert(is_open(START + 50000));
}
END_TEST

int main(void)
{
	Suite *s = suite_create("breaker");
	TCase *t = tcase_create("breaker");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, it_opens_when_half_of_at_least_twenty_failed, 0,
			    (int)(sizeof(counts) / sizeof(counts[0])));
	tcase_add_test(t, what_failed_longer_ago_than_the_window_does_not_count);
	tcase_add_test(t, failures_all_over_the_window_count_together);
	tcase_add_test(t, requests_without_a_result_do_not_count);
	tcase_add_test(t, while_open_nothing_passes_and_late_results_do_not_count);
	tcase_add_test(t, the_ramp_lets_a_growing_share_through_and_then_all);
	tcase_add_test(t, a_first_trial_that_fails_opens_again_for_as_long);
	tcase_add_test(t, a_few_failures_among_good_trials_do_not_open_again);
	tcase_add_test(t, trials_that_hang_do_not_close_it);
	tcase_add_test(t, off_lets_everything_through);
	tcase_add_test(t, another_window_after_a_reload_forgets_what_was_counted);
	suite_add_tcase(s, t);
	return unit_run(s);
}
