/* cache_case: puts text through the codec. */
#include "tests/unit/cache_case.h"
#include "tests/unit/unit.h"

#include <string.h>

static struct http1_head cache_case_read(struct arena *arena, enum http1_kind kind,
					 const char *text)
{
	const struct http1_limits limits = {
		.line_max = 4096, .headers_max = 65536, .fields_max = 100};
	struct http1_reader reader;
	struct http1_head head;
	size_t len;

	http1_head_start(&reader, kind, &limits, HTTP_GET);
	ck_assert_msg(http1_head_feed(&reader, text, strlen(text), &len) == HTTP1_DONE &&
			      http1_head_take(&reader, text, len, arena, &head) == HTTP1_DONE,
		      "%s: %s", reader.reason ? reader.reason : "cut short", text);
	return head;
}

struct http1_head cache_case_request(struct arena *arena, const char *line, const char *fields)
{
	return cache_case_read(
		arena, HTTP1_REQUEST,
		arena_printf(arena, "%s HTTP/1.1\r\nHost: Example.org\r\n%s\r\n", line, fields));
}

struct http1_head cache_case_reply(struct arena *arena, const char *status, const char *fields)
{
	return cache_case_read(arena, HTTP1_REPLY,
			       arena_printf(arena, "HTTP/1.1 %s \r\n%s\r\n", status, fields));
}
