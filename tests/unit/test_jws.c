/* jws: the RFCs' signed examples verify, and nothing that is nearly like them. */
#include "common/base64.h"
#include "gateway/jws.h"
#include "tests/unit/unit.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

static const char file[] = "tests/data/jws_examples.json";
static json_t *root;
static struct arena arena;

static void setup(void)
{
	json_error_t e;

	root = json_load_file(file, 0, &e);
	ck_assert_msg(root != NULL, "%s: %s", file, e.text);
	arena_init(&arena, 1 << 20);
}

static void teardown(void)
{
	json_decref(root);
	arena_fini(&arena);
}

static struct jwk_set *keys_of(const json_t *jwk)
{
	char *text = json_dumps(jwk, 0);
	struct err e = {0};
	struct jwk_set *set = jwk_set_read(text, strlen(text), &e);

	ck_assert_msg(set != NULL, "%s: %s", text, e.text);
	free(text);
	return set;
}

static enum jws_verdict judge(const char *token, const struct jwk_set *keys, unsigned allowed)
{
	const char *reason;
	struct jws jws;

	if (jws_read(&jws, &arena, (struct span){token, strlen(token)}, &reason) < 0)
		return JWS_BAD;
	return jws_verify(&jws, keys, allowed, &reason);
}

START_TEST(the_examples_of_the_rfcs_verify)
{
	const json_t *cases = json_object_get(root, "cases"), *one;
	size_t i;

	ck_assert_uint_ge(json_array_size(cases), 9);
	json_array_foreach(cases, i, one)
	{
		const char *token = json_string_value(json_object_get(one, "token"));
		const char *name = json_string_value(json_object_get(one, "name"));
		struct jwk_set *keys = keys_of(json_object_get(one, "key"));

		ck_assert_msg(judge(token, keys, ~0u) == JWS_VERIFIED, "%s", name);
		ck_assert_msg(judge(token, keys, 0) == JWS_BAD, "%s: not allowed", name);
		jwk_set_unref(&keys);
	}
}
END_TEST

/* Every character of a token counts: another in its place, and it is no more. */
START_TEST(no_changed_example_verifies)
{
	const json_t *cases = json_object_get(root, "cases"), *one;
	size_t i;

	json_array_foreach(cases, i, one)
	{
		char *token = strdup(json_string_value(json_object_get(one, "token")));
		struct jwk_set *keys = keys_of(json_object_get(one, "key"));

		for (size_t k = 0, len = strlen(token); k < len; k += 1 + len / 97) {
			char was = token[k];

			token[k] = was == 'A' ? 'B' : 'A';
			ck_assert_msg(judge(token, keys, ~0u) != JWS_VERIFIED, "%s: %zu", token, k);
			token[k] = was;
			arena_reset(&arena);
		}
		jwk_set_unref(&keys);
		free(token);
	}
}
END_TEST

START_TEST(no_example_verifies_with_the_key_of_another)
{
	const json_t *cases = json_object_get(root, "cases"), *one, *other;
	size_t i, k;

	json_array_foreach(cases, i, one)
	{
		const char *token = json_string_value(json_object_get(one, "token"));

		json_array_foreach(cases, k, other)
		{
			struct jwk_set *keys;

			if (json_equal(json_object_get(one, "key"), json_object_get(other, "key")))
				continue;
			keys = keys_of(json_object_get(other, "key"));
			ck_assert(judge(token, keys, ~0u) != JWS_VERIFIED);
			jwk_set_unref(&keys);
		}
	}
}
END_TEST

/* Text, and what it stands for; NULL: it is refused. */
static const struct {
	const char *text, *bytes;
} encoded[] = {
	{"", ""},
	{"Zg", "f"},
	{"Zm8", "fo"},
	{"Zm9v", "foo"},
	{"-_-_", "\xfb\xff\xbf"},
	{"Z", NULL},
	{"Zg==", NULL},
	{"Zh", NULL},
	{"Zm9", NULL},
	{"Zm9vZ", NULL},
	{"Zm 9v", NULL},
	{"Zm9v\n", NULL},
	{"+/+/", NULL},
	{"Zm.v", NULL},
	{"Zm9=", NULL},
};

START_TEST(base64url_has_one_text_for_one_run_of_bytes)
{
	struct span text = {encoded[_i].text, strlen(encoded[_i].text)};
	size_t size = base64_size(text.len);
	uint8_t out[16];

	ck_assert_msg(base64url_decode(text, out) == (encoded[_i].bytes != NULL), "%s",
		      encoded[_i].text);
	if (!encoded[_i].bytes)
		return;
	ck_assert_uint_eq(size, strlen(encoded[_i].bytes));
	ck_assert_int_eq(memcmp(out, encoded[_i].bytes, size), 0);
}
END_TEST

/* Key sets without a key of use. */
static const char *const useless[] = {
	"",
	"{}",
	"[]",
	"{\"keys\":[]}",
	"{\"keys\":{}}",
	"{\"keys\":[1,\"a\",null]}",
	"{\"keys\":[{\"kty\":\"oct\",\"k\":\"c2hvcnQ\"}]}",
	"{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"AAAA\"}",
	"{\"kty\":\"OKP\",\"crv\":\"X25519\",\"x\":\"11qYAYKxCrfVS_"
	"7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}",
	/* not on the curve */
	"{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
	"\"y\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\"}",
	"{\"kty\":\"EC\",\"crv\":\"secp256k1\",\"x\":\"AA\",\"y\":\"AA\"}",
	/* for encryption; of no signature's algorithm; not for verifying; twice the same member */
	"{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"use\":\"enc\",\"x\":"
	"\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}",
	"{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"alg\":\"ECDH-ES\",\"x\":"
	"\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}",
	"{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"key_ops\":[\"sign\"],\"x\":"
	"\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}",
	"{\"kty\":\"OKP\",\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":"
	"\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}",
	/* 512 bits of RSA */
	"{\"kty\":\"RSA\",\"e\":\"AQAB\",\"n\":\"n4EPtAOCc9AlkeQHPzHStgAbgs7bTZLwUBZdR8_"
	"KuKPEHLd4rHVTeT-"
	"O-XV2jRojdNhxJWTDvNd7nqQ0VEiZQH\"}",
};

START_TEST(sets_without_a_key_of_use_are_told)
{
	struct err e = {0};
	struct jwk_set *set = jwk_set_read(useless[_i], strlen(useless[_i]), &e);

	ck_assert_msg(set == NULL, "%s", useless[_i]);
	ck_assert(*e.text);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("jws");
	TCase *t = tcase_create("jws");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, the_examples_of_the_rfcs_verify);
	tcase_add_test(t, no_changed_example_verifies);
	tcase_add_test(t, no_example_verifies_with_the_key_of_another);
	tcase_add_loop_test(t, base64url_has_one_text_for_one_run_of_bytes, 0,
			    (int)(sizeof(encoded) / sizeof(encoded[0])));
	tcase_add_loop_test(t, sets_without_a_key_of_use_are_told, 0,
			    (int)(sizeof(useless) / sizeof(useless[0])));
	suite_add_tcase(s, t);
	return unit_run(s);
}
