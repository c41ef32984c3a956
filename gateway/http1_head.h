/*
 * http1_head: reads the head of an HTTP/1.1 message, strictly (RFC 9112),
 * from bytes as they come. No sockets in it; the same code for requests at
 * the door and for replies of instances.
 *
 * A head that two readers could understand differently is refused: that is
 * request smuggling.
 */
#ifndef MICROREG_GATEWAY_HTTP1_HEAD_H
#define MICROREG_GATEWAY_HTTP1_HEAD_H

#include "common/arena.h"
#include "common/http.h"
#include "common/span.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Fields that the gateway itself reads; the parser tells them once, so that nobody compares names
 * again. */
enum http1_name {
	HTTP1_OTHER = 0,
	HTTP1_HOST,
	HTTP1_CONNECTION,
	HTTP1_CONTENT_LENGTH,
	HTTP1_TRANSFER_ENCODING,
	HTTP1_EXPECT,
	HTTP1_UPGRADE,
	HTTP1_TE,
	HTTP1_TRAILER,
	HTTP1_KEEP_ALIVE,
	HTTP1_PROXY, /* any Proxy-… */
	HTTP1_VIA,
	HTTP1_FORWARDED,
	HTTP1_X_FORWARDED, /* -For, -Proto, -Host */
	HTTP1_X_REQUEST_ID,
	HTTP1_TRACEPARENT,
	HTTP1_TRACESTATE,
	HTTP1_CACHE_CONTROL,
	HTTP1_PRAGMA,
	HTTP1_AUTHORIZATION,
	HTTP1_COOKIE,
	HTTP1_SET_COOKIE,
	HTTP1_DATE,
	HTTP1_AGE,
	HTTP1_EXPIRES,
	HTTP1_VARY,
	HTTP1_ETAG,
	HTTP1_LAST_MODIFIED,
	HTTP1_IF_NONE_MATCH,
	HTTP1_IF_MODIFIED_SINCE,
	HTTP1_RANGE,
	HTTP1_MICROREG_CACHE_CONTROL,
	HTTP1_SERVER,
	HTTP1_NAME_COUNT,
};

struct http1_field {
	struct span name, value; /* value without white space around it */
	enum http1_name known;
	/* Never forwarded: a standard hop-by-hop field, Expect, Proxy and Proxy-…, or one named in
	 * Connection. Host and Content-Length are not, even when named there. */
	bool hop;
};

enum http1_framing {
	HTTP1_NO_BODY = 0,
	HTTP1_LENGTH, /* content_length bytes */
	HTTP1_CHUNKED,
	HTTP1_UNTIL_CLOSE, /* replies only */
};

enum { HTTP1_FIELDS_MAX = 256 }; /* limits.headers_count can't be more */

/* A whole head. Everything points into memory of the arena given to http1_head_take. */
struct http1_head {
	/* of a request */
	enum http_method method;
	struct span method_text;
	struct span target;	 /* as sent */
	struct span path, query; /* of origin-form and absolute-form; query without '?' */
	bool has_query;		 /* a '?' was there, if with nothing after it */
	struct span authority; /* of absolute-form (it wins over Host, RFC 9112 3.2.2), else Host */
	bool asterisk;	       /* OPTIONS * */
	/* of a reply */
	unsigned status;
	struct span reason;
	/* of both */
	unsigned minor;	      /* HTTP/1.minor: 0 or 1 */
	bool keep_alive;      /* what version and Connection say */
	bool expect_continue; /* HTTP/1.1 and exactly 100-continue */
	bool upgrade;	      /* HTTP/1.1, Connection: upgrade, and an Upgrade field */
	enum http1_framing framing;
	uint64_t content_length;
	struct http1_field *fields;
	size_t field_count;
};

struct http1_limits {
	size_t line_max;    /* request or status line: 414 (a reply: malformed) */
	size_t headers_max; /* all field lines together: 431 */
	size_t fields_max;  /* 431 */
};

enum http1_kind { HTTP1_REQUEST, HTTP1_REPLY };

/* Where the reader is in a head that has not come whole. All zero = at the start. */
struct http1_reader {
	enum http1_kind kind;
	struct http1_limits limits;
	enum http_method request_method; /* of a reply: what was asked (HEAD has no body) */
	size_t scanned;			 /* bytes of complete lines that were looked at */
	size_t line_seen; /* of the incomplete line: bytes already scanned for its end */
	size_t skipped;	  /* empty lines before the head (RFC 9112 2.2), at most a few */
	size_t fields;
	size_t first_line; /* offset and length of the start line */
	size_t first_len;
	/* After a refusal: */
	unsigned status;    /* to answer: 400, 414, 431, 501, 503, 505; of a reply always 502 */
	const char *reason; /* for the log and the problem's detail; static text */
};

enum http1_result { HTTP1_MORE, HTTP1_DONE, HTTP1_REFUSED };

void http1_head_start(struct http1_reader *r, enum http1_kind kind,
		      const struct http1_limits *limits, enum http_method request_method);

/* Looks at `data`, which is the message from its first byte (the same bytes as before, with more
 * after them). A mistake is told at the line it is in, without waiting for the rest; the bytes of
 * an incomplete line are looked at too, so that control characters are refused at once. DONE sets
 * *head_len to the length of the head with its empty line, and with the empty lines before it.
 * Work is linear in all. MORE is never said to more than line_max + headers_max + 12 bytes.
 *
 * CONNECT is refused (501). TRACE and methods that nobody knows are let through: the routes decide.
 */
enum http1_result http1_head_feed(struct http1_reader *r, const char *data, size_t len,
				  size_t *head_len);

/* After DONE: copies the head into the arena and fills `head`, with the checks that need the whole:
 * Host, framing, Connection. HTTP1_REFUSED with r->status and r->reason, or when the arena is spent
 * (503, of a reply too).
 *
 * A reply to HEAD, 1xx, 204 and 304 are NO_BODY whatever their fields say; whether there is a
 * Content-Length to pass on tells http1_head_find. 101 is NO_BODY too: what follows is the
 * tunnel's. In UNTIL_CLOSE keep_alive is false. */
enum http1_result http1_head_take(struct http1_reader *r, const char *data, size_t head_len,
				  struct arena *arena, struct http1_head *head);

/* The fields, method and framing of a head, in that arena; all else is left out. -1: it is spent.
 */
int http1_head_copy_fields(struct http1_head *to, struct arena *arena,
			   const struct http1_head *from);

/* Which of the known fields a name is, and whether that is one that describes a connection only and
 * is never forwarded (RFC 9110 7.6.1). */
enum http1_name http1_field_known(const char *name, size_t len);
bool http1_field_is_hop(enum http1_name known);
/* host [ ":" port ], without userinfo (RFC 9110 7.2). */
bool http1_authority_is_valid(struct span authority);

/* The first field of that name, or NULL. */
const struct http1_field *http1_head_find(const struct http1_head *head, enum http1_name known);
const struct http1_field *http1_head_find_text(const struct http1_head *head, const char *name);
/* The next member of a comma-separated list: white space around it is cut. False at the end. An
 * empty member has length 0. */
bool http1_list_next(struct span *rest, struct span *member);
/* True when a comma-separated list field has that member, in any of its lines, ignoring case. */
bool http1_head_has_token(const struct http1_head *head, enum http1_name known, const char *token);

#endif
