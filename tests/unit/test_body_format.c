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
	{"application/json", BODY_JSON, false},
	{"Application/JSON", BODY_JSON, false},
	{"application/json ; charset=utf-8", BODY_JSON, false},
	{"application/hal+json", BODY_JSON, false},
	{"application/problem+JSON;a=b", BODY_JSON, false},
	{"text/json", BODY_JSON, false},
	{"text/xml; charset=\"UTF-8\"", BODY_XML, false},
	{"application/xml", BODY_XML, false},
	{"image/svg+xml", BODY_XML, false},
	{"text/xml; charset=iso-8859-1", BODY_XML, true},
	{"text/xml;a=b;\tCharset=utf-16 ;c=d", BODY_XML, true},
	{"text/xml; charset=us-ascii", BODY_XML, false},
	{"application/x-www-form-urlencoded", BODY_FORM, false},
	{"+json", BODY_BY_TYPE, false},
	{"json", BODY_BY_TYPE, false},
	{"text/plain", BODY_BY_TYPE, false},
	{"application/jsonx", BODY_BY_TYPE, false},
	{"application/x-ndjson", BODY_BY_TYPE, false},
	{"multipart/form-data; boundary=x", BODY_BY_TYPE, false},
	{"", BODY_BY_TYPE, false},
	{";", BODY_BY_TYPE, false},
	{"a/b;charset", BODY_BY_TYPE, false},
	{"a/b;charset=", BODY_BY_TYPE, false},
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
	{BODY_JSON, BODY_JSON, " {\"a\": 1.0}\n", "{\"a\": 1.0}"},
	{BODY_JSON, BODY_TEXT, "\"a\\n\"", "a\n"},
	{BODY_JSON, BODY_TEXT, "[1.0]", "[1.0]"},
	{BODY_TEXT, BODY_JSON, "a\"\n", "\"a\\\"\\n\""},
	{BODY_TEXT, BODY_JSON, "", "\"\""},
	{BODY_FORM, BODY_JSON, "a=1", "{\"a\":\"1\"}"},
	{BODY_FORM, BODY_FORM, "a=1&b=2&a=3", "a=1&a=3&b=2"},
	{BODY_XML, BODY_JSON, "<a>1</a>", "{\"a\":\"1\"}"},
	{BODY_XML, BODY_FORM, "<a>1</a>", "a=1"},
	{BODY_FORM, BODY_XML, "a=1", "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<a>1</a>\n"},
	{BODY_JSON, BODY_JSON, "{", NULL},
	{BODY_TEXT, BODY_JSON, "\xff", NULL},
	{BODY_XML, BODY_JSON, "<a>", NULL},
	{BODY_FORM, BODY_JSON, "%", NULL},
	{BODY_JSON, BODY_XML, "[]", NULL},
	{BODY_JSON, BODY_FORM, "[]", NULL},
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
	ck_assert_int_eq(body_format_read(BODY_TEXT, text("abcdef"), &out, &json, &e), -1);
	ck_assert_int_eq(e.code, EFBIG);
	buf_reset(&out);
	ck_assert_int_eq(body_format_write(BODY_JSON, NULL, text("\"abcdef\""), &out, &e), -1);
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
