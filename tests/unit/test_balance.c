/* balance: turns are even, weighted, smooth, and pass over what was tried or taken out. */
#include "gateway/balance.h"
#include "gateway/health.h"
#include "gateway/usage.h"
#include "tests/unit/balance_case.h"
#include "tests/unit/unit.h"

START_TEST(equal_weights_get_equal_turns_in_the_order_of_the_list)
{
	struct endpoint_set set;
	struct balance_tried none = {0};

	balance_case_fill(&set, NULL, 3);
	for (uint64_t turn = 0; turn < 30; turn++)
		ck_assert_uint_eq(balance_case_index(&set, balance_pick(&set, &none, turn)),
				  turn % 3);
	endpoint_set_fini(&set);
}
END_TEST

static const struct {
	unsigned weights[4];
	size_t count;
	unsigned round; /* the sum, after common factors */
} weighted[] = {
	{{1, 2, 3}, 3, 6}, {{100, 200, 300}, 3, 6}, {{5, 1, 1}, 3, 7}, {{1000, 1}, 2, 1001},
	{{7}, 1, 1},
};

START_TEST(a_round_gives_each_exactly_its_weight)
{
	struct endpoint_set set;
	unsigned counts[4] = {0}, gcd_round = weighted[_i].round, sum = 0;

	balance_case_fill(&set, weighted[_i].weights, weighted[_i].count);
	ck_assert_uint_eq(set.schedule_len, gcd_round);
	balance_case_count(&set, gcd_round, counts);
	for (size_t i = 0; i < set.count; i++)
		sum += weighted[_i].weights[i];
	for (size_t i = 0; i < set.count; i++)
		ck_assert_uint_eq(counts[i] * sum, weighted[_i].weights[i] * gcd_round);
	endpoint_set_fini(&set);
}
END_TEST

START_TEST(turns_of_a_heavy_one_are_spread_out)
{
	static const unsigned weights[] = {4, 1, 1, 1, 1};
	struct endpoint_set set;
	struct balance_tried none = {0};
	unsigned run = 0, longest = 0;

	balance_case_fill(&set, weights, 5);
	for (uint64_t turn = 0; turn < 80; turn++) {
		run = balance_case_index(&set, balance_pick(&set, &none, turn)) == 0 ? run + 1 : 0;
		longest = run > longest ? run : longest;
	}
	ck_assert_uint_le(longest, 2); /* 4 of 8: every other one, and once around the end */
	endpoint_set_fini(&set);
}
END_TEST

START_TEST(many_instances_of_great_weight_keep_the_schedule_bounded)
{
	enum { N = 100 };
	unsigned weights[N];
	struct endpoint_set set;

	for (unsigned i = 0; i < N; i++)
		weights[i] = 900 + i;
	balance_case_fill(&set, weights, N);
	ck_assert_uint_le(set.schedule_len, 16384 + N);
	endpoint_set_fini(&set);
}
END_TEST

START_TEST(what_was_tried_is_not_picked_again)
{
	struct endpoint_set set;
	struct endpoint *items[3];
	struct balance_tried tried = {.items = items};

	balance_case_fill(&set, NULL, 3);
	for (; tried.count < 3; tried.count++) {
		struct endpoint *ep = balance_pick(&set, &tried, 1);

		ck_assert_ptr_nonnull(ep);
		for (size_t i = 0; i < tried.count; i++)
			ck_assert_ptr_ne(ep, items[i]);
		items[tried.count] = ep;
	}
	ck_assert_ptr_null(balance_pick(&set, &tried, 1));
	endpoint_set_fini(&set);
}
END_TEST

START_TEST(an_instance_that_is_not_up_gets_nothing)
{
	struct endpoint_set set;
	unsigned counts[3] = {0};

	balance_case_fill(&set, NULL, 3);
	set.items[1]->up = false;
	set.up_count = 2;
	ck_assert_int_eq(balance_build(&set, 0), 0);
	balance_case_count(&set, 10, counts);
	ck_assert_uint_eq(counts[0], 5);
	ck_assert_uint_eq(counts[1], 0);
	ck_assert_uint_eq(counts[2], 5);
	endpoint_set_fini(&set);
}
END_TEST

