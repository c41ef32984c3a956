/*
 * xml_scan: the characters of an XML document, one after the other, checked
 * as XML 1.0 and UTF-8 ask. What the elements mean is xml_guard's business, or
 * that of whoever wants the document looked over before a parser sees it.
 */
#ifndef MICROREG_COMMON_XML_SCAN_H
#define MICROREG_COMMON_XML_SCAN_H

#include "common/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { XML_SCAN_NAME_MAX = 64 };

struct xml_scan {
	const unsigned char *body;
	size_t len, at;
	bool ascii; /* the declaration allows nothing else */
	struct err *e;
};

/* All below that return int: 0, or -1 with the error filled; `at` is then where it happened. */

/* Fills the error, adding the position. */
int xml_scan_fail(struct xml_scan *x, int code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

bool xml_scan_looks_at(const struct xml_scan *x, const char *text);
bool xml_scan_is_space(unsigned c);
size_t xml_scan_skip_space(struct xml_scan *x); /* how many */

/* From the beginning: over the byte order mark and `<?xml version="1.0" encoding="UTF-8"?>`, either
 * of which may be missing. Refuses other versions and encodings. */
int xml_scan_declaration(struct xml_scan *x);

/* Reads one character of text, comments, CDATA sections and attribute values; at < len. */
int xml_scan_char(struct xml_scan *x, uint32_t *out);

/* At an '&': "&#65;", "&#x41;" and the five names that need no declaration. */
int xml_scan_reference(struct xml_scan *x, uint32_t *out);

/* Up to and over `end`. */
int xml_scan_until(struct xml_scan *x, const char *end);

/* The name of an element or attribute; its length, or 0. */
size_t xml_scan_name(struct xml_scan *x, char name[XML_SCAN_NAME_MAX]);

/* `name="value"`, the value cut to fit, unless NULL. */
int xml_scan_attribute(struct xml_scan *x, char name[XML_SCAN_NAME_MAX],
		       char value[XML_SCAN_NAME_MAX]);

#endif
