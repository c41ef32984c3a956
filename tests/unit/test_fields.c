/* fields: selections, and what they cut out of a document. */
#include "gateway/fields.h"
#include "common/json_check.h"
#include "tests/unit/unit.h"

#include <stdlib.h>
#include <string.h>

static struct arena arena;
static struct buf out;
static struct err e;

static void setup(void)
{
	arena_init(&arena, 1 << 20);
	buf_init(&out, 1 << 20);
	e = (struct err){0};
}

static void teardown(void)
{
	buf_fini(&out);
	arena_fini(&arena);
}

static const struct fields *parse(const char *text, unsigned max)
{
	return fields_parse(&arena, (struct span){text, strlen(text)}, max, &e);
}

static const char order[] = "{\"id\": 12345678901234567890, \"no\":0.10,\n"
			    "\"customer\":{\"name\":\"A\",\"age\":1,\"to\":{\"x\":1,\"y\":2}},"
			    "\"lines\":[{\"p\":1.0,\"q\":[{\"p\":2,\"r\":3}]},{\"p\":4},5,null],"
			    "\"none\":null,\"a b\":1,\"\\u0063\":7}";

static const struct {
	const char *fields, *made;
} cases[] = {
	{"id", "{\"id\":12345678901234567890}"},
	{"no,id", "{\"id\":12345678901234567890,\"no\":0.10}"},
	{"nobody", "{}"},
	{"customer.name", "{\"customer\":{\"name\":\"A\"}}"},
	{"customer(name,to.y)", "{\"customer\":{\"name\":\"A\",\"to\":{\"y\":2}}}"},
	{"customer.to(x)", "{\"customer\":{\"to\":{\"x\":1}}}"},
	{"customer.to.x,customer.age", "{\"customer\":{\"age\":1,\"to\":{\"x\":1}}}"},
	{"customer.to,customer.to.x", "{\"customer\":{\"to\":{\"x\":1,\"y\":2}}}"},
	{"customer.to.x,customer.to", "{\"customer\":{\"to\":{\"x\":1,\"y\":2}}}"},
	{"lines.p", "{\"lines\":[{\"p\":1.0},{\"p\":4},null]}"},
	{"lines.q.r", "{\"lines\":[{\"q\":[{\"r\":3}]},{},null]}"},
	{"id.x", "{}"},
	{"none.x", "{\"none\":null}"},
	{"a b", "{\"a b\":1}"},
	{"c", "{\"\\u0063\":7}"},
	{"id,id,id", "{\"id\":12345678901234567890}"},
};

START_TEST(what_is_selected_is_there)
{
	const struct fields *fields = parse(cases[_i].fields, 50);

	ck_assert_msg(fields != NULL, "%s: %s", cases[_i].fields, e.text);
	fields_write(fields, (struct span){order, strlen(order)}, &out);
	ck_assert_str_eq(buf_str(&out), cases[_i].made);
	ck_assert_int_eq(json_check((struct span){out.data, out.len}, &e), 0);
}
END_TEST

static const struct {
	const char *json, *made; /* of "a" */
} documents[] = {
	{"[{\"a\":1,\"b\":2},[{\"a\":3,\"c\":4}],5,null,[]]", "[{\"a\":1},[{\"a\":3}],null,[]]"},
	{"[]", "[]"},
	{"{}", "{}"},
	{"7", "7"},
	{"\"x\"", "\"x\""},
	{"null", "null"},
};

START_TEST(any_document_will_do)
{
	fields_write(parse("a", 1), (struct span){documents[_i].json, strlen(documents[_i].json)},
		     &out);
	ck_assert_str_eq(buf_str(&out), documents[_i].made);
}
END_TEST

static const struct {
	const char *fields, *why;
} broken[] = {
	{"", "a name is missing at character 0"},
	{",", "a name is missing at character 0"},
	{"a,", "a name is missing at character 2"},
	{"a,,b", "a name is missing at character 2"},
	{".a", "a name is missing at character 0"},
	{"a..b", "a name is missing at character 2"},
	{"a.", "a name is missing at character 2"},
	{"a(", "a name is missing at character 2"},
	{"a()", "a name is missing at character 2"},
	{"(a)", "a name is missing at character 0"},
	{"a(b", "has no ')'"},
	{"a(b,c", "has no ')'"},
	{"a)", "')' can't stand at character 1"},
	{"a(b))", "')' can't stand at character 4"},
	{"a(b)c", "'c' can't stand at character 4"},
	{"a(b).c", "'.' can't stand at character 4"},
	{"a\nb", "'?' can't stand at character 1"},
	{"a\xff", "not UTF-8"},
	{"a,b,c,d,e,f", "more than 5 names"},
	{"a(b(c(d(e(f)))))", "more than 5 names"},
};

START_TEST(a_malformed_selection_says_why)
{
	ck_assert_ptr_null(parse(broken[_i].fields, 5));
	ck_assert_msg(strstr(e.text, broken[_i].why) != NULL, "%s: %s", broken[_i].fields, e.text);
}
END_TEST

START_TEST(depth_and_length_are_bounded)
{
	char text[2 * FIELDS_BYTES_MAX];

	ck_assert_ptr_nonnull(parse("a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a", 50));
	ck_assert_ptr_null(parse("a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a", 50));
	ck_assert_ptr_nonnull(strstr(e.text, "deeper than 16"));
	ck_assert_ptr_nonnull(parse("a.a.a.a.a.a.a.a.a.a.a.a.a.a.a(a)", 50));
	ck_assert_ptr_null(parse("a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a(a)", 50));
	memset(text, 'a', sizeof(text));
	text[FIELDS_BYTES_MAX + 1] = '\0';
	ck_assert_ptr_null(parse(text, 50));
	ck_assert_ptr_nonnull(strstr(e.text, "longer than 4096 bytes"));
	memset(text, '(', sizeof(text));
	text[FIELDS_BYTES_MAX] = '\0';
	for (size_t i = 0; i < FIELDS_BYTES_MAX; i += 2)
		text[i] = 'a';
	ck_assert_ptr_null(parse(text, 10000));
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("fields");
	TCase *c = tcase_create("fields");

	tcase_add_checked_fixture(c, setup, teardown);
	tcase_add_loop_test(c, what_is_selected_is_there, 0, sizeof(cases) / sizeof(cases[0]));
	tcase_add_loop_test(c, any_document_will_do, 0, sizeof(documents) / sizeof(documents[0]));
	tcase_add_loop_test(c, a_malformed_selection_says_why, 0,
			    sizeof(broken) / sizeof(broken[0]));
	tcase_add_test(c, depth_and_length_are_bounded);
	suite_add_tcase(s, c);
	return s;
}

int main(void)
{
	return unit_run(suite());
}
