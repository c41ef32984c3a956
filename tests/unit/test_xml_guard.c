/* xml_guard: what reaches xmlrpc-c's parser and what does not. */
#include "common/buf.h"
#include "common/clock.h"
#include "common/rpc.h"
#include "common/xml_guard.h"
#include "tests/unit/unit.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <xmlrpc-c/base.h>

#define HEAD	    "<?xml version=\"1.0\"?>\r\n<methodCall><methodName>m</methodName><params>"
#define TAIL	    "</params></methodCall>\n"
#define PARAM(text) HEAD "<param><value>" text "</value></param>" TAIL
#define MEMBER(n)   "<member><name>" n "</name><value>1</value></member>"

static const struct guard_case {
	const char *name, *body;
	int code; /* 0: let through */
	const char *says;
} guard_cases[] = {
	{"a plain call passes", PARAM("<string>a &amp; b &#233; &#x20AC;</string>"), 0, ""},
	{"a call without params passes", "<methodCall><methodName>m</methodName></methodCall>", 0,
	 ""},
	{"a reply passes",
	 "<methodResponse><params><param><value/></param></params></methodResponse>", 0, ""},
	{"a fault passes",
	 "<methodResponse><fault><value><struct>" MEMBER("faultCode") "</struct></value></fault>"
								      "</methodResponse>",
	 0, ""},
	{"a byte order mark passes", "\xef\xbb\xbf" PARAM("x"), 0, ""},
	{"comments pass",
	 "<!-- a --><methodCall><!-- <b> --><methodName>m</methodName></methodCall>", 0, ""},
	{"CDATA passes", PARAM("<string><![CDATA[<!DOCTYPE & ]]></string>"), 0, ""},
	{"a name space on the root passes",
	 "<methodCall xmlns:ex='urn:x'><methodName>m</methodName></methodCall>", 0, ""},
	{"UTF-8 may be declared in small letters",
	 "<?xml version='1.0' encoding='utf-8' standalone=\"yes\" "
	 "?><methodCall><methodName>\xc3\xa9"
	 "</methodName></methodCall>",
	 0, ""},
	{"a second declaration is refused", "<?xml version='1.0'?>" PARAM("1"), -32700,
	 "processing instruction"},
	{"ASCII in a Latin 1 document passes, as PHP sends it",
	 "<?xml version=\"1.0\" encoding=\"iso-8859-1\"?><methodCall><methodName>m</methodName>"
	 "</methodCall>",
	 0, ""},
	{"Latin 1 does not",
	 "<?xml version=\"1.0\" encoding=\"iso-8859-1\"?><methodCall><methodName>\xe9</methodName>"
	 "</methodCall>",
	 -32700, "not UTF-8"},
	{"nor UTF-8 that declares Latin 1",
	 "<?xml version=\"1.0\" "
	 "encoding=\"iso-8859-1\"?><methodCall><methodName>\xc3\xa9</methodName>"
	 "</methodCall>",
	 -32700, "beyond ASCII"},
	{"other encodings are refused by name",
	 "<?xml version=\"1.0\" encoding=\"UTF-16\"?><methodCall/>", -32700, "UTF-16"},
	{"XML 1.1 is refused", "<?xml version=\"1.1\"?><methodCall/>", -32700, "1.1"},
	{"nothing is no XML", "", -32700, "no XML"},
	{"space is no XML", " \n", -32700, "no XML"},
	{"text is no XML", "hello", -32700, "outside"},
	{"JSON is no XML", "{\"a\": 1}", -32700, "outside"},
	{"HTML is no call", "<html><body>502</body></html>", -32600, "<html>"},
	{"a document type is refused", "<!DOCTYPE a><methodCall/>", -32700, "document type"},
	{"a document type in the middle too", PARAM("<!DOCTYPE a>"), -32700, "document type"},
	{"an entity declaration too", PARAM("<!ENTITY a 'b'>"), -32700, "document type"},
	{"a document type behind the call too", PARAM("1") "<!DOCTYPE a>", -32700, "document type"},
	{"an unknown entity is refused", PARAM("&lol;"), -32700, "entity"},
	{"a processing instruction is refused", PARAM("<?php ?>"), -32700, "processing"},
	{"a style sheet is refused", "<?xml-stylesheet href='a'?><methodCall/>", -32700,
	 "processing"},
	{"two types in a value are refused", PARAM("<int>1</int><int>1</int>"), -32600,
	 "a second <int> in <value>"},
	{"two values in a param are refused", PARAM("1</value><value>2"), -32600,
	 "a second <value> in <param>"},
	{"two names of a method are refused",
	 "<methodCall><methodName>a</methodName><methodName>b</methodName></methodCall>", -32600,
	 "a second <methodName> in <methodCall>"},
	{"two names of a member are refused",
	 PARAM("<struct><member><name>a</name><name>b</name><value/></member></struct>"), -32600,
	 "a second <name> in <member>"},
	{"two lists of an array are refused", PARAM("<array><data/><data/></array>"), -32600,
	 "a second <data> in <array>"},
	{"a call without a method is refused", "<methodCall><params/></methodCall>", -32600,
	 "<methodCall> without its methodName"},
	{"a member without a value is refused",
	 PARAM("<struct><member><name>a</name></member></struct>"), -32600,
	 "<member> without its value"},
	{"a member without a name is refused", PARAM("<struct><member><value/></member></struct>"),
	 -32600, "<member> without its name"},
	{"an array without data is refused", PARAM("<array/>"), -32600, "<array> without its data"},
	{"a member may have its value first",
	 PARAM("<struct><member><value>1</value><name>a</name></member></struct>"), 0, ""},
	{"a NUL reference is refused", PARAM("&#0;"), -32700, "no character"},
	{"a surrogate reference is refused", PARAM("&#xD800;"), -32700, "no character"},
	{"a huge reference is refused", PARAM("&#x99999999999999999999;"), -32700, "no character"},
	{"an empty reference is refused", PARAM("&#;"), -32700, "no character"},
	{"hex digits need their x", PARAM("&#a;"), -32700, "no character"},
	{"a control character is refused", PARAM("a\x01"), -32700, "control"},
	{"a broken sequence is refused", PARAM("\xc3("), -32700, "UTF-8"},
	{"an overlong sequence is refused", PARAM("\xc0\xbc"), -32700, "UTF-8"},
	{"an overlong one of three bytes too", PARAM("\xe0\x80\xbc"), -32700, "UTF-8"},
	{"a surrogate in UTF-8 too", PARAM("\xed\xa0\x80"), -32700, "UTF-8"},
	{"a sequence cut by the end too", "<methodCall>\xe2\x82", -32700, "UTF-8"},
	{"beyond Unicode too", PARAM("\xf4\x90\x80\x80"), -32700, "UTF-8"},
	{"i8 is refused by name", PARAM("<i8>1</i8>"), -32602, "<i8>"},
	{"nil is refused by name", PARAM("<nil/>"), -32602, "<nil>"},
	{"Apache's extensions are refused by name", PARAM("<ex:i8>1</ex:i8>"), -32602, "<ex:i8>"},
	{"an element of no meaning is refused", PARAM("<b>1</b>"), -32600, "<b> in <value>"},
	{"a known element in a wrong place too", PARAM("<member/>"), -32600, "<member> in <value>"},
	{"text between elements is refused", "<methodCall>a</methodCall>", -32600, "text in"},
	{"so is a reference to a space", "<methodCall>&#32;</methodCall>", -32600, "text in"},
	{"so is CDATA", "<methodCall><![CDATA[]]></methodCall>", -32600, "CDATA"},
	{"a second document is refused", PARAM("1") "<methodCall/>", -32700, "second"},
	{"an open end is refused", "<methodCall><params>", -32700, "ends within <params>"},
	{"crossed tags are refused", "<methodCall><params></methodCall></params>", -32700,
	 "closes"},
	{"a tag cut by the end is refused", "<methodCall", -32700, "not closed"},
	{"an attribute cut by the end is refused", "<methodCall a='", -32700, "attribute"},
	{"a comment cut by the end is refused", "<methodCall><!-- ", -32700, "ends before"},
	{"CDATA cut by the end is refused", "<methodCall><methodName><![CDATA[a]]", -32700,
	 "CDATA"},
	{"a lone '<' is refused", "<", -32700, "begins no tag"},
	{"'<' in an attribute is refused", "<methodCall a='<'/>", -32700, "attribute"},
	{"two members of one name are refused",
	 PARAM("<struct>" MEMBER("a") MEMBER("b") MEMBER("a") "</struct>"), -32602, "twice"},
	{"however the name is written", PARAM("<struct>" MEMBER("a") MEMBER("&#97;") "</struct>"),
	 -32602, "twice"},
	{"with a comment in it", PARAM("<struct>" MEMBER("ab") MEMBER("a<!-- -->b") "</struct>"),
	 -32602, "twice"},
	{"or as CDATA", PARAM("<struct>" MEMBER("ab") MEMBER("a<![CDATA[b]]>") "</struct>"), -32602,
	 "twice"},
	{"or with another line end", PARAM("<struct>" MEMBER("a\nb") MEMBER("a\r\nb") "</struct>"),
	 -32602, "twice"},
	{"or empty", PARAM("<struct>" MEMBER("") MEMBER("") "</struct>"), -32602, "twice"},
	{"two structs may have one name each",
	 PARAM("<array><data><value><struct>" MEMBER("a") "</struct></value><value><struct>" MEMBER(
		 "a") "</struct></value></data></array>"),
	 0, ""},
	{"an inner struct may repeat an outer's name",
	 PARAM("<struct><member><name>a</name><value><struct>" MEMBER(
		 "a") "</struct></value></member>" MEMBER("b") "</struct>"),
	 0, ""},
	{"an outer struct's names are remembered over an inner one",
	 PARAM("<struct>" MEMBER("a") "<member><name>b</name><value><struct>" MEMBER(
		 "c") "</struct></value></member>" MEMBER("a") "</struct>"),
	 -32602, "twice"},
};

