/* http1_write: what is written is what the codec reads, and nothing that could split a message. */
#include "gateway/http1_write.h"
#include "tests/unit/http1_case.h"
#include "tests/unit/unit.h"

#include <string.h>

static struct span text(const char *s)
{
	return (struct span){.at = s, .len = strlen(s)};
}

static const struct span none;

START_TEST(a_request_is_written_as_it_goes_over_the_wire)
{
	struct buf b;

	buf_init(&b, 1000);
	http1_write_request_line(&b, text("GET"), text("/a/b"), true, text("c=d"));
	http1_write_field(&b, "Host", "e:80", 4);
	http1_write_span(&b, text("X-Empty"), none);
	http1_write_length(&b, 0);
	http1_write_end(&b);
	ck_assert_str_eq(buf_str(&b), "GET /a/b?c=d HTTP/1.1\r\nHost: e:80\r\nX-Empty: \r\n"
				      "Content-Length: 0\r\n\r\n");
	buf_fini(&b);
}
END_TEST

START_TEST(an_empty_query_stays_and_no_query_stays_away)
{
	struct buf b;

	buf_init(&b, 1000);
	http1_write_request_line(&b, text("GET"), text("/"), true, none);
	http1_write_request_line(&b, text("OPTIONS"), text("*"), false, none);
	ck_assert_str_eq(buf_str(&b), "GET /? HTTP/1.1\r\nOPTIONS * HTTP/1.1\r\n");
	buf_fini(&b);
}
END_TEST

START_TEST(a_status_line_has_its_reason)
{
	struct buf b;

	buf_init(&b, 1000);
	http1_write_status_line(&b, 200);
	http1_write_status_line(&b, 100);
	http1_write_status_line(&b, 599);
	ck_assert_str_eq(buf_str(&b),
			 "HTTP/1.1 200 OK\r\nHTTP/1.1 100 Continue\r\nHTTP/1.1 599 Unknown\r\n");
	buf_fini(&b);
}
END_TEST

START_TEST(lengths_and_chunk_sizes_have_all_their_digits)
{
	struct buf b;

	buf_init(&b, 1000);
	http1_write_length(&b, 10);
	http1_write_length(&b, UINT64_MAX);
	http1_write_chunk_head(&b, 1);
	http1_write_chunk_head(&b, 0x10);
	http1_write_chunk_head(&b, 0xdeadbeef);
	http1_write_chunk_head(&b, SIZE_MAX);
	http1_write_chunk_tail(&b);
	http1_write_last_chunk(&b);
	http1_write_end(&b);
	ck_assert_str_eq(buf_str(&b),
			 "Content-Length: 10\r\nContent-Length: 18446744073709551615\r\n"
			 "1\r\n10\r\ndeadbeef\r\nffffffffffffffff\r\n\r\n0\r\n\r\n");
	buf_fini(&b);
}
END_TEST

/* Each appends one thing that must not go out. */
static void write_value_with_line_end(struct buf *b)
{
	http1_write_field(b, "X", "a\r\nHost: b", 10);
}
static void write_value_with_lf(struct buf *b)
{
	http1_write_field(b, "X", "a\nb", 3);
}
static void write_value_with_nul(struct buf *b)
{
	http1_write_field(b, "X", "a\0b", 3);
}
static void write_value_with_late_cr(struct buf *b)
{
	http1_write_field(b, "X", "0123456789abcdef0123456789abcdef\r", 33);
}
static void write_empty_name(struct buf *b)
{
	http1_write_field(b, "", "a", 1);
}
static void write_name_with_colon(struct buf *b)
{
	http1_write_field(b, "X:Y", "a", 1);
}
static void write_path_with_space(struct buf *b)
{
	http1_write_request_line(b, text("GET"), text("/a b"), false, none);
}
static void write_path_with_fragment(struct buf *b)
{
	http1_write_request_line(b, text("GET"), text("/a#b"), false, none);
}
static void write_empty_path(struct buf *b)
{
	http1_write_request_line(b, text("GET"), none, false, none);
}
static void write_query_with_line_end(struct buf *b)
{
	http1_write_request_line(b, text("GET"), text("/"), true, text("a\r\nb"));
}
static void write_method_with_space(struct buf *b)
{
	http1_write_request_line(b, text("GET /"), text("/"), false, none);
}
static void write_status_of_two_digits(struct buf *b)
{
	http1_write_status_line(b, 99);
}
static void write_status_of_four_digits(struct buf *b)
{
	http1_write_status_line(b, 1000);
}

