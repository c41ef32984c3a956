/*
 * xml_json: XML documents to JSON and back, by libxml2's SAX interface:
 * nothing is built of nodes.
 *
 *	<order id="7"><line>a</line><line>b</line><note/></order>
 *	{"order":{"@id":"7","line":["a","b"],"note":""}}
 *
 * An element is a member: its text, a string, when that is all it has; else an
 * object of its attributes (`@name`), its elements, and its text (`#text`) if
 * that is more than white space. Elements of one name are a list, at the place
 * of the first. Names keep their prefix as it is written, declarations of name
 * spaces are attributes. No type is guessed: all values are strings.
 *
 * Back, `@name` makes attributes, `#text` text, lists elements of one name;
 * numbers, true and false are written as they are, null and "" as an empty
 * element. XML that goes to JSON and back keeps its elements, attributes and
 * text; it loses comments, processing instructions, white space between
 * elements, and the order of text and of elements of different names. JSON that
 * goes to XML and back keeps its names and texts; scalars are strings then,
 * null is "", a list of one is that one, and an empty list is not there.
 *
 * XML is hostile: only UTF-8 is read, any document type declaration is refused
 * before libxml2 sees the document (so there are no entities but XML's five),
 * and depth, elements and attributes are bounded.
 */
#ifndef MICROREG_GATEWAY_XML_JSON_H
#define MICROREG_GATEWAY_XML_JSON_H

#include "common/buf.h"
#include "common/err.h"
#include "common/span.h"

#include <stdbool.h>
#include <stddef.h>

enum {
	XML_JSON_DEPTH_MAX = 32,       /* elements within each other */
	XML_JSON_PIECES_MAX = 50000,   /* elements and attributes */
	XML_JSON_ATTRIBUTES_MAX = 256, /* of one element */
};

struct xml_json_example {
	const char *xml, *json;
	bool both; /* else the XML is what the JSON becomes, and not the other way round */
	const char *help;
};

extern const struct xml_json_example xml_json_examples[];
extern const size_t xml_json_example_count;

/* The examples as a Markdown table, for the reference. */
void xml_json_print_reference(struct buf *out);

/* Once, before there are threads. */
void xml_json_init(void);

/* Appends the object of the root element. -1: *e says what is wrong where, or, with code ENOMEM or
 * EFBIG, that memory or the buf's maximum is spent. */
int xml_to_json(struct span xml, struct buf *out, struct err *e);

/* Appends the document that a value of JSON, which json_check has passed, stands for: an object of
 * one member, which is the root element; any value when `root` names that. As above. */
int xml_from_json(struct span value, const char *root, struct buf *out, struct err *e);

#endif
