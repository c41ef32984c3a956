/*
 * json: writes JSON into a buf, piece by piece. Commas are its business;
 * matching opens and closes are the caller's. Errors stick in the buf.
 * Reading JSON is jansson's.
 */
#ifndef MICROREG_COMMON_JSON_H
#define MICROREG_COMMON_JSON_H

#include "common/buf.h"

#include <stdbool.h>
#include <stdint.h>

struct json {
	struct buf *out;
	bool comma; /* the next value needs one before it */
};

void json_init(struct json *j, struct buf *out);
void json_object(struct json *j);
void json_object_end(struct json *j);
void json_array(struct json *j);
void json_array_end(struct json *j);
void json_key(struct json *j, const char *key);
void json_string(struct json *j, const char *text); /* NULL writes null */
/* Bytes that are not UTF-8 become U+FFFD, so that the document stays JSON. */
void json_string_n(struct json *j, const char *text, size_t len);
void json_int(struct json *j, int64_t value);
void json_uint(struct json *j, uint64_t value);
void json_bool(struct json *j, bool value);
/* Microseconds as milliseconds: 1234 is 1.234. */
void json_micros(struct json *j, uint64_t us);
/* A value that is JSON already. */
void json_raw(struct json *j, const char *text);
/* A value with `decimals` digits after the point, say milliseconds from microseconds. */
void json_fixed(struct json *j, double value, int decimals);

#endif