static void fail_times(struct endpoint_set *set, size_t i, unsigned times, uint64_t now_ms)
{
	while (times--)
		health_failed(set, set->items[i], now_ms);
}

START_TEST(five_failures_in_a_row_take_an_instance_out_for_30_s)
{
	struct endpoint_set set;
	unsigned counts[3] = {0};

	balance_case_fill(&set, NULL, 3);
	fail_times(&set, 0, 4, 1000);
	health_succeeded(set.items[0]);
	fail_times(&set, 0, 4, 1000);
	ck_assert_uint_eq(set.ejected, 0);
	fail_times(&set, 0, 1, 1000);
	ck_assert_uint_eq(set.ejected, 1);
	balance_case_count(&set, 10, counts);
	ck_assert_uint_eq(counts[0], 0);
	ck_assert_uint_eq(counts[1], 5);
	health_review(&set, 30999);
	ck_assert_uint_eq(set.ejected, 1);
	health_review(&set, 31000);
	ck_assert_uint_eq(set.ejected, 0);
	balance_case_count(&set, 9, counts);
	ck_assert_uint_eq(counts[0], 3);
	endpoint_set_fini(&set);
}
END_TEST

START_TEST(each_ejection_is_longer_up_to_300_s)
{
	struct endpoint_set set;
	uint64_t now = 0;

	balance_case_fill(&set, NULL, 4);
	for (unsigned n = 1; n <= 15; n++) {
		fail_times(&set, 2, 5, now);
		ck_assert_uint_eq(set.items[2]->ejected_until_ms - now,
				  n < 10 ? n * 30000 : 300000);
		now = set.items[2]->ejected_until_ms;
		health_review(&set, now);
	}
	endpoint_set_fini(&set);
}
END_TEST

START_TEST(ejections_are_forgotten_one_for_each_10_s_in)
{
	static const struct {
		unsigned in_ms, ejection; /* in before it, and which one it counts as */
	} cases[] = {{0, 1},	 {0, 2},     {9999, 3}, {10000, 3}, {20000, 2},
		     {10000, 2}, {50000, 1}, {0, 2},	{0, 3},	    {1000000, 1}};
	struct endpoint_set set;
	uint64_t now = 1000;

	balance_case_fill(&set, NULL, 4);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		now += cases[i].in_ms;
		fail_times(&set, 2, 5, now);
		ck_assert_uint_eq(set.items[2]->ejected_until_ms - now, cases[i].ejection * 30000);
		now = set.items[2]->ejected_until_ms;
		health_review(&set, now);
	}
	endpoint_set_fini(&set);
}
END_TEST

START_TEST(the_last_one_and_more_than_half_are_never_taken_out)
{
	struct endpoint_set one, four;

	balance_case_fill(&one, NULL, 1);
	fail_times(&one, 0, 50, 0);
	ck_assert_uint_eq(one.ejected, 0);
	balance_case_fill(&four, NULL, 4);
	for (size_t i = 0; i < 4; i++)
		fail_times(&four, i, 50, 0);
	ck_assert_uint_eq(four.ejected, 2);
	endpoint_set_fini(&one);
	endpoint_set_fini(&four);
}
END_TEST

START_TEST(those_taken_out_are_tried_when_nothing_else_is_left)
{
	struct endpoint_set set;
	struct endpoint *items[1];
	struct balance_tried tried = {.items = items, .count = 1};

	balance_case_fill(&set, NULL, 2);
	fail_times(&set, 0, 5, 0);
	items[0] = set.items[1];
	ck_assert_ptr_eq(balance_pick(&set, &tried, 0), set.items[0]);
	endpoint_set_fini(&set);
}
END_TEST

static void pick_from_zone(struct endpoint_set *set, size_t i)
{
	set->items[i]->near = true;
}

