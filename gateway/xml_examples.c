/* xml_examples: how XML is written as JSON, by examples: for the reference, and for the test. */
#include "gateway/xml_json.h"

const struct xml_json_example xml_json_examples[] = {
	{"<a>x</a>", "{\"a\":\"x\"}", true, "An element is a member, and its text a string"},
	{"<a n=\"1\">x</a>", "{\"a\":{\"@n\":\"1\",\"#text\":\"x\"}}", true,
	 "Attributes are members too, and what text there is beside them or beside elements, white "
	 "space apart"},
	{"<a><b>1</b><c>2</c><b>3</b></a>", "{\"a\":{\"b\":[\"1\",\"3\"],\"c\":\"2\"}}", true,
	 "Elements of one name are a list, at the place of the first"},
	{"<a><b>1</b></a>", "{\"a\":{\"b\":\"1\"}}", true,
	 "One alone is no list: a program that wants one says `[.a.b] \\| flatten`"},
	{"<a/>", "{\"a\":\"\"}", true, "An empty element is an empty string"},
	{"<p:a xmlns:p=\"urn:p\"><p:b>1</p:b></p:a>",
	 "{\"p:a\":{\"@xmlns:p\":\"urn:p\",\"p:b\":\"1\"}}", true,
	 "Names keep their prefix, declarations of name spaces are attributes"},
	{"<a><n>7</n><t>true</t><z/></a>", "{\"a\":{\"n\":7,\"t\":true,\"z\":null,\"l\":[]}}",
	 false,
	 "From JSON only: other values are written as they are, null as an empty element, an empty "
	 "list not at all"},
};

const size_t xml_json_example_count = sizeof(xml_json_examples) / sizeof(xml_json_examples[0]);

void xml_json_print_reference(struct buf *out)
{
	(void)buf_puts(out, "| XML | JSON | meaning |\n|---|---|---|\n"); /* sticks */
	for (size_t i = 0; i < xml_json_example_count; i++)
		(void)buf_printf(out, "| `%s` | `%s` | %s |\n", xml_json_examples[i].xml,
				 xml_json_examples[i].json, xml_json_examples[i].help);
	(void)buf_printf(
		out,
		"\nNo type is guessed: from XML all values are strings. Comments, processing "
		"instructions and the order of text and of elements of different names are "
		"lost. Only UTF-8 is read, no document type declaration, at most %d elements "
		"within each other, %d elements and attributes in all, and %d attributes of "
		"one element.\n",
		XML_JSON_DEPTH_MAX, XML_JSON_PIECES_MAX, XML_JSON_ATTRIBUTES_MAX);
}
