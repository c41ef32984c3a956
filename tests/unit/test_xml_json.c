/* xml_json: documents of XML as JSON, and back; and those that libxml2 never sees. */
#include "gateway/xml_json.h"
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
	buf_init(&out, 8 << 20);
	e = (struct err){0};
}

static void teardown(void)
{
	buf_fini(&out);
}

/* In memory of exactly its size, so that a sanitizer sees what is read behind it. */
static int read_xml(const char *text, size_t len)
{
	char *copy = malloc(len ? len : 1);
	int result;

	ck_assert_ptr_nonnull(copy);
	memcpy(copy, text, len);
	result = xml_to_json((struct span){copy, len}, &out, &e);
	free(copy);
	return result;
}

static const struct {
	const char *xml, *json;
} sound[] = {
	{"<a/>", "{\"a\":\"\"}"},
	{"<a></a>", "{\"a\":\"\"}"},
	{"<a>x</a>", "{\"a\":\"x\"}"},
	{"<a> x </a>", "{\"a\":\" x \"}"},
	{"<a> </a>", "{\"a\":\" \"}"},
	{"<a b=\"1\"/>", "{\"a\":{\"@b\":\"1\"}}"},
	{"<a b='1' c=\"&lt;&#228;&#10;\">x</a>",
	 "{\"a\":{\"@b\":\"1\",\"@c\":\"<\xc3\xa4\\n\",\"#text\":\"x\"}}"},
	{"<a><b/><b>1</b></a>", "{\"a\":{\"b\":[\"\",\"1\"]}}"},
	{"<a><b>1</b><c/><b>2</b><c x=''/></a>",
	 "{\"a\":{\"b\":[\"1\",\"2\"],\"c\":[\"\",{\"@x\":\"\"}]}}"},
	{"<a>\n <b>1</b>\n</a>\n", "{\"a\":{\"b\":\"1\"}}"},
	{"<a>x<b>1</b>y</a>", "{\"a\":{\"b\":\"1\",\"#text\":\"xy\"}}"},
	{"<a><![CDATA[<&>]]>&amp;</a>", "{\"a\":\"<&>&\"}"},
	{"<a><![CDATA[<!DOCTYPE x>]]></a>", "{\"a\":\"<!DOCTYPE x>\"}"},
	{"<!-- <!DOCTYPE x> --><?p <!DOCTYPE x> ?><a><!-- c -->x<?p?></a><!-- d -->",
	 "{\"a\":\"x\"}"},
	{"<s:a xmlns:s=\"u\" s:b=\"1\"><s:c/><c xmlns=\"v\"/></s:a>",
	 "{\"s:a\":{\"@xmlns:s\":\"u\",\"@s:b\":\"1\",\"s:c\":\"\",\"c\":{\"@xmlns\":\"v\"}}}"},
	{"<x:a/>", "{\"x:a\":\"\"}"},
	{"<a>\"\\\x7f\xf0\x9f\x98\x80</a>", "{\"a\":\"\\\"\\\\\\u007f\xf0\x9f\x98\x80\"}"},
	{"<\xc3\xa9/>", "{\"\xc3\xa9\":\"\"}"},
	{"\xef\xbb\xbf<?xml version=\"1.0\" encoding=\"utf-8\" standalone='yes'?><a/>",
	 "{\"a\":\"\"}"},
	{"<?xml version='1.0' encoding='ISO-8859-1'?><a>x</a>", "{\"a\":\"x\"}"},
	{"<a>\r\n</a>", "{\"a\":\"\\n\"}"},
	{"<a b='1\n2'/>", "{\"a\":{\"@b\":\"1 2\"}}"},
	{"<a><b\xef\xbb\xbf/></a>", "{\"a\":{\"b\xef\xbb\xbf\":\"\"}}"},
	{"<a><aa/><a/><aa/><a/></a>", "{\"a\":{\"aa\":[\"\",\"\"],\"a\":[\"\",\"\"]}}"},
};

