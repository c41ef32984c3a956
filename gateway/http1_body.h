/*
 * http1_body: takes the framing off a body as its bytes come (RFC 9112 6, 7):
 * a length, chunks, or until the connection closes. No sockets in it, no
 * memory of its own: content is handed on where it lies.
 */
#ifndef MICROREG_GATEWAY_HTTP1_BODY_H
#define MICROREG_GATEWAY_HTTP1_BODY_H

#include "gateway/http1_head.h"

struct buf;

enum {
	HTTP1_CHUNK_EXT_MAX = 1024, /* of one chunk */
	/* Of all chunks together, beyond as many bytes as there were of content: signed uploads
	 * have an extension in each of many chunks, but never more of it than content. */
	HTTP1_CHUNK_EXT_SPARE = 16384,
	HTTP1_TRAILER_MAX = 8192,    /* of all of them, their LFs not counted */
	HTTP1_TRAILER_NAME_MAX = 32, /* no forbidden name is as long */
};

struct http1_body {
	uint64_t received;  /* content bytes so far */
	const char *reason; /* after REFUSED; static text */
	bool name_refused;  /* it was for a trailer of that `name`, in lower case */
	/* Gets the lines of the trailer fields as they come, each with its CRLF; failure sticks in
	 * it. Set it after http1_body_start; NULL: they are dropped. */
	struct buf *trailers;
	/* The rest is http1_body.c's. */
	enum http1_framing framing;
	int state;
	uint64_t left; /* of the length, or of this chunk */
	uint64_t ext;  /* bytes of all extensions so far */
	size_t line;   /* bytes of this chunk's extension, or of the trailers, so far */
	unsigned digits;
	size_t name_len; /* of a trailer's name: what fits of it, in lower case */
	char name[HTTP1_TRAILER_NAME_MAX];
};

enum http1_body_result {
	HTTP1_BODY_MORE,    /* everything given was used; more must come */
	HTTP1_BODY_CONTENT, /* *content is a piece of the body */
	HTTP1_BODY_END,	    /* the body is complete; bytes after *used belong to the next message */
	HTTP1_BODY_REFUSED, /* malformed: `reason`, `name_refused` */
};

void http1_body_start(struct http1_body *b, const struct http1_head *head);

/* Looks at up to `len` bytes, and sets *used to how many were taken (content included). Call it
 * again with the rest after CONTENT. Trailers are checked (field syntax, forbidden names,
 * HTTP1_TRAILER_MAX), and dropped unless `trailers` is there. With framing NO_BODY or a length of 0
 * it is END at once, with nothing used. END comes with no content: after the last piece it needs
 * one more call, which may be given 0 bytes. END and REFUSED stay. */
enum http1_body_result http1_body_feed(struct http1_body *b, const char *data, size_t len,
				       size_t *used, struct span *content);

/* How many bytes of content come next without any framing in between, to the body's end: those of a
 * length, or UINT64_MAX until the connection closes. 0: none, or the body is chunked. */
uint64_t http1_body_left(const struct http1_body *b);

/* So many of them, at most, were taken by another way than http1_body_feed. */
void http1_body_skip(struct http1_body *b, uint64_t n);

/* The next field of such lines, after END. False: there is none. */
bool http1_trailer_next(struct span *lines, struct http1_field *field);

/* True when no trailer may have that name, in lower case: the message is refused for it. */
bool http1_trailer_is_refused(const char *lower);

/* The connection ended: END when that is how this body ends, else REFUSED (cut short). */
enum http1_body_result http1_body_eof(struct http1_body *b);

#endif
