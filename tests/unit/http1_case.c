/* http1_case: see http1_case.h. */
#include "tests/unit/http1_case.h"

#include <stdlib.h>
#include <string.h>

void http1_case_read(struct http1_case *c, enum http1_kind kind, enum http_method asked,
		     const struct http1_limits *limits, const char *data, size_t len, size_t piece)
{
	*c = (struct http1_case){.result = HTTP1_MORE};
	arena_init(&c->arena, 1 << 20);
	http1_head_start(&c->reader, kind, limits, asked);
	while (c->result == HTTP1_MORE && c->seen < len) {
		size_t step = piece && piece < len - c->seen ? piece : len - c->seen;
		char *exact;

		c->seen += step;
		exact = malloc(c->seen);
		if (!exact)
			abort();
		memcpy(exact, data, c->seen);
		c->result = http1_head_feed(&c->reader, exact, c->seen, &c->head_len);
		if (c->result == HTTP1_DONE)
			c->result = http1_head_take(&c->reader, exact, c->head_len, &c->arena,
						    &c->head);
		free(exact);
	}
}

void http1_case_fini(struct http1_case *c)
{
	arena_fini(&c->arena);
}

static void describe_span(struct buf *out, const char *what, struct span s)
{
	(void)buf_printf(out, " %s=[", what);
	(void)buf_append(out, s.at, s.len);
	(void)buf_puts(out, s.at ? "]" : "] none");
}

void http1_case_describe(const struct http1_case *c, struct buf *out)
{
	const struct http1_head *h = &c->head;

	if (c->result == HTTP1_MORE) {
		(void)buf_puts(out, "more");
		return;
	}
	if (c->result == HTTP1_REFUSED) {
		(void)buf_printf(out, "refused %u %s", c->reader.status, c->reader.reason);
		return;
	}
	(void)buf_printf(out, "len=%zu method=%u status=%u minor=%u alive=%d", c->head_len,
			 (unsigned)h->method, h->status, h->minor, h->keep_alive);
	(void)buf_printf(out, " expect=%d upgrade=%d asterisk=%d has_query=%d framing=%u of %llu",
			 h->expect_continue, h->upgrade, h->asterisk, h->has_query,
			 (unsigned)h->framing, (unsigned long long)h->content_length);
	describe_span(out, "method", h->method_text);
	describe_span(out, "target", h->target);
	describe_span(out, "path", h->path);
	describe_span(out, "query", h->query);
	describe_span(out, "authority", h->authority);
	describe_span(out, "reason", h->reason);
	for (size_t i = 0; i < h->field_count; i++) {
		const struct http1_field *f = &h->fields[i];

		describe_span(out, "name", f->name);
		describe_span(out, "value", f->value);
		(void)buf_printf(out, " known=%u hop=%d", (unsigned)f->known, f->hop);
	}
}
