/* resolver_cache: how long answers hold, and who leaves when there are too many. */
#include "gateway/resolver_cache.h"
#include "tests/unit/unit.h"

#include <stdio.h>
#include <string.h>

enum { NOW = 1000000 };

static const struct resolver_address two[2] = {{.family = AF_INET, .bytes = {192, 0, 2, 1}},
					       {.family = AF_INET6, .bytes = {0x20, 1}}};

static struct resolver_cache cache;

static void setup(void)
{
	cache = (struct resolver_cache){0};
}

static void teardown(void)
{
	resolver_cache_fini(&cache);
	ck_assert_ptr_null(cache.entries);
}

static struct resolver_entry *add(const char *key)
{
	struct resolver_entry *entry = resolver_cache_add(&cache, key);

	ck_assert_ptr_nonnull(entry);
	ck_assert_ptr_eq(resolver_cache_find(&cache, key), entry);
	return entry;
}

START_TEST(a_new_name_has_no_answer)
{
	struct resolver_entry *entry = add("a");
	struct resolver_answer answer;

	ck_assert(!resolver_cache_is_fresh(entry, NOW));
	resolver_cache_answer(entry, NOW, &answer);
	ck_assert_int_eq(answer.status, RESOLVER_WAITING);
	ck_assert_uint_eq(answer.count, 0);
	ck_assert_ptr_null(resolver_cache_find(&cache, "b"));
}
END_TEST

static const struct {
	uint64_t ttl_ms, holds_ms;
} lifetimes[] = {
	{30000, 30000},
	{1000, 1000},
	{0, RESOLVER_TTL_LEAST_MS},
	{999, RESOLVER_TTL_LEAST_MS},
	{RESOLVER_TTL_MOST_MS, RESOLVER_TTL_MOST_MS},
	{UINT64_MAX / 2, RESOLVER_TTL_MOST_MS},
};

START_TEST(a_good_answer_holds_for_its_time_within_bounds)
{
	struct resolver_entry *entry = add("a");
	struct resolver_answer answer = {0};
	uint64_t holds = lifetimes[_i].holds_ms;

	resolver_cache_put(entry, two, 2, lifetimes[_i].ttl_ms, NOW);
	ck_assert(resolver_cache_is_fresh(entry, NOW));
	ck_assert(resolver_cache_is_fresh(entry, NOW + holds - 1));
	ck_assert(!resolver_cache_is_fresh(entry, NOW + holds));
	resolver_cache_answer(entry, NOW, &answer);
	ck_assert_int_eq(answer.status, RESOLVER_OK);
	ck_assert_uint_eq(answer.count, 2);
	ck_assert(!answer.stale);
	ck_assert_ptr_null(answer.reason);
	ck_assert_mem_eq(answer.addresses, two, sizeof(two));
}
END_TEST

START_TEST(a_failure_holds_for_a_moment)
{
	struct resolver_entry *entry = add("a");
	struct resolver_answer answer;

	resolver_cache_put_failure(entry, RESOLVER_FAILED, "why", NOW);
	ck_assert(resolver_cache_is_fresh(entry, NOW + RESOLVER_FAILURE_TTL_MS - 1));
	ck_assert(!resolver_cache_is_fresh(entry, NOW + RESOLVER_FAILURE_TTL_MS));
	resolver_cache_answer(entry, NOW, &answer);
	ck_assert_int_eq(answer.status, RESOLVER_FAILED);
	ck_assert_str_eq(answer.reason, "why");
	ck_assert_uint_eq(answer.count, 0);
}
END_TEST

START_TEST(old_addresses_stand_in_for_a_failure_for_a_while)
{
	static const enum resolver_status failures[] = {RESOLVER_FAILED, RESOLVER_TIMEOUT};
	struct resolver_entry *entry = add("a");
	struct resolver_answer answer;
	uint64_t later = NOW + 30000;

	resolver_cache_put(entry, two, 2, 30000, NOW);
	resolver_cache_put_failure(entry, failures[_i], "why", later);
	ck_assert(!resolver_cache_is_fresh(entry, later + RESOLVER_FAILURE_TTL_MS));
	resolver_cache_answer(entry, later, &answer);
	ck_assert_int_eq(answer.status, RESOLVER_OK);
	ck_assert(answer.stale);
	ck_assert_str_eq(answer.reason, "why");
	ck_assert_uint_eq(answer.count, 2);
	resolver_cache_answer(entry, later + RESOLVER_STALE_MS - 1, &answer);
	ck_assert_int_eq(answer.status, RESOLVER_OK);
	resolver_cache_answer(entry, later + RESOLVER_STALE_MS, &answer);
	ck_assert_int_eq(answer.status, failures[_i]);
	ck_assert_uint_eq(answer.count, 0);
}
END_TEST

