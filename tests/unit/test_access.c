/* access: tokens are found by what a header shows, and cover the services their patterns name. */
#include "registry/access.h"
#include "tests/unit/unit.h"

#include <stdio.h>
#include <string.h>

/* The SHA-256 of "secret" and of "". */
#define SECRET "sha256:2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b"
#define EMPTY  "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

static struct access *make(const char *const *patterns, size_t count, enum access_role role)
{
	struct access_token tokens[2] = {{.name = "nobody", .role = ACCESS_ADMIN},
					 {.name = "it", .role = role}};
	struct access *access;

	tokens[1].services = (struct settings_strings){patterns, count};
	ck_assert(bearer_parse_hash(EMPTY, tokens[0].hash));
	ck_assert(bearer_parse_hash(SECRET, tokens[1].hash));
	access = access_new(tokens, 2);
	ck_assert_ptr_nonnull(access);
	return access;
}

START_TEST(a_hash_is_read_strictly)
{
	static const char mixed[] = "sha256:2BB80d537b1da3e38bd30361aa855686"
				    "bde0eacd7162fef6a25fe97bf527a25b";
	static const char longer[] = SECRET "0";
	static const char *const bad[] = {"", "sha256:", "sha256:00", "sha1:00", longer, mixed};
	unsigned char hash[BEARER_HASH_SIZE];

	ck_assert(bearer_parse_hash(SECRET, hash));
	ck_assert_uint_eq(hash[0], 0x2b);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_msg(!bearer_parse_hash(bad[i], hash), "%s", bad[i]);
}
END_TEST

START_TEST(a_header_shows_a_token_or_nobody)
{
	static const struct {
		const char *header;
		bool found;
	} rows[] = {
		{NULL, false},
		{"", false},
		{"Bearer secret", true},
		{"bearer   secret", true},
		{"Bearer Secret", false},
		{"Bearer secret ", false},
		{"Bearer ", false}, /* the empty secret has a token, which nobody may show */
		{"Bearer", false},
		{"Basic YW55OnNlY3JldA==", true}, /* any:secret */
		{"Basic YW55OnNlY3JldA", true},
		{"basic OnNlY3JldA==", true},	   /* :secret */
		{"Basic YTpiOnNlY3JldA==", false}, /* a:b:secret, whose password is b:secret */
		{"Basic YW55Og==", false},	   /* any: */
		{"Basic c2VjcmV0", false},	   /* secret, without a colon */
		{"Basic *", false},
		{"Basic ", false},
		{"Digest secret", false},
	};
	struct access *access = make(NULL, 0, ACCESS_READ);

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct access_token *token = access_find(access, rows[i].header);

		ck_assert_msg((token != NULL) == rows[i].found, "%s", rows[i].header);
		if (token)
			ck_assert_str_eq(token->name, "it");
	}
	access_unref(&access);
}
END_TEST

START_TEST(a_header_that_is_too_long_shows_nobody)
{
	struct access *access = make(NULL, 0, ACCESS_READ);
	char header[8000] = "Basic ";

	memset(header + 6, 'A', sizeof(header) - 7);
	ck_assert_ptr_null(access_find(access, header));
	access_unref(&access);
}
END_TEST

START_TEST(a_token_covers_what_its_patterns_name)
{
	static const char *const patterns[] = {"orders", "orders-*", "*.eu"};
	static const struct {
		const char *service;
		bool covered;
	} rows[] = {{"orders", true},	{"orders-1", true}, {"orders-", true}, {"ordersx", false},
		    {"xorders", false}, {"users", false},   {"users.eu", true}};
	struct access *some = make(patterns, 3, ACCESS_REGISTER),
		      *all = make(NULL, 0, ACCESS_REGISTER);
	struct access *reader = make(NULL, 0, ACCESS_READ), *admin = make(NULL, 0, ACCESS_ADMIN);

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *service = rows[i].service;

		ck_assert_msg(access_covers(access_find(some, "Bearer secret"), service) ==
				      rows[i].covered,
			      "%s", service);
		ck_assert(access_covers(access_find(all, "Bearer secret"), service));
		ck_assert(access_covers(access_find(admin, "Bearer secret"), service));
		ck_assert(!access_covers(access_find(reader, "Bearer secret"), service));
	}
	access_unref(&some);
	access_unref(&all);
	access_unref(&reader);
	access_unref(&admin);
}
END_TEST

START_TEST(a_new_set_is_in_force_while_the_old_one_is_in_use)
{
	struct access_gate *gate = access_gate_new();
	struct access *old;

	ck_assert_ptr_null(access_gate_get(gate));
	access_gate_set(gate, make(NULL, 0, ACCESS_READ));
	old = access_gate_get(gate);
	access_gate_set(gate, make(NULL, 0, ACCESS_ADMIN));
	ck_assert_int_eq(access_find(old, "Bearer secret")->role, ACCESS_READ);
	access_unref(&old);
	old = access_gate_get(gate);
	ck_assert_int_eq(access_find(old, "Bearer secret")->role, ACCESS_ADMIN);
	access_unref(&old);
	access_gate_free(&gate);
}
END_TEST

START_TEST(a_new_token_is_found_by_its_secret)
{
	unsigned char hash[BEARER_HASH_SIZE];
	struct access_token token = {.name = "new", .role = ACCESS_READ};
	char header[200], digest[80];
	struct access *access;
	struct err e = {0};
	struct buf out;
	const char *at;

	buf_init(&out, 10000);
	ck_assert_int_eq(access_make("a b", &out, &e), -1);
	ck_assert_int_eq(access_make("new", &out, &e), 0);
	at = strstr(buf_str(&out), "mr_");
	ck_assert_ptr_nonnull(at);
	(void)snprintf(header, sizeof(header), "Bearer %.67s", at);
	at = strstr(buf_str(&out), "sha256:");
	ck_assert_ptr_nonnull(at);
	(void)snprintf(digest, sizeof(digest), "%.71s", at);
	ck_assert(bearer_parse_hash(digest, hash));
	memcpy(token.hash, hash, sizeof(hash));
	access = access_new(&token, 1);
	ck_assert_ptr_nonnull(access_find(access, header));
	access_unref(&access);
	buf_fini(&out);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("access");
	TCase *t = tcase_create("access");

	tcase_add_test(t, a_hash_is_read_strictly);
	tcase_add_test(t, a_header_shows_a_token_or_nobody);
	tcase_add_test(t, a_header_that_is_too_long_shows_nobody);
	tcase_add_test(t, a_token_covers_what_its_patterns_name);
	tcase_add_test(t, a_new_set_is_in_force_while_the_old_one_is_in_use);
	tcase_add_test(t, a_new_token_is_found_by_its_secret);
	suite_add_tcase(s, t);
	return unit_run(s);
}
