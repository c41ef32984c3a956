/* bearer: a secret is known by its hash, however it is shown; a new one is a good one. */
#include "common/bearer.h"
#include "tests/unit/unit.h"

#include <stdio.h>
#include <string.h>

START_TEST(a_new_secret_is_known_by_its_hash)
{
	char secret[BEARER_SECRET_SIZE], text[BEARER_HASH_TEXT_SIZE];
	char header[BEARER_SECRET_SIZE + 20], other[BEARER_SECRET_SIZE];
	unsigned char kept[BEARER_HASH_SIZE], shown[BEARER_HASH_SIZE];
	struct err e;

	ck_assert_int_eq(bearer_make(secret, text, &e), 0);
	ck_assert_uint_eq(strlen(secret), BEARER_SECRET_SIZE - 1);
	ck_assert(bearer_parse_hash(text, kept));
	(void)snprintf(header, sizeof(header), "Bearer %s", secret);
	ck_assert(bearer_hash_shown(header, shown));
	ck_assert(bearer_is_equal(kept, shown));
	header[strlen(header) - 1] ^= 1;
	ck_assert(bearer_hash_shown(header, shown));
	ck_assert(!bearer_is_equal(kept, shown));
	ck_assert_int_eq(bearer_make(other, text, &e), 0);
	ck_assert_str_ne(secret, other);
}
END_TEST

START_TEST(a_difference_in_any_byte_counts)
{
	unsigned char a[BEARER_HASH_SIZE] = {0}, b[BEARER_HASH_SIZE] = {0};

	ck_assert(bearer_is_equal(a, b));
	for (size_t i = 0; i < BEARER_HASH_SIZE; i++) {
		b[i] = 0x80;
		ck_assert(!bearer_is_equal(a, b));
		b[i] = 0;
	}
}
END_TEST

START_TEST(what_shows_nothing_has_no_hash)
{
	static const char *const rows[] = {
		NULL,	   "",		 "Bearer",	   "Bearer ",	   "Basic",
		"Basic *", "Basic YTo=", "Basic c2VjcmV0", "Digest secret"};
	unsigned char hash[BEARER_HASH_SIZE];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		ck_assert_msg(!bearer_hash_shown(rows[i], hash), "%s", rows[i] ? rows[i] : "none");
}
END_TEST

int main(void)
{
	Suite *s = suite_create("bearer");
	TCase *t = tcase_create("bearer");

	tcase_add_test(t, a_new_secret_is_known_by_its_hash);
	tcase_add_test(t, a_difference_in_any_byte_counts);
	tcase_add_test(t, what_shows_nothing_has_no_hash);
	suite_add_tcase(s, t);
	return unit_run(s);
}
