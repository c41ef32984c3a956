/* rpc_quick reads what xmlrpc-c reads, and leaves to it whatever is written unusually; what
 * rpc_write writes, xmlrpc-c reads back. */
#include "common/rpc_quick.h"
#include "common/rpc_write.h"
#include "tests/unit/quick_case.h"
#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CALL(name, value)                                                                    \
	"<?xml version='1.0'?>\n<methodCall>\n<methodName>" name "</methodName>\n<params>\n" \
	"<param>\n" value "</param>\n</params>\n</methodCall>\n"
#define STRUCT(members)	    "<value><struct>\n" members "</struct></value>\n"
#define MEMBER(name, value) "<member>\n<name>" name "</name>\n<value>" value "</value>\n</member>\n"
#define TEXT(name, text)    MEMBER(name, "<string>" text "</string>")
#define INT(name, number)   MEMBER(name, "<int>" number "</int>")
#define BEAT(id)	    STRUCT(TEXT("service", "s") TEXT("id", id) TEXT("lease", "f00"))
#define ARRAY(items)	    "<value><array><data>" items "</data></array></value>"

static const struct quick_row {
	const char *name;
	enum quick_shape shape;
	enum quick_outcome outcome;
	const char *body;
} rows[] = {
	{"a registration with all it may say", QUICK_REGISTRATION, QUICK_SAME,
	 CALL("registry.register",
	      STRUCT(TEXT("service", "orders") INT("port", "9000") TEXT("id", "a:1") TEXT(
		      "host", "::1") TEXT("zone", "") MEMBER("weight", "<i4>7</i4>")
			     MEMBER("tags", "<array><data>\n<value><string>x y</string></value>\n"
					    "</data></array>")
				     MEMBER("meta",
					    "<struct><member><name>z</name><value><string>1"
					    "</string></value></member><member><name>a</name>"
					    "<value><string>2</string></value></member>"
					    "</struct>")))},
	{"pairs are sorted", QUICK_REGISTRATION, QUICK_SAME,
	 CALL("m", STRUCT(TEXT("service", "s") INT("port", "1") MEMBER(
			   "meta", "<struct>" TEXT("z", "1") TEXT("a", "2") "</struct>")))},
	{"a heartbeat", QUICK_HEARTBEAT, QUICK_SAME, CALL("registry.heartbeat", BEAT("1"))},
	{"a heartbeat with its registration", QUICK_HEARTBEAT, QUICK_SAME,
	 CALL("m", STRUCT(TEXT("service", "s") TEXT("id", "a") INT("port", "5") INT("load", "0")))},
	{"many heartbeats", QUICK_HEARTBEATS, QUICK_SAME, CALL("m", ARRAY(BEAT("1") BEAT("2")))},
	{"no heartbeats", QUICK_HEARTBEATS, QUICK_SAME, CALL("m", ARRAY(""))},
	{"without prolog and spaces", QUICK_HEARTBEAT, QUICK_SAME,
	 "<methodCall><methodName>m</methodName><params><param><value><struct><member><name>service"
	 "</name><value><string>s</string></value></member><member><name>id</name><value><string>i"
	 "</string></value></member></struct></value></param></params></methodCall>"},
	{"each kind of field", QUICK_FIELDS, QUICK_SAME,
	 CALL("m", STRUCT(MEMBER("yes", "<boolean>1</boolean>") INT("number", "-999999999")
				  TEXT("text", " two  spaces ") MEMBER(
					  "words", "<array><data><value>"
						   "<string>a</string></value></data></array>")))},
	{"an empty text", QUICK_FIELDS, QUICK_SAME, CALL("m", STRUCT(TEXT("text", "")))},
	{"a reference", QUICK_FIELDS, QUICK_LEFT, CALL("m", STRUCT(TEXT("text", "&amp;")))},
	{"a text without a type", QUICK_FIELDS, QUICK_LEFT, CALL("m", STRUCT(MEMBER("text", "a")))},
	{"a line feed", QUICK_FIELDS, QUICK_LEFT, CALL("m", STRUCT(TEXT("text", "a\nb")))},
	{"a letter beyond ASCII", QUICK_FIELDS, QUICK_LEFT,
	 CALL("m", STRUCT(TEXT("text", "\xc3\xbc")))},
	{"the end of a CDATA section", QUICK_FIELDS, QUICK_LEFT,
	 CALL("m", STRUCT(TEXT("text", "]]>")))},
	{"a comment", QUICK_FIELDS, QUICK_LEFT, CALL("m", STRUCT(TEXT("text", "a") "<!-- -->"))},
	{"an attribute", QUICK_FIELDS, QUICK_LEFT,
	 CALL("m", STRUCT(MEMBER("text", "<string a='b'>a</string>")))},
	{"a member twice", QUICK_FIELDS, QUICK_LEFT,
	 CALL("m", STRUCT(TEXT("text", "a") TEXT("text", "a")))},
	{"a pair twice", QUICK_FIELDS, QUICK_LEFT,
	 CALL("m", STRUCT(TEXT("text", "a") MEMBER("pairs", "<struct>" TEXT("a", "1")
								    TEXT("a", "2") "</struct>")))},
	{"too few words", QUICK_FIELDS, QUICK_LEFT,
	 CALL("m", STRUCT(TEXT("text", "a") MEMBER("words", "<array><data></data></array>")))},
	{"a word that is too long", QUICK_FIELDS, QUICK_LEFT,
	 CALL("m", STRUCT(TEXT("text", "a") MEMBER("words", "<array><data><value><string>123456"
							    "</string></value></data></array>")))},
	{"a number with a sign", QUICK_FIELDS, QUICK_LEFT,
	 CALL("m", STRUCT(TEXT("text", "a") INT("number", "+5")))},
	{"a number out of range", QUICK_HEARTBEAT, QUICK_LEFT,
	 CALL("m", STRUCT(TEXT("service", "s") TEXT("id", "i") INT("load", "101")))},
	{"an unknown member", QUICK_FIELDS, QUICK_LEFT,
	 CALL("m", STRUCT(TEXT("text", "a") TEXT("txt", "b")))},
	{"a member that is missing", QUICK_FIELDS, QUICK_LEFT,
	 CALL("m", STRUCT(INT("number", "1")))},
	{"a second parameter", QUICK_HEARTBEAT, QUICK_LEFT,
	 CALL("m", BEAT("1") "</param><param><value><string></string></value>")},
	{"something after the document", QUICK_HEARTBEAT, QUICK_LEFT, CALL("m", BEAT("1")) "<a/>"},
	{"a check", QUICK_REGISTRATION, QUICK_LEFT,
	 CALL("m", STRUCT(TEXT("service", "s") INT("port", "1")
				  MEMBER("check", "<struct>" TEXT("type", "tcp") "</struct>")))},
	{"nothing", QUICK_HEARTBEAT, QUICK_LEFT, ""},
};

