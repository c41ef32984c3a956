/* limiter: what each kind lets in, to the last one, whatever the clock and the threads do. */
#include "gateway/limiter.h"
#include "gateway/settings_policy.h"
#include "tests/unit/unit.h"

#include <pthread.h>
#include <stdatomic.h>

#define SECOND UINT64_C(1000000)

static struct limiter *limiter;

static void setup(void)
{
	limiter = limiter_new(10000);
	ck_assert_ptr_nonnull(limiter);
}

static void teardown(void)
{
	limiter_free(&limiter);
}

static struct settings_limit bucket(unsigned rate, unsigned per_ms, unsigned burst)
{
	return (struct settings_limit){.kind = LIMIT_BUCKET,
				       .rate = rate,
				       .per_ms = per_ms,
				       .burst = burst,
				       .step_ns = (per_ms * UINT64_C(1000000) + rate - 1) / rate};
}

static unsigned let_in(const struct settings_limit *limit, uint64_t key, unsigned tries,
		       uint64_t now_us)
{
	unsigned in = 0;

	while (tries--)
		in += limiter_take(limiter, limit, key, 1, now_us).allowed;
	return in;
}

START_TEST(a_bucket_holds_its_burst_and_fills_evenly)
{
	struct settings_limit limit = bucket(10, 1000, 20);
	uint64_t now = 5 * SECOND;
	struct limiter_answer answer;

	answer = limiter_take(limiter, &limit, 7, 1, now);
	ck_assert(answer.allowed);
	ck_assert_uint_eq(answer.left, 19);
	ck_assert_uint_eq(answer.reset_us, SECOND / 10);
	ck_assert_uint_eq(let_in(&limit, 7, 100, now), 19);
	answer = limiter_take(limiter, &limit, 7, 1, now);
	ck_assert(!answer.allowed);
	ck_assert_uint_eq(answer.left, 0);
	ck_assert_uint_eq(answer.retry_us, SECOND / 10);
	ck_assert_uint_eq(let_in(&limit, 7, 100, now + SECOND / 10 - 1), 0);
	ck_assert_uint_eq(let_in(&limit, 7, 100, now + SECOND / 10), 1);
	ck_assert_uint_eq(let_in(&limit, 7, 100, now + SECOND), 9);
	ck_assert_uint_eq(let_in(&limit, 7, 100, now + 60 * SECOND), 20);
	ck_assert_uint_eq(let_in(&limit, 8, 100, now), 20); /* another key */
}
END_TEST

START_TEST(a_cost_takes_more_and_a_refusal_nothing)
{
	struct settings_limit limit = bucket(10, 1000, 10);

	ck_assert(limiter_take(limiter, &limit, 7, 7, SECOND).allowed);
	ck_assert(!limiter_take(limiter, &limit, 7, 4, SECOND).allowed);
	ck_assert(limiter_take(limiter, &limit, 7, 3, SECOND).allowed);
	ck_assert(limiter_take(limiter, &limit, 7, 0, SECOND).allowed);
	limiter_give(limiter, &limit, 7, 3);
	ck_assert_uint_eq(let_in(&limit, 7, 100, SECOND), 3);
}
END_TEST

/* One whose counter was taken over by another limit with shorter steps, say. */
START_TEST(what_is_given_back_is_at_most_what_was_taken)
{
	struct settings_limit fast = bucket(10, 1000, 10), slow = bucket(1, 86400000, 10);

	ck_assert(limiter_take(limiter, &fast, 7, 1, SECOND).allowed);
	limiter_give(limiter, &slow, 7, 1);
	ck_assert_uint_eq(let_in(&slow, 7, 100, SECOND), 10);
}
END_TEST

START_TEST(a_rate_that_does_not_divide_is_never_exceeded)
{
	struct settings_limit limit = bucket(3, 1000, 3);
	unsigned in = 0;

	for (uint64_t now = SECOND; now < 1001 * SECOND; now += 1000)
		in += let_in(&limit, 7, 2, now);
	ck_assert_uint_le(in, 3 + 3000);
	ck_assert_uint_ge(in, 3000 * 99 / 100);
}
END_TEST

START_TEST(a_window_slides)
{
	struct settings_limit limit = {.kind = LIMIT_WINDOW, .rate = 100, .per_ms = 1000};
	uint64_t start = 50 * SECOND;
	struct limiter_answer answer;

	ck_assert_uint_eq(let_in(&limit, 7, 500, start + SECOND / 2), 100);
	answer = limiter_take(limiter, &limit, 7, 1, start + SECOND / 2);
	ck_assert(!answer.allowed);
	ck_assert_uint_ge(answer.retry_us, SECOND / 2);
	ck_assert(!limiter_take(limiter, &limit, 7, 1, start + SECOND / 2 + answer.retry_us - 2)
			   .allowed);
	ck_assert(
		limiter_take(limiter, &limit, 7, 1, start + SECOND / 2 + answer.retry_us).allowed);
	ck_assert_uint_eq(let_in(&limit, 7, 500, start + SECOND + SECOND / 4), 24);
	ck_assert_uint_eq(let_in(&limit, 7, 500, start + SECOND + SECOND / 2), 25);
	ck_assert_uint_eq(let_in(&limit, 7, 500, start + 9 * SECOND), 100);
}
END_TEST

START_TEST(a_window_of_steady_callers_lets_in_its_rate)
{
	struct settings_limit limit = {.kind = LIMIT_WINDOW, .rate = 100, .per_ms = 1000};
	unsigned in = 0;

	for (uint64_t now = 100 * SECOND; now < 200 * SECOND; now += 500)
		in += let_in(&limit, 7, 1, now);
	ck_assert_uint_le(in, 100 * 100 + 100);
	ck_assert_uint_ge(in, 99 * 100);
}
END_TEST

