/* balance_least_request: the emptier of two random ones, by weight. */
#include "gateway/balance.h"
#include "gateway/usage.h"
#include "tests/unit/balance_case.h"
#include "tests/unit/unit.h"

enum { PICKS = 4000 };

static struct usages *usages;
static struct endpoint_set set;

static void fill(const unsigned *weights, size_t count)
{
	usages = usages_new(NULL);
	ck_assert_ptr_nonnull(usages);
	balance_case_fill(&set, weights, count);
	for (size_t i = 0; i < count; i++)
		set.items[i]->usage = usage_get(usages, "s", set.items[i]->id);
	balance_case_use(&set, BALANCE_LEAST_REQUEST);
}

static void use(size_t i, unsigned times)
{
	while (times--)
		ck_assert(usage_begin(set.items[i]->usage, 0));
}

static void teardown(void)
{
	endpoint_set_fini(&set);
	usages_free(&usages);
}

/* splitmix64 (Steele, 2014): numbers as a worker's, the same in each run. */
static uint64_t number(uint64_t i)
{
	i = (i + 1) * 0x9e3779b97f4a7c15u;
	i = (i ^ (i >> 30)) * 0xbf58476d1ce4e5b9u;
	i = (i ^ (i >> 27)) * 0x94d049bb133111ebu;
	return i ^ (i >> 31);
}

static void count(unsigned *counts)
{
	struct balance_tried none = {0};

	for (uint64_t i = 0; i < PICKS; i++)
		counts[balance_case_index(&set, balance_pick(&set, &none, number(i)))]++;
}

START_TEST(idle_instances_of_equal_weight_get_about_the_same)
{
	unsigned counts[4] = {0};

	fill(NULL, 4);
	count(counts);
	for (size_t i = 0; i < 4; i++) {
		ck_assert_uint_gt(counts[i], PICKS / 5);
		ck_assert_uint_lt(counts[i], PICKS / 3);
	}
}
END_TEST

START_TEST(the_busiest_one_gets_nothing)
{
	unsigned counts[3] = {0};

	fill(NULL, 3);
	use(0, 1);
	use(1, 5);
	count(counts);
	ck_assert_uint_eq(counts[1], 0);
	ck_assert_uint_gt(counts[2], counts[0]);
}
END_TEST

static const struct {
	unsigned weights[2], in_flight[2];
	size_t better;
} weighted[] = {
	{{1, 2}, {1, 2}, 1},  /* 2/1 and 3/2 */
	{{1, 2}, {1, 4}, 0},  /* 2/1 and 5/2 */
	{{1, 10}, {0, 8}, 1}, /* 1/1 and 9/10 */
	{{3, 1}, {0, 0}, 0},
};

START_TEST(the_load_is_in_flight_plus_one_by_weight)
{
	unsigned counts[2] = {0};

	fill(weighted[_i].weights, 2);
	use(0, weighted[_i].in_flight[0]);
	use(1, weighted[_i].in_flight[1]);
	count(counts);
	ck_assert_uint_eq(counts[weighted[_i].better], PICKS);
}
END_TEST

START_TEST(one_instance_gets_all_and_none_is_none)
{
	struct balance_tried none = {0};

	fill(NULL, 1);
	ck_assert_ptr_eq(balance_pick(&set, &none, ~UINT64_C(0)), set.items[0]);
	set.items[0]->up = false;
	balance_case_use(&set, BALANCE_LEAST_REQUEST);
	ck_assert_ptr_null(balance_pick(&set, &none, 0));
}
END_TEST

START_TEST(what_was_tried_is_not_picked_again)
{
	struct endpoint *items[5];
	struct balance_tried tried = {.items = items};

	fill(NULL, 5);
	for (; tried.count < 5; tried.count++) {
		items[tried.count] = balance_pick(&set, &tried, number(7));
		ck_assert_ptr_nonnull(items[tried.count]);
		for (size_t i = 0; i < tried.count; i++)
			ck_assert_ptr_ne(items[i], items[tried.count]);
	}
	ck_assert_ptr_null(balance_pick(&set, &tried, number(7)));
}
END_TEST

int main(void)
{
	Suite *s = suite_create("balance_least_request");
	TCase *t = tcase_create("balance_least_request");

	tcase_add_checked_fixture(t, NULL, teardown);
	tcase_add_test(t, idle_instances_of_equal_weight_get_about_the_same);
	tcase_add_test(t, the_busiest_one_gets_nothing);
	tcase_add_loop_test(t, the_load_is_in_flight_plus_one_by_weight, 0,
			    (int)(sizeof(weighted) / sizeof(weighted[0])));
	tcase_add_test(t, one_instance_gets_all_and_none_is_none);
	tcase_add_test(t, what_was_tried_is_not_picked_again);
	suite_add_tcase(s, t);
	return unit_run(s);
}
