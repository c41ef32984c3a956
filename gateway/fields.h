/*
 * fields: the part of a JSON document that a client asks for, by names:
 *
 *	fields=id,customer.name,lines(description,price)
 *
 *	selection = item *( "," item )
 *	item      = name *( "." name ) [ "(" selection ")" ]
 *	name      = any characters but , . ( ) and controls
 *
 * A name is that of a member, a dot or brackets go into it, and what is asked
 * for is the sum of the items: "a,a.b" is all of a. Of a list, each element is
 * looked into. What is not there is passed over; null stays null, and of other
 * scalars nothing is within. Members are copied as the bytes they are, in the
 * document's order, so numbers keep their digits and nothing is built.
 */
#ifndef MICROREG_GATEWAY_FIELDS_H
#define MICROREG_GATEWAY_FIELDS_H

#include "common/arena.h"
#include "common/buf.h"
#include "common/err.h"
#include "common/span.h"

#include <stdbool.h>

struct exchange;

enum { FIELDS_DEPTH_MAX = 16, FIELDS_BYTES_MAX = 4096 };

struct fields;

/* `text` is decoded; at most `max` names. NULL: *e says what is wrong with it, or, with code
 * ENOMEM, that the arena is spent. */
const struct fields *fields_parse(struct arena *arena, struct span text, unsigned max,
				  struct err *e);

/* Appends what is asked for of a value that json_check has passed; of a document that is neither
 * object nor list, all. Failure sticks in the buf. */
void fields_write(const struct fields *fields, struct span value, struct buf *out);

/* ---- fields_select.c ---- */

/* What the request's query selects, by its route's `fields`: NULL for all. False: that is
 * malformed, or memory is spent, and it is answered. */
bool fields_select(struct exchange *x, const struct fields **fields);

#endif
