/*
 * json_walk: the values within a text that json_check has passed. They stay
 * where they lie, as bytes: nothing is decoded that nobody asks for, so numbers
 * keep their digits.
 *
 * A value is a span without white space around it. No recursion, no memory.
 */
#ifndef MICROREG_COMMON_JSON_WALK_H
#define MICROREG_COMMON_JSON_WALK_H

#include "common/buf.h"
#include "common/span.h"

#include <stdbool.h>

enum json_kind {
	JSON_KIND_NULL = 0,
	JSON_KIND_FALSE,
	JSON_KIND_TRUE,
	JSON_KIND_NUMBER,
	JSON_KIND_STRING,
	JSON_KIND_ARRAY,
	JSON_KIND_OBJECT,
};

/* The value that a whole text is. */
struct span json_value(struct span text);

enum json_kind json_kind(struct span value);

/* The members of an object or the elements of an array, in their order. */
struct json_iter {
	const char *at, *end;
	bool object;
};

/* Of other values there are none. */
void json_iter_init(struct json_iter *iter, struct span value);
/* False at the end. `name` is a member's, with its quotes; of an element len 0. */
bool json_iter_next(struct json_iter *iter, struct span *name, struct span *value);

/* The same for who reads all that a value holds before the next one: of an array or an object only
 * the first byte is there, for nobody has looked for its end. Go in with json_iter_enter, to the
 * end of `inner`, and out with json_iter_leave; or take it whole. With json_iter_next each byte is
 * looked at once for every level that it is within. */
bool json_iter_step(struct json_iter *iter, struct span *name, struct span *value);
void json_iter_enter(const struct json_iter *iter, struct json_iter *inner);
void json_iter_leave(struct json_iter *iter, const struct json_iter *inner);
/* After json_iter_step, in the place of going in: all of the value. */
void json_iter_whole(struct json_iter *iter, struct span *value);

/* The member of that name, decoded, of an object. False: there is none. */
bool json_member(struct span object, struct span name, struct span *value);

/* True when the string, quotes included, stands for `text`. */
bool json_string_is(struct span string, struct span text);
/* What two strings stand for, as memcmp would. */
int json_string_compare(struct span a, struct span b);
/* Appends what the string stands for. Failure sticks. */
void json_string_decode(struct span string, struct buf *out);

/* Takes the next character off a non-empty string without quotes; returns its length in bytes. */
size_t json_string_next(struct span *rest, char bytes[4]);

#endif
