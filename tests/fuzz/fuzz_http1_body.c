/*
 * fuzz_http1_body: a body reads the same whole and in pieces, and its content
 * and trailers, written as chunks again, read back the same.
 *
 * The first byte of the input chooses the framing and a length, the second the
 * pieces.
 */
#include "common/buf.h"
#include "gateway/http1_body.h"
#include "gateway/http1_write.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

struct reading {
	enum http1_body_result result;
	struct buf content, trailers;
	size_t used;
	const char *reason;
};

/* One piece, from a block of its exact length. */
static void read_piece(struct reading *r, struct http1_body *body, const char *data, size_t len)
{
	char *exact = malloc(len + 1);
	size_t at = 0, used;
	struct span content;

	FUZZ_HOLDS(exact);
	memcpy(exact + 1, data, len);
	do {
		r->result = http1_body_feed(body, exact + 1 + at, len - at, &used, &content);
		FUZZ_HOLDS(used <= len - at && content.len <= used);
		at += used;
		if (r->result == HTTP1_BODY_CONTENT) {
			FUZZ_HOLDS(content.len > 0);
			FUZZ_HOLDS(buf_append(&r->content, content.at, content.len) == 0);
		}
	} while (r->result == HTTP1_BODY_CONTENT);
	FUZZ_HOLDS(r->result != HTTP1_BODY_MORE || at == len);
	r->used += at;
	free(exact);
}

static void read_all(struct reading *r, const struct http1_head *head, const char *data, size_t len,
		     size_t piece)
{
	struct http1_body body;

	*r = (struct reading){.result = HTTP1_BODY_MORE};
	buf_init(&r->content, 1 << 20);
	buf_init(&r->trailers, 2 * (size_t)HTTP1_TRAILER_MAX);
	http1_body_start(&body, head);
	body.trailers = &r->trailers;
	for (size_t at = 0; at < len && r->result == HTTP1_BODY_MORE;) {
		size_t step = piece && piece < len - at ? piece : len - at;

		read_piece(r, &body, data + at, step);
		at += step;
	}
	if (r->result == HTTP1_BODY_MORE)
		read_piece(r, &body, "", 0);
	if (r->result == HTTP1_BODY_MORE)
		r->result = http1_body_eof(&body);
	FUZZ_HOLDS(r->result == HTTP1_BODY_END || r->result == HTTP1_BODY_REFUSED);
	FUZZ_HOLDS(body.received == r->content.len);
	FUZZ_HOLDS(!r->trailers.failed);
	r->reason = body.reason;
}

static bool same(const struct buf *a, const struct buf *b)
{
	return a->len == b->len && (a->len == 0 || memcmp(a->data, b->data, a->len) == 0);
}

/* Each field of a whole section is one that can be written. */
static void write_trailers(struct buf *text, const struct buf *trailers)
{
	struct span lines = {trailers->data, trailers->len};
	struct http1_field field;

	while (http1_trailer_next(&lines, &field))
		http1_write_span(text, field.name, field.value);
	FUZZ_HOLDS(lines.len == 0);
}

static void check_round_trip(const struct reading *first, size_t chunk)
{
	const struct http1_head head = {.framing = HTTP1_CHUNKED};
	const struct buf *content = &first->content;
	struct buf text, written;
	struct reading again;

	buf_init(&text, 1 << 20);
	buf_init(&written, 1 << 20);
	for (size_t at = 0; at < content->len;) {
		size_t n = chunk < content->len - at ? chunk : content->len - at;

		http1_write_chunk_head(&text, n);
		(void)buf_append(&text, content->data + at, n); /* looked at below */
		http1_write_chunk_tail(&text);
		at += n;
	}
	http1_write_last_chunk(&text);
	if (first->result == HTTP1_BODY_END)
		write_trailers(&written, &first->trailers);
	if (written.len > HTTP1_TRAILER_MAX / 2)
		buf_reset(&written); /* what was let in may be longer when it is written */
	(void)buf_append(&text, written.data, written.len);
	http1_write_end(&text);
	FUZZ_HOLDS(!text.failed && !written.failed);
	read_all(&again, &head, text.data, text.len, 0);
	FUZZ_HOLDS(again.result == HTTP1_BODY_END && again.used == text.len);
	FUZZ_HOLDS(same(&again.content, content) && same(&again.trailers, &written));
	buf_fini(&again.content);
	buf_fini(&again.trailers);
	buf_fini(&written);
	buf_fini(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const enum http1_framing framings[] = {HTTP1_CHUNKED, HTTP1_LENGTH,
						      HTTP1_UNTIL_CLOSE, HTTP1_NO_BODY};
	struct http1_head head = {0};
	struct reading whole, pieces;

	if (len < 2)
		return 0;
	head.framing = framings[data[0] & 3];
	head.content_length = data[0] >> 2;
	read_all(&whole, &head, (const char *)data + 2, len - 2, 0);
	read_all(&pieces, &head, (const char *)data + 2, len - 2, data[1] % 32 + 1);
	FUZZ_HOLDS(whole.result == pieces.result && whole.reason == pieces.reason);
	FUZZ_HOLDS(whole.used == pieces.used && same(&whole.content, &pieces.content));
	FUZZ_HOLDS(same(&whole.trailers, &pieces.trailers));
	check_round_trip(&whole, data[1] + 1u);
	buf_fini(&whole.content);
	buf_fini(&pieces.content);
	buf_fini(&whole.trailers);
	buf_fini(&pieces.trailers);
	return 0;
}
