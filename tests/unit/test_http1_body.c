/* http1_body: what a body is, where it ends, and what is no body. */
#include "common/buf.h"
#include "gateway/http1_body.h"
#include "tests/unit/unit.h"

#include <stdlib.h>
#include <string.h>

#define COUNT(table) ((int)(sizeof(table) / sizeof((table)[0])))
#define TEXT(literal)                        \
	{                                    \
		literal, sizeof(literal) - 1 \
	}

struct text {
	const char *at;
	size_t len;
};

/* Feeds a body in pieces and collects its content. */
struct reading {
	struct http1_body body;
	enum http1_body_result result;
	struct buf content;
	size_t used; /* of all that was given */
};

static void reading_feed(struct reading *r, const char *data, size_t len)
{
	char *exact = malloc(len ? len : 1);
	size_t at = 0, used;
	struct span content;

	ck_assert_ptr_nonnull(exact);
	memcpy(exact, data, len);
	do {
		r->result = http1_body_feed(&r->body, exact + at, len - at, &used, &content);
		ck_assert_uint_le(used, len - at);
		ck_assert_uint_le(content.len, used);
		at += used;
		if (r->result == HTTP1_BODY_CONTENT) {
			ck_assert_uint_gt(content.len, 0);
			ck_assert_int_eq(buf_append(&r->content, content.at, content.len), 0);
		}
	} while (r->result == HTTP1_BODY_CONTENT);
	if (r->result == HTTP1_BODY_MORE)
		ck_assert_uint_eq(at, len);
	r->used += at;
	free(exact);
}

static void reading_keep(struct reading *r, enum http1_framing framing, uint64_t announced,
			 const char *data, size_t len, size_t piece, struct buf *trailers)
{
	struct http1_head head = {.framing = framing, .content_length = announced};

	*r = (struct reading){.result = HTTP1_BODY_MORE};
	buf_init(&r->content, 1 << 20);
	http1_body_start(&r->body, &head);
	r->body.trailers = trailers;
	for (size_t at = 0; at < len && r->result == HTTP1_BODY_MORE;) {
		size_t step = piece && piece < len - at ? piece : len - at;

		reading_feed(r, data + at, step);
		at += step;
	}
	ck_assert_uint_eq(r->body.received, r->content.len);
}

static void reading_run(struct reading *r, enum http1_framing framing, uint64_t announced,
			const char *data, size_t len, size_t piece)
{
	reading_keep(r, framing, announced, data, len, piece, NULL);
}

struct chunked {
	const char *name;
	const char *text;
	const char *content;
	const char *rest; /* what belongs to the next message */
};

static const struct chunked accepts[] = {
	{"no chunk but the last", "0\r\n\r\n", "", ""},
	{"one chunk", "3\r\nabc\r\n0\r\n\r\n", "abc", ""},
	{"two chunks and a next message", "3\r\nabc\r\n1\r\nd\r\n0\r\n\r\nGET", "abcd", "GET"},
	{"a next message of line ends", "0\r\n\r\n\r\n\r\n", "", "\r\n\r\n"},
	{"hexadecimal digits of both cases", "A\r\n0123456789\r\na\r\n0123456789\r\n0\r\n\r\n",
	 "01234567890123456789", ""},
	{"zeros before the size", "0003\r\nabc\r\n0000000000000000\r\n\r\n", "abc", ""},
	{"content that looks like framing", "5\r\n0\r\n\r\n\r\n0\r\n\r\n", "0\r\n\r\n", ""},
	{"extensions", "3;a=b;c=\"d e;\t\"\r\nabc\r\n0;z\r\n\r\n", "abc", ""},
	{"white space around an extension", "3 \t; a = b \r\nabc\r\n0\r\n\r\n", "abc", ""},
	{"an extension of bytes that are no ASCII", "3;\xe9\r\nabc\r\n0\r\n\r\n", "abc", ""},
	{"trailers", "0\r\nX-Sum: 5\r\nETag: \"a\"\r\nEmpty:\r\n\r\nG", "", "G"},
	{"a trailer whose name begins like a forbidden one", "0\r\nHost-Name: a\r\nTea: b\r\n\r\n",
	 "", ""},
	{"a trailer with a long name",
	 "0\r\nTransfer-Encoding-And-Many-More-Words-After-It: a\r\n\r\n", "", ""},
};

