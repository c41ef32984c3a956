/*
 * json_check: is this JSON, strictly: RFC 8259 and RFC 7493 (I-JSON) in that
 * texts are UTF-8 without unpaired surrogates and no object names a member
 * twice. One pass without recursion, whatever a peer nests.
 *
 * What was checked is walked by json_walk, which looks at nothing twice.
 */
#ifndef MICROREG_COMMON_JSON_CHECK_H
#define MICROREG_COMMON_JSON_CHECK_H

#include "common/err.h"
#include "common/span.h"

#include <stdbool.h>

enum {
	JSON_DEPTH_MAX = 64,	    /* objects and arrays within each other */
	JSON_BYTES_MAX = 256 << 20, /* of one text */
};

/* -1: *e says what is wrong at which byte, or, with code ENOMEM, that memory is spent. Linear, but
 * for objects of many members, which are sorted. */
int json_check(struct span text, struct err *e);

/* True when all of it is UTF-8. */
bool json_is_utf8(struct span text);

/* Length of the UTF-8 sequence of two bytes or more at `s`, of which `len` bytes are there; 0 when
 * it is not one (RFC 3629 section 4). */
size_t json_utf8(const unsigned char *s, size_t len);

#endif