static int guard_run(const char *body, size_t len, struct err *e)
{
	*e = (struct err){0};
	return xml_guard_check(body, len, XML_GUARD_ELEMENTS_MAX, XML_GUARD_BYTES_MAX, e);
}

START_TEST(documents_are_judged)
{
	const struct guard_case *c = &guard_cases[_i];
	struct err e;
	int result = guard_run(c->body, strlen(c->body), &e);

	ck_assert_msg(result == (c->code ? -1 : 0), "%s: %s", c->name, e.text);
	ck_assert_msg(e.code == c->code, "%s: code %d, %s", c->name, e.code, e.text);
	ck_assert_msg(strstr(e.text, c->says), "%s: %s", c->name, e.text);
}
END_TEST

START_TEST(what_passes_is_what_the_parser_takes)
{
	const struct guard_case *c = &guard_cases[_i];
	const char *method = NULL;
	xmlrpc_value *params = NULL;
	size_t mark = xml_guard_mark(c->body, strlen(c->body));
	xmlrpc_env env;

	if (c->code || !strstr(c->body, "methodCall"))
		return;
	xmlrpc_env_init(&env);
	xmlrpc_parse_call(&env, c->body + mark, strlen(c->body) - mark, &method, &params);
	ck_assert_msg(!env.fault_occurred, "%s: %s", c->name, env.fault_string);
	free((void *)(uintptr_t)method);
	xmlrpc_DECREF(params);
	xmlrpc_env_clean(&env);
}
END_TEST

