/* json_write: what is written is JSON, whatever bytes go in. */
#include "common/json_write.h"
#include "tests/unit/unit.h"

#include <jansson.h>

static const struct {
	const char *in;
	size_t len;
	const char *out;
} strings[] = {
	{"plain", 5, "\"plain\""},
	{"", 0, "\"\""},
	{"a\"b\\c", 5, "\"a\\\"b\\\\c\""},
	{"\b\f\n\r\t", 5, "\"\\b\\f\\n\\r\\t\""},
	{"\0\x01\x1f\x0b\x7f", 5, "\"\\u0000\\u0001\\u001f\\u000b\\u007f\""},
	{"a\xc2\x80\xc2\x9b"
	 "b\xc2\xa0",
	 8, "\"a\\u0080\\u009bb\xc2\xa0\""},
	{"gr\xc3\xbc\xc3\x9f", 6, "\"gr\xc3\xbc\xc3\x9f\""},
	{"\xf0\x9f\x98\x80", 4, "\"\xf0\x9f\x98\x80\""},
	{"\xff", 1, "\"\xef\xbf\xbd\""},
	{"a\xc3", 2, "\"a\xef\xbf\xbd\""},
	{"\xc0\xaf", 2, "\"\xef\xbf\xbd\xef\xbf\xbd\""},		 /* overlong */
	{"\xed\xa0\x80", 3, "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""}, /* a surrogate */
	{"\xf4\x90\x80\x80z", 5, "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbdz\""},
};

START_TEST(strings_are_escaped_and_always_utf8)
{
	struct buf b;
	struct json_writer j;

	buf_init(&b, 1000);
	json_write_init(&j, &b);
	json_write_string_n(&j, strings[_i].in, strings[_i].len);
	ck_assert_str_eq(buf_str(&b), strings[_i].out);
	buf_fini(&b);
}
END_TEST

START_TEST(any_bytes_make_a_document_that_parses)
{
	struct buf b;
	struct json_writer j;
	json_t *parsed;
	char in[256];

	for (int i = 0; i < 256; i++)
		in[i] = (char)i;
	buf_init(&b, 10000);
	json_write_init(&j, &b);
	json_write_array(&j);
	json_write_string_n(&j, in, sizeof(in));
	json_write_array_end(&j);
	parsed = json_loadb(b.data, b.len, JSON_ALLOW_NUL, NULL);
	ck_assert_ptr_nonnull(parsed);
	json_decref(parsed);
	buf_fini(&b);
}
END_TEST

START_TEST(commas_stand_between_values_and_nowhere_else)
{
	struct buf b;
	struct json_writer j;

	buf_init(&b, 1000);
	json_write_init(&j, &b);
	json_write_object(&j);
	json_write_key(&j, "a");
	json_write_int(&j, -9223372036854775807);
	json_write_key(&j, "b");
	json_write_array(&j);
	json_write_array_end(&j);
	json_write_key(&j, "c");
	json_write_array(&j);
	json_write_bool(&j, true);
	json_write_object(&j);
	json_write_object_end(&j);
	json_write_string(&j, NULL);
	json_write_fixed(&j, 1.25, 1);
	json_write_array_end(&j);
	json_write_key(&j, "d");
	json_write_uint(&j, UINT64_MAX);
	json_write_object_end(&j);
	ck_assert_str_eq(buf_str(&b), "{\"a\":-9223372036854775807,\"b\":[],"
				      "\"c\":[true,{},null,1.2],\"d\":18446744073709551615}");
	buf_fini(&b);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("json_write");
	TCase *t = tcase_create("json_write");

	tcase_add_loop_test(t, strings_are_escaped_and_always_utf8, 0,
			    (int)(sizeof(strings) / sizeof(strings[0])));
	tcase_add_test(t, any_bytes_make_a_document_that_parses);
	tcase_add_test(t, commas_stand_between_values_and_nowhere_else);
	suite_add_tcase(s, t);
	return unit_run(s);
}
