/* quota: what one gateway lets in between the answers of the registry, and what it tells it. */
#include "gateway/quota.h"
#include "client-lib/microreg.h"
#include "gateway/settings_policy.h"
#include "tests/unit/unit.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#define SECOND INT64_C(1000)
#define DAY    (86400 * SECOND)

static const int64_t noon = INT64_C(1769860800000); /* 2026-01-31T12:00:00Z */

static struct quota *quota;
static const struct settings_limit daily = {
	.name = "plan", .kind = LIMIT_QUOTA, .rate = 100, .period = PERIOD_DAY};

static void setup(void)
{
	quota = quota_new(100000);
	ck_assert_ptr_nonnull(quota);
}

static void teardown(void)
{
	quota_free(&quota);
}

static struct quota_ask asks(const char *key, uint64_t cost)
{
	return (struct quota_ask){.limit = &daily,
				  .key = key,
				  .cost = cost,
				  .wall_ms = noon,
				  .now_ms = 5000,
				  .patient = true};
}

static struct quota_answer take(const char *key, uint64_t cost)
{
	struct quota_ask ask = asks(key, cost);

	return quota_take(quota, &ask);
}

static unsigned let_in(const char *key, unsigned tries)
{
	unsigned in = 0;

	while (tries--)
		in += take(key, 1).result == QUOTA_TAKEN;
	return in;
}

/* What is reported of the caller, -1 when nothing is. The answer: so many are used, of so many
 * gateways. */
static int64_t report(const char *key, unsigned total, unsigned gateways)
{
	struct microreg_report told;
	int64_t used = -1;

	if (!quota_report(quota, &told))
		return -1;
	for (size_t i = 0; i < told.quota_count; i++) {
		told.quotas[i].counted = true;
		told.quotas[i].total = total;
		if (strcmp(told.quotas[i].key, key) == 0)
			used = told.quotas[i].used;
	}
	told.gateways = gateways;
	(void)quota_answered(quota, &told, 5000, noon);
	return used;
}

/* The registry has said how it stands. */
static void hear(const char *key, unsigned total, unsigned gateways)
{
	(void)take(key, 1);
	(void)report(key, total, gateways);
}

START_TEST(who_is_not_known_waits_for_the_registry)
{
	struct quota_answer answer = take("ada", 1);

	ck_assert_int_eq(answer.result, QUOTA_UNSURE);
	ck_assert(answer.hurry);
	ck_assert_int_eq(report("ada", 97, 1), 0);
	ck_assert_uint_eq(let_in("ada", 10), 3);
	ck_assert_int_eq(take("ada", 1).result, QUOTA_REFUSED);
}
END_TEST

START_TEST(the_only_gateway_lets_in_all_that_is_left_and_no_more)
{
	struct quota_answer answer;

	hear("ada", 0, 1);
	answer = take("ada", 1);
	ck_assert_uint_eq(answer.limit.left, 99);
	ck_assert_uint_eq(answer.period_s, 86400);
	ck_assert_uint_eq(answer.limit.reset_us, UINT64_C(12) * 3600 * 1000000);
	ck_assert(!answer.hurry);
	ck_assert_uint_eq(let_in("ada", 1000), 99);
	answer = take("ada", 1);
	ck_assert_int_eq(answer.result, QUOTA_REFUSED);
	ck_assert_uint_eq(answer.limit.retry_us, UINT64_C(12) * 3600 * 1000000);
	ck_assert_int_eq(report("ada", 100, 1), 100);
	ck_assert_uint_eq(let_in("ada", 10), 0);
	hear("bob", 0, 1);
	ck_assert_uint_eq(let_in("bob", 1000), 100);
}
END_TEST

START_TEST(what_is_used_up_is_asked_about_again_after_a_second)
{
	struct quota_ask ask = asks("ada", 1);
	struct quota_answer answer;

	hear("ada", 100, 1);
	ask.now_ms += 999;
	ck_assert_int_eq(quota_take(quota, &ask).result, QUOTA_REFUSED);
	ask.now_ms++;
	answer = quota_take(quota, &ask);
	ck_assert_int_eq(answer.result, QUOTA_UNSURE);
	ck_assert(answer.hurry);
	ask.patient = false;
	ck_assert_int_eq(quota_take(quota, &ask).result, QUOTA_REFUSED);
	ck_assert_int_eq(report("ada", 0, 1), 0); /* it was reset */
	ask.patient = true;
	ck_assert_int_eq(quota_take(quota, &ask).result, QUOTA_TAKEN);
	hear("ada", 100, 1);
	quota_failed(quota);
	ck_assert_int_eq(quota_take(quota, &ask).result, QUOTA_REFUSED);
}
END_TEST