START_TEST(an_entity_bomb_costs_nothing)
{
	struct buf b;
	struct err e;
	uint64_t before;

	buf_init(&b, 1 << 20);
	(void)buf_puts(&b, "<?xml version=\"1.0\"?><!DOCTYPE m [<!ENTITY a0 \"dddddddddd\">");
	for (int i = 1; i < 9; i++)
		(void)buf_printf(&b, "<!ENTITY a%d \"&a%d;&a%d;&a%d;&a%d;&a%d;&a%d;&a%d;&a%d;\">",
				 i, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1);
	(void)buf_puts(&b, "]><methodCall><methodName>&a8;</methodName></methodCall>");
	before = clock_ms();
	ck_assert_int_eq(guard_run(b.data, b.len, &e), -1);
	ck_assert_int_eq(e.code, RPC_FAULT_PARSE);
	ck_assert_uint_lt(clock_ms() - before, 100);
	buf_fini(&b);
}
END_TEST

/* UTF-16 of ASCII, with a byte order mark or without, little or big endian. */
START_TEST(a_utf16_body_hides_no_document_type)
{
	static const char text[] = "<?xml version=\"1.0\" encoding=\"UTF-16\"?><!DOCTYPE m []>";
	bool big = _i & 1, mark = _i & 2;
	struct buf b;
	struct err e;

	buf_init(&b, 4096);
	if (mark)
		(void)buf_append(&b, big ? "\xfe\xff" : "\xff\xfe", 2);
	for (const char *c = text; *c; c++) {
		(void)buf_putc(&b, big ? '\0' : *c);
		(void)buf_putc(&b, big ? *c : '\0');
	}
	ck_assert_int_eq(guard_run(b.data, b.len, &e), -1);
	ck_assert_int_eq(e.code, RPC_FAULT_PARSE);
	buf_fini(&b);
}
END_TEST

