/*
 * json_write: writes JSON into a buf, piece by piece. Commas are its business;
 * matching opens and closes are the caller's. Errors stick in the buf.
 * Reading JSON is jansson's.
 */
#ifndef MICROREG_COMMON_JSON_WRITE_H
#define MICROREG_COMMON_JSON_WRITE_H

#include "common/buf.h"

#include <stdbool.h>
#include <stdint.h>

struct json_writer {
	struct buf *out;
	bool comma;	    /* the next value needs one before it */
	bool pretty, keyed; /* for people; the next value stands behind its key */
	unsigned depth;
};

void json_write_init(struct json_writer *j, struct buf *out);
/* For people: a line for each value, indented. */
void json_write_init_pretty(struct json_writer *j, struct buf *out);
void json_write_object(struct json_writer *j);
void json_write_object_end(struct json_writer *j);
void json_write_array(struct json_writer *j);
void json_write_array_end(struct json_writer *j);
void json_write_key(struct json_writer *j, const char *key);
void json_write_string(struct json_writer *j, const char *text); /* NULL writes null */
/* Bytes that are not UTF-8 become U+FFFD, so that the document stays JSON. */
void json_write_string_n(struct json_writer *j, const char *text, size_t len);
void json_write_int(struct json_writer *j, int64_t value);
void json_write_uint(struct json_writer *j, uint64_t value);
void json_write_bool(struct json_writer *j, bool value);
/* Microseconds as milliseconds: 1234 is 1.234. */
void json_write_micros(struct json_writer *j, uint64_t us);
/* A value that is JSON already. */
void json_write_raw(struct json_writer *j, const char *text);
/* A value with `decimals` digits after the point, say milliseconds from microseconds. */
void json_write_fixed(struct json_writer *j, double value, int decimals);

#endif