START_TEST(instances_of_the_gateways_zone_get_all_while_there_are_any)
{
	struct endpoint_set set;
	unsigned counts[4] = {0}, after[4] = {0};
	struct endpoint *items[2];
	struct balance_tried tried = {.items = items, .count = 2};

	balance_case_fill(&set, NULL, 4);
	pick_from_zone(&set, 1);
	pick_from_zone(&set, 3);
	ck_assert_int_eq(balance_build(&set, 0), 0);
	balance_case_count(&set, 10, counts);
	ck_assert_uint_eq(counts[1], 5);
	ck_assert_uint_eq(counts[3], 5);
	items[0] = set.items[1];
	items[1] = set.items[3];
	ck_assert(!balance_pick(&set, &tried, 0)->near); /* a retry leaves the zone */
	set.items[1]->up = set.items[3]->up = false;
	ck_assert_int_eq(balance_build(&set, 0), 0);
	balance_case_count(&set, 10, after);
	ck_assert_uint_eq(after[0], 5);
	ck_assert_uint_eq(after[2], 5);
	endpoint_set_fini(&set);
}
END_TEST

START_TEST(a_healthy_one_of_another_zone_comes_before_an_ejected_one_of_ours)
{
	struct endpoint_set set;
	struct endpoint *items[1];
	struct balance_tried tried = {.items = items, .count = 1};

	balance_case_fill(&set, NULL, 4);
	pick_from_zone(&set, 0);
	pick_from_zone(&set, 1);
	fail_times(&set, 0, 5, 0);
	items[0] = set.items[1];
	for (uint64_t number = 0; number < 8; number++)
		ck_assert_uint_ge(balance_case_index(&set, balance_pick(&set, &tried, number)), 2);
	endpoint_set_fini(&set);
}
END_TEST

START_TEST(slow_start_gives_a_new_instance_from_a_tenth_to_its_whole_share)
{
	static const struct {
		uint64_t at_ms;
		unsigned tenths;
	} steps[] = {{1000, 1}, {3999, 1}, {7000, 2}, {16000, 5}, {30999, 9}, {31000, 10}};
	struct endpoint_set set;

	balance_case_fill(&set, NULL, 2);
	set.slow_start_ms = 30000;
	balance_warm(&set, set.items[1], 1000);
	ck_assert_int_eq(balance_build(&set, 1000), 0);
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		unsigned counts[2] = {0}, round = 10 + steps[i].tenths;

		balance_review(&set, steps[i].at_ms);
		balance_case_count(&set, 20 * round, counts);
		ck_assert_uint_eq(counts[1], 20 * steps[i].tenths);
	}
	ck_assert_uint_eq(set.warm_next_ms, 0);
	endpoint_set_fini(&set);
}
END_TEST

START_TEST(an_instance_that_comes_back_from_ejection_starts_slowly)
{
	struct endpoint_set set;
	unsigned counts[3] = {0};

	balance_case_fill(&set, NULL, 3);
	set.slow_start_ms = 10000;
	fail_times(&set, 0, 5, 1000);
	health_review(&set, 31000);
	balance_case_count(&set, 210, counts);
	ck_assert_uint_eq(counts[0], 10);
	endpoint_set_fini(&set);
}
END_TEST

START_TEST(another_algorithm_of_the_settings_waits_for_the_next_update)
{
	static const enum settings_balance_kind kinds[] = {
		BALANCE_HASH,	BALANCE_LEAST_REQUEST, BALANCE_ROUND_ROBIN,
		BALANCE_RANDOM, BALANCE_LEAST_REQUEST, BALANCE_HASH};
	const struct settings_instance instances[] = {
		{.text = "http://a:1", .host = "a", .port = 1, .weight = 1},
		{.text = "http://b:2", .host = "b", .port = 2, .weight = 1}};
	struct settings_service service = {
		.name = "s", .instances = instances, .instance_count = 2};
	struct balance_tried none = {0};
	struct endpoint_set set;
	struct usages *usages = usages_new(NULL);

	endpoint_set_init(&set, NULL);
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		service.balance.kind = kinds[i];
		ck_assert_int_eq(endpoint_set_configure(&set, &service, NULL, NULL), 0);
		/* A request of before the reload may still try another instance. */
		ck_assert(!i == !balance_pick(&set, &none, 12345));
		ck_assert_int_eq(endpoint_set_update_settings(&set, &service, usages, 1), 0);
		ck_assert_ptr_nonnull(balance_pick(&set, &none, 12345));
	}
	endpoint_set_fini(&set);
	usages_free(&usages);
}
END_TEST