START_TEST(chunks_are_taken_apart_the_same_in_pieces_of_any_size)
{
	const struct chunked *t = &accepts[_i];
	size_t len = strlen(t->text);

	for (size_t piece = 0; piece < len; piece++) {
		struct reading r;

		reading_run(&r, HTTP1_CHUNKED, 0, t->text, len, piece);
		ck_assert_msg(r.result == HTTP1_BODY_END, "%s: %s", t->name, r.body.reason);
		ck_assert_str_eq(buf_str(&r.content), t->content);
		ck_assert_uint_eq(r.used, len - strlen(t->rest));
		ck_assert_int_eq(http1_body_eof(&r.body), HTTP1_BODY_END);
		buf_fini(&r.content);
	}
}
END_TEST

START_TEST(chunks_that_are_cut_short_wait_and_are_refused_at_the_end)
{
	const struct chunked *t = &accepts[_i];
	size_t len = strlen(t->text) - strlen(t->rest);

	for (size_t cut = 0; cut < len; cut++) {
		struct reading r;

		reading_run(&r, HTTP1_CHUNKED, 0, t->text, cut, 0);
		ck_assert_int_eq(r.result, HTTP1_BODY_MORE);
		ck_assert_int_eq(http1_body_eof(&r.body), HTTP1_BODY_REFUSED);
		ck_assert_ptr_nonnull(r.body.reason);
		buf_fini(&r.content);
	}
}
END_TEST

static const struct {
	const char *name;
	struct text text;
} refusals[] = {
	{"empty size", TEXT("\r\nabc\r\n0\r\n\r\n")},
	{"size with a sign", TEXT("+3\r\nabc\r\n0\r\n\r\n")},
	{"negative size", TEXT("-3\r\nabc\r\n0\r\n\r\n")},
	{"size with 0x", TEXT("0x3\r\nabc\r\n0\r\n\r\n")},
	{"size with an underscore", TEXT("3_\r\nabc\r\n0\r\n\r\n")},
	{"size of letters", TEXT("zz\r\nabc\r\n0\r\n\r\n")},
	{"size with g", TEXT("g\r\n")},
	{"size of 17 digits", TEXT("00000000000000003\r\n")},
	{"size that wraps to 3", TEXT("10000000000000003\r\nabc\r\n0\r\n\r\n")},
	{"size of 2^64 - 1", TEXT("FFFFFFFFFFFFFFFF\r\nabc\r\n0\r\n\r\n")},
	{"size of 2^63", TEXT("8000000000000000\r\nabc\r\n0\r\n\r\n")},
	{"sum above 2^63", TEXT("1\r\na\r\n7fffffffffffffff\r\n")},
	{"space before the size", TEXT(" 3\r\nabc\r\n0\r\n\r\n")},
	{"space after the size", TEXT("3 \r\nabc\r\n0\r\n\r\n")},
	{"space inside the size", TEXT("3 3\r\nabc\r\n0\r\n\r\n")},
	{"bare LF after the size", TEXT("3\nabc\r\n0\r\n\r\n")},
	{"bare CR after the size", TEXT("3\rabc\r\n0\r\n\r\n")},
	{"bare LF after the content", TEXT("3\r\nabc\n0\r\n\r\n")},
	{"bare CR after the content", TEXT("3\r\nabc\r0\r\n\r\n")},
	{"nothing after the content", TEXT("3\r\nabc0\r\n\r\n")},
	{"content longer than its size", TEXT("3\r\nabcdef\r\n0\r\n\r\n")},
	{"bare LF in an extension", TEXT("3;a=\nabc\r\n0\r\n\r\n")},
	{"bare CR in an extension", TEXT("3;a=\rb\r\nabc\r\n0\r\n\r\n")},
	{"line end in a quoted extension", TEXT("3;a=\"\r\nb\"\r\nabc\r\n0\r\n\r\n")},
	{"NUL in an extension", TEXT("3;\0\r\nabc\r\n0\r\n\r\n")},
	{"DEL in an extension", TEXT("3;\x7f\r\nabc\r\n0\r\n\r\n")},
	{"bare LF after the last chunk", TEXT("0\n\r\n")},
	{"bare LF for the last line", TEXT("0\r\n\n")},
	{"bare CR for the last line", TEXT("0\r\n\ra")},
	{"trailer without a colon", TEXT("0\r\nX\r\n\r\n")},
	{"trailer without a name", TEXT("0\r\n: a\r\n\r\n")},
	{"trailer with a space before its colon", TEXT("0\r\nX : a\r\n\r\n")},
	{"folded trailer", TEXT("0\r\nX: a\r\n b\r\n\r\n")},
	{"bare LF in a trailer", TEXT("0\r\nX: a\nY: b\r\n\r\n")},
	{"bare CR in a trailer", TEXT("0\r\nX: a\rY: b\r\n\r\n")},
	{"NUL in a trailer", TEXT("0\r\nX: \0\r\n\r\n")},
	{"Content-Length as a trailer", TEXT("0\r\nContent-Length: 9\r\n\r\n")},
	{"Transfer-Encoding as a trailer", TEXT("0\r\nTRANSFER-encoding: chunked\r\n\r\n")},
	{"Host as a trailer", TEXT("0\r\nX: a\r\nhost: evil\r\n\r\n")},
	{"Authorization as a trailer", TEXT("0\r\nAuthorization: a\r\n\r\n")},
	{"Cache-Control as a trailer", TEXT("0\r\nCache-Control: a\r\n\r\n")},
	{"Set-Cookie as a trailer", TEXT("0\r\nSet-Cookie: a\r\n\r\n")},
	{"a condition as a trailer", TEXT("0\r\nIf-Match: a\r\n\r\n")},
	{"a Proxy field as a trailer", TEXT("0\r\nProxy-Authorization: a\r\n\r\n")},
	{"Content-Encoding as a trailer", TEXT("0\r\nContent-Encoding: gzip\r\n\r\n")},
};

