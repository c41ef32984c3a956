/* http1_head: replies of instances: where their bodies end, and what is malformed. */
#include "tests/unit/http1_case.h"
#include "tests/unit/unit.h"

#include <string.h>

#define COUNT(table) ((int)(sizeof(table) / sizeof((table)[0])))
#define OK(fields)   "HTTP/1.1 200 OK\r\n" fields "\r\n"

static const struct http1_limits limits = {100, 1000, 10};

struct framed {
	const char *name;
	enum http_method asked;
	const char *text;
	enum http1_framing framing;
	uint64_t length;
	unsigned status;
	bool keep_alive;
};

static const struct framed framings[] = {
	{"a length", HTTP_GET, OK("Content-Length: 5\r\n"), HTTP1_LENGTH, 5, 200, true},
	{"a length of 0", HTTP_GET, OK("Content-Length: 0\r\n"), HTTP1_LENGTH, 0, 200, true},
	{"chunked", HTTP_GET, OK("Transfer-Encoding: Chunked\r\n"), HTTP1_CHUNKED, 0, 200, true},
	{"until close", HTTP_GET, OK(""), HTTP1_UNTIL_CLOSE, 0, 200, false},
	{"until close whatever Connection says", HTTP_GET, OK("Connection: keep-alive\r\n"),
	 HTTP1_UNTIL_CLOSE, 0, 200, false},
	{"a length and close", HTTP_GET, OK("Content-Length: 5\r\nConnection: close\r\n"),
	 HTTP1_LENGTH, 5, 200, false},
	{"1.0 with a length", HTTP_GET, "HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\n",
	 HTTP1_LENGTH, 5, 200, false},
	{"1.0 with a length and keep-alive", HTTP_GET,
	 "HTTP/1.0 200 OK\r\nContent-Length: 5\r\nConnection: keep-alive\r\n\r\n", HTTP1_LENGTH, 5,
	 200, true},
	{"1.0 until close", HTTP_GET, "HTTP/1.0 200 OK\r\n\r\n", HTTP1_UNTIL_CLOSE, 0, 200, false},
	{"HEAD with a length", HTTP_HEAD, OK("Content-Length: 5\r\n"), HTTP1_NO_BODY, 5, 200, true},
	{"HEAD that would be chunked", HTTP_HEAD, OK("Transfer-Encoding: chunked\r\n"),
	 HTTP1_NO_BODY, 0, 200, true},
	{"HEAD without either", HTTP_HEAD, OK(""), HTTP1_NO_BODY, 0, 200, true},
	{"204", HTTP_GET, "HTTP/1.1 204 No Content\r\n\r\n", HTTP1_NO_BODY, 0, 204, true},
	{"204 with a length of 0", HTTP_GET, "HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n",
	 HTTP1_NO_BODY, 0, 204, true},
	{"304 with the length that 200 has", HTTP_GET,
	 "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", HTTP1_NO_BODY, 5, 304, true},
	{"304 without a length", HTTP_GET, "HTTP/1.1 304 Not Modified\r\n\r\n", HTTP1_NO_BODY, 0,
	 304, true},
	{"100", HTTP_GET, "HTTP/1.1 100 Continue\r\n\r\n", HTTP1_NO_BODY, 0, 100, true},
	{"103", HTTP_GET, "HTTP/1.1 103 Early Hints\r\nLink: <a>\r\n\r\n", HTTP1_NO_BODY, 0, 103,
	 true},
	{"101", HTTP_GET,
	 "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
	 HTTP1_NO_BODY, 0, 101, true},
	{"no reason", HTTP_GET, "HTTP/1.1 200 \r\nContent-Length: 5\r\n\r\n", HTTP1_LENGTH, 5, 200,
	 true},
	{"no reason and no space", HTTP_GET, "HTTP/1.1 200\r\nContent-Length: 5\r\n\r\n",
	 HTTP1_LENGTH, 5, 200, true},
	{"a reason with odd bytes", HTTP_GET,
	 "HTTP/1.1 200 \t caf\xe9 2\r\nContent-Length: 5\r\n\r\n", HTTP1_LENGTH, 5, 200, true},
	{"a status without a name", HTTP_GET, "HTTP/1.1 599 x\r\nContent-Length: 5\r\n\r\n",
	 HTTP1_LENGTH, 5, 599, true},
};

START_TEST(a_reply_ends_where_the_standard_says_however_it_is_cut)
{
	const struct framed *t = &framings[_i];

	for (size_t piece = 0; piece < strlen(t->text); piece++) {
		struct http1_case c;

		http1_case_read(&c, HTTP1_REPLY, t->asked, &limits, t->text, strlen(t->text),
				piece);
		ck_assert_msg(c.result == HTTP1_DONE, "%s: %s", t->name, c.reader.reason);
		ck_assert_msg(c.head.framing == t->framing, "%s: framing %u", t->name,
			      (unsigned)c.head.framing);
		ck_assert_uint_eq(c.head.content_length, t->length);
		ck_assert_uint_eq(c.head.status, t->status);
		ck_assert_msg(c.head.keep_alive == t->keep_alive, "%s: keep_alive", t->name);
		http1_case_fini(&c);
	}
}
END_TEST

