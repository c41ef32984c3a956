/* form: HTML forms as JSON, and back. */
#include "gateway/form.h"
#include "common/json_check.h"
#include "common/json_walk.h"
#include "tests/unit/unit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static struct buf out;
static struct err e;

static void setup(void)
{
	buf_init(&out, 1 << 20);
	e = (struct err){0};
}

static void teardown(void)
{
	buf_fini(&out);
}

/* In memory of exactly its size, so that a sanitizer sees what is read behind it. */
static int read_form(const char *text, size_t len, bool lenient)
{
	char *copy = malloc(len ? len : 1);
	int result;

	ck_assert_ptr_nonnull(copy);
	memcpy(copy, text, len);
	result = form_to_json((struct span){copy, len}, lenient, &out, &e);
	free(copy);
	return result;
}

static const struct {
	const char *form, *json;
} sound[] = {
	{"", "{}"},
	{"&&", "{}"},
	{"a=1", "{\"a\":\"1\"}"},
	{"a", "{\"a\":\"\"}"},
	{"=1", "{\"\":\"1\"}"},
	{"a=1&b=2&", "{\"a\":\"1\",\"b\":\"2\"}"},
	{"a=1&b=2&a=3", "{\"a\":[\"1\",\"3\"],\"b\":\"2\"}"},
	{"a=1&%61=2", "{\"a\":[\"1\",\"2\"]}"},
	{"a=x+y%20z", "{\"a\":\"x y z\"}"},
	{"a=b=c", "{\"a\":\"b=c\"}"},
	{"%C3%A9=%22%0A", "{\"\xc3\xa9\":\"\\\"\\n\"}"},
	{"a%5B%5D=1", "{\"a[]\":\"1\"}"},
	{"a=%00", "{\"a\":\"\\u0000\"}"},
};

START_TEST(a_form_is_an_object)
{
	ck_assert_msg(read_form(sound[_i].form, strlen(sound[_i].form), false) == 0, "%s: %s",
		      sound[_i].form, e.text);
	ck_assert_str_eq(buf_str(&out), sound[_i].json);
	ck_assert_int_eq(json_check((struct span){out.data, out.len}, &e), 0);
}
END_TEST

static const struct {
	const char *form, *why;
} broken[] = {
	{"a=%", "two hex digits"},    {"a=%4", "two hex digits"}, {"a=%4g", "two hex digits"},
	{"%zz=1", "two hex digits"},  {"a=%ff", "not UTF-8"},	  {"\xc3=1", "not UTF-8"},
	{"a=%ED%A0%80", "not UTF-8"},
};

START_TEST(a_broken_form_says_why)
{
	ck_assert_int_eq(read_form(broken[_i].form, strlen(broken[_i].form), false), -1);
	ck_assert_ptr_nonnull(strstr(e.text, broken[_i].why));
}
END_TEST

START_TEST(a_query_is_read_as_it_is)
{
	ck_assert_int_eq(read_form("a=%&%ff=1&b=%ff", 15, true), 0);
	ck_assert_str_eq(buf_str(&out), "{\"a\":\"%\",\"b\":\"\xef\xbf\xbd\"}");
}
END_TEST

START_TEST(values_are_bounded)
{
	struct buf form;

	buf_init(&form, 1 << 20);
	for (int i = 0; i <= FORM_PAIRS_MAX; i++)
		ck_assert_int_eq(buf_printf(&form, "a%d=1&", i), 0);
	ck_assert_int_eq(read_form(form.data, form.len, false), -1);
	ck_assert_ptr_nonnull(strstr(e.text, "more than 1000 values"));
	ck_assert_int_eq(read_form(form.data, form.len, true), 0);
	out.max = 100;
	buf_reset(&out);
	ck_assert_int_eq(read_form(form.data, form.len, true), -1);
	ck_assert_int_eq(e.code, EFBIG);
	buf_fini(&form);
}
END_TEST

static const struct {
	const char *json, *form; /* NULL: there is none */
} values[] = {
	{"{}", ""},
	{"{\"a\":\"1\",\"b\":2.50}", "a=1&b=2.50"},
	{"{\"a\":[1,\"x\",true,null],\"b\":[]}", "a=1&a=x&a=true&a="},
	{"{\"a b\":\"c&d=e+f%\"}", "a+b=c%26d%3De%2Bf%25"},
	{"{\"\\u00e9\":\"\\ud83d\\ude00\\u0000*-._~\"}", "%C3%A9=%F0%9F%98%80%00*-._%7E"},
	{"[1]", NULL},
	{"1", NULL},
	{"{\"a\":{}}", NULL},
	{"{\"a\":[[]]}", NULL},
	{"{\"a\":[{}]}", NULL},
};

START_TEST(an_object_of_scalars_is_a_form)
{
	struct span json = {values[_i].json, strlen(values[_i].json)};
	int result = form_from_json(json, &out, &e);

	ck_assert_int_eq(result, values[_i].form ? 0 : -1);
	if (values[_i].form)
		ck_assert_str_eq(buf_str(&out), values[_i].form);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("form");
	TCase *c = tcase_create("form");

	tcase_add_checked_fixture(c, setup, teardown);
	tcase_add_loop_test(c, a_form_is_an_object, 0, sizeof(sound) / sizeof(sound[0]));
	tcase_add_loop_test(c, a_broken_form_says_why, 0, sizeof(broken) / sizeof(broken[0]));
	tcase_add_test(c, a_query_is_read_as_it_is);
	tcase_add_test(c, values_are_bounded);
	tcase_add_loop_test(c, an_object_of_scalars_is_a_form, 0,
			    sizeof(values) / sizeof(values[0]));
	suite_add_tcase(s, c);
	return s;
}

int main(void)
{
	return unit_run(suite());
}