START_TEST(what_two_readers_could_end_differently_is_refused)
{
	size_t len = refusals[_i].text.len;

	for (size_t piece = 0; piece < len; piece++) {
		struct reading r;
		struct span content;
		size_t used;

		reading_run(&r, HTTP1_CHUNKED, 0, refusals[_i].text.at, len, piece);
		ck_assert_msg(r.result == HTTP1_BODY_REFUSED, "%s: let in", refusals[_i].name);
		ck_assert_ptr_nonnull(r.body.reason);
		/* and stays so */
		ck_assert_int_eq(http1_body_feed(&r.body, "0", 1, &used, &content),
				 HTTP1_BODY_REFUSED);
		ck_assert_uint_eq(used, 0);
		ck_assert_int_eq(http1_body_eof(&r.body), HTTP1_BODY_REFUSED);
		buf_fini(&r.content);
	}
}
END_TEST

static void fill(struct buf *b, size_t count, const char *text)
{
	for (size_t i = 0; i < count; i++)
		ck_assert_int_eq(buf_puts(b, text), 0);
}

static enum http1_body_result result_of(const struct buf *b)
{
	struct reading r;

	reading_run(&r, HTTP1_CHUNKED, 0, b->data, b->len, 0);
	buf_fini(&r.content);
	return r.result;
}

START_TEST(one_extension_is_bounded)
{
	struct buf b;

	buf_init(&b, 1 << 20);
	fill(&b, 1, "3;");
	fill(&b, HTTP1_CHUNK_EXT_MAX, "x");
	fill(&b, 1, "\r\nabc\r\n0\r\n\r\n");
	ck_assert_int_eq(result_of(&b), HTTP1_BODY_END);
	buf_reset(&b);
	fill(&b, 1, "3;");
	fill(&b, HTTP1_CHUNK_EXT_MAX + 1, "x");
	ck_assert_int_eq(result_of(&b), HTTP1_BODY_REFUSED);
	buf_fini(&b);
}
END_TEST

START_TEST(all_extensions_together_are_bounded_by_the_content)
{
	struct buf b;

	buf_init(&b, 1 << 20);
	fill(&b, HTTP1_CHUNK_EXT_SPARE / 8, "1;12345678\r\na\r\n");
	fill(&b, 1, "0\r\n\r\n");
	ck_assert_int_eq(result_of(&b), HTTP1_BODY_END);
	buf_reset(&b);
	fill(&b, HTTP1_CHUNK_EXT_SPARE / 4, "1;12345678\r\na\r\n");
	ck_assert_int_eq(result_of(&b), HTTP1_BODY_REFUSED);
	buf_reset(&b); /* as much content as extensions may go on for ever */
	fill(&b, HTTP1_CHUNK_EXT_SPARE / 2, "8;12345678\r\nabcdefgh\r\n");
	fill(&b, 1, "0\r\n\r\n");
	ck_assert_int_eq(result_of(&b), HTTP1_BODY_END);
	buf_fini(&b);
}
END_TEST

START_TEST(the_trailers_are_bounded)
{
	struct buf b;

	buf_init(&b, 1 << 20);
	fill(&b, 1, "0\r\n");
	fill(&b, HTTP1_TRAILER_MAX / 8, "X: a\r\n");
	fill(&b, 1, "\r\n");
	ck_assert_int_eq(result_of(&b), HTTP1_BODY_END);
	buf_reset(&b);
	fill(&b, 1, "0\r\n");
	fill(&b, HTTP1_TRAILER_MAX / 4, "X: a\r\n");
	ck_assert_int_eq(result_of(&b), HTTP1_BODY_REFUSED);
	buf_reset(&b);
	fill(&b, 1, "0\r\nX: ");
	fill(&b, HTTP1_TRAILER_MAX, "a");
	ck_assert_int_eq(result_of(&b), HTTP1_BODY_REFUSED);
	buf_fini(&b);
}
END_TEST

