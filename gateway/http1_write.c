/*
 * http1_write: each function reserves what it needs once and fills it.
 *
 * Names and values come checked, from the parser or from the settings; the
 * check here is the last line of defence: what could end a line early fails
 * the buffer instead of splitting the message.
 */
#include "gateway/http1_write.h"
#include "gateway/http1_parts.h"

#include <string.h>

static void http1_done(struct buf *out, const char *end)
{
	out->len = (size_t)(end - out->data);
}

void http1_write_request_line(struct buf *out, struct span method, struct span path, bool has_query,
			      struct span query)
{
	static const char version[] = " HTTP/1.1\r\n";
	char *to;

	if (method.len == 0 || http1_run(method.at, method.len, HTTP1_CHAR_TOKEN) != method.len ||
	    path.len == 0 || http1_run(path.at, path.len, HTTP1_CHAR_TARGET) != path.len ||
	    http1_run(query.at, query.len, HTTP1_CHAR_TARGET) != query.len) {
		out->failed = true;
		return;
	}
	to = buf_reserve(out, method.len + path.len + query.len + 2 + sizeof(version) - 1);
	if (!to)
		return;
	to = buf_write(to, method.at, method.len);
	*to++ = ' ';
	to = buf_write(to, path.at, path.len);
	if (has_query) {
		*to++ = '?';
		to = buf_write(to, query.at, query.len);
	}
	http1_done(out, buf_write(to, version, sizeof(version) - 1));
}

void http1_write_status_line(struct buf *out, unsigned status)
{
	static const char version[] = "HTTP/1.1 ";
	const char *reason = http_reason(status);
	size_t reason_len = strlen(reason);
	char *to;

	if (status < 100 || status > 599) {
		out->failed = true;
		return;
	}
	to = buf_reserve(out, sizeof(version) - 1 + 4 + reason_len + 2);
	if (!to)
		return;
	to = buf_write(to, version, sizeof(version) - 1);
	*to++ = (char)('0' + status / 100);
	*to++ = (char)('0' + status / 10 % 10);
	*to++ = (char)('0' + status % 10);
	*to++ = ' ';
	to = buf_write(to, reason, reason_len);
	http1_done(out, buf_write(to, "\r\n", 2));
}

void http1_write_field(struct buf *out, const char *name, const char *value, size_t len)
{
	http1_write_span(out, http1_span(name, strlen(name)), http1_span(value, len));
}

void http1_write_span(struct buf *out, struct span name, struct span value)
{
	char *to;

	if (name.len == 0 || http1_run(name.at, name.len, HTTP1_CHAR_TOKEN) != name.len ||
	    http1_plain_run(value.at, value.len) != value.len) {
		out->failed = true;
		return;
	}
	to = buf_reserve(out, name.len + value.len + 4);
	if (!to)
		return;
	to = buf_write(to, name.at, name.len);
	to = buf_write(to, ": ", 2);
	to = buf_write(to, value.at, value.len);
	http1_done(out, buf_write(to, "\r\n", 2));
}

void http1_write_length(struct buf *out, uint64_t length)
{
	char digits[20], *at = digits + sizeof(digits);

	do {
		*--at = (char)('0' + length % 10);
		length /= 10;
	} while (length);
	http1_write_field(out, "Content-Length", at, (size_t)(digits + sizeof(digits) - at));
}

void http1_write_end(struct buf *out)
{
	(void)buf_append(out, "\r\n", 2); /* sticks in the buf */
}

void http1_write_chunk_head(struct buf *out, size_t len)
{
	char line[18], *at = line + sizeof(line);

	*--at = '\n';
	*--at = '\r';
	do {
		*--at = "0123456789abcdef"[len & 15];
		len >>= 4;
	} while (len);
	(void)buf_append(out, at, (size_t)(line + sizeof(line) - at)); /* sticks in the buf */
}

void http1_write_chunk_tail(struct buf *out)
{
	(void)buf_append(out, "\r\n", 2); /* sticks in the buf */
}

void http1_write_last_chunk(struct buf *out)
{
	(void)buf_append(out, "0\r\n", 3); /* sticks in the buf */
}