enum { ROWS = sizeof(rows) / sizeof(rows[0]) };

/* In a heap block of its exact length, so that the address sanitizer sees a look beyond it. */
static enum quick_outcome run(enum quick_shape shape, const char *body, size_t len, char why[500])
{
	enum quick_outcome outcome;
	char *copy = malloc(len + !len);

	ck_assert_ptr_nonnull(copy);
	memcpy(copy, body, len);
	outcome = quick_case(shape, copy, len, why);
	free(copy);
	return outcome;
}

START_TEST(a_call_is_read_as_xmlrpc_c_reads_it_or_left_to_it)
{
	const struct quick_row *row = &rows[_i];
	char why[500] = "";

	ck_assert_msg(run(row->shape, row->body, strlen(row->body), why) == row->outcome, "%s: %s",
		      row->name, why);
}
END_TEST

START_TEST(a_call_that_is_cut_is_left)
{
	const struct quick_row *row = &rows[_i];
	size_t len = strlen(row->body);
	char why[500] = "";

	if (row->outcome == QUICK_LEFT)
		return;
	while (len > 0 && row->body[len - 1] != '>')
		len--;
	for (size_t n = 0; n < len; n++)
		ck_assert_msg(run(row->shape, row->body, n, why) == QUICK_LEFT, "%s: %zu",
			      row->name, n);
}
END_TEST

/* Bytes replaced, dropped, and pieces doubled. */
START_TEST(no_change_of_a_call_makes_the_two_differ)
{
	static const char bytes[] = "<>/&;! \n\ra0-:'\"\x01\xc3\x7f]";
	const struct quick_row *row = &rows[_i];
	size_t len = strlen(row->body);
	uint32_t random = 12345;
	char body[4096], why[500] = "";

	ck_assert_uint_lt(len * 2, sizeof(body));
	for (unsigned round = 0; len > 0 && round < 2000; round++) {
		size_t n = len, at, piece;

		random = random * 1103515245 + 12345;
		at = (random >> 8) % len;
		piece = 1 + (random >> 4) % 40 % (len - at);
		memcpy(body, row->body, len);
		switch ((random >> 28) % 3) {
		case 0:
			body[at] = bytes[(random >> 16) % (sizeof(bytes) - 1)];
			break;
		case 1:
			memmove(body + at, body + at + piece, len - at - piece);
			n -= piece;
			break;
		default:
			memmove(body + at + piece, body + at, len - at);
			n += piece;
			break;
		}
		ck_assert_msg(run(row->shape, body, n, why) != QUICK_DIFFERENT, "%s: %s in %.*s",
			      row->name, why, (int)n, body);
	}
}
END_TEST