START_TEST(how_many_gateways_there_are_is_not_guessed)
{
	struct quota_stats stats;

	quota_stats(quota, &stats);
	ck_assert_uint_eq(stats.gateways, 0);
	hear("ada", 0, 3);
	quota_stats(quota, &stats);
	ck_assert_uint_eq(stats.gateways, 3);
}
END_TEST

START_TEST(one_of_several_gateways_asks_before_it_lets_in_much)
{
	unsigned rounds = 0, total = 0;

	hear("ada", 0, 2);
	while (total < 100 && rounds++ < 100) {
		unsigned in = let_in("ada", 1000);

		ck_assert_uint_le(in, (100 - total) / 2 / 8 + 1);
		total += in;
		ck_assert(total == 100 || take("ada", 1).hurry);
		ck_assert_int_eq(report("ada", total, 2), in);
	}
	ck_assert_uint_eq(total, 100);
	ck_assert_int_eq(take("ada", 1).result, QUOTA_REFUSED);
}
END_TEST

START_TEST(an_answer_of_long_ago_is_worth_less)
{
	struct settings_limit large = {
		.name = "large", .kind = LIMIT_QUOTA, .rate = 100000, .period = PERIOD_DAY};
	struct quota_ask ask = asks("ada", 1);
	unsigned in = 0;

	ask.limit = &large;
	(void)quota_take(quota, &ask);
	(void)report("ada", 0, 2);
	ask.now_ms += 60000;
	while (quota_take(quota, &ask).result == QUOTA_TAKEN)
		in++;
	ck_assert_uint_eq(in, 100000 / 2 / 100);
}
END_TEST

START_TEST(a_registry_that_is_away_keeps_nobody_waiting)
{
	struct microreg_report told;

	ck_assert_int_eq(take("ada", 1).result, QUOTA_UNSURE);
	ck_assert(quota_report(quota, &told));
	quota_failed(quota);
	ck_assert_uint_eq(let_in("ada", 1000), 100);
	ck_assert(!take("ada", 1).hurry);
	/* It comes back: what was under way comes again as it was, the rest with the next. */
	ck_assert_int_eq(report("ada", 0, 1), 0);
	ck_assert_int_eq(report("ada", 130, 1), 100);
	ck_assert_uint_eq(let_in("ada", 10), 0);
}
END_TEST

START_TEST(the_impatient_are_let_in_by_what_is_known)
{
	struct quota_ask ask = asks("ada", 1);

	ask.patient = false;
	ck_assert_int_eq(quota_take(quota, &ask).result, QUOTA_TAKEN);
	ck_assert_int_eq(report("ada", 1, 2), 1);
}
END_TEST

START_TEST(a_report_without_an_answer_comes_again_the_same)
{
	struct microreg_report first, again, next;

	hear("ada", 0, 1);
	(void)let_in("ada", 7);
	ck_assert(quota_report(quota, &first));
	quota_failed(quota);
	(void)let_in("ada", 5);
	ck_assert(quota_report(quota, &again));
	ck_assert_str_eq(again.sender, first.sender);
	ck_assert_uint_eq(again.sequence, first.sequence);
	ck_assert_uint_eq(again.quota_count, 1);
	ck_assert_uint_eq(again.quotas[0].used, 7);
	again.quotas[0].counted = true;
	again.quotas[0].total = 7;
	again.gateways = 1;
	(void)quota_answered(quota, &again, 5000, noon);
	ck_assert(quota_report(quota, &next));
	ck_assert_uint_eq(next.sequence, first.sequence + 1);
	ck_assert_uint_eq(next.quotas[0].used, 5);
}
END_TEST

START_TEST(what_the_registry_does_not_keep_is_counted_here)
{
	struct microreg_report told;

	hear("ada", 0, 1);
	ck_assert_uint_eq(let_in("ada", 60), 60);
	ck_assert(quota_report(quota, &told));
	told.quotas[0].counted = false;
	told.quotas[0].total = 0;
	told.gateways = 1;
	(void)quota_answered(quota, &told, 5000, noon);
	ck_assert_uint_eq(let_in("ada", 1000), 40);
}
END_TEST

START_TEST(costs_count_and_what_is_given_back_does_not)
{
	struct quota_ask ask = asks("ada", 30);

	hear("ada", 0, 1);
	ck_assert_uint_eq(take("ada", 90).limit.left, 10);
	ck_assert_int_eq(take("ada", 30).result, QUOTA_REFUSED);
	ck_assert_int_eq(take("ada", 10).result, QUOTA_TAKEN);
	quota_give(quota, &ask);
	ck_assert_int_eq(report("ada", 70, 1), 70);
	/* Given back after it was reported. */
	quota_give(quota, &ask);
	ck_assert_uint_eq(take("ada", 1).limit.left, 59);
	ck_assert_int_eq(report("ada", 70, 1), 0);
	ck_assert_uint_eq(let_in("ada", 1000), 59);
	ck_assert_int_eq(report("ada", 100, 1), 30);
}
END_TEST

