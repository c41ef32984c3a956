/* rpc_json: values of XML-RPC as JSON and back. */
#include "common/json_check.h"
#include "common/json_walk.h"
#include "common/rpc_json.h"
#include "common/xml_guard.h"
#include "tests/unit/unit.h"

#include <stdio.h>
#include <string.h>

static struct buf xml, json;

static void setup(void)
{
	buf_init(&xml, 1 << 20);
	buf_init(&json, 1 << 20);
}

static void teardown(void)
{
	buf_fini(&xml);
	buf_fini(&json);
}

static struct span span(const char *text)
{
	return (struct span){text, strlen(text)};
}

/* ---- Texts ---- */

static const struct {
	enum rpc_json_type type;
	const char *text, *value; /* within <value>; NULL: it does not fit */
} texts[] = {
	{RPC_JSON_STRING, "", "<string></string>"},
	{RPC_JSON_STRING, "a<b>&\"'\t", "<string>a&lt;b&gt;&amp;\"'\t</string>"},
	{RPC_JSON_STRING, "\xc3\xa9\xf0\x9f\x98\x80\r\n",
	 "<string>\xc3\xa9\xf0\x9f\x98\x80&#13;\n</string>"},
	{RPC_JSON_STRING, "\x01", NULL},
	{RPC_JSON_STRING, "\xff", NULL},
	{RPC_JSON_STRING, "\xef\xbf\xbf", NULL}, /* U+FFFF */
	{RPC_JSON_INT, "-2147483648", "<int>-2147483648</int>"},
	{RPC_JSON_INT, "+07", "<int>7</int>"},
	{RPC_JSON_INT, "2147483648", NULL},
	{RPC_JSON_INT, "99999999999999999999", NULL},
	{RPC_JSON_INT, "", NULL},
	{RPC_JSON_INT, "-", NULL},
	{RPC_JSON_INT, "7 ", NULL},
	{RPC_JSON_INT, "0x7", NULL},
	{RPC_JSON_BOOLEAN, "true", "<boolean>1</boolean>"},
	{RPC_JSON_BOOLEAN, "0", "<boolean>0</boolean>"},
	{RPC_JSON_BOOLEAN, "TRUE", NULL},
	{RPC_JSON_DOUBLE, "0.10", "<double>0.10</double>"}, /* its digits stay */
	{RPC_JSON_DOUBLE, "-7", "<double>-7</double>"},
	{RPC_JSON_DOUBLE, "1e3", "<double>1000</double>"}, /* XML-RPC has no exponents */
	{RPC_JSON_DOUBLE, "1e999", NULL},
	{RPC_JSON_DOUBLE, "nan", NULL},
	{RPC_JSON_DOUBLE, "0x10", NULL},
	{RPC_JSON_DOUBLE, "1.2.3", NULL},
	{RPC_JSON_DATETIME, "2026-11-21T10:00:00Z",
	 "<dateTime.iso8601>20261121T10:00:00</dateTime.iso8601>"},
	{RPC_JSON_DATETIME, "2026-11-21T00:30:00.25+01:00",
	 "<dateTime.iso8601>20261120T23:30:00</dateTime.iso8601>"},
	{RPC_JSON_DATETIME, "20261121T10:00:00",
	 "<dateTime.iso8601>20261121T10:00:00</dateTime.iso8601>"},
	{RPC_JSON_DATETIME, "2026-11-21", NULL},
	{RPC_JSON_DATETIME, "2026-13-21T10:00:00Z", NULL},
	{RPC_JSON_DATETIME, "2026-02-29T10:00:00Z", NULL},
	{RPC_JSON_DATETIME, "2028-02-29T23:59:60Z",
	 "<dateTime.iso8601>20280301T00:00:00</dateTime.iso8601>"},
	{RPC_JSON_DATETIME, "2026-11-21T10:00:00+1:00", NULL},
	{RPC_JSON_DATETIME, "2026-11-21T10:00:00Zx", NULL},
	{RPC_JSON_BASE64, "aGn/", "<base64>aGn/</base64>"},
	{RPC_JSON_BASE64, "aA==", "<base64>aA==</base64>"},
	{RPC_JSON_BASE64, "aA=", NULL},
	{RPC_JSON_BASE64, "a===", NULL},
	{RPC_JSON_BASE64, "a-_/", NULL},
	{RPC_JSON_ANY, " [1, \"x\"] ",
	 "<array><data><value><int>1</int></value><value><string>x</string></value></data></"
	 "array>"},
	{RPC_JSON_ANY, "{\"a\\u0041\": null}",
	 "<struct><member><name>aA</name><value><nil/></value></member></struct>"},
	{RPC_JSON_ANY, "2147483648", NULL},
	{RPC_JSON_ANY, "{\"a\":1,\"a\":2}", NULL},
	{RPC_JSON_ANY, "[", NULL},
	{RPC_JSON_ANY, "\"\\u0000\"", NULL},
};

