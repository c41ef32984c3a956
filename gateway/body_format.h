/*
 * body_format: what a body is written in, by its Content-Type, and how it
 * becomes JSON and JSON becomes it.
 */
#ifndef MICROREG_GATEWAY_BODY_FORMAT_H
#define MICROREG_GATEWAY_BODY_FORMAT_H

#include "common/buf.h"
#include "common/err.h"
#include "common/span.h"
#include "gateway/settings_body.h"

#include <stdbool.h>

/* application/json, text/xml, …, and what ends in +json or +xml; text/plain is none of ours, since
 * anything may be in it: FORMAT_BY_TYPE. */
enum body_format body_format_of(struct span type);

/* True when its charset parameter names something else than UTF-8 (or ASCII). */
bool body_format_is_foreign(struct span type);

/* "application/json". */
const char *body_format_type(enum body_format format);

/* The JSON that a body stands for: within `body` itself, or written into `out`. -1: *e says what is
 * wrong; with code ENOMEM or EFBIG, memory or the buf's maximum is spent. */
int body_format_read(enum body_format format, struct span body, struct buf *out, struct span *json,
		     struct err *e);

/* Appends what a value of JSON is in that format. As above. */
int body_format_write(enum body_format format, const char *root, struct span json, struct buf *out,
		      struct err *e);

#endif