START_TEST(a_document_is_an_object)
{
	ck_assert_msg(read_xml(sound[_i].xml, strlen(sound[_i].xml)) == 0, "%s: %s", sound[_i].xml,
		      e.text);
	ck_assert_str_eq(buf_str(&out), sound[_i].json);
	ck_assert_int_eq(json_check((struct span){out.data, out.len}, &e), 0);
}
END_TEST

static const struct {
	const char *xml, *why;
} broken[] = {
	{"", "of the XML"},
	{" ", "of the XML"},
	{"x", "of the XML"},
	{"<a>", "of the XML"},
	{"<a></b>", "mismatch"},
	{"<a><b></a></b>", "mismatch"},
	{"<a/><b/>", "of the XML"},
	{"<a b='1' b='2'/>", "Attribute b redefined"},
	{"<a b=1/>", "of the XML"},
	{"<a>&x;</a>", "Entity 'x' not defined"},
	{"<a b='&x;'/>", "Entity 'x' not defined"},
	{"<a>&#0;</a>", "of the XML"},
	{"<a>]]></a>", "of the XML"},
	{"<a>\x01</a>", "a control character"},
	{"<a>\xff</a>", "not UTF-8"},
	{"<a>\xed\xa0\x80</a>", "not UTF-8"},
	{"<!DOCTYPE a><a/>", "document type"},
	{"<!DOCTYPE a [<!ENTITY x \"y\">]><a>&x;</a>", "document type"},
	{"<!DOCTYPE a SYSTEM \"file:///etc/passwd\"><a/>", "document type"},
	{" <!-- x --> <?p?>\n<!DOCTYPE a><a/>", "document type"},
	{"\xef\xbb\xbf<!DOCTYPE a><a/>", "document type"},
	{"<?xml version=\"1.0\"?><!DOCTYPE a><a/>", "document type"},
	{"<!doctype a><a/>", "document type"},
	{"<a/><!DOCTYPE a>", "of the XML"},
	{"<a><!DOCTYPE a></a>", "of the XML"},
	{"<?xml version=\"1.1\"?><a/>", "version 1.1"},
	{"<?xml version=\"1.0\" encoding=\"UTF-16\"?><a/>", "allowed: UTF-8"},
	{"<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?><a>\xc3\xa4</a>", "beyond ASCII"},
	{"<!-- x", "ends before"},
	{"<?p", "ends before"},
};

START_TEST(a_broken_document_says_why)
{
	ck_assert_int_eq(read_xml(broken[_i].xml, strlen(broken[_i].xml)), -1);
	ck_assert_msg(strstr(e.text, broken[_i].why) != NULL, "%s: %s", broken[_i].xml, e.text);
	ck_assert_ptr_null(strchr(e.text, '\n'));
}
END_TEST

START_TEST(utf_16_and_nul_are_refused)
{
	ck_assert_int_eq(read_xml("\xff\xfe<\0a\0/\0>\0", 10), -1);
	ck_assert_int_eq(read_xml("<\0a\0/\0>\0", 8), -1);
	ck_assert_int_eq(read_xml("\0<\0a\0/\0>", 8), -1);
	ck_assert_int_eq(read_xml("<a/>\0", 5), -1);
}
END_TEST

/* <a><a>…, so many of them. */
static int read_nested(size_t depth)
{
	struct buf xml;
	int result;

	buf_init(&xml, 1 << 20);
	for (size_t i = 0; i < depth; i++)
		ck_assert_int_eq(buf_puts(&xml, "<a><b/>"), 0);
	for (size_t i = 0; i < depth; i++)
		ck_assert_int_eq(buf_puts(&xml, "<b/><a/><a/></a>"), 0);
	result = read_xml(xml.data, xml.len);
	buf_fini(&xml);
	return result;
}

START_TEST(depth_is_bounded)
{
	/* One level for the innermost <a/>; what comes of it is no deeper than JSON may be. */
	ck_assert_msg(read_nested(XML_JSON_DEPTH_MAX - 1) == 0, "%s", e.text);
	ck_assert_msg(json_check((struct span){out.data, out.len}, &e) == 0, "%s", e.text);
	buf_reset(&out);
	ck_assert_int_eq(read_nested(XML_JSON_DEPTH_MAX), -1);
	ck_assert_ptr_nonnull(strstr(e.text, "deeper than 32"));
	ck_assert_int_eq(read_nested(30000), -1);
}
END_TEST