/* Endpoint i has so many under way. */
static void occupy(struct endpoint_set *set, struct usage *usages, const unsigned *counts)
{
	for (size_t i = 0; i < set->count; i++) {
		usages[i] = (struct usage){.in_flight = counts[i]};
		set->items[i]->usage = &usages[i];
	}
}

static const struct {
	const char *what;
	unsigned counts[3];
	int ejected; /* -1: none */
	bool picks;
} rooms[] = {
	{"all have room", {0, 1, 1}, -1, true},
	{"the first is full", {2, 1, 1}, -1, true},
	{"only the last has room", {2, 2, 1}, -1, true},
	{"all are full", {2, 2, 2}, -1, false},
	{"over the limit of before", {5, 5, 5}, -1, false},
	{"an ejected one is not picked because others are full", {2, 2, 0}, 2, false},
};

START_TEST(those_without_room_are_passed_over)
{
	static const enum settings_balance_kind kinds[] = {
		BALANCE_ROUND_ROBIN, BALANCE_LEAST_REQUEST, BALANCE_RANDOM, BALANCE_HASH};
	struct balance_tried none = {0};
	struct endpoint_set set;
	struct usage usages[3];

	for (size_t kind = 0; kind < sizeof(kinds) / sizeof(kinds[0]); kind++) {
		balance_case_fill(&set, NULL, 3);
		set.per_instance = 2;
		if (rooms[_i].ejected >= 0)
			set.items[rooms[_i].ejected]->ejected_until_ms = 1000;
		balance_case_use(&set, kinds[kind]);
		occupy(&set, usages, rooms[_i].counts);
		for (uint64_t number = 0; number < 50; number++) {
			struct endpoint *ep = balance_pick(&set, &none, number);

			ck_assert_msg(!ep == !rooms[_i].picks, "%s", rooms[_i].what);
			ck_assert_msg(!ep || usage_has_room(ep->usage, 2), "%s", rooms[_i].what);
		}
		ck_assert(balance_is_one_left(&set, &none));
		for (size_t i = 0; i < set.count; i++)
			set.items[i]->usage = NULL; /* this function's */
		endpoint_set_fini(&set);
	}
}
END_TEST

int main(void)
{
	Suite *s = suite_create("balance");
	TCase *t = tcase_create("balance");

	tcase_add_test(t, equal_weights_get_equal_turns_in_the_order_of_the_list);
	tcase_add_loop_test(t, a_round_gives_each_exactly_its_weight, 0,
			    (int)(sizeof(weighted) / sizeof(weighted[0])));
	tcase_add_test(t, turns_of_a_heavy_one_are_spread_out);
	tcase_add_test(t, many_instances_of_great_weight_keep_the_schedule_bounded);
	tcase_add_test(t, what_was_tried_is_not_picked_again);
	tcase_add_test(t, an_instance_that_is_not_up_gets_nothing);
	tcase_add_test(t, five_failures_in_a_row_take_an_instance_out_for_30_s);
	tcase_add_test(t, each_ejection_is_longer_up_to_300_s);
	tcase_add_test(t, ejections_are_forgotten_one_for_each_10_s_in);
	tcase_add_test(t, the_last_one_and_more_than_half_are_never_taken_out);
	tcase_add_test(t, those_taken_out_are_tried_when_nothing_else_is_left);
	tcase_add_test(t, instances_of_the_gateways_zone_get_all_while_there_are_any);
	tcase_add_test(t, a_healthy_one_of_another_zone_comes_before_an_ejected_one_of_ours);
	tcase_add_test(t, slow_start_gives_a_new_instance_from_a_tenth_to_its_whole_share);
	tcase_add_test(t, an_instance_that_comes_back_from_ejection_starts_slowly);
	tcase_add_test(t, another_algorithm_of_the_settings_waits_for_the_next_update);
	tcase_add_loop_test(t, those_without_room_are_passed_over, 0,
			    (int)(sizeof(rooms) / sizeof(rooms[0])));
	suite_add_tcase(s, t);
	return unit_run(s);
}