START_TEST(clocks_that_differ_do_no_harm)
{
	struct settings_limit window = {.kind = LIMIT_WINDOW, .rate = 10, .per_ms = 1000};
	struct settings_limit limit = bucket(10, 1000, 10);
	unsigned in = 0;

	for (unsigned i = 0; i < 1000; i++)
		in += let_in(&limit, 7, 1, 10 * SECOND - (i % 2) * 5000);
	ck_assert_uint_eq(in, 10);
	in = 0;
	for (unsigned i = 0; i < 1000; i++)
		in += let_in(&window, 8, 1, 10 * SECOND - (i % 2) * 5000);
	ck_assert_uint_le(in, 20);
}
END_TEST

/* The same keys, counted by another limit from some time on. */
START_TEST(a_limit_that_a_reload_changes_is_the_new_one)
{
	struct settings_limit hourly = bucket(1, 3600000, 1), fast = bucket(100, 1000, 100);
	struct settings_limit minutes = {.kind = LIMIT_WINDOW, .rate = 10, .per_ms = 60000};
	struct settings_limit seconds = {.kind = LIMIT_WINDOW, .rate = 10, .per_ms = 1000};
	uint64_t now = 86400 * SECOND;

	ck_assert_uint_eq(let_in(&hourly, 7, 2, now), 1);
	ck_assert_uint_eq(let_in(&fast, 7, 1000, now + SECOND), 0); /* empty, but it fills */
	ck_assert_uint_eq(let_in(&fast, 7, 1000, now + 2 * SECOND), 100);
	ck_assert_uint_eq(let_in(&seconds, 8, 5, now), 5);
	ck_assert_uint_eq(let_in(&minutes, 8, 100, now + SECOND), 10);
	ck_assert_uint_eq(let_in(&minutes, 8, 100, now + 120 * SECOND), 10);
	ck_assert_uint_eq(let_in(&seconds, 8, 100, now + 121 * SECOND), 10);
}
END_TEST

START_TEST(so_many_at_once)
{
	struct settings_limit limit = {.kind = LIMIT_CONCURRENT, .rate = 3};

	ck_assert_uint_eq(let_in(&limit, 7, 10, SECOND), 3);
	limiter_give(limiter, &limit, 7, 1);
	ck_assert_uint_eq(let_in(&limit, 7, 10, 99 * SECOND), 1);
	for (unsigned i = 0; i < 3; i++)
		limiter_give(limiter, &limit, 7, 1);
	limiter_give(limiter, &limit, 7, 1); /* one too many */
	ck_assert_uint_eq(let_in(&limit, 7, 10, SECOND), 3);
}
END_TEST

/* Those that use a counter now are kept when a million others come. */
START_TEST(many_keys_do_not_push_out_what_is_full)
{
	struct settings_limit slow = bucket(10, 3600000, 10), fast = bucket(10, 100, 10);
	unsigned in = 0;

	ck_assert_uint_eq(let_in(&slow, 7, 100, SECOND), 10);
	for (uint64_t i = 0; i < 1000000; i++)
		(void)limiter_take(limiter, &fast, limiter_key(1, &i, sizeof(i)), 1, SECOND + i);
	in = let_in(&slow, 7, 100, 2 * SECOND);
	ck_assert_uint_eq(in, 0);
}
END_TEST

START_TEST(keys_are_of_their_limit)
{
	ck_assert(limiter_key(1, "a", 1) != limiter_key(2, "a", 1));
	ck_assert(limiter_key(1, "a", 1) != limiter_key(1, "b", 1));
	ck_assert(limiter_key(1, "a", 1) == limiter_key(1, "a", 1));
	ck_assert(limiter_key(1, NULL, 0) != 0);
}
END_TEST

static atomic_uint together;

static void *hammer(void *arg)
{
	const struct settings_limit *limit = arg;

	for (unsigned i = 0; i < 20000; i++)
		if (limiter_take(limiter, limit, 7, 1, SECOND + i).allowed)
			(void)atomic_fetch_add(&together, 1);
	return NULL;
}

START_TEST(threads_together_get_exactly_what_is_there)
{
	/* In the 20 ms that pass a bucket of 1000 a second gets 19 more. */
	struct settings_limit limit = bucket(1000, 1000, 500);
	pthread_t threads[4];

	atomic_store(&together, 0);
	for (unsigned i = 0; i < 4; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, hammer, &limit), 0);
	for (unsigned i = 0; i < 4; i++)
		(void)pthread_join(threads[i], NULL);
	ck_assert_uint_eq(atomic_load(&together), 500 + 19);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("limiter");
	TCase *t = tcase_create("limiter");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, a_bucket_holds_its_burst_and_fills_evenly);
	tcase_add_test(t, a_cost_takes_more_and_a_refusal_nothing);
	tcase_add_test(t, what_is_given_back_is_at_most_what_was_taken);
	tcase_add_test(t, a_rate_that_does_not_divide_is_never_exceeded);
	tcase_add_test(t, a_window_slides);
	tcase_add_test(t, a_window_of_steady_callers_lets_in_its_rate);
	tcase_add_test(t, clocks_that_differ_do_no_harm);
	tcase_add_test(t, a_limit_that_a_reload_changes_is_the_new_one);
	tcase_add_test(t, so_many_at_once);
	tcase_add_test(t, many_keys_do_not_push_out_what_is_full);
	tcase_add_test(t, keys_are_of_their_limit);
	tcase_add_test(t, threads_together_get_exactly_what_is_there);
	suite_add_tcase(s, t);
	return unit_run(s);
}
