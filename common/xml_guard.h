/*
 * xml_guard: looks over an XML-RPC document before xmlrpc-c's parser sees it.
 *
 * That parser expands entities without bound (a 585-byte call took 23 s and
 * 130 MB) and recurses with the depth, so a body from outside passes here
 * first: calls in the registry, replies in the client library, both in the
 * gateway's bridge.
 */
#ifndef MICROREG_COMMON_XML_GUARD_H
#define MICROREG_COMMON_XML_GUARD_H

#include "common/err.h"

#include <stddef.h>

enum {
	XML_GUARD_DEPTH_MAX = 32,
	XML_GUARD_ELEMENTS_MAX = 20000,
	XML_GUARD_BYTES_MAX = 1 << 20,
};

/* 0 when the document may be parsed: it is UTF-8 without a document type declaration, within the
 * bounds, its tags nest, its declaration (if any) names UTF-8, it uses none of the extension types
 * (i8, nil, …), and no struct has a member twice. Otherwise -1, with e->code the fault to answer
 * (RPC_FAULT_PARSE, _CALL, _PARAMS, _TOO_LARGE, or _STORE when out of memory) and a text that says
 * what was found at which byte. One pass; it allocates a bounded table of
 * member names, and tries whether there is as much memory as parsing may take. */
int xml_guard_check(const char *body, size_t len, size_t elements_max, size_t bytes_max,
		    struct err *e);

/* The same, but <nil/> and <i8> are allowed: services that the gateway translates for send them. */
int xml_guard_check_extended(const char *body, size_t len, size_t elements_max, size_t bytes_max,
			     struct err *e);

/* How many bytes of byte order mark the document begins with (0 or 3): xmlrpc-c's parser, unlike
 * this guard, wants them skipped. */
size_t xml_guard_mark(const char *body, size_t len);

#endif