START_TEST(a_text_becomes_a_value_of_its_type)
{
	char expected[256];
	struct err e = {0};
	int result = rpc_json_write_text(&xml, texts[_i].type, span(texts[_i].text), &e);

	if (!texts[_i].value) {
		ck_assert_int_eq(result, -1);
		ck_assert_msg(e.text[0] != '\0', "it says why");
		return;
	}
	ck_assert_msg(result == 0, "%s", e.text);
	(void)snprintf(expected, sizeof(expected), "<value>%s</value>", texts[_i].value);
	ck_assert_str_eq(buf_str(&xml), expected);
}
END_TEST

/* ---- Replies ---- */

static const struct {
	const char *value, *json; /* NULL: refused */
} values[] = {
	{"plain", "\"plain\""},
	{"", "\"\""},
	{"<string/>", "\"\""},
	{"<string> a&amp;&#x1F600;\r\n<![CDATA[<&]]><!-- no --> </string>",
	 "\" a&\xf0\x9f\x98\x80\\n<& \""},
	{"<int> -5\n</int>", "-5"},
	{"<i4>007</i4>", "7"},
	{"<int>2147483648</int>", NULL},
	{"<int>x</int>", NULL},
	{"<int/>", NULL},
	{"<i8>9007199254740993</i8>", "9007199254740993"},
	{"<boolean>1</boolean>", "true"},
	{"<boolean>true</boolean>", NULL},
	{"<double>0.10</double>", "0.10"},
	{"<double>+.5</double>", "0.5"},
	{"<double>1e5</double>", "1e5"},
	{"<double>nan</double>", NULL},
	{"<double>1e999</double>", NULL},
	{"<dateTime.iso8601>20260102T03:04:05</dateTime.iso8601>", "\"2026-01-02T03:04:05\""},
	{"<dateTime.iso8601>2026-01-02T03:04:05Z</dateTime.iso8601>", "\"2026-01-02T03:04:05Z\""},
	{"<base64>aG\n n/</base64>", "\"aGn/\""},
	{"<nil/>", "null"},
	{"<array><data/></array>", "[]"},
	{"<array><data><value>a</value><value><array><data><value><int>1</int></value></data></"
	 "array></value></data></array>",
	 "[\"a\",[1]]"},
	{"<struct/>", "{}"},
	{"<struct><member><name>a\"b</name><value><int>1</int></value></member><member><name/"
	 "><value/></member></struct>",
	 "{\"a\\\"b\":1,\"\":\"\"}"},
	{"<struct><member><value><struct><member><value>x</value><name>in</name></member></"
	 "struct></value><name>out</name></member><member><value><nil/></value><name>n</name></"
	 "member></struct>",
	 "{\"out\":{\"in\":\"x\"},\"n\":null}"},
	{"<!-- a --><int><!-- b -->4<!-- c -->2</int><!-- d -->", "42"},
	{"<!--><string>hidden</string><nil/>--><string>shown</string>", "\"shown\""},
};

START_TEST(a_result_becomes_json)
{
	struct err e = {0};
	bool fault = true;
	int result;

	(void)buf_printf(&xml,
			 "\xef\xbb\xbf<?xml version=\"1.0\"?>\n<methodResponse>\n<params ><param>\n"
			 "<value>%s</value></param></params></methodResponse>\n",
			 values[_i].value);
	ck_assert_msg(xml_guard_check_extended(xml.data, xml.len, 1000, 1 << 20, &e) == 0, "%s",
		      e.text);
	result = rpc_json_read_reply((struct span){xml.data, xml.len}, &json, &fault, &e);
	if (!values[_i].json) {
		ck_assert_int_eq(result, -1);
		ck_assert_msg(strstr(e.text, "is no") != NULL, "%s", e.text);
		return;
	}
	ck_assert_msg(result == 0, "%s", e.text);
	ck_assert(!fault);
	ck_assert_str_eq(buf_str(&json), values[_i].json);
	ck_assert_int_eq(json_check((struct span){json.data, json.len}, &e), 0);
}
END_TEST

START_TEST(a_fault_is_told_from_a_result)
{
	struct err e = {0};
	bool fault = false;

	(void)buf_puts(&xml, "<methodResponse><fault><value><struct>"
			     "<member><name>faultCode</name><value><int>4</int></value></member>"
			     "<member><name>faultString</name><value>no</value></member>"
			     "</struct></value></fault></methodResponse>");
	ck_assert_int_eq(rpc_json_read_reply((struct span){xml.data, xml.len}, &json, &fault, &e),
			 0);
	ck_assert(fault);
	ck_assert_str_eq(buf_str(&json), "{\"faultCode\":4,\"faultString\":\"no\"}");
}
END_TEST

