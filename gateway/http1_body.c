/*
 * http1_body: a state machine over the bytes of a body; only chunked has more
 * than one state.
 *
 *   SIZE -> (BLANK ->) (EXT ->) SIZE_LF -> DATA -> DATA_CR -> DATA_LF -> SIZE
 *                                  | last chunk
 *                                  v
 *                    TRAILER -> NAME -> VALUE -> VALUE_LF -> TRAILER
 *                       |
 *                       v
 *                    LAST_LF -> DONE                    any -> BAD
 */
#include "gateway/http1_body.h"
#include "common/buf.h"
#include "gateway/http1_parts.h"

#include <string.h>

enum http1_body_state {
	BODY_DATA = 0, /* also the only one of a length */
	BODY_DATA_CR,
	BODY_DATA_LF,
	BODY_SIZE,
	BODY_BLANK, /* white space before ';' */
	BODY_EXT,
	BODY_SIZE_LF,
	BODY_TRAILER, /* at the start of a trailer line */
	BODY_NAME,
	BODY_VALUE,
	BODY_VALUE_LF,
	BODY_LAST_LF,
	BODY_DONE,
	BODY_BAD,
};

/* RFC 9110 6.5.1: what frames, routes, authenticates, or says how the content is to be processed
 * can't come after it. Nearly all trailers are dropped in any case; a peer that sends these hopes
 * for somebody who doesn't. "proxy-" and "if-" stand for all names that begin so. */
static const char *const http1_trailer_forbidden[] = {
	"transfer-encoding",
	"content-length",
	"host",
	"connection",
	"keep-alive",
	"te",
	"trailer",
	"upgrade",
	"expect",
	"authorization",
	"cookie",
	"set-cookie",
	"cache-control",
	"pragma",
	"age",
	"date",
	"expires",
	"vary",
	"location",
	"retry-after",
	"range",
	"max-forwards",
	"content-type",
	"content-range",
	"content-encoding",
	"www-authenticate",
	"authentication-info",
};

static enum http1_body_result http1_body_refuse(struct http1_body *b, const char *reason)
{
	b->state = BODY_BAD;
	b->reason = reason;
	return HTTP1_BODY_REFUSED;
}

void http1_body_start(struct http1_body *b, const struct http1_head *head)
{
	*b = (struct http1_body){.framing = head->framing};
	switch (head->framing) {
	case HTTP1_LENGTH:
		b->left = head->content_length;
		b->state = b->left ? BODY_DATA : BODY_DONE;
		break;
	case HTTP1_CHUNKED:
		b->state = BODY_SIZE;
		break;
	case HTTP1_UNTIL_CLOSE:
		b->left = UINT64_MAX;
		break;
	case HTTP1_NO_BODY:
		b->state = BODY_DONE;
		break;
	}
}

static enum http1_body_result http1_body_content(struct http1_body *b, const char *data, size_t len,
						 size_t *used, struct span *content)
{
	size_t n = len - *used < b->left ? len - *used : (size_t)b->left;

	*content = http1_span(data + *used, n);
	*used += n;
	b->received += n;
	if (b->framing == HTTP1_UNTIL_CLOSE)
		return HTTP1_BODY_CONTENT;
	b->left -= n;
	if (b->left == 0)
		b->state = b->framing == HTTP1_CHUNKED ? BODY_DATA_CR : BODY_DONE;
	return HTTP1_BODY_CONTENT;
}

static int http1_hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* NULL, or the mistake; the same for the functions below. */
static const char *http1_body_size(struct http1_body *b, char c)
{
	int digit = http1_hex(c);

	if (digit >= 0) {
		/* A sum above 2^63 - 1 is nobody's body; the same bound as for Content-Length. */
		if (++b->digits > 16 || b->left > (uint64_t)INT64_MAX >> 4)
			return "the chunk size is too large";
		b->left = b->left << 4 | (unsigned)digit;
		if (b->left > (uint64_t)INT64_MAX - b->received)
			return "the chunk size is too large";
		return NULL;
	}
	if (b->digits == 0)
		return "the chunk size is malformed";
	if (c == '\r')
		b->state = BODY_SIZE_LF;
	else if (c == ';')
		b->state = BODY_EXT;
	else if (c == ' ' || c == '\t')
		b->state = BODY_BLANK;
	else
		return "the chunk size is malformed";
	return NULL;
}

/* The white space, the ';' and all to the CR. What it says is ignored (RFC 9112 7.1.1), so its
 * inner grammar is too: it ends at CRLF whatever it holds. */
static const char *http1_body_ext(struct http1_body *b, char c)
{
	if (c == '\r' && b->state == BODY_EXT) {
		b->state = BODY_SIZE_LF;
		return NULL;
	}
	if (b->state == BODY_BLANK) {
		if (c == ';')
			b->state = BODY_EXT;
		else if (c != ' ' && c != '\t')
			return "white space after the chunk size";
	} else if (((unsigned char)c < 0x20 && c != '\t') || c == 0x7f) {
		return "a control character in a chunk extension";
	}
	if (++b->line > HTTP1_CHUNK_EXT_MAX || ++b->ext > HTTP1_CHUNK_EXT_SPARE + b->received)
		return "the chunk extensions are too large";
	return NULL;
}

static void http1_body_chunk_start(struct http1_body *b)
{
	b->digits = 0;
	b->line = 0;
	b->state = b->left ? BODY_DATA : BODY_TRAILER;
}