START_TEST(a_cost_of_nothing_only_looks)
{
	hear("ada", 100, 1);
	ck_assert_int_eq(take("ada", 0).result, QUOTA_TAKEN);
	hear("bob", 101, 1);
	ck_assert_int_eq(take("bob", 0).result, QUOTA_REFUSED);
}
END_TEST

START_TEST(a_new_day_begins_anew_and_the_old_one_is_still_reported)
{
	struct quota_ask ask = asks("ada", 1);
	struct microreg_report told;

	hear("ada", 0, 1);
	ck_assert_uint_eq(let_in("ada", 1000), 100);
	ask.wall_ms = noon + DAY / 2 - 1;
	ck_assert_int_eq(quota_take(quota, &ask).result, QUOTA_REFUSED);
	ck_assert_uint_eq(quota_take(quota, &ask).limit.retry_us, 1000);
	quota_failed(quota); /* so that nobody waits */
	ask.wall_ms++;
	ck_assert_uint_eq(quota_take(quota, &ask).limit.left, 99);
	ck_assert(quota_report(quota, &told));
	ck_assert_uint_eq(told.quota_count, 2);
	for (size_t i = 0; i < 2; i++)
		ck_assert_uint_eq(told.quotas[i].used,
				  strcmp(told.quotas[i].period, "2026-02-01") == 0 ? 1 : 100);
}
END_TEST

START_TEST(a_month_has_its_own_length)
{
	static const struct {
		int64_t wall_ms;
		const char *period;
		unsigned days;
	} cases[] = {
		{INT64_C(1769904000000) - 1, "2026-01", 31}, /* the last moment of January 2026 */
		{INT64_C(1769904000000), "2026-02", 28},
		{INT64_C(1835265600000), "2028-02", 29}, /* 2028-02-27T16:00:00Z */
		{INT64_C(1775001599999), "2026-03", 31}, /* the last moment of March */
		{INT64_C(1775001600000), "2026-04", 30},
	};
	struct settings_limit monthly = daily;
	struct microreg_report told;

	monthly.period = PERIOD_MONTH;
	quota_failed(quota);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct quota_ask ask = asks("ada", 1);
		struct quota_answer answer;

		ask.limit = &monthly;
		ask.wall_ms = cases[i].wall_ms;
		answer = quota_take(quota, &ask);
		ck_assert_msg(answer.period_s == cases[i].days * 86400u, "%s", cases[i].period);
		ck_assert(quota_report(quota, &told));
		ck_assert_uint_eq(told.quota_count, 1);
		ck_assert_str_eq(told.quotas[0].period, cases[i].period);
		told.quotas[0].counted = true;
		(void)quota_answered(quota, &told, 5000, noon);
		quota_failed(quota);
	}
}
END_TEST

START_TEST(more_callers_than_there_is_room_for)
{
	struct quota_stats stats;
	char key[32];

	quota_free(&quota);
	quota = quota_new(1024); /* 16 in each part */
	quota_failed(quota);
	for (int i = 0; i < 5000; i++) {
		(void)snprintf(key, sizeof(key), "k%d", i);
		ck_assert_int_eq(take(key, 1).result, QUOTA_TAKEN);
	}
	quota_stats(quota, &stats);
	ck_assert_uint_eq(stats.keys, 1024);
	ck_assert_uint_eq(stats.unreported, 1024);
	ck_assert_uint_eq(stats.lost, 5000 - 1024);
	/* The registry knows them now, so that they may go. */
	while (report("", 1, 1) == -1 && (quota_stats(quota, &stats), stats.unreported))
		continue;
	quota_failed(quota);
	for (int i = 0; i < 100; i++) {
		(void)snprintf(key, sizeof(key), "n%d", i);
		ck_assert_int_eq(take(key, 1).result, QUOTA_TAKEN);
	}
	quota_stats(quota, &stats);
	ck_assert_uint_eq(stats.lost, 5000 - 1024);
	ck_assert_uint_eq(stats.keys, 1024);
}
END_TEST

/* Fills a table of 1,024, gives back what each, or each second one, was let in for after it was
 * reported, and has others ask, none of whom may go without a count. How many counts there are. */