START_TEST(a_call_is_its_method_and_its_parameters)
{
	struct err e = {0};
	struct buf method;

	buf_init(&method, 100);
	(void)buf_puts(&xml, "<methodCall><methodName>a.b</methodName><params><param><value><int>1"
			     "</int></value></param><param><value>x</value></param></params>"
			     "</methodCall>");
	ck_assert_int_eq(rpc_json_read_call((struct span){xml.data, xml.len}, &method, &json, &e),
			 0);
	ck_assert_str_eq(buf_str(&method), "a.b");
	ck_assert_str_eq(buf_str(&json), "[1,\"x\"]");
	buf_reset(&json);
	buf_reset(&method);
	buf_reset(&xml);
	(void)buf_puts(&xml, "<methodCall><methodName>b</methodName></methodCall>");
	ck_assert_int_eq(rpc_json_read_call((struct span){xml.data, xml.len}, &method, &json, &e),
			 0);
	ck_assert_str_eq(buf_str(&json), "[]");
	buf_fini(&method);
}
END_TEST

START_TEST(json_comes_back_as_it_went)
{
	static const char text[] = "{\"a\":[1,-2,0.10,true,false,null,\"x\\\"\\\\\\n\xc3\xa9\"],"
				   "\"\":{\"b\":{\"c\":[]}},\"d\":{}}";
	struct err e = {0};
	bool fault;

	(void)buf_puts(&xml, "<methodResponse><params><param>");
	ck_assert_int_eq(rpc_json_write(&xml, span(text), &e), 0);
	(void)buf_puts(&xml, "</param></params></methodResponse>");
	ck_assert_msg(xml_guard_check_extended(xml.data, xml.len, 1000, 1 << 20, &e) == 0, "%s",
		      e.text);
	ck_assert_int_eq(rpc_json_read_reply((struct span){xml.data, xml.len}, &json, &fault, &e),
			 0);
	ck_assert_str_eq(buf_str(&json), text);
}
END_TEST

static const struct {
	const char *json, *plain, *extended; /* within <value>; NULL: refused */
} answers[] = {
	{"null", "<string></string>", "<nil/>"},
	{"2147483647", "<int>2147483647</int>", "<int>2147483647</int>"},
	{"2147483648", "<double>2147483648</double>", "<i8>2147483648</i8>"},
	{"-9007199254740992", "<double>-9007199254740992</double>", "<i8>-9007199254740992</i8>"},
	{"9007199254740993", "<string>9007199254740993</string>", "<i8>9007199254740993</i8>"},
	{"9223372036854775808", "<string>9223372036854775808</string>",
	 "<string>9223372036854775808</string>"},
	{"0.10", "<double>0.10</double>", "<double>0.10</double>"},
	{"1e999", "<string>1e999</string>", "<string>1e999</string>"},
	{"[null]", "<array><data><value><string></string></value></data></array>",
	 "<array><data><value><nil/></value></data></array>"},
	{"{\"a\":5000000000}",
	 "<struct><member><name>a</name><value><double>5000000000</double></value></member></"
	 "struct>",
	 "<struct><member><name>a</name><value><i8>5000000000</i8></value></member></struct>"},
	{"\"\\u0001\"", NULL, NULL},
};

START_TEST(an_answer_is_never_another_value)
{
	const char *expected[] = {answers[_i].plain, answers[_i].extended};
	char value[256];

	for (int i = 0; i < 2; i++) {
		struct err e = {0};
		int result = rpc_json_write_as(&xml, span(answers[_i].json),
					       i ? RPC_JSON_EXTENDED : RPC_JSON_PLAIN, &e);

		ck_assert_int_eq(result, expected[i] ? 0 : -1);
		(void)snprintf(value, sizeof(value), "<value>%s</value>",
			       expected[i] ? expected[i] : "");
		if (expected[i])
			ck_assert_str_eq(buf_str(&xml), value);
		buf_reset(&xml);
	}
}
END_TEST

START_TEST(types_have_names_in_settings_and_in_signatures)
{
	ck_assert_int_eq(rpc_json_type_parse("dateTime"), RPC_JSON_DATETIME);
	ck_assert_int_eq(rpc_json_type_parse("i4"), -1);
	ck_assert_int_eq(rpc_json_type_of_signature(span("i4")), RPC_JSON_INT);
	ck_assert_int_eq(rpc_json_type_of_signature(span("int")), RPC_JSON_INT);
	ck_assert_int_eq(rpc_json_type_of_signature(span("dateTime.iso8601")), RPC_JSON_DATETIME);
	ck_assert_int_eq(rpc_json_type_of_signature(span("array")), RPC_JSON_ANY);
	ck_assert_int_eq(rpc_json_type_of_signature(span("undef")), -1);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("rpc_json");
	TCase *t = tcase_create("rpc_json");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, a_text_becomes_a_value_of_its_type, 0,
			    (int)(sizeof(texts) / sizeof(texts[0])));
	tcase_add_loop_test(t, a_result_becomes_json, 0, (int)(sizeof(values) / sizeof(values[0])));
	tcase_add_test(t, a_fault_is_told_from_a_result);
	tcase_add_test(t, a_call_is_its_method_and_its_parameters);
	tcase_add_test(t, json_comes_back_as_it_went);
	tcase_add_loop_test(t, an_answer_is_never_another_value, 0,
			    (int)(sizeof(answers) / sizeof(answers[0])));
	tcase_add_test(t, types_have_names_in_settings_and_in_signatures);
	suite_add_tcase(s, t);
	return unit_run(s);
}
