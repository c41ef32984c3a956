/*
 * access_line: writes one request as a line of the access log.
 */
#ifndef MICROREG_GATEWAY_ACCESS_LINE_H
#define MICROREG_GATEWAY_ACCESS_LINE_H

#include "common/buf.h"
#include "gateway/access_log.h"

enum {
	/* What a peer says is cut to this, a target's path and query each. */
	ACCESS_TARGET_MAX = 2048,
	ACCESS_TEXT_MAX = 512,
	/* No line is longer, even when each byte is written as six. */
	ACCESS_LINE_MAX = 49152,
};

/* What could end a field or a line, or is no printable ASCII, is written as \xNN. Errors stick in
 * the buf. */
void access_line_escape(struct buf *out, struct span text, size_t max);

/* One JSON object, with a newline. Errors stick in the buf. */
void access_line_json(struct buf *out, const struct access_record *record);

/* The combined format of Apache and nginx, with a newline. What could end a field or the line is
 * written as \xNN. */
void access_line_combined(struct buf *out, const struct access_record *record);

#endif