static const struct {
	const char *text;
	const char *kept;
} trailers[] = {
	{"0\r\n\r\n", ""},
	{"1\r\na\r\n0\r\nX-Sum: 5\r\n\r\nGET", "X-Sum: 5\r\n"},
	{"0\r\nX-Sum:5 \r\nETag: \"a\"\r\nEmpty:\r\n\r\n", "X-Sum:5 \r\nETag: \"a\"\r\nEmpty:\r\n"},
	{"3;x\r\nabc\r\n0;y\r\nA: b:c\r\nA: \xe9\r\n\r\n", "A: b:c\r\nA: \xe9\r\n"},
};

START_TEST(trailers_are_kept_for_who_asks_the_same_in_pieces_of_any_size)
{
	size_t len = strlen(trailers[_i].text);

	for (size_t piece = 0; piece < len; piece++) {
		struct reading r;
		struct buf kept;

		buf_init(&kept, 1 << 10);
		reading_keep(&r, HTTP1_CHUNKED, 0, trailers[_i].text, len, piece, &kept);
		ck_assert_int_eq(r.result, HTTP1_BODY_END);
		ck_assert_str_eq(buf_str(&kept), trailers[_i].kept);
		buf_fini(&kept);
		buf_fini(&r.content);
	}
}
END_TEST

START_TEST(kept_trailers_are_read_field_by_field)
{
	static const char text[] = "X-Sum:5 \r\nETag: \"a\"\r\nEmpty:\r\n";
	struct span lines = {text, sizeof(text) - 1};
	struct http1_field field;

	ck_assert(http1_trailer_next(&lines, &field));
	ck_assert(field.name.len == 5 && memcmp(field.name.at, "X-Sum", 5) == 0);
	ck_assert(field.value.len == 1 && *field.value.at == '5');
	ck_assert(http1_trailer_next(&lines, &field));
	ck_assert_int_eq(field.known, HTTP1_ETAG);
	ck_assert(field.value.len == 3 && memcmp(field.value.at, "\"a\"", 3) == 0);
	ck_assert(http1_trailer_next(&lines, &field));
	ck_assert(field.name.len == 5 && field.value.len == 0);
	ck_assert(!http1_trailer_next(&lines, &field));
	lines = (struct span){NULL, 0};
	ck_assert(!http1_trailer_next(&lines, &field));
}
END_TEST

START_TEST(no_room_for_trailers_does_not_end_the_body)
{
	static const char text[] = "1\r\na\r\n0\r\nX-Sum: 5\r\nX-More: 6\r\n\r\n";
	struct reading r;
	struct buf kept;

	buf_init(&kept, 8);
	reading_keep(&r, HTTP1_CHUNKED, 0, text, sizeof(text) - 1, 0, &kept);
	ck_assert_int_eq(r.result, HTTP1_BODY_END);
	ck_assert(kept.failed);
	buf_fini(&kept);
	buf_fini(&r.content);
}
END_TEST

START_TEST(a_length_is_met_exactly_in_pieces_of_any_size)
{
	static const char data[] = "0123456789GET /";

	for (size_t piece = 0; piece <= sizeof(data) - 1; piece++) {
		struct reading r;

		reading_run(&r, HTTP1_LENGTH, 10, data, sizeof(data) - 1, piece);
		/* with pieces that end at the length, END needs one more call */
		if (r.result == HTTP1_BODY_MORE)
			reading_feed(&r, "", 0);
		ck_assert_int_eq(r.result, HTTP1_BODY_END);
		ck_assert_str_eq(buf_str(&r.content), "0123456789");
		ck_assert_uint_eq(r.used, 10);
		ck_assert_int_eq(http1_body_eof(&r.body), HTTP1_BODY_END);
		buf_fini(&r.content);
	}
}
END_TEST

START_TEST(a_length_that_is_not_met_is_cut_short)
{
	struct reading r;

	reading_run(&r, HTTP1_LENGTH, 10, "012345678", 9, 0);
	ck_assert_int_eq(r.result, HTTP1_BODY_MORE);
	ck_assert_int_eq(http1_body_eof(&r.body), HTTP1_BODY_REFUSED);
	ck_assert_str_eq(buf_str(&r.content), "012345678");
	buf_fini(&r.content);
}
END_TEST

