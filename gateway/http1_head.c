/*
 * http1_head: finds the lines of a head as its bytes come, then copies it once
 * and has its parts read. What a line may hold is http1_line.c's and
 * http1_field.c's; what the fields mean together is http1_framing.c's.
 *
 *   feed:  bytes -> [empty lines] start line, field lines, empty line -> DONE
 *   take:  one copy in the arena -> start line, fields, framing
 */
#include "gateway/http1_parts.h"

#include <string.h>

/* Old clients send an empty line after a body; more than a few are somebody playing. */
enum { HTTP1_EMPTY_LINES_MAX = 4 };

void http1_head_start(struct http1_reader *r, enum http1_kind kind,
		      const struct http1_limits *limits, enum http_method request_method)
{
	*r = (struct http1_reader){
		.kind = kind, .limits = *limits, .request_method = request_method};
	if (r->limits.fields_max > HTTP1_FIELDS_MAX)
		r->limits.fields_max = HTTP1_FIELDS_MAX;
}

/* Before the start line is complete, first_len is 0: no start line is empty. */
static bool http1_head_in_first_line(const struct http1_reader *r)
{
	return r->first_len == 0;
}

/* The limits, for a line of which `len` bytes are here. */
static int http1_head_check_size(struct http1_reader *r, size_t len)
{
	if (http1_head_in_first_line(r)) {
		if (len > r->limits.line_max)
			return http1_refuse(r, 414, "the request line is too long");
		return 0;
	}
	if (r->scanned + len - (r->first_line + r->first_len + 2) > r->limits.headers_max)
		return http1_refuse(r, 431, "the header fields are too large");
	return 0;
}

static int http1_head_empty_line(struct http1_reader *r)
{
	if (r->kind == HTTP1_REPLY)
		return http1_refuse(r, 400, "an empty line before the status line");
	if (++r->skipped > HTTP1_EMPTY_LINES_MAX)
		return http1_refuse(r, 400, "too many empty lines before the request line");
	return 0;
}

/* One complete line that is not the empty one at the end. */
static int http1_head_line(struct http1_reader *r, struct span line)
{
	struct http1_head ignored = {0};
	const char *mistake;

	if (http1_head_in_first_line(r)) {
		if (line.len == 0)
			return http1_head_empty_line(r);
		r->first_line = r->scanned;
		r->first_len = line.len;
		return r->kind == HTTP1_REQUEST ? http1_line_request(r, line, &ignored)
						: http1_line_reply(r, line, &ignored);
	}
	if (++r->fields > r->limits.fields_max)
		return http1_refuse(r, 431, "too many header fields");
	mistake = http1_field_check(line);
	return mistake ? http1_refuse(r, 400, mistake) : 0;
}

/* The byte at `line`, which is no plain one, is not the CR of a CRLF. */
static enum http1_result http1_head_stray(struct http1_reader *r, const char *line)
{
	if (*line == '\r')
		(void)http1_refuse(r, 400, "a CR without LF in the head");
	else if (*line == '\n')
		(void)http1_refuse(r, 400, "a line ends with LF alone");
	else
		(void)http1_refuse(r, 400, "a control character in the head");
	return HTTP1_REFUSED;
}

/* The size is looked at before anything else, so that a line that is both too long and malformed
 * is told the same whichever way it is cut. */
enum http1_result http1_head_feed(struct http1_reader *r, const char *data, size_t len,
				  size_t *head_len)
{
	for (;;) {
		const char *line = data + r->scanned;
		size_t have = len - r->scanned;
		size_t n = r->line_seen + http1_plain_run(line + r->line_seen, have - r->line_seen);

		if (http1_head_check_size(r, n) < 0)
			return HTTP1_REFUSED;
		if (n == have || (line[n] == '\r' && n + 1 == have)) {
			r->line_seen = n;
			return HTTP1_MORE;
		}
		if (line[n] != '\r' || line[n + 1] != '\n')
			return http1_head_stray(r, line + n);
		r->line_seen = 0;
		if (n == 0 && !http1_head_in_first_line(r)) {
			*head_len = r->scanned + 2;
			return HTTP1_DONE;
		}
		if (http1_head_line(r, http1_span(line, n)) < 0)
			return HTTP1_REFUSED;
		r->scanned += n + 2;
	}
}

/* The lines were checked by feed. */
static void http1_head_take_fields(const char *at, struct http1_head *head)
{
	for (size_t i = 0; i < head->field_count; i++) {
		const char *end = strchr(at, '\r');

		http1_field_cut(http1_span(at, (size_t)(end - at)), &head->fields[i]);
		at = end + 2;
	}
}

enum http1_result http1_head_take(struct http1_reader *r, const char *data, size_t head_len,
				  struct arena *arena, struct http1_head *head)
{
	size_t len = head_len - r->first_line;
	char *copy = arena_strndup(arena, data + r->first_line, len);
	int bad;

	*head = (struct http1_head){.field_count = r->fields};
	if (r->fields)
		head->fields = arena_alloc(arena, r->fields * sizeof(*head->fields));
	if (!copy || (r->fields && !head->fields)) {
		r->status = 503;
		r->reason = "out of memory for the head";
		return HTTP1_REFUSED;
	}
	if (r->kind == HTTP1_REQUEST)
		bad = http1_line_request(r, http1_span(copy, r->first_len), head);
	else
		bad = http1_line_reply(r, http1_span(copy, r->first_len), head);
	if (bad < 0)
		return HTTP1_REFUSED;
	http1_head_take_fields(copy + r->first_len + 2, head);
	return http1_framing_check(r, head) < 0 ? HTTP1_REFUSED : HTTP1_DONE;
}

const struct http1_field *http1_head_find(const struct http1_head *head, enum http1_name known)
{
	for (size_t i = 0; i < head->field_count; i++)
		if (head->fields[i].known == known)
			return &head->fields[i];
	return NULL;
}

const struct http1_field *http1_head_find_text(const struct http1_head *head, const char *name)
{
	size_t len = strlen(name);

	for (size_t i = 0; i < head->field_count; i++) {
		const struct span *found = &head->fields[i].name;

		if (http_equal_nocase(found->at, found->len, name, len))
			return &head->fields[i];
	}
	return NULL;
}

bool http1_head_has_token(const struct http1_head *head, enum http1_name known, const char *token)
{
	size_t len = strlen(token);

	for (size_t i = 0; i < head->field_count; i++) {
		struct span rest = head->fields[i].value, member;

		if (head->fields[i].known != known)
			continue;
		while (http1_list_next(&rest, &member))
			if (http_equal_nocase(member.at, member.len, token, len))
				return true;
	}
	return false;
}

static bool http1_span_copy(struct span *span, struct arena *arena)
{
	span->at = arena_strndup(arena, span->at, span->len);
	return span->at != NULL;
}

int http1_head_copy_fields(struct http1_head *to, struct arena *arena,
			   const struct http1_head *from)
{
	struct http1_field *fields = arena_alloc(arena, from->field_count * sizeof(*fields) + 1);

	*to = (struct http1_head){.method = from->method,
				  .minor = from->minor,
				  .framing = from->framing,
				  .content_length = from->content_length,
				  .fields = fields,
				  .field_count = from->field_count};
	if (!fields)
		return -1;
	for (size_t i = 0; i < from->field_count; i++) {
		fields[i] = from->fields[i];
		if (!http1_span_copy(&fields[i].name, arena) ||
		    !http1_span_copy(&fields[i].value, arena))
			return -1;
	}
	return 0;
}