START_TEST(elements_attributes_and_size_are_bounded)
{
	struct buf xml;

	buf_init(&xml, 8 << 20);
	ck_assert_int_eq(buf_puts(&xml, "<a>"), 0);
	for (size_t i = 0; i + 2 < XML_JSON_PIECES_MAX; i += 2)
		ck_assert_int_eq(buf_printf(&xml, "<b%zu c=''/>", i), 0);
	ck_assert_int_eq(buf_puts(&xml, "</a>"), 0);
	ck_assert_msg(read_xml(xml.data, xml.len) == 0, "%s", e.text);
	ck_assert_int_eq(json_check((struct span){out.data, out.len}, &e), 0);
	buf_reset(&out);
	xml.len -= 4;
	ck_assert_int_eq(buf_puts(&xml, "<c/><c/><c/></a>"), 0);
	ck_assert_int_eq(read_xml(xml.data, xml.len), -1);
	ck_assert_ptr_nonnull(strstr(e.text, "more than 50000"));
	buf_fini(&xml);
	out.max = 10;
	buf_reset(&out);
	ck_assert_int_eq(read_xml("<abcdef>ghijkl</abcdef>", 23), -1);
	ck_assert_int_eq(e.code, EFBIG);
}
END_TEST

static const struct {
	const char *json, *root, *xml; /* NULL: it can't be written */
} values[] = {
	{"{\"a\":null}", NULL, "<a/>"},
	{"{\"a\":\"\"}", NULL, "<a/>"},
	{"{\"a\":1.50}", NULL, "<a>1.50</a>"},
	{"{\"a\":{}}", NULL, "<a/>"},
	{"{\"a\":{\"b\":[1,true,null,{\"@c\":1}],\"d\":[]}}", NULL,
	 "<a><b>1</b><b>true</b><b/><b c=\"1\"/></a>"},
	{"{\"a\":{\"#text\":\"x<&>\\\"\\r\",\"@b\":\"<&>\\\"\\n\\t\\r'\"}}", NULL,
	 "<a b=\"&lt;&amp;&gt;&quot;&#10;&#9;&#13;'\">x&lt;&amp;&gt;\"&#13;</a>"},
	{"{\"s:a\":{\"@xmlns:s\":\"u\"}}", NULL, "<s:a xmlns:s=\"u\"/>"},
	{"{\"a\":{\"@b\":1,\"c\":{\"d\":2,\"@e\":3},\"@f\":4,\"g\":5,\"@h\":6}}", NULL,
	 "<a b=\"1\" f=\"4\" h=\"6\"><c e=\"3\"><d>2</d></c><g>5</g></a>"},
	{"{\"a\":{\"c\":{\"#text\":\"\",\"@e\":3},\"@f\":4}}", NULL, "<a f=\"4\"><c e=\"3\"/></a>"},
	{"{\"a\":1,\"b\":2}", "r", "<r><a>1</a><b>2</b></r>"},
	{"\"x\"", "r", "<r>x</r>"},
	{"{\"@a\":1}", "r", "<r a=\"1\"/>"},
	{"{\"a\":1}", "b c", NULL},
	{"[1]", "r", NULL},
	{"{\"a\":1,\"b\":2}", NULL, NULL},
	{"{}", NULL, NULL},
	{"{\"a\":[1]}", NULL, NULL},
	{"{\"@a\":1}", NULL, NULL},
	{"1", NULL, NULL},
	{"{\"a b\":1}", NULL, NULL},
	{"{\"1\":1}", NULL, NULL},
	{"{\"a\\u00d7\":1}", NULL, NULL},
	{"{\"b\\ufeff\":1}", NULL, "<b\xef\xbb\xbf>1</b\xef\xbb\xbf>"},
	{"{\"\":1}", NULL, NULL},
	{"{\"a\\u0000\":1}", NULL, NULL},
	{"{\"a><b\":1}", NULL, NULL},
	{"{\"a\":{\"@b c\":1}}", NULL, NULL},
	{"{\"a\":{\"@\":1}}", NULL, NULL},
	{"{\"a\":{\"@b\":{}}}", NULL, NULL},
	{"{\"a\":{\"@b\":[1]}}", NULL, NULL},
	{"{\"a\":{\"#text\":[1]}}", NULL, NULL},
	{"{\"a\":{\"b\":[[1]]}}", NULL, NULL},
	{"{\"a\":\"\\u0001\"}", NULL, NULL},
	{"{\"a\":\"\\ufffe\"}", NULL, NULL},
	{"{\"a\":\"\xef\xbf\xbe\"}", NULL, NULL},
	{"{\"a\":\"\xef\xbf\xbd\xf0\x9f\x98\x80\"}", NULL, "<a>\xef\xbf\xbd\xf0\x9f\x98\x80</a>"},
	{"{\"a\":{\"@b\":\"\\u0000\"}}", NULL, NULL},
};