START_TEST(nesting_of_35_kilobytes_is_refused_at_its_33rd_element)
{
	struct buf b;
	struct err e;

	buf_init(&b, 1 << 20);
	(void)buf_puts(&b, HEAD "<param>");
	while (b.len < 35000)
		(void)buf_puts(&b, "<value><array><data>");
	ck_assert_int_eq(guard_run(b.data, b.len, &e), -1);
	ck_assert_int_eq(e.code, RPC_FAULT_TOO_LARGE);
	ck_assert_ptr_nonnull(strstr(e.text, "deeper than 32"));
	buf_fini(&b);
}
END_TEST

static void guard_expect_too_large(const char *piece, size_t times, const char *says)
{
	struct buf b;
	struct err e;

	buf_init(&b, 8 << 20);
	(void)buf_puts(&b, HEAD "<param><value><array><data>");
	for (size_t i = 0; i < times; i++)
		(void)buf_puts(&b, piece);
	(void)buf_puts(&b, "</data></array></value></param>" TAIL);
	ck_assert_int_eq(guard_run(b.data, b.len, &e), -1);
	ck_assert_int_eq(e.code, RPC_FAULT_TOO_LARGE);
	ck_assert_msg(strstr(e.text, says), "%s", e.text);
	buf_fini(&b);
}

START_TEST(too_many_elements_or_bytes_are_refused)
{
	guard_expect_too_large("<value/>", 20000, "20000 elements");
	guard_expect_too_large("<value>0123456789012345678901234567890123456789</value>", 20000,
			       "1048576");
}
END_TEST

START_TEST(a_struct_of_too_many_members_is_refused)
{
	struct buf b;
	struct err e;

	buf_init(&b, 1 << 20);
	(void)buf_puts(&b, HEAD "<param><value><struct>");
	for (int i = 0; i < 257; i++)
		(void)buf_printf(&b, "<member><name>m%d</name><value/></member>", i);
	(void)buf_puts(&b, "</struct></value></param>" TAIL);
	ck_assert_int_eq(guard_run(b.data, b.len, &e), -1);
	ck_assert_int_eq(e.code, RPC_FAULT_TOO_LARGE);
	buf_fini(&b);
}
END_TEST

/* Every cut of a good document is refused without reading beyond it (the copy has its size, so
 * that AddressSanitizer would see). */
START_TEST(every_cut_of_a_document_is_refused)
{
	static const char whole[] =
		PARAM("<struct><member><name>a&amp;<![CDATA[b]]></name><value><i4>1</i4></value>"
		      "</member></struct><!-- c -->");
	struct err e;

	for (size_t n = 0; n < strlen(whole) - 1; n++) {
		char *copy = malloc(n + 1);

		ck_assert_ptr_nonnull(copy);
		memcpy(copy, whole, n);
		copy = realloc(copy, n ? n : 1);
		ck_assert_int_eq(guard_run(copy, n, &e), -1);
		free(copy);
	}
}
END_TEST

int main(void)
{
	Suite *s = suite_create("xml_guard");
	TCase *t = tcase_create("xml_guard");
	int cases = (int)(sizeof(guard_cases) / sizeof(guard_cases[0]));

	tcase_add_loop_test(t, documents_are_judged, 0, cases);
	tcase_add_loop_test(t, what_passes_is_what_the_parser_takes, 0, cases);
	tcase_add_test(t, an_entity_bomb_costs_nothing);
	tcase_add_loop_test(t, a_utf16_body_hides_no_document_type, 0, 4);
	tcase_add_test(t, nesting_of_35_kilobytes_is_refused_at_its_33rd_element);
	tcase_add_test(t, too_many_elements_or_bytes_are_refused);
	tcase_add_test(t, a_struct_of_too_many_members_is_refused);
	tcase_add_test(t, every_cut_of_a_document_is_refused);
	suite_add_tcase(s, t);
	return unit_run(s);
}