static const struct {
	const char *name, *text;
} malformed[] = {
	{"not HTTP", "SSH-2.0-OpenSSH_9.2\r\n"},
	{"HTTP/2", "HTTP/2 200\r\n"},
	{"HTTP/2.0", "HTTP/2.0 200 OK\r\n"},
	{"HTTP/1.2", "HTTP/1.2 200 OK\r\n"},
	{"small letters", "http/1.1 200 OK\r\n"},
	{"status of two digits", "HTTP/1.1 20 OK\r\n"},
	{"status of four digits", "HTTP/1.1 2000 OK\r\n"},
	{"status below 100", "HTTP/1.1 099 OK\r\n"},
	{"status of 600", "HTTP/1.1 600 OK\r\n"},
	{"status of letters", "HTTP/1.1 2x0 OK\r\n"},
	{"status with a sign", "HTTP/1.1 +20 OK\r\n"},
	{"two spaces before the status", "HTTP/1.1  200 OK\r\n"},
	{"tab before the status", "HTTP/1.1\t200 OK\r\n"},
	{"tab behind the status", "HTTP/1.1 200\tOK\r\n"},
	{"no status", "HTTP/1.1 \r\n"},
	{"only a version", "HTTP/1.1\r\n"},
	{"empty line first", "\r\nHTTP/1.1 200 OK\r\n"},
	{"bare LF", "HTTP/1.1 200 OK\n"},
	{"control character in the reason", "HTTP/1.1 200 O\x01K\r\n"},
	{"long status line",
	 "HTTP/1.1 200 0000000000000000000000000000000000000000000000000000000000000000000000000000"
	 "00000000000000000000\r\n"},
	{"space before a colon", OK("Content-Length : 5\r\n")},
	{"folding", OK("X: a\r\n b\r\n")},
	{"length and coding", OK("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n")},
	{"two lengths", OK("Content-Length: 5\r\nContent-Length: 6\r\n")},
	{"the same length twice", OK("Content-Length: 5\r\nContent-Length: 5\r\n")},
	{"length with a sign", OK("Content-Length: +5\r\n")},
	{"length of 2^63", OK("Content-Length: 9223372036854775808\r\n")},
	{"coding in 1.0", "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"},
	{"unknown coding", OK("Transfer-Encoding: gzip\r\n")},
	{"gzip and then chunked", OK("Transfer-Encoding: gzip, chunked\r\n")},
	{"chunked twice", OK("Transfer-Encoding: chunked, chunked\r\n")},
	{"204 with a body", "HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n"},
	{"204 with a coding", "HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n"},
	{"100 with a body", "HTTP/1.1 100 Continue\r\nContent-Length: 5\r\n\r\n"},
	{"101 with a coding",
	 "HTTP/1.1 101 Switching Protocols\r\nTransfer-Encoding: chunked\r\n\r\n"},
	{"eleven fields",
	 OK("1:\r\n2:\r\n3:\r\n4:\r\n5:\r\n6:\r\n7:\r\n8:\r\n9:\r\n10:\r\n11:\r\n")},
};

START_TEST(a_malformed_reply_is_the_instances_mistake_however_it_is_cut)
{
	const char *text = malformed[_i].text;

	for (size_t piece = 0; piece < strlen(text); piece++) {
		struct http1_case c;

		http1_case_read(&c, HTTP1_REPLY, HTTP_GET, &limits, text, strlen(text), piece);
		ck_assert_msg(c.result == HTTP1_REFUSED, "%s: let in", malformed[_i].name);
		ck_assert_uint_eq(c.reader.status, 502);
		ck_assert_ptr_nonnull(c.reader.reason);
		http1_case_fini(&c);
	}
}
END_TEST

START_TEST(the_reason_of_a_status_line_is_told)
{
	static const char *const lines[][2] = {
		{"HTTP/1.1 404 Not Found\r\n\r\n", "Not Found"},
		{"HTTP/1.1 404 \r\n\r\n", ""},
		{"HTTP/1.1 404\r\n\r\n", ""},
		{"HTTP/1.1 404  x \r\n\r\n", " x "},
	};

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		struct http1_case c;

		http1_case_read(&c, HTTP1_REPLY, HTTP_GET, &limits, lines[i][0],
				strlen(lines[i][0]), 0);
		ck_assert_int_eq(c.result, HTTP1_DONE);
		ck_assert_uint_eq(c.head.reason.len, strlen(lines[i][1]));
		if (c.head.reason.len)
			ck_assert_mem_eq(c.head.reason.at, lines[i][1], c.head.reason.len);
		http1_case_fini(&c);
	}
}
END_TEST

int main(void)
{
	Suite *s = suite_create("http1_reply");
	TCase *t = tcase_create("http1_reply");

	tcase_add_loop_test(t, a_reply_ends_where_the_standard_says_however_it_is_cut, 0,
			    COUNT(framings));
	tcase_add_loop_test(t, a_malformed_reply_is_the_instances_mistake_however_it_is_cut, 0,
			    COUNT(malformed));
	tcase_add_test(t, the_reason_of_a_status_line_is_told);
	suite_add_tcase(s, t);
	return unit_run(s);
}
