/*
 * http1_write: writes heads and chunks into a buf. Everything that leaves the
 * gateway is framed anew here.
 *
 * Errors stick in the buf. A name that is no token, a value with a control
 * character, a path or query with white space or '#', a status that is none:
 * they could split the message, and make the buf fail instead.
 */
#ifndef MICROREG_GATEWAY_HTTP1_WRITE_H
#define MICROREG_GATEWAY_HTTP1_WRITE_H

#include "common/buf.h"
#include "gateway/http1_head.h"

/* "GET /path?query HTTP/1.1\r\n"; "HTTP/1.1 200 OK\r\n". */
void http1_write_request_line(struct buf *out, struct span method, struct span path, bool has_query,
			      struct span query);
void http1_write_status_line(struct buf *out, unsigned status);
void http1_write_field(struct buf *out, const char *name, const char *value, size_t len);
void http1_write_span(struct buf *out, struct span name, struct span value);
void http1_write_length(struct buf *out, uint64_t length); /* Content-Length */
void http1_write_end(struct buf *out);			   /* the empty line */

/* A chunk's size line; its content and a CRLF follow, by the caller. */
void http1_write_chunk_head(struct buf *out, size_t len);
void http1_write_chunk_tail(struct buf *out);
void http1_write_last_chunk(struct buf *out); /* trailer fields may follow, then http1_write_end */

#endif