static void (*const splitters[])(struct buf *b) = {
	write_value_with_line_end,   write_value_with_lf,      write_value_with_nul,
	write_value_with_late_cr,    write_empty_name,	       write_name_with_colon,
	write_path_with_space,	     write_path_with_fragment, write_empty_path,
	write_query_with_line_end,   write_method_with_space,  write_status_of_two_digits,
	write_status_of_four_digits,
};

START_TEST(what_could_split_a_message_fails_the_buffer)
{
	struct buf b;

	buf_init(&b, 1000);
	http1_write_status_line(&b, 200);
	splitters[_i](&b);
	http1_write_end(&b);
	ck_assert(b.failed);
	ck_assert_uint_eq(b.len, strlen("HTTP/1.1 200 OK\r\n"));
	buf_fini(&b);
}
END_TEST

START_TEST(a_buffer_that_is_full_fails_and_keeps_what_it_had)
{
	for (size_t max = 0; max < 60; max++) {
		struct buf b;

		buf_init(&b, max);
		http1_write_request_line(&b, text("GET"), text("/"), true, text("a"));
		http1_write_field(&b, "Host", "a", 1);
		http1_write_length(&b, 1);
		http1_write_chunk_head(&b, 1);
		http1_write_end(&b);
		ck_assert(b.failed == (max < 18 + 9 + 19 + 3 + 2));
		ck_assert_uint_le(b.len, max);
		buf_fini(&b);
	}
}
END_TEST

START_TEST(what_was_written_reads_back_the_same)
{
	static const struct http1_limits limits = {100, 1000, 10};
	struct http1_case c;
	struct buf b;

	buf_init(&b, 1000);
	http1_write_request_line(&b, text("PUT"), text("/%20a"), true, text("b?c"));
	http1_write_field(&b, "Host", "[::1]:80", 8);
	http1_write_field(&b, "X", "caf\xe9 \t a", 8);
	http1_write_length(&b, INT64_MAX);
	http1_write_end(&b);
	http1_case_read(&c, HTTP1_REQUEST, 0, &limits, b.data, b.len, 0);
	ck_assert_int_eq(c.result, HTTP1_DONE);
	ck_assert_uint_eq(c.head_len, b.len);
	ck_assert_uint_eq(c.head.content_length, INT64_MAX);
	ck_assert_uint_eq(c.head.fields[1].value.len, 8);
	ck_assert_mem_eq(c.head.query.at, "b?c", 3);
	http1_case_fini(&c);
	buf_fini(&b);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("http1_write");
	TCase *t = tcase_create("http1_write");

	tcase_add_test(t, a_request_is_written_as_it_goes_over_the_wire);
	tcase_add_test(t, an_empty_query_stays_and_no_query_stays_away);
	tcase_add_test(t, a_status_line_has_its_reason);
	tcase_add_test(t, lengths_and_chunk_sizes_have_all_their_digits);
	tcase_add_loop_test(t, what_could_split_a_message_fails_the_buffer, 0,
			    (int)(sizeof(splitters) / sizeof(splitters[0])));
	tcase_add_test(t, a_buffer_that_is_full_fails_and_keeps_what_it_had);
	tcase_add_test(t, what_was_written_reads_back_the_same);
	suite_add_tcase(s, t);
	return unit_run(s);
}
