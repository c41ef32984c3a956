/* balance_hash: a key stays where it is, shares follow weights, and few keys move. */
#include "gateway/balance.h"
#include "tests/unit/balance_case.h"
#include "tests/unit/unit.h"

#include <stdlib.h>
#include <string.h>

enum { KEYS = 65537 };

static struct endpoint *pick(const struct endpoint_set *set, uint64_t key)
{
	struct balance_tried none = {0};

	return balance_pick(set, &none, key);
}

static const struct {
	unsigned weights[5];
	size_t count;
} shares[] = {
	{{1, 1, 1, 1, 1}, 5}, {{3, 1, 2}, 3}, {{1000, 1}, 2}, {{7}, 1}, {{10, 1, 1, 1, 1}, 5}};

START_TEST(each_gets_the_share_of_keys_that_its_weight_says)
{
	struct endpoint_set set;
	unsigned counts[5] = {0}, sum = 0;

	balance_case_fill(&set, shares[_i].weights, shares[_i].count);
	balance_case_use(&set, BALANCE_HASH);
	balance_case_count(&set, KEYS, counts);
	for (size_t i = 0; i < set.count; i++)
		sum += shares[_i].weights[i];
	for (size_t i = 0; i < set.count; i++) {
		long expected = (long)KEYS * shares[_i].weights[i] / sum;

		ck_assert_int_le(labs((long)counts[i] - expected), KEYS / 1000);
	}
	endpoint_set_fini(&set);
}
END_TEST

START_TEST(when_one_of_ten_leaves_its_keys_move_and_few_others)
{
	static struct endpoint *before[KEYS];
	struct endpoint_set set;
	unsigned moved = 0;

	balance_case_fill(&set, NULL, 10);
	balance_case_use(&set, BALANCE_HASH);
	for (uint64_t key = 0; key < KEYS; key++)
		before[key] = pick(&set, key);
	set.items[4]->up = false;
	balance_case_use(&set, BALANCE_HASH);
	for (uint64_t key = 0; key < KEYS; key++) {
		if (before[key] == set.items[4])
			ck_assert_ptr_ne(pick(&set, key), before[key]);
		else
			moved += pick(&set, key) != before[key];
	}
	ck_assert_uint_le(moved, KEYS / 20); /* beside the tenth that had to */
	endpoint_set_fini(&set);
}
END_TEST

START_TEST(the_order_of_the_list_does_not_matter)
{
	struct endpoint_set set, turned;

	balance_case_fill(&set, NULL, 7);
	balance_case_fill(&turned, NULL, 7);
	for (size_t i = 0; i < 3; i++) {
		struct endpoint *ep = turned.items[i];

		turned.items[i] = turned.items[6 - i];
		turned.items[6 - i] = ep;
	}
	balance_case_use(&set, BALANCE_HASH);
	balance_case_use(&turned, BALANCE_HASH);
	for (uint64_t key = 0; key < KEYS; key += 7)
		ck_assert_str_eq(pick(&set, key)->id, pick(&turned, key)->id);
	endpoint_set_fini(&set);
	endpoint_set_fini(&turned);
}
END_TEST

START_TEST(a_retry_goes_elsewhere_and_the_keys_of_one_are_spread_over_the_others)
{
	struct endpoint_set set;
	struct endpoint *items[4];
	struct balance_tried tried = {.items = items};
	unsigned counts[4] = {0};

	balance_case_fill(&set, NULL, 4);
	balance_case_use(&set, BALANCE_HASH);
	for (uint64_t key = 0; key < 4000; key++) {
		items[0] = pick(&set, key);
		tried.count = 1;
		if (items[0] == set.items[2])
			counts[balance_case_index(&set, balance_pick(&set, &tried, key))]++;
	}
	ck_assert_uint_eq(counts[2], 0);
	for (size_t i = 0; i < 4; i++)
		ck_assert(i == 2 || counts[i] > 150);
	for (tried.count = 0; tried.count < 4; tried.count++)
		items[tried.count] = balance_pick(&set, &tried, 1);
	ck_assert_ptr_null(balance_pick(&set, &tried, 1));
	endpoint_set_fini(&set);
}
END_TEST

START_TEST(no_usable_instance_is_no_table)
{
	struct endpoint_set set;

	balance_case_fill(&set, NULL, 2);
	set.items[0]->up = set.items[1]->up = false;
	balance_case_use(&set, BALANCE_HASH);
	ck_assert_ptr_null(pick(&set, 5));
	endpoint_set_fini(&set);
}
END_TEST

/* ---- The key ---- */

static struct http1_field field(const char *name, const char *value, enum http1_name known)
{
	return (struct http1_field){
		.name = {name, strlen(name)}, .value = {value, strlen(value)}, .known = known};
}

static const struct {
	enum settings_hash_by by;
	const char *name;
	const char *value; /* what is hashed; NULL: there is no key */
} keys[] = {
	{HASH_BY_CLIENT, NULL, "10.0.0.1"}, {HASH_BY_PATH, NULL, "/a/b"},
	{HASH_BY_HEADER, "x-user", "ada"},  {HASH_BY_HEADER, "X-Other", NULL},
	{HASH_BY_COOKIE, "session", "42"},  {HASH_BY_COOKIE, "other", "x=y"},
	{HASH_BY_COOKIE, "third", "last"},  {HASH_BY_COOKIE, "sess", NULL},
	{HASH_BY_COOKIE, "empty", NULL},
};

START_TEST(the_key_is_the_hash_of_what_the_settings_name)
{
	struct http1_field fields[] = {
		field("X-User", "ada", HTTP1_OTHER),
		field("Cookie", "asession=0; session=42;other=x=y", HTTP1_COOKIE),
		field("Cookie", "empty=; third=last", HTTP1_COOKIE),
	};
	struct http1_head head = {.fields = fields, .field_count = 3};
	struct settings_balance by = {
		.kind = BALANCE_HASH, .by = keys[_i].by, .name = keys[_i].name};
	struct settings_balance path = {.kind = BALANCE_HASH, .by = HASH_BY_PATH};
	uint64_t key = 0, expected = 1;
	bool there = balance_key(&by, &head, (struct span){"/a/b", 4}, (struct span){"10.0.0.1", 8},
				 &key);

	ck_assert_int_eq(there, keys[_i].value != NULL);
	if (!there)
		return;
	ck_assert(balance_key(&path, &head, (struct span){keys[_i].value, strlen(keys[_i].value)},
			      (struct span){0}, &expected));
	ck_assert_uint_eq(key, expected);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("balance_hash");
	TCase *t = tcase_create("balance_hash");

	tcase_add_loop_test(t, each_gets_the_share_of_keys_that_its_weight_says, 0,
			    (int)(sizeof(shares) / sizeof(shares[0])));
	tcase_add_test(t, when_one_of_ten_leaves_its_keys_move_and_few_others);
	tcase_add_test(t, the_order_of_the_list_does_not_matter);
	tcase_add_test(t, a_retry_goes_elsewhere_and_the_keys_of_one_are_spread_over_the_others);
	tcase_add_test(t, no_usable_instance_is_no_table);
	tcase_add_loop_test(t, the_key_is_the_hash_of_what_the_settings_name, 0,
			    (int)(sizeof(keys) / sizeof(keys[0])));
	suite_add_tcase(s, t);
	return unit_run(s);
}
