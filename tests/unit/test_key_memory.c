/* key_memory: whose key it is, as long as the table is the same. */
#include "gateway/identity.h"
#include "gateway/key_memory.h"
#include "gateway/settings.h"
#include "tests/unit/unit.h"

#include <stdio.h>
#include <string.h>

enum { TABLE = 7 };

static const struct identity ada = {.method = "key"};
static const struct settings_secret secret = {.expires_ms = 1};
static const struct key_owner owner = {&ada, &secret};
static struct key_memory *memory;

static void setup(void)
{
	memory = key_memory_new();
	ck_assert_ptr_nonnull(memory);
}

static void teardown(void)
{
	key_memory_free(&memory);
	ck_assert_ptr_null(memory);
}

static struct key_tag tag_of(const char *key)
{
	return key_memory_tag(memory, (struct span){key, strlen(key)});
}

START_TEST(a_key_is_remembered_with_its_owner)
{
	struct key_tag tag = tag_of("mrk_ada");
	const struct key_owner *found;

	ck_assert_ptr_null(key_memory_find(memory, &tag, TABLE));
	key_memory_put(memory, &tag, TABLE, &owner);
	tag = tag_of("mrk_ada");
	found = key_memory_find(memory, &tag, TABLE);
	ck_assert_ptr_nonnull(found);
	ck_assert_ptr_eq(found->identity, &ada);
	ck_assert_ptr_eq(found->secret, &secret);
}
END_TEST

START_TEST(no_other_key_is_taken_for_it)
{
	static const char *const others[] = {"", "mrk_ad", "mrk_adb", "mrk_ada ", "Mrk_ada"};
	struct key_tag tag = tag_of("mrk_ada"), other;

	key_memory_put(memory, &tag, TABLE, &owner);
	other = tag_of(others[_i]);
	ck_assert_ptr_null(key_memory_find(memory, &other, TABLE));
	for (unsigned bit = 0; bit < 128; bit++) { /* nor one whose hash is nearly the same */
		other = tag;
		other.words[bit / 64] ^= UINT64_C(1) << bit % 64;
		ck_assert_ptr_null(key_memory_find(memory, &other, TABLE));
	}
}
END_TEST

START_TEST(another_table_or_roster_forgets_all)
{
	struct key_tag tag = tag_of("mrk_ada");

	key_memory_put(memory, &tag, TABLE, &owner);
	ck_assert_ptr_null(key_memory_find(memory, &tag, TABLE + 1));
	ck_assert_ptr_null(key_memory_find(memory, &tag, 0));
}
END_TEST

START_TEST(each_memory_hashes_in_its_own_way)
{
	struct key_memory *second = key_memory_new();
	struct key_tag a = tag_of("mrk_ada"), b;

	ck_assert_ptr_nonnull(second);
	b = key_memory_tag(second, (struct span){"mrk_ada", 7});
	ck_assert_mem_ne(&a, &b, sizeof(a));
	key_memory_free(&second);
}
END_TEST

START_TEST(more_keys_than_places_drive_each_other_out)
{
	struct key_tag tag;
	unsigned found = 0;
	char key[32];

	for (unsigned i = 0; i < 100000; i++) {
		(void)snprintf(key, sizeof(key), "mrk_%u", i);
		tag = tag_of(key);
		key_memory_put(memory, &tag, TABLE, &owner);
		ck_assert_ptr_nonnull(key_memory_find(memory, &tag, TABLE));
	}
	for (unsigned i = 0; i < 100000; i++) {
		(void)snprintf(key, sizeof(key), "mrk_%u", i);
		tag = tag_of(key);
		found += key_memory_find(memory, &tag, TABLE) != NULL;
	}
	ck_assert_uint_ge(found, 2000);
	ck_assert_uint_le(found, 4096);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("key_memory");
	TCase *t = tcase_create("key_memory");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, a_key_is_remembered_with_its_owner);
	tcase_add_loop_test(t, no_other_key_is_taken_for_it, 0, 5);
	tcase_add_test(t, another_table_or_roster_forgets_all);
	tcase_add_test(t, each_memory_hashes_in_its_own_way);
	tcase_add_test(t, more_keys_than_places_drive_each_other_out);
	suite_add_tcase(s, t);
	return unit_run(s);
}
