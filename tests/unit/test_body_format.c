/* body_format: what a Content-Type says, and who reads and writes each format. */
#include "gateway/body_format.h"
#include "tests/unit/unit.h"

#include <errno.h>
#include <string.h>

static struct span text(const char *s)
{
	return (struct span){s, strlen(s)};
}

static const struct {
	const char *type;
	enum body_format format;
	bool foreign;
} types[] = {
	{"application/json", FORMAT_JSON, false},
	{"Application/JSON", FORMAT_JSON, false},
	{"application/json ; charset=utf-8", FORMAT_JSON, false},
	{"application/hal+json", FORMAT_JSON, false},
	{"application/problem+JSON;a=b", FORMAT_JSON, false},
	{"text/json", FORMAT_JSON, false},
	{"text/xml; charset=\"UTF-8\"", FORMAT_XML, false},
	{"application/xml", FORMAT_XML, false},
	{"image/svg+xml", FORMAT_XML, false},
	{"text/xml; charset=iso-8859-1", FORMAT_XML, true},
	{"text/xml;a=b;\tCharset=utf-16 ;c=d", FORMAT_XML, true},
	{"text/xml; charset=us-ascii", FORMAT_XML, false},
	{"application/x-www-form-urlencoded", FORMAT_FORM, false},
	{"+json", FORMAT_BY_TYPE, false},
	{"json", FORMAT_BY_TYPE, false},
	{"text/plain", FORMAT_BY_TYPE, false},
	{"application/jsonx", FORMAT_BY_TYPE, false},
	{"application/x-ndjson", FORMAT_BY_TYPE, false},
	{"multipart/form-data; boundary=x", FORMAT_BY_TYPE, false},
	{"", FORMAT_BY_TYPE, false},
	{";", FORMAT_BY_TYPE, false},
	{"a/b;charset", FORMAT_BY_TYPE, false},
	{"a/b;charset=", FORMAT_BY_TYPE, false},
};

START_TEST(a_type_tells_the_format)
{
	ck_assert_int_eq(body_format_of(text(types[_i].type)), types[_i].format);
	ck_assert_int_eq(body_format_is_foreign(text(types[_i].type)), types[_i].foreign);
}
END_TEST

static const struct {
	enum body_format from, to;
	const char *body, *made; /* NULL: it can't be read or written */
} cases[] = {
	{FORMAT_JSON, FORMAT_JSON, " {\"a\": 1.0}\n", "{\"a\": 1.0}"},
	{FORMAT_JSON, FORMAT_TEXT, "\"a\\n\"", "a\n"},
	{FORMAT_JSON, FORMAT_TEXT, "[1.0]", "[1.0]"},
	{FORMAT_TEXT, FORMAT_JSON, "a\"\n", "\"a\\\"\\n\""},
	{FORMAT_TEXT, FORMAT_JSON, "", "\"\""},
	{FORMAT_FORM, FORMAT_JSON, "a=1", "{\"a\":\"1\"}"},
	{FORMAT_FORM, FORMAT_FORM, "a=1&b=2&a=3", "a=1&a=3&b=2"},
	{FORMAT_XML, FORMAT_JSON, "<a>1</a>", "{\"a\":\"1\"}"},
	{FORMAT_XML, FORMAT_FORM, "<a>1</a>", "a=1"},
	{FORMAT_FORM, FORMAT_XML, "a=1", "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<a>1</a>\n"},
	{FORMAT_JSON, FORMAT_JSON, "{", NULL},
	{FORMAT_TEXT, FORMAT_JSON, "\xff", NULL},
	{FORMAT_XML, FORMAT_JSON, "<a>", NULL},
	{FORMAT_FORM, FORMAT_JSON, "%", NULL},
	{FORMAT_JSON, FORMAT_XML, "[]", NULL},
	{FORMAT_JSON, FORMAT_FORM, "[]", NULL},
};

START_TEST(each_is_read_and_written)
{
	struct buf read, written;
	struct span json;
	struct err e = {0};
	int result;

	buf_init(&read, 1 << 20);
	buf_init(&written, 1 << 20);
	result = body_format_read(cases[_i].from, text(cases[_i].body), &read, &json, &e);
	if (result == 0)
		result = body_format_write(cases[_i].to, NULL, json, &written, &e);
	ck_assert_msg(result == (cases[_i].made ? 0 : -1), "%s: %s", cases[_i].body, e.text);
	if (cases[_i].made)
		ck_assert_str_eq(buf_str(&written), cases[_i].made);
	else
		ck_assert_str_ne(e.text, "");
	buf_fini(&written);
	buf_fini(&read);
}
END_TEST

START_TEST(what_is_too_large_says_so)
{
	struct buf out;
	struct span json;
	struct err e = {0};

	buf_init(&out, 4);
	ck_assert_int_eq(body_format_read(FORMAT_TEXT, text("abcdef"), &out, &json, &e), -1);
	ck_assert_int_eq(e.code, EFBIG);
	buf_reset(&out);
	ck_assert_int_eq(body_format_write(FORMAT_JSON, NULL, text("\"abcdef\""), &out, &e), -1);
	ck_assert_int_eq(e.code, EFBIG);
	buf_fini(&out);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("body_format");
	TCase *c = tcase_create("body_format");

	tcase_add_loop_test(c, a_type_tells_the_format, 0, sizeof(types) / sizeof(types[0]));
	tcase_add_loop_test(c, each_is_read_and_written, 0, sizeof(cases) / sizeof(cases[0]));
	tcase_add_test(c, what_is_too_large_says_so);
	suite_add_tcase(s, c);
	return s;
}

int main(void)
{
	return unit_run(suite());
}