START_TEST(more_elements_than_the_guard_allows_are_left)
{
	struct buf body;
	char why[500] = "";

	buf_init(&body, 4 << 20);
	(void)buf_puts(&body, "<methodCall><methodName>m</methodName><params><param><value><array>"
			      "<data>");
	for (unsigned i = 0; i < 20000 / 14; i++)
		(void)buf_puts(&body, BEAT("1"));
	(void)buf_puts(&body, "</data></array></value></param></params></methodCall>");
	ck_assert_int_eq(quick_case(QUICK_HEARTBEATS, body.data, body.len, why), QUICK_SAME);
	buf_reset(&body);
	(void)buf_puts(&body, "<methodCall><methodName>m</methodName><params><param><value><array>"
			      "<data>");
	for (unsigned i = 0; i < 20000 / 14 + 1; i++)
		(void)buf_puts(&body, BEAT("1"));
	(void)buf_puts(&body, "</data></array></value></param></params></methodCall>");
	ck_assert_int_eq(quick_case(QUICK_HEARTBEATS, body.data, body.len, why), QUICK_LEFT);
	buf_fini(&body);
}
END_TEST

/* ---- Writing ---- */

static const char *const texts[] = {
	"plain", "", "a&b<c>d\"e'f", "]]>", "tab\tline\nend", "\xc3\xbc\xe2\x82\xac", "  two  ",
};

START_TEST(what_is_written_is_read_back_by_xmlrpc_c)
{
	const char *tags[] = {texts[_i][0] ? texts[_i] : "x", "tag"};
	const struct instance_pair meta[] = {{"a<&>", texts[_i]}, {"b", "1"}};
	struct instance in = {.id = "i",
			      .host = "h",
			      .scheme = "http",
			      .zone = texts[_i],
			      .version = "1",
			      .detail = texts[_i],
			      .port = 65535,
			      .weight = 1000,
			      .status = INSTANCE_UP,
			      .tags = tags,
			      .tag_count = 2,
			      .meta = meta,
			      .meta_count = 2};
	struct instance again;
	xmlrpc_value *result = NULL;
	const char *fault = NULL;
	struct arena arena;
	struct err e = {0};
	xmlrpc_env env;
	struct buf to;
	int code;

	buf_init(&to, 1 << 20);
	rpc_write_begin(&to);
	rpc_write_instance(&to, &in);
	rpc_write_end(&to);
	xmlrpc_env_init(&env);
	xmlrpc_parse_response2(&env, to.data, to.len, &result, &code, &fault);
	ck_assert_msg(!env.fault_occurred && result, "%s", env.fault_string);
	arena_init(&arena, 1 << 20);
	ck_assert_msg(rpc_read_instance("it", result, &arena, &again, &e) == 0, "%s", e.text);
	ck_assert_str_eq(again.zone, in.zone);
	ck_assert_str_eq(again.detail, in.detail);
	ck_assert_str_eq(again.tags[0], tags[0]);
	ck_assert_str_eq(again.meta[0].name, meta[0].name);
	ck_assert_str_eq(again.meta[0].value, meta[0].value);
	ck_assert_uint_eq(again.port, in.port);
	ck_assert_uint_eq(again.weight, in.weight);
	ck_assert_int_eq(again.status, in.status);
	ck_assert_uint_eq(again.tag_count + again.meta_count, 4);
	xmlrpc_DECREF(result);
	xmlrpc_env_clean(&env);
	arena_fini(&arena);
	buf_fini(&to);
}
END_TEST

START_TEST(numbers_are_written_with_all_their_digits)
{
	static const int numbers[] = {0, 1, -1, 10, 2147483647, -2147483647 - 1};
	char want[64];
	struct buf to;

	buf_init(&to, 1000);
	for (size_t i = 0; i < 6; i++) {
		buf_reset(&to);
		rpc_write_int(&to, numbers[i]);
		(void)snprintf(want, sizeof(want), "<value><i4>%d</i4></value>", numbers[i]);
		ck_assert_str_eq(buf_str(&to), want);
	}
	buf_fini(&to);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("rpc_quick");
	TCase *t = tcase_create("reading");

	tcase_add_loop_test(t, a_call_is_read_as_xmlrpc_c_reads_it_or_left_to_it, 0, ROWS);
	tcase_add_loop_test(t, a_call_that_is_cut_is_left, 0, ROWS);
	tcase_add_loop_test(t, no_change_of_a_call_makes_the_two_differ, 0, ROWS);
	tcase_add_test(t, more_elements_than_the_guard_allows_are_left);
	suite_add_tcase(s, t);
	t = tcase_create("writing");
	tcase_add_loop_test(t, what_is_written_is_read_back_by_xmlrpc_c, 0,
			    sizeof(texts) / sizeof(texts[0]));
	tcase_add_test(t, numbers_are_written_with_all_their_digits);
	suite_add_tcase(s, t);
	return unit_run(s);
}
