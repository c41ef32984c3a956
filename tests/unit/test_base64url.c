/* base64url: the examples of RFC 4648 10, without padding, both ways. */
#include "gateway/base64url.h"
#include "tests/unit/unit.h"

#include <string.h>

static const struct {
	const char *bytes, *text;
} cases[] = {
	{"", ""},
	{"f", "Zg"},
	{"fo", "Zm8"},
	{"foo", "Zm9v"},
	{"foob", "Zm9vYg"},
	{"fooba", "Zm9vYmE"},
	{"\xfb", "-w"},
	{"\xff", "_w"},
	{"foobar", "Zm9vYmFy"},
	{"\xff\xff\xff", "____"},
};

START_TEST(each_is_written_and_read_again)
{
	struct span bytes = {cases[_i].bytes, strlen(cases[_i].bytes)};
	uint8_t back[16];
	struct buf out;

	buf_init(&out, 64);
	base64url_write(bytes, &out);
	ck_assert_str_eq(buf_str(&out), cases[_i].text);
	ck_assert_uint_eq(base64url_size(out.len), bytes.len);
	ck_assert(base64url_decode((struct span){out.data, out.len}, back));
	ck_assert_mem_eq(back, bytes.at, bytes.len);
	buf_fini(&out);
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
	Suite *s = suite_create("base64url");
	TCase *t = tcase_create("base64url");

	tcase_add_loop_test(t, each_is_written_and_read_again, 0,
			    (int)(sizeof(cases) / sizeof(cases[0])));
	tcase_add_test(t, a_full_buf_says_so);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	return unit_run(suite());
}
