/* base64: the examples of RFC 4648 10, in both alphabets, both ways. */
#include "common/base64.h"
#include "tests/unit/unit.h"

#include <string.h>

static const struct {
	const char *bytes, *url, *padded;
} cases[] = {
	{"", "", ""},
	{"f", "Zg", "Zg=="},
	{"fo", "Zm8", "Zm8="},
	{"foo", "Zm9v", "Zm9v"},
	{"foob", "Zm9vYg", "Zm9vYg=="},
	{"fooba", "Zm9vYmE", "Zm9vYmE="},
	{"\xfb", "-w", "+w=="},
	{"\xff", "_w", "/w=="},
	{"foobar", "Zm9vYmFy", "Zm9vYmFy"},
	{"\xff\xff\xff", "____", "////"},
};

START_TEST(each_is_written_and_read_again)
{
	struct span bytes = {cases[_i].bytes, strlen(cases[_i].bytes)};
	char printed[16];
	uint8_t back[16];
	struct buf out;

	buf_init(&out, 64);
	base64url_write(bytes, &out);
	ck_assert_str_eq(buf_str(&out), cases[_i].url);
	ck_assert_uint_eq(base64_size(out.len), bytes.len);
	ck_assert(base64url_decode((struct span){out.data, out.len}, back));
	ck_assert_mem_eq(back, bytes.at, bytes.len);
	base64url_print(bytes, printed);
	ck_assert_mem_eq(printed, out.data, out.len);
	buf_reset(&out);
	base64_write(bytes, &out);
	ck_assert_str_eq(buf_str(&out), cases[_i].padded);
	ck_assert(base64_decode((struct span){out.data, strcspn(out.data, "=")}, back));
	ck_assert_mem_eq(back, bytes.at, bytes.len);
	buf_fini(&out);
}
END_TEST

START_TEST(each_alphabet_is_its_own)
{
	uint8_t out[4];

	ck_assert(!base64_decode((struct span){"-_-_", 4}, out));
	ck_assert(!base64url_decode((struct span){"+/+/", 4}, out));
	ck_assert(!base64_decode((struct span){"Zh", 2}, out));
	ck_assert(!base64_decode((struct span){"Z", 1}, out));
}
END_TEST

START_TEST(a_full_buf_says_so)
{
	struct buf out;

	buf_init(&out, 3);
	base64url_write((struct span){"foo", 3}, &out);
	ck_assert(out.failed);
	buf_fini(&out);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("base64");
	TCase *t = tcase_create("base64");

	tcase_add_loop_test(t, each_is_written_and_read_again, 0,
			    (int)(sizeof(cases) / sizeof(cases[0])));
	tcase_add_test(t, each_alphabet_is_its_own);
	tcase_add_test(t, a_full_buf_says_so);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	return unit_run(suite());
}