START_TEST(a_value_is_a_document)
{
	static const char head[] = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";
	struct span json = {values[_i].json, strlen(values[_i].json)};
	int result = xml_from_json(json, values[_i].root, &out, &e);

	ck_assert_msg(result == (values[_i].xml ? 0 : -1), "%s: %s", values[_i].json, e.text);
	if (!values[_i].xml) {
		ck_assert_str_ne(e.text, "");
		return;
	}
	ck_assert_int_eq(buf_putc(&out, '\0'), 0);
	ck_assert_int_eq(strncmp(out.data, head, strlen(head)), 0);
	out.data[out.len - 2] = '\0';
	ck_assert_str_eq(out.data + strlen(head), values[_i].xml);
}
END_TEST

/* What was read once is written and read as the same. */
START_TEST(what_was_xml_comes_back)
{
	struct buf xml, again;

	if (read_xml(sound[_i].xml, strlen(sound[_i].xml)) < 0)
		ck_abort_msg("%s", e.text);
	buf_init(&xml, 1 << 20);
	buf_init(&again, 1 << 20);
	ck_assert_msg(xml_from_json((struct span){out.data, out.len}, NULL, &xml, &e) == 0, "%s",
		      e.text);
	ck_assert_msg(xml_to_json((struct span){xml.data, xml.len}, &again, &e) == 0, "%s", e.text);
	ck_assert_str_eq(buf_str(&again), buf_str(&out));
	buf_fini(&again);
	buf_fini(&xml);
}
END_TEST

START_TEST(the_examples_of_the_reference_are_true)
{
	for (size_t i = 0; i < xml_json_example_count; i++) {
		const struct xml_json_example *x = &xml_json_examples[i];
		struct span json = {x->json, strlen(x->json)};

		if (x->both) {
			ck_assert_msg(read_xml(x->xml, strlen(x->xml)) == 0, "%s", e.text);
			ck_assert_str_eq(buf_str(&out), x->json);
			buf_reset(&out);
			if (strchr(x->json, '[')) /* what was a list stays one */
				continue;
		}
		ck_assert_msg(xml_from_json(json, NULL, &out, &e) == 0, "%s", e.text);
		ck_assert_msg(strstr(buf_str(&out), x->xml) != NULL, "%s", out.data);
		buf_reset(&out);
	}
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("xml_json");
	TCase *c = tcase_create("xml_json");

	tcase_add_checked_fixture(c, setup, teardown);
	tcase_add_loop_test(c, a_document_is_an_object, 0, sizeof(sound) / sizeof(sound[0]));
	tcase_add_loop_test(c, a_broken_document_says_why, 0, sizeof(broken) / sizeof(broken[0]));
	tcase_add_test(c, utf_16_and_nul_are_refused);
	tcase_add_test(c, depth_is_bounded);
	tcase_add_test(c, elements_attributes_and_size_are_bounded);
	tcase_add_loop_test(c, a_value_is_a_document, 0, sizeof(values) / sizeof(values[0]));
	tcase_add_loop_test(c, what_was_xml_comes_back, 0, sizeof(sound) / sizeof(sound[0]));
	tcase_add_test(c, the_examples_of_the_reference_are_true);
	suite_add_tcase(s, c);
	return s;
}

int main(void)
{
	return unit_run(suite());
}