START_TEST(no_body_and_a_length_of_0_end_at_once)
{
	struct reading r;

	reading_run(&r, HTTP1_NO_BODY, 5, "GET", 3, 0);
	ck_assert_int_eq(r.result, HTTP1_BODY_END);
	ck_assert_uint_eq(r.used, 0);
	reading_run(&r, HTTP1_LENGTH, 0, "GET", 3, 0);
	ck_assert_int_eq(r.result, HTTP1_BODY_END);
	ck_assert_uint_eq(r.used, 0);
	reading_run(&r, HTTP1_NO_BODY, 0, "", 0, 0);
	reading_feed(&r, "", 0);
	ck_assert_int_eq(r.result, HTTP1_BODY_END);
}
END_TEST

START_TEST(until_close_takes_everything_and_ends_with_the_connection)
{
	struct reading r;

	reading_run(&r, HTTP1_UNTIL_CLOSE, 0, "0\r\n\r\nabc", 8, 3);
	ck_assert_int_eq(r.result, HTTP1_BODY_MORE);
	ck_assert_str_eq(buf_str(&r.content), "0\r\n\r\nabc");
	ck_assert_int_eq(http1_body_eof(&r.body), HTTP1_BODY_END);
	buf_fini(&r.content);
}
END_TEST

START_TEST(content_may_be_taken_by_another_way)
{
	static const enum http1_framing framings[] = {HTTP1_LENGTH, HTTP1_UNTIL_CLOSE};
	struct http1_head head = {.framing = framings[_i], .content_length = 100};
	struct http1_body b;
	struct span content;
	size_t used;

	http1_body_start(&b, &head);
	ck_assert_int_eq(http1_body_feed(&b, "0123456789", 10, &used, &content),
			 HTTP1_BODY_CONTENT);
	ck_assert_uint_eq(http1_body_left(&b), _i ? UINT64_MAX : 90);
	http1_body_skip(&b, 0);
	http1_body_skip(&b, 89);
	ck_assert_int_eq(http1_body_feed(&b, NULL, 0, &used, &content), HTTP1_BODY_MORE);
	http1_body_skip(&b, 1);
	ck_assert_uint_eq(b.received, 100);
	ck_assert_uint_eq(http1_body_left(&b), _i ? UINT64_MAX : 0);
	ck_assert_int_eq(http1_body_feed(&b, NULL, 0, &used, &content),
			 _i ? HTTP1_BODY_MORE : HTTP1_BODY_END);
	ck_assert_int_eq(http1_body_eof(&b), HTTP1_BODY_END);
}
END_TEST

START_TEST(of_chunks_nothing_is_known_to_be_left)
{
	struct http1_head head = {.framing = HTTP1_CHUNKED};
	struct http1_body b;
	struct span content;
	size_t used;

	http1_body_start(&b, &head);
	ck_assert_uint_eq(http1_body_left(&b), 0);
	ck_assert_int_eq(http1_body_feed(&b, "ff\r\nab", 6, &used, &content), HTTP1_BODY_CONTENT);
	ck_assert_uint_eq(http1_body_left(&b), 0);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("http1_body");
	TCase *t = tcase_create("http1_body");

	tcase_add_loop_test(t, chunks_are_taken_apart_the_same_in_pieces_of_any_size, 0,
			    COUNT(accepts));
	tcase_add_loop_test(t, chunks_that_are_cut_short_wait_and_are_refused_at_the_end, 0,
			    COUNT(accepts));
	tcase_add_loop_test(t, what_two_readers_could_end_differently_is_refused, 0,
			    COUNT(refusals));
	tcase_add_test(t, one_extension_is_bounded);
	tcase_add_test(t, all_extensions_together_are_bounded_by_the_content);
	tcase_add_test(t, the_trailers_are_bounded);
	tcase_add_loop_test(t, trailers_are_kept_for_who_asks_the_same_in_pieces_of_any_size, 0,
			    COUNT(trailers));
	tcase_add_test(t, kept_trailers_are_read_field_by_field);
	tcase_add_test(t, no_room_for_trailers_does_not_end_the_body);
	tcase_add_test(t, a_length_is_met_exactly_in_pieces_of_any_size);
	tcase_add_test(t, a_length_that_is_not_met_is_cut_short);
	tcase_add_test(t, no_body_and_a_length_of_0_end_at_once);
	tcase_add_test(t, until_close_takes_everything_and_ends_with_the_connection);
	tcase_add_loop_test(t, content_may_be_taken_by_another_way, 0, 2);
	tcase_add_test(t, of_chunks_nothing_is_known_to_be_left);
	suite_add_tcase(s, t);
	return unit_run(s);
}
