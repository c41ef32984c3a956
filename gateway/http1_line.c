/*
 * http1_line: reads the start line of a message: a request line with its
 * target in one of its forms (RFC 9112 3), or a status line (RFC 9112 4).
 * White space is one SP exactly where the grammar has it.
 */
#include "gateway/http1_parts.h"

#include <string.h>

enum { HTTP1_VERSION_LEN = 8 }; /* "HTTP/1.1" */

/* RFC 9112 2.3: "HTTP/" DIGIT "." DIGIT, in capitals. */
static int http1_line_version(struct http1_reader *r, struct span text, unsigned *minor)
{
	if (text.len != HTTP1_VERSION_LEN || memcmp(text.at, "HTTP/", 5) != 0 ||
	    !http1_char_is(text.at[5], HTTP1_CHAR_DIGIT) || text.at[6] != '.' ||
	    !http1_char_is(text.at[7], HTTP1_CHAR_DIGIT))
		return http1_refuse(r, 400, "the HTTP version is malformed");
	if (text.at[5] != '1' || text.at[7] > '1')
		return http1_refuse(r, 505, "only HTTP/1.0 and HTTP/1.1 are spoken here");
	*minor = (unsigned)(text.at[7] - '0');
	return 0;
}

static void http1_line_path(struct span rest, struct http1_head *head)
{
	const char *question = memchr(rest.at, '?', rest.len);

	head->path = rest;
	if (!question)
		return;
	head->path.len = (size_t)(question - rest.at);
	head->has_query = true;
	head->query = http1_span(question + 1, rest.len - head->path.len - 1);
}

/* RFC 9112 3.2.2: scheme "://" authority path-abempty [ "?" query ]. */
static int http1_line_absolute(struct http1_reader *r, struct span target, struct http1_head *head)
{
	static const char *const schemes[] = {"http://", "https://"};
	struct span rest = {0};
	size_t n = 0;

	for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]) && !rest.at; i++) {
		size_t len = strlen(schemes[i]);

		if (target.len > len && http_equal_nocase(target.at, len, schemes[i], len))
			rest = http1_span(target.at + len, target.len - len);
	}
	if (!rest.at)
		return http1_refuse(r, 400, "the request target has no form that is allowed here");
	while (n < rest.len && rest.at[n] != '/' && rest.at[n] != '?')
		n++;
	head->authority = http1_span(rest.at, n);
	if (!http1_authority_is_valid(head->authority))
		return http1_refuse(r, 400, "the host in the request target is malformed");
	http1_line_path(http1_span(rest.at + n, rest.len - n), head);
	if (head->path.len)
		return 0;
	/* RFC 9112 3.2.4: without path and query, OPTIONS asks about the server. */
	if (head->method == HTTP_OPTIONS && !head->has_query)
		head->asterisk = true;
	head->path = head->asterisk ? http1_span("*", 1) : http1_span("/", 1);
	return 0;
}

static int http1_line_target(struct http1_reader *r, struct span target, struct http1_head *head)
{
	if (http1_run(target.at, target.len, HTTP1_CHAR_TARGET) != target.len)
		return http1_refuse(r, 400, "a character in the request target is not allowed");
	head->target = target;
	if (target.at[0] == '/') {
		http1_line_path(target, head);
		return 0;
	}
	if (target.len == 1 && target.at[0] == '*' && head->method == HTTP_OPTIONS) {
		head->asterisk = true;
		head->path = target;
		return 0;
	}
	return http1_line_absolute(r, target, head);
}

int http1_line_request(struct http1_reader *r, struct span line, struct http1_head *head)
{
	size_t method = http1_run(line.at, line.len, HTTP1_CHAR_TOKEN);
	const char *target, *space;

	if (method == 0 || method == line.len || line.at[method] != ' ')
		return http1_refuse(r, 400, "the method is malformed");
	target = line.at + method + 1;
	space = memchr(target, ' ', line.len - method - 1);
	if (!space || space == target)
		return http1_refuse(r, 400, "the request line is malformed");
	if (http1_line_version(r, http1_span(space + 1, (size_t)(line.at + line.len - space - 1)),
			       &head->minor) < 0)
		return -1;
	head->method_text = http1_span(line.at, method);
	head->method = method == 3 && memcmp(line.at, "GET", 3) == 0
			       ? HTTP_GET
			       : http_method_parse(line.at, method);
	if (head->method == HTTP_CONNECT)
		return http1_refuse(r, 501, "CONNECT is not done here");
	return http1_line_target(r, http1_span(target, (size_t)(space - target)), head);
}

/* The text after the status says nothing (RFC 9112 4), so a server that leaves it out together
 * with its space is understood. */
int http1_line_reply(struct http1_reader *r, struct span line, struct http1_head *head)
{
	const char *code = line.at + HTTP1_VERSION_LEN + 1;

	if (line.len < HTTP1_VERSION_LEN + 4 || line.at[HTTP1_VERSION_LEN] != ' ')
		return http1_refuse(r, 400, "the status line is malformed");
	if (http1_line_version(r, http1_span(line.at, HTTP1_VERSION_LEN), &head->minor) < 0)
		return -1;
	if (http1_run(code, 3, HTTP1_CHAR_DIGIT) != 3 ||
	    (line.len > HTTP1_VERSION_LEN + 4 && code[3] != ' '))
		return http1_refuse(r, 400, "the status line is malformed");
	if (code[0] < '1' || code[0] > '5')
		return http1_refuse(r, 400, "the status is not in 100 to 599");
	head->status = (unsigned)(code[0] - '0') * 100 + (unsigned)(code[1] - '0') * 10 +
		       (unsigned)(code[2] - '0');
	if (line.len > HTTP1_VERSION_LEN + 5)
		head->reason = http1_span(code + 4, line.len - HTTP1_VERSION_LEN - 5);
	return 0;
}