bool http1_trailer_is_refused(const char *lower)
{
	if (strncmp(lower, "proxy-", 6) == 0 || strncmp(lower, "if-", 3) == 0)
		return true;
	for (size_t i = 0; i < sizeof(http1_trailer_forbidden) / sizeof(http1_trailer_forbidden[0]);
	     i++)
		if (strcmp(lower, http1_trailer_forbidden[i]) == 0)
			return true;
	return false;
}

static const char *http1_body_name(struct http1_body *b, char c)
{
	if (c == ':' && b->name_len) {
		b->name[b->name_len] = '\0';
		b->state = BODY_VALUE;
		b->name_refused = http1_trailer_is_refused(b->name);
		return b->name_refused ? "a trailer field that is not allowed there" : NULL;
	}
	if (!http1_char_is(c, HTTP1_CHAR_TOKEN))
		return "a trailer field is malformed";
	/* One byte stays for the NUL; a longer name is cut, and equal to none that is forbidden. */
	if (b->name_len < sizeof(b->name) - 1)
		b->name[b->name_len++] = c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
	return NULL;
}

/* Of a line, not of the empty one behind them. */
static void http1_body_keep(struct http1_body *b, char c)
{
	if (b->trailers)
		(void)buf_putc(b->trailers, c); /* sticks */
}

static const char *http1_body_trailer(struct http1_body *b, char c)
{
	if (++b->line > HTTP1_TRAILER_MAX)
		return "the trailers are too large";
	if (b->state == BODY_TRAILER && c == '\r') {
		b->state = BODY_LAST_LF;
		return NULL;
	}
	http1_body_keep(b, c);
	if (b->state == BODY_TRAILER) {
		b->name_len = 0;
		b->state = BODY_NAME;
	}
	if (b->state == BODY_NAME)
		return http1_body_name(b, c);
	if (c == '\r')
		b->state = BODY_VALUE_LF;
	else if (((unsigned char)c < 0x20 && c != '\t') || c == 0x7f)
		return "a control character in a trailer field";
	return NULL;
}

/* One byte of the framing, in any state but DATA, DONE and BAD. */
static const char *http1_body_byte(struct http1_body *b, char c)
{
	switch ((enum http1_body_state)b->state) {
	case BODY_DATA_CR:
		b->state = BODY_DATA_LF;
		return c == '\r' ? NULL : "a chunk is longer than its size";
	case BODY_DATA_LF:
		b->state = BODY_SIZE;
		return c == '\n' ? NULL : "a chunk is longer than its size";
	case BODY_SIZE:
		return http1_body_size(b, c);
	case BODY_BLANK:
	case BODY_EXT:
		return http1_body_ext(b, c);
	case BODY_SIZE_LF:
		http1_body_chunk_start(b);
		return c == '\n' ? NULL : "a CR without LF after the chunk size";
	case BODY_TRAILER:
	case BODY_NAME:
	case BODY_VALUE:
		return http1_body_trailer(b, c);
	case BODY_VALUE_LF:
		http1_body_keep(b, c);
		b->state = BODY_TRAILER;
		return c == '\n' ? NULL : "a CR without LF in the trailers";
	case BODY_LAST_LF:
		b->state = BODY_DONE;
		return c == '\n' ? NULL : "a CR without LF after the last chunk";
	case BODY_DATA:
	case BODY_DONE:
	case BODY_BAD:
		break;
	}
	return "the body is over";
}

enum http1_body_result http1_body_feed(struct http1_body *b, const char *data, size_t len,
				       size_t *used, struct span *content)
{
	*used = 0;
	*content = http1_span(data, 0);
	for (;;) {
		const char *mistake;

		if (b->state == BODY_DONE)
			return HTTP1_BODY_END;
		if (b->state == BODY_BAD)
			return HTTP1_BODY_REFUSED;
		if (*used == len)
			return HTTP1_BODY_MORE;
		if (b->state == BODY_DATA)
			return http1_body_content(b, data, len, used, content);
		mistake = http1_body_byte(b, data[(*used)++]);
		if (mistake)
			return http1_body_refuse(b, mistake);
	}
}

uint64_t http1_body_left(const struct http1_body *b)
{
	return b->state == BODY_DATA && b->framing != HTTP1_CHUNKED ? b->left : 0;
}

void http1_body_skip(struct http1_body *b, uint64_t n)
{
	b->received += n;
	if (b->framing == HTTP1_UNTIL_CLOSE)
		return;
	b->left -= n;
	if (b->left == 0)
		b->state = BODY_DONE;
}

bool http1_trailer_next(struct span *lines, struct http1_field *field)
{
	const char *lf = lines->len ? memchr(lines->at, '\n', lines->len) : NULL;
	size_t len;

	if (!lf)
		return false;
	len = (size_t)(lf - lines->at);
	http1_field_cut(http1_span(lines->at, len - 1), field); /* without its CR */
	*lines = http1_span(lf + 1, lines->len - len - 1);
	return true;
}

enum http1_body_result http1_body_eof(struct http1_body *b)
{
	if (b->framing == HTTP1_UNTIL_CLOSE && b->state == BODY_DATA)
		b->state = BODY_DONE;
	if (b->state == BODY_DONE)
		return HTTP1_BODY_END;
	if (b->state == BODY_BAD)
		return HTTP1_BODY_REFUSED;
	return http1_body_refuse(b, "the body was cut short");
}