static uint64_t keys_after_giving_back(int every)
{
	struct quota_stats stats;
	char key[32];

	quota_free(&quota);
	quota = quota_new(1024);
	quota_failed(quota);
	for (int i = 0; i < 5000; i++) {
		(void)snprintf(key, sizeof(key), "k%d", i);
		(void)take(key, 1);
	}
	while (report("", 1, 1) == -1 && (quota_stats(quota, &stats), stats.unreported))
		continue;
	quota_failed(quota);
	for (int i = 0; i < 5000; i += every) { /* of those without a count nothing is */
		struct quota_ask ask;

		(void)snprintf(key, sizeof(key), "k%d", i);
		ask = asks(key, 1);
		quota_give(quota, &ask);
	}
	quota_stats(quota, &stats);
	for (int i = 0; i < 50; i++) {
		uint64_t lost = stats.lost;

		(void)snprintf(key, sizeof(key), "n%d", i);
		ck_assert_int_eq(take(key, 1).result, QUOTA_TAKEN);
		quota_stats(quota, &stats);
		ck_assert_uint_eq(stats.lost, lost);
	}
	return stats.keys;
}

START_TEST(what_was_given_back_keeps_nobody_out)
{
	ck_assert_uint_eq(keys_after_giving_back(1), 1024); /* all of them */
	ck_assert_uint_eq(keys_after_giving_back(2), 1024);
}
END_TEST

START_TEST(what_is_over_is_forgotten)
{
	struct microreg_report told;
	struct quota_stats stats;
	char key[32];

	quota_failed(quota);
	for (int i = 0; i < 2000; i++) {
		(void)snprintf(key, sizeof(key), "k%d", i);
		(void)take(key, 1);
	}
	for (int i = 0; i < 100; i++) {
		(void)quota_report(quota, &told);
		(void)quota_answered(quota, &told, 5000, noon + DAY);
	}
	quota_stats(quota, &stats);
	ck_assert_uint_eq(stats.keys, 0);
}
END_TEST

/* ---- All at once ---- */

enum { THREADS = 4, TRIES = 20000 };

static atomic_uint threads_in;

static void *many_tries(void *arg)
{
	(void)arg;
	for (int i = 0; i < TRIES; i++)
		atomic_fetch_add(&threads_in, take("ada", 1).result == QUOTA_TAKEN);
	return NULL;
}

START_TEST(no_number_of_workers_lets_in_more)
{
	struct microreg_report told;
	pthread_t threads[THREADS];
	unsigned told_used = 0;

	hear("ada", 0, 1);
	for (size_t i = 0; i < THREADS; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, many_tries, NULL), 0);
	for (int i = 0; i < 1000; i++) {
		(void)quota_report(quota, &told);
		for (size_t k = 0; k < told.quota_count; k++) {
			told_used += told.quotas[k].used;
			told.quotas[k].total = told_used;
			told.quotas[k].counted = true;
		}
		told.gateways = 1;
		(void)quota_answered(quota, &told, 5000, noon);
	}
	for (size_t i = 0; i < THREADS; i++)
		ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
	(void)quota_report(quota, &told);
	for (size_t k = 0; k < told.quota_count; k++)
		told_used += told.quotas[k].used;
	ck_assert_uint_eq(atomic_load(&threads_in), 100);
	ck_assert_uint_eq(told_used, 100);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("quota");
	TCase *tc = tcase_create("quota");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, who_is_not_known_waits_for_the_registry);
	tcase_add_test(tc, the_only_gateway_lets_in_all_that_is_left_and_no_more);
	tcase_add_test(tc, what_is_used_up_is_asked_about_again_after_a_second);
	tcase_add_test(tc, how_many_gateways_there_are_is_not_guessed);
	tcase_add_test(tc, one_of_several_gateways_asks_before_it_lets_in_much);
	tcase_add_test(tc, an_answer_of_long_ago_is_worth_less);
	tcase_add_test(tc, a_registry_that_is_away_keeps_nobody_waiting);
	tcase_add_test(tc, the_impatient_are_let_in_by_what_is_known);
	tcase_add_test(tc, a_report_without_an_answer_comes_again_the_same);
	tcase_add_test(tc, what_the_registry_does_not_keep_is_counted_here);
	tcase_add_test(tc, costs_count_and_what_is_given_back_does_not);
	tcase_add_test(tc, a_cost_of_nothing_only_looks);
	tcase_add_test(tc, a_new_day_begins_anew_and_the_old_one_is_still_reported);
	tcase_add_test(tc, a_month_has_its_own_length);
	tcase_add_test(tc, more_callers_than_there_is_room_for);
	tcase_add_test(tc, what_was_given_back_keeps_nobody_out);
	tcase_add_test(tc, what_is_over_is_forgotten);
	tcase_add_test(tc, no_number_of_workers_lets_in_more);
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}
