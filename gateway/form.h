/*
 * form: bodies as HTML forms send them (application/x-www-form-urlencoded,
 * WHATWG URL 5) to JSON and back.
 *
 *	a=1&b=x&b=y&c=   <->   {"a":"1","b":["x","y"],"c":""}
 *
 * All values are strings, a name that is there again makes a list, members
 * stand in the order of their first value. Back, a list becomes a name for each
 * of its values; numbers, true and false are sent as they are written, null as
 * nothing.
 */
#ifndef MICROREG_GATEWAY_FORM_H
#define MICROREG_GATEWAY_FORM_H

#include "common/buf.h"
#include "common/err.h"
#include "common/span.h"

#include <stdbool.h>

enum { FORM_PAIRS_MAX = 1000 };

/* Appends the object. -1: *e says what is wrong, or, with code ENOMEM or EFBIG, that
 * memory or the buf's maximum is spent. `lenient`, for queries: what is broken stands for itself;
 * of values, bytes that are no UTF-8 become U+FFFD, and a name that is none, and what is over the
 * maximum, is passed over. */
int form_to_json(struct span form, bool lenient, struct buf *out, struct err *e);

/* Appends the form that a value of JSON, which json_check has passed, stands for: an object of
 * scalars and of lists of scalars. -1: it is none; *e as above. */
int form_from_json(struct span value, struct buf *out, struct err *e);

#endif
