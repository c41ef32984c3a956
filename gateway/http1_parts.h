/*
 * http1_parts: what the files of the HTTP/1.1 codec share among themselves.
 * Everybody else includes http1_head.h, http1_body.h or http1_write.h.
 */
#ifndef MICROREG_GATEWAY_HTTP1_PARTS_H
#define MICROREG_GATEWAY_HTTP1_PARTS_H

#include "gateway/http1_head.h"

/* Bits of http1_chars: where a character may stand. */
enum http1_char {
	HTTP1_CHAR_TOKEN = 1 << 0,  /* RFC 9110 5.6.2 */
	HTTP1_CHAR_TARGET = 1 << 1, /* in a request target: ASCII that shows, without '#' */
	HTTP1_CHAR_HOST = 1 << 2,   /* in a name or an IPv4 address: unreserved (RFC 3986 2.3) */
	HTTP1_CHAR_DIGIT = 1 << 3,
};
extern const unsigned char http1_chars[256];

static inline bool http1_char_is(char c, enum http1_char what)
{
	return (http1_chars[(unsigned char)c] & (unsigned)what) != 0;
}

/* How many of the first bytes have that bit. */
static inline size_t http1_run(const char *at, size_t len, enum http1_char what)
{
	size_t n = 0;

	while (n < len && http1_char_is(at[n], what))
		n++;
	return n;
}

/* How many of the first bytes are no control characters; HTAB is none here (RFC 9110 5.5). */
size_t http1_plain_run(const char *at, size_t len);

/* `lower` holds only letters, digits and '-', in lower case; `at` holds no control characters. */
bool http1_name_is(const char *at, size_t len, const char *lower, size_t lower_len);

/* http1_line.c: the start line, without its CRLF, into a zeroed head. 0 or -1 with r->status and
 * r->reason. */
int http1_line_request(struct http1_reader *r, struct span line, struct http1_head *head);
int http1_line_reply(struct http1_reader *r, struct span line, struct http1_head *head);

/* http1_field.c: one field line, without its CRLF: NULL, or the mistake in it. */
const char *http1_field_check(struct span line);
/* Cuts a line that was checked into name and value. */
void http1_field_cut(struct span line, struct http1_field *field);
/* Without the white space around it. */
struct span http1_trim(const char *at, size_t len);

/* http1_framing.c: what needs all fields. 0 or -1 with r->status and r->reason. */
int http1_framing_check(struct http1_reader *r, struct http1_head *head);

/* Fills in a refusal and returns -1. A reply's mistakes are all the instance's: 502. */
static inline int http1_refuse(struct http1_reader *r, unsigned status, const char *reason)
{
	r->status = r->kind == HTTP1_REPLY ? 502 : status;
	r->reason = reason;
	return -1;
}

static inline struct span http1_span(const char *at, size_t len)
{
	return (struct span){.at = at, .len = len};
}

#endif
