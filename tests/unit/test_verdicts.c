/* verdicts: what is found again, for how long, and what makes room. */
#include "gateway/verdicts.h"
#include "tests/unit/unit.h"

#include <string.h>

static struct verdicts *verdicts;
static struct arena arena;

static void setup(void)
{
	arena_init(&arena, 1 << 20);
	verdicts = verdicts_new();
	ck_assert_ptr_nonnull(verdicts);
}

static void teardown(void)
{
	verdicts_free(&verdicts);
	arena_fini(&arena);
}

/* Keys of one place differ behind their first two bytes. */
static const uint8_t *key(uint8_t place, uint8_t number)
{
	static uint8_t bytes[VERDICT_KEY];

	memset(bytes, 0, sizeof(bytes));
	bytes[0] = place;
	bytes[VERDICT_KEY - 1] = number;
	return bytes;
}

static bool put(const uint8_t *k, const char *id, uint64_t until_ms)
{
	struct verdict verdict = {.status = 200};

	verdict.parts[VERDICT_ID] = (struct span){id, strlen(id)};
	verdict.parts[VERDICT_TO_SERVICE] = (struct span){"X-A: b\r\n", 8};
	return verdicts_put(verdicts, k, &verdict, until_ms);
}

/* "" when there is none. */
static const char *find(const uint8_t *k, uint64_t now_ms)
{
	struct verdict found;

	if (!verdicts_find(verdicts, k, now_ms, &arena, &found))
		return "";
	ck_assert_uint_eq(found.status, 200);
	ck_assert_uint_eq(found.parts[VERDICT_TO_SERVICE].len, 8);
	ck_assert_mem_eq(found.parts[VERDICT_TO_SERVICE].at, "X-A: b\r\n", 8);
	ck_assert_uint_eq(found.parts[VERDICT_BODY].len, 0);
	return arena_strndup(&arena, found.parts[VERDICT_ID].at, found.parts[VERDICT_ID].len);
}

START_TEST(what_is_kept_is_found_until_its_time)
{
	ck_assert_str_eq(find(key(1, 1), 0), "");
	ck_assert(put(key(1, 1), "ada", 100));
	ck_assert_str_eq(find(key(1, 1), 99), "ada");
	ck_assert_str_eq(find(key(1, 2), 99), "");
	ck_assert_str_eq(find(key(2, 1), 99), "");
	ck_assert_str_eq(find(key(1, 1), 100), "");
}
END_TEST

START_TEST(a_later_one_takes_the_place_of_its_own)
{
	ck_assert(put(key(1, 1), "ada", 100));
	ck_assert(put(key(1, 1), "eve", 200));
	ck_assert_str_eq(find(key(1, 1), 50), "eve");
}
END_TEST

START_TEST(the_one_that_was_not_asked_for_the_longest_goes)
{
	for (uint8_t i = 0; i < 4; i++)
		ck_assert(put(key(7, i), "old", 100));
	ck_assert_str_eq(find(key(7, 0), 1), "old");
	ck_assert(put(key(7, 9), "new", 100));
	ck_assert_str_eq(find(key(7, 9), 1), "new");
	ck_assert_str_eq(find(key(7, 0), 1), "old");
	ck_assert_str_eq(find(key(7, 1), 1), "");
	ck_assert_str_eq(find(key(7, 2), 1), "old");
}
END_TEST

START_TEST(long_ones_are_not_kept)
{
	static char text[VERDICT_BYTES + 1];

	memset(text, 'a', VERDICT_BYTES - 8);
	ck_assert(put(key(1, 1), text, 100));
	text[VERDICT_BYTES - 8] = 'a';
	ck_assert(!put(key(1, 2), text, 100));
	ck_assert_str_eq(find(key(1, 2), 1), "");
	ck_assert_uint_eq(strlen(find(key(1, 1), 1)), VERDICT_BYTES - 8);
}
END_TEST

START_TEST(without_memory_for_the_copy_there_is_none)
{
	struct verdict found;
	struct arena small;

	arena_init(&small, 1);
	ck_assert(put(key(1, 1), "ada", 100));
	ck_assert(!verdicts_find(verdicts, key(1, 1), 1, &small, &found));
	arena_fini(&small);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("verdicts");
	TCase *t = tcase_create("verdicts");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, what_is_kept_is_found_until_its_time);
	tcase_add_test(t, a_later_one_takes_the_place_of_its_own);
	tcase_add_test(t, the_one_that_was_not_asked_for_the_longest_goes);
	tcase_add_test(t, long_ones_are_not_kept);
	tcase_add_test(t, without_memory_for_the_copy_there_is_none);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	return unit_run(suite());
}