START_TEST(a_name_that_is_gone_loses_its_addresses)
{
	struct resolver_entry *entry = add("a");
	struct resolver_answer answer;

	resolver_cache_put(entry, two, 2, 30000, NOW);
	resolver_cache_put_failure(entry, RESOLVER_NOT_FOUND, "gone", NOW + 30000);
	resolver_cache_answer(entry, NOW + 30000, &answer);
	ck_assert_int_eq(answer.status, RESOLVER_NOT_FOUND);
	resolver_cache_put_failure(entry, RESOLVER_FAILED, "down", NOW + 40000);
	resolver_cache_answer(entry, NOW + 40000, &answer);
	ck_assert_int_eq(answer.status, RESOLVER_FAILED);
}
END_TEST

static struct resolver_entry *add_number(unsigned i)
{
	char key[16];

	(void)snprintf(key, sizeof(key), "n%u", i);
	return add(key);
}

START_TEST(the_oldest_that_is_not_busy_leaves_when_there_are_too_many)
{
	add_number(0)->busy = true;
	for (unsigned i = 1; i < RESOLVER_NAMES_MAX + 10; i++)
		(void)add_number(i);
	ck_assert_uint_eq(HASH_COUNT(cache.entries), RESOLVER_NAMES_MAX);
	ck_assert_ptr_nonnull(resolver_cache_find(&cache, "n0"));
	ck_assert_ptr_null(resolver_cache_find(&cache, "n1"));
	ck_assert_ptr_null(resolver_cache_find(&cache, "n10"));
	ck_assert_ptr_nonnull(resolver_cache_find(&cache, "n11"));
}
END_TEST

START_TEST(when_all_are_busy_there_is_no_room)
{
	for (unsigned i = 0; i < RESOLVER_NAMES_MAX; i++)
		add_number(i)->busy = true;
	ck_assert_ptr_null(resolver_cache_add(&cache, "one-more"));
	resolver_cache_find(&cache, "n500")->busy = false;
	ck_assert_ptr_nonnull(resolver_cache_add(&cache, "one-more"));
	ck_assert_ptr_null(resolver_cache_find(&cache, "n500"));
}
END_TEST

START_TEST(a_key_is_small_letters_without_a_final_dot)
{
	char key[RESOLVER_NAME_MAX + 1], text[RESOLVER_NAME_MAX + 3];

	ck_assert_int_eq(resolver_cache_key("A.Example-1_x.", key), 0);
	ck_assert_str_eq(key, "a.example-1_x");
	memset(text, 'a', sizeof(text));
	text[RESOLVER_NAME_MAX] = '\0';
	ck_assert_int_eq(resolver_cache_key(text, key), 0);
	text[RESOLVER_NAME_MAX] = 'a';
	text[RESOLVER_NAME_MAX + 1] = '\0';
	ck_assert_int_eq(resolver_cache_key(text, key), -1);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("resolver_cache");
	TCase *t = tcase_create("resolver_cache");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, a_new_name_has_no_answer);
	tcase_add_loop_test(t, a_good_answer_holds_for_its_time_within_bounds, 0,
			    (int)(sizeof(lifetimes) / sizeof(lifetimes[0])));
	tcase_add_test(t, a_failure_holds_for_a_moment);
	tcase_add_loop_test(t, old_addresses_stand_in_for_a_failure_for_a_while, 0, 2);
	tcase_add_test(t, a_name_that_is_gone_loses_its_addresses);
	tcase_add_test(t, the_oldest_that_is_not_busy_leaves_when_there_are_too_many);
	tcase_add_test(t, when_all_are_busy_there_is_no_room);
	tcase_add_test(t, a_key_is_small_letters_without_a_final_dot);
	suite_add_tcase(s, t);
	return unit_run(s);
}
