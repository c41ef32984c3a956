/*
 * fuzz_http1_head: a head reads the same whole and in pieces, and a head that
 * was let in, written again, reads back the same.
 *
 * The first byte of the input chooses request or reply, the second the pieces.
 */
#include "gateway/http1_write.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/http1_case.h"

#include <string.h>

enum { FUZZ_REPLY = 1, FUZZ_REPLY_TO_HEAD = 2, FUZZ_TIGHT = 4 };

static void describe(const struct http1_case *c, struct buf *out)
{
	buf_init(out, 1 << 20);
	http1_case_describe(c, out);
	FUZZ_HOLDS(!out->failed);
}

static void check_same(struct span a, struct span b)
{
	FUZZ_HOLDS(a.len == b.len);
	FUZZ_HOLDS(a.len == 0 || memcmp(a.at, b.at, a.len) == 0);
}

static void check_safe(struct span s)
{
	for (size_t i = 0; i < s.len; i++)
		FUZZ_HOLDS(s.at[i] != '\r' && s.at[i] != '\n' && s.at[i] != '\0');
}

static void write_again(struct buf *out, const struct http1_head *head)
{
	buf_init(out, 1 << 20);
	if (head->status)
		http1_write_status_line(out, head->status);
	else
		http1_write_request_line(out, head->method_text, head->path, head->has_query,
					 head->query);
	for (size_t i = 0; i < head->field_count; i++) {
		check_safe(head->fields[i].value);
		http1_write_span(out, head->fields[i].name, head->fields[i].value);
	}
	http1_write_end(out);
	FUZZ_HOLDS(!out->failed);
}

static void check_heads(const struct http1_head *a, const struct http1_head *b)
{
	FUZZ_HOLDS(a->status == b->status && a->method == b->method);
	FUZZ_HOLDS(a->asterisk == b->asterisk && a->has_query == b->has_query);
	FUZZ_HOLDS(a->keep_alive == b->keep_alive && a->upgrade == b->upgrade);
	FUZZ_HOLDS(a->expect_continue == b->expect_continue);
	FUZZ_HOLDS(a->framing == b->framing && a->content_length == b->content_length);
	FUZZ_HOLDS(a->field_count == b->field_count);
	check_same(a->path, b->path);
	check_same(a->query, b->query);
	for (size_t i = 0; i < a->field_count; i++) {
		check_same(a->fields[i].name, b->fields[i].name);
		check_same(a->fields[i].value, b->fields[i].value);
		FUZZ_HOLDS(a->fields[i].known == b->fields[i].known);
		FUZZ_HOLDS(a->fields[i].hop == b->fields[i].hop);
	}
}

/* It goes on as 1.1, so only 1.1 reads back the same. */
static void check_round_trip(const struct http1_case *c, enum http1_kind kind,
			     enum http_method asked)
{
	static const struct http1_limits roomy = {1 << 16, 1 << 18, HTTP1_FIELDS_MAX};
	struct http1_case again;
	struct buf text;

	if (c->head.minor == 0)
		return;
	write_again(&text, &c->head);
	http1_case_read(&again, kind, asked, &roomy, text.data, text.len, 0);
	FUZZ_HOLDS(again.result == HTTP1_DONE && again.head_len == text.len);
	check_heads(&c->head, &again.head);
	http1_case_fini(&again);
	buf_fini(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const struct http1_limits usual = {16384, 32768, 100}, tight = {40, 60, 3};
	const struct http1_limits *limits;
	enum http1_kind kind;
	enum http_method asked;
	struct http1_case whole, pieces;
	struct buf a, b;

	if (len < 3)
		return 0;
	kind = data[0] & FUZZ_REPLY ? HTTP1_REPLY : HTTP1_REQUEST;
	asked = data[0] & FUZZ_REPLY_TO_HEAD ? HTTP_HEAD : HTTP_GET;
	limits = data[0] & FUZZ_TIGHT ? &tight : &usual;
	http1_case_read(&whole, kind, asked, limits, (const char *)data + 2, len - 2, 0);
	http1_case_read(&pieces, kind, asked, limits, (const char *)data + 2, len - 2,
			data[1] % 32 + 1);
	describe(&whole, &a);
	describe(&pieces, &b);
	FUZZ_HOLDS(a.len == b.len && memcmp(a.data, b.data, a.len) == 0);
	if (whole.result == HTTP1_DONE)
		check_round_trip(&whole, kind, asked);
	http1_case_fini(&whole);
	http1_case_fini(&pieces);
	buf_fini(&a);
	buf_fini(&b);
	return 0;
}
