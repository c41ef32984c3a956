/* http1_head: requests: what is let in and what it means, what is refused and with what. */
#include "tests/unit/http1_case.h"
#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(table) ((int)(sizeof(table) / sizeof((table)[0])))
#define HOST	     "Host: a\r\n"
#define GET(fields)  "GET / HTTP/1.1\r\n" HOST fields "\r\n"

static const struct http1_limits limits = {100, 1000, 10};

struct text {
	const char *at;
	size_t len;
};
/* With its NULs. */
#define TEXT(literal)                        \
	{                                    \
		literal, sizeof(literal) - 1 \
	}

struct refusal {
	const char *name;
	struct text text;
	unsigned status;
};

static const struct refusal refusals[] = {
	{"bare LF after the request line", TEXT("GET / HTTP/1.1\nHost: a\r\n\r\n"), 400},
	{"bare LF after a field", TEXT("GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n"), 400},
	{"bare LF for the empty line", TEXT("GET / HTTP/1.1\r\nHost: a\r\n\n"), 400},
	{"bare CR in a value", TEXT(GET("X: a\rb\r\n")), 400},
	{"CR CR LF", TEXT("GET / HTTP/1.1\r\r\nHost: a\r\n\r\n"), 400},
	{"NUL in a value", TEXT(GET("X: a\0b\r\n")), 400},
	{"NUL in a name", TEXT(GET("X\0: b\r\n")), 400},
	{"DEL in a value", TEXT(GET("X: \x7f\r\n")), 400},
	{"escape in a value", TEXT(GET("X: \x1b[1m\r\n")), 400},
	{"control character in the method", TEXT("G\x01T / HTTP/1.1\r\n"), 400},
	{"tab in the request line", TEXT("GET\t/ HTTP/1.1\r\n"), 400},
	{"tab in the target", TEXT("GET /a\tb HTTP/1.1\r\n"), 400},
	{"space before a colon", TEXT(GET("X : b\r\n")), 400},
	{"tab before a colon", TEXT(GET("X\t: b\r\n")), 400},
	{"space in a name", TEXT(GET("X Y: b\r\n")), 400},
	{"folded line", TEXT(GET("X: a\r\n b\r\n")), 400},
	{"folded line with a tab", TEXT(GET("X: a\r\n\tb\r\n")), 400},
	{"space before the first field", TEXT("GET / HTTP/1.1\r\n Host: a\r\n\r\n"), 400},
	{"field without a colon", TEXT(GET("Xb\r\n")), 400},
	{"empty name", TEXT(GET(": b\r\n")), 400},
	{"name with a slash", TEXT(GET("X/Y: b\r\n")), 400},
	{"name with a non-ASCII byte", TEXT(GET("X\xe9: b\r\n")), 400},
	{"name in quotes", TEXT(GET("\"X\": b\r\n")), 400},
	{"only a method", TEXT("GET\r\n"), 400},
	{"HTTP/0.9 request", TEXT("GET /\r\n"), 400},
	{"no target", TEXT("GET  HTTP/1.1\r\n"), 400},
	{"two spaces before the target", TEXT("GET  / HTTP/1.1\r\n"), 400},
	{"two spaces before the version", TEXT("GET /  HTTP/1.1\r\n"), 400},
	{"space after the version", TEXT("GET / HTTP/1.1 \r\n"), 400},
	{"space before the method", TEXT(" GET / HTTP/1.1\r\n"), 400},
	{"empty method", TEXT(" / HTTP/1.1\r\n"), 400},
	{"method that is no token", TEXT("G(T / HTTP/1.1\r\n"), 400},
	{"space in the target", TEXT("GET /a b HTTP/1.1\r\n"), 400},
	{"non-ASCII byte in the target", TEXT("GET /caf\xc3\xa9 HTTP/1.1\r\n"), 400},
	{"fragment", TEXT("GET /a#b HTTP/1.1\r\n"), 400},
	{"fragment in the query", TEXT("GET /a?b#c HTTP/1.1\r\n"), 400},
	{"target without a slash", TEXT("GET a HTTP/1.1\r\n"), 400},
	{"asterisk with GET", TEXT("GET * HTTP/1.1\r\n"), 400},
	{"asterisk and more with OPTIONS", TEXT("OPTIONS *a HTTP/1.1\r\n"), 400},
	{"only a query", TEXT("GET ?a HTTP/1.1\r\n"), 400},
	{"other scheme", TEXT("GET ftp://a/ HTTP/1.1\r\n"), 400},
	{"absolute target without a host", TEXT("GET http:///a HTTP/1.1\r\n"), 400},
	{"absolute target of nothing", TEXT("GET http:// HTTP/1.1\r\n"), 400},
	{"absolute target with user information", TEXT("GET http://u@a/ HTTP/1.1\r\n"), 400},
	{"absolute target with a password", TEXT("GET http://u:p@a/ HTTP/1.1\r\n"), 400},
	{"absolute target with a bad port", TEXT("GET http://a:b/ HTTP/1.1\r\n"), 400},
	{"absolute target with a backslash host", TEXT("GET http://a\\b/ HTTP/1.1\r\n"), 400},
	{"CONNECT", TEXT("CONNECT a:80 HTTP/1.1\r\n"), 501},
	{"HTTP/2.0", TEXT("GET / HTTP/2.0\r\n"), 505},
	{"HTTP/1.2", TEXT("GET / HTTP/1.2\r\n"), 505},
	{"HTTP/0.9 with a version", TEXT("GET / HTTP/0.9\r\n"), 505},
	{"the HTTP/2 preface", TEXT("PRI * HTTP/2.0\r\n"), 505},
	{"HTTP/1.10", TEXT("GET / HTTP/1.10\r\n"), 400},
	{"HTTP/11", TEXT("GET / HTTP/11\r\n"), 400},
	{"HTTP/1,1", TEXT("GET / HTTP/1,1\r\n"), 400},
	{"HTTP/1.x", TEXT("GET / HTTP/1.x\r\n"), 400},
	{"http in small letters", TEXT("GET / http/1.1\r\n"), 400},
	{"five empty lines first", TEXT("\r\n\r\n\r\n\r\n\r\nGET / HTTP/1.1\r\n"), 400},
	{"no Host in 1.1", TEXT("GET / HTTP/1.1\r\n\r\n"), 400},
	{"no Host beside an absolute target", TEXT("GET http://a/ HTTP/1.1\r\n\r\n"), 400},
	{"two Hosts", TEXT(GET("Host: b\r\n")), 400},
	{"the same Host twice", TEXT(GET("host: a\r\n")), 400},
	{"empty Host", TEXT("GET / HTTP/1.1\r\nHost:\r\n\r\n"), 400},
	{"Host with user information", TEXT("GET / HTTP/1.1\r\nHost: u@a\r\n\r\n"), 400},
	{"Host with a comma", TEXT("GET / HTTP/1.1\r\nHost: a,b\r\n\r\n"), 400},
	{"Host with a space", TEXT("GET / HTTP/1.1\r\nHost: a b\r\n\r\n"), 400},
	{"Host with a path", TEXT("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"), 400},
	{"Host with an escape", TEXT("GET / HTTP/1.1\r\nHost: a%2eb\r\n\r\n"), 400},
	{"Host of a port alone", TEXT("GET / HTTP/1.1\r\nHost: :80\r\n\r\n"), 400},
	{"Host with a port of letters", TEXT("GET / HTTP/1.1\r\nHost: a:b\r\n\r\n"), 400},
	{"Host with a port of 65536", TEXT("GET / HTTP/1.1\r\nHost: a:65536\r\n\r\n"), 400},
	{"Host with a port that wraps", TEXT("GET / HTTP/1.1\r\nHost: a:4294967376\r\n\r\n"), 400},
	{"Host with two ports", TEXT("GET / HTTP/1.1\r\nHost: a:1:2\r\n\r\n"), 400},
	{"Host of an open bracket", TEXT("GET / HTTP/1.1\r\nHost: [::1\r\n\r\n"), 400},
	{"Host of a name in brackets", TEXT("GET / HTTP/1.1\r\nHost: [a.b]\r\n\r\n"), 400},
	{"Host of empty brackets", TEXT("GET / HTTP/1.1\r\nHost: []\r\n\r\n"), 400},
	{"Host of an address and a tail", TEXT("GET / HTTP/1.1\r\nHost: [::1]a\r\n\r\n"), 400},
	{"bad Host in 1.0", TEXT("GET / HTTP/1.0\r\nHost: a,b\r\n\r\n"), 400},
	{"length with a sign", TEXT(GET("Content-Length: +3\r\n")), 400},
	{"negative length", TEXT(GET("Content-Length: -3\r\n")), 400},
	{"hexadecimal length", TEXT(GET("Content-Length: 0x3\r\n")), 400},
	{"empty length", TEXT(GET("Content-Length:\r\n")), 400},
	{"length with a space inside", TEXT(GET("Content-Length: 3 3\r\n")), 400},
	{"length with a point", TEXT(GET("Content-Length: 3.0\r\n")), 400},
	{"list of the same length", TEXT(GET("Content-Length: 3, 3\r\n")), 400},
	{"list of two lengths", TEXT(GET("Content-Length: 3, 4\r\n")), 400},
	{"two lengths", TEXT(GET("Content-Length: 3\r\nContent-Length: 4\r\n")), 400},
	{"the same length twice", TEXT(GET("Content-Length: 3\r\nContent-Length: 3\r\n")), 400},
	{"length of 2^63", TEXT(GET("Content-Length: 9223372036854775808\r\n")), 400},
	{"length of 2^64", TEXT(GET("Content-Length: 18446744073709551616\r\n")), 400},
	{"length of 2^64 + 3", TEXT(GET("Content-Length: 18446744073709551619\r\n")), 400},
	{"length of 40 digits",
	 TEXT(GET("Content-Length: 1000000000000000000000000000000000000000\r\n")), 400},
	{"length and coding", TEXT(GET("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n")),
	 400},
	{"coding and length", TEXT(GET("Transfer-Encoding: chunked\r\nContent-Length: 3\r\n")),
	 400},
	{"coding in 1.0", TEXT("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"), 400},
	{"empty coding", TEXT(GET("Transfer-Encoding:\r\n")), 400},
	{"empty member of the codings", TEXT(GET("Transfer-Encoding: , chunked\r\n")), 400},
	{"chunked twice", TEXT(GET("Transfer-Encoding: chunked, chunked\r\n")), 400},
	{"chunked on two lines",
	 TEXT(GET("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n")), 400},
	{"chunked and then another", TEXT(GET("Transfer-Encoding: chunked, gzip\r\n")), 400},
	{"chunked and a trailing comma", TEXT(GET("Transfer-Encoding: chunked,\r\n")), 400},
	{"chunked in quotes", TEXT(GET("Transfer-Encoding: \"chunked\"\r\n")), 400},
	{"chunked with a parameter", TEXT(GET("Transfer-Encoding: chunked;q=1\r\n")), 400},
	{"chunked behind a vertical tab",
	 TEXT(GET("Transfer-Encoding: \x0b"
		  "chunked\r\n")),
	 400},
	{"unknown coding", TEXT(GET("Transfer-Encoding: xchunked\r\n")), 501},
	{"identity", TEXT(GET("Transfer-Encoding: identity\r\n")), 501},
	{"gzip and then chunked", TEXT(GET("Transfer-Encoding: gzip, chunked\r\n")), 501},
	{"Connection that is no list of tokens", TEXT(GET("Connection: close;a\r\n")), 400},
	{"ten fields and one more",
	 TEXT(GET("1:\r\n2:\r\n3:\r\n4:\r\n5:\r\n6:\r\n7:\r\n8:\r\n9:\r\n10:\r\n")), 431},
};

START_TEST(what_two_readers_could_understand_differently_is_refused)
{
	const struct refusal *t = &refusals[_i];

	for (size_t piece = 0; piece <= t->text.len; piece++) {
		struct http1_case c;

		http1_case_read(&c, HTTP1_REQUEST, 0, &limits, t->text.at, t->text.len, piece);
		ck_assert_msg(c.result == HTTP1_REFUSED, "%s: let in", t->name);
		ck_assert_msg(c.reader.status == t->status, "%s: %u (%s)", t->name, c.reader.status,
			      c.reader.reason);
		http1_case_fini(&c);
	}
}
END_TEST

struct accepted {
	const char *name;
	const char *text;
	const char *needs[6]; /* all in the description */
};

static const struct accepted accepts[] = {
	{"a plain request",
	 GET(""),
	 {"len=27 ", "method=[GET]", "path=[/]", "query=[] none", "authority=[a]",
	  "minor=1 alive=1"}},
	{"a query",
	 "GET /a/b?c=d?e HTTP/1.1\r\n" HOST "\r\n",
	 {"path=[/a/b]", "query=[c=d?e]", "has_query=1", "target=[/a/b?c=d?e]"}},
	{"an empty query",
	 "GET /a? HTTP/1.1\r\n" HOST "\r\n",
	 {"path=[/a]", "query=[] ", "has_query=1"}},
	{"escapes and odd characters as they are",
	 "GET /%zz/..//{a}|^\"<>\\ HTTP/1.1\r\n" HOST "\r\n",
	 {"path=[/%zz/..//{a}|^\"<>\\]"}},
	{"an absolute target, which wins over Host",
	 "GET http://b.c:81/d?e HTTP/1.1\r\n" HOST "\r\n",
	 {"authority=[b.c:81]", "path=[/d]", "query=[e]", "target=[http://b.c:81/d?e]"}},
	{"an absolute target in capitals",
	 "GET HTTPS://B/ HTTP/1.1\r\n" HOST "\r\n",
	 {"authority=[B]", "path=[/]"}},
	{"an absolute target without a path",
	 "GET http://b HTTP/1.1\r\n" HOST "\r\n",
	 {"authority=[b]", "path=[/]", "query=[] none", "asterisk=0"}},
	{"an absolute target with only a query",
	 "GET http://b?c HTTP/1.1\r\n" HOST "\r\n",
	 {"authority=[b]", "path=[/]", "query=[c]"}},
	{"OPTIONS with an asterisk",
	 "OPTIONS * HTTP/1.1\r\n" HOST "\r\n",
	 {"asterisk=1", "path=[*]", "authority=[a]"}},
	{"OPTIONS with a bare absolute target",
	 "OPTIONS http://b HTTP/1.1\r\n" HOST "\r\n",
	 {"asterisk=1", "path=[*]", "authority=[b]"}},
	{"a method of one's own",
	 "BREW-it /pot HTTP/1.1\r\n" HOST "\r\n",
	 {"method=512 ", "method=[BREW-it]"}},
	{"get in small letters as another method",
	 "get / HTTP/1.1\r\n" HOST "\r\n",
	 {"method=512 ", "method=[get]"}},
	{"TRACE", "TRACE / HTTP/1.1\r\n" HOST "\r\n", {"method=256 "}},
	{"four empty lines first", "\r\n\r\n\r\n\r\n" GET(""), {"len=35 ", "path=[/]"}},
	{"1.0 without Host", "GET / HTTP/1.0\r\n\r\n", {"minor=0 alive=0", "authority=[] none"}},
	{"1.0 with keep-alive",
	 "GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n",
	 {"minor=0 alive=1"}},
	{"1.0 with keep-alive and close",
	 "GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n",
	 {"minor=0 alive=0"}},
	{"close", GET("Connection: Close\r\n"), {"alive=0"}},
	{"close among others, on the second line",
	 GET("Connection: x\r\nConnection: , close ,\r\n"),
	 {"alive=0"}},
	{"an empty Connection", GET("Connection:\r\n"), {"alive=1"}},
	{"a length", GET("Content-Length: 42\r\n"), {"framing=1 of 42"}},
	{"a length of 0", GET("Content-Length: 0\r\n"), {"framing=1 of 0"}},
	{"a length with zeros before", GET("Content-Length: 0042\r\n"), {"framing=1 of 42"}},
	{"a length of 2^63 - 1",
	 GET("Content-Length: 9223372036854775807\r\n"),
	 {"framing=1 of 9223372036854775807"}},
	{"chunked", GET("Transfer-Encoding: chunked\r\n"), {"framing=2"}},
	{"chunked in capitals", GET("TRANSFER-ENCODING:\t CHUNKED \r\n"), {"framing=2"}},
	{"no body", GET(""), {"framing=0"}},
	{"Expect", GET("Expect: 100-Continue\r\n"), {"expect=1", "[Expect]", "hop=1"}},
	{"another Expect", GET("Expect: a-pony\r\n"), {"expect=0"}},
	{"Expect in 1.0", "GET / HTTP/1.0\r\nExpect: 100-continue\r\n\r\n", {"expect=0"}},
	{"Upgrade", GET("Connection: Upgrade\r\nUpgrade: websocket\r\n"), {"upgrade=1"}},
	{"Upgrade that Connection does not name", GET("Upgrade: websocket\r\n"), {"upgrade=0"}},
	{"upgrade without Upgrade", GET("Connection: upgrade\r\n"), {"upgrade=0"}},
	{"Upgrade in 1.0",
	 "GET / HTTP/1.0\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
	 {"upgrade=0"}},
	{"an IPv6 Host",
	 "GET / HTTP/1.1\r\nHost: [2001:db8::1]:8080\r\n\r\n",
	 {"authority=[[2001:db8::1]:8080]"}},
	{"an IPv4 Host",
	 "GET / HTTP/1.1\r\nHost: 127.0.0.1:65535\r\n\r\n",
	 {"authority=[127.0.0.1:65535]"}},
	{"a Host with an empty port", "GET / HTTP/1.1\r\nHost: a:\r\n\r\n", {"authority=[a:]"}},
	{"white space around a value",
	 GET("X: \t a b\t \r\n"),
	 {"name=[X] value=[a b] known=0 hop=0"}},
	{"no white space at all", GET("X:a\r\n"), {"value=[a]"}},
	{"an empty value", GET("X:\r\n"), {"name=[X] value=[] known"}},
	{"a value of white space", GET("X: \t \r\n"), {"name=[X] value=[] known"}},
	{"bytes that are no ASCII in a value", GET("X: caf\xe9\xff\r\n"), {"value=[caf\xe9\xff]"}},
	{"every token character in a name",
	 GET("!#$%&'*+-.^_`|~09azAZ: b\r\n"),
	 {"name=[!#$%&'*+-.^_`|~09azAZ]"}},
	{"the standard hop-by-hop fields",
	 GET("Keep-Alive: 1\r\nTE: a\r\nTrailer: b\r\nUpgrade: c\r\n"),
	 {"value=[1] known=9 hop=1", "value=[a] known=7 hop=1", "value=[b] known=8 hop=1",
	  "value=[c] known=6 hop=1"}},
	{"Proxy fields, and the one that CGI programs fall for",
	 GET("Proxy-Authorization: a\r\nPROXY-x: b\r\nProxy: c\r\nProxyX: d\r\nProxy_A: e\r\n"),
	 {"value=[a] known=10 hop=1", "value=[b] known=10 hop=1", "value=[c] known=10 hop=1",
	  "value=[d] known=0 hop=0", "value=[e] known=0 hop=0"}},
	{"fields that Connection names",
	 GET("X-A: 1\r\nConnection: x-b, X-a\r\nx-B: 2\r\nX-C: 3\r\n"),
	 {"value=[1] known=0 hop=1", "value=[2] known=0 hop=1", "value=[3] known=0 hop=0"}},
	{"Host and Content-Length that Connection names",
	 GET("Connection: Host, Content-Length\r\nContent-Length: 3\r\n"),
	 {"value=[a] known=1 hop=0", "value=[3] known=3 hop=0", "framing=1 of 3"}},
};

START_TEST(what_is_let_in_means_what_the_standard_says)
{
	const struct accepted *t = &accepts[_i];
	struct http1_case c;
	struct buf out;

	buf_init(&out, 10000);
	http1_case_read(&c, HTTP1_REQUEST, 0, &limits, t->text, strlen(t->text), 0);
	http1_case_describe(&c, &out);
	ck_assert_ptr_nonnull(buf_str(&out));
	for (size_t i = 0; i < 6 && t->needs[i]; i++)
		ck_assert_msg(strstr(out.data, t->needs[i]), "%s: no %s in %s", t->name,
			      t->needs[i], out.data);
	buf_fini(&out);
	http1_case_fini(&c);
}
END_TEST

START_TEST(a_head_reads_the_same_in_pieces_of_any_size)
{
	const struct accepted *t = &accepts[_i];
	struct http1_case whole, pieces;
	struct buf expected, got;

	buf_init(&expected, 10000);
	buf_init(&got, 10000);
	http1_case_read(&whole, HTTP1_REQUEST, 0, &limits, t->text, strlen(t->text), 0);
	http1_case_describe(&whole, &expected);
	for (size_t piece = 1; piece < strlen(t->text); piece++) {
		http1_case_read(&pieces, HTTP1_REQUEST, 0, &limits, t->text, strlen(t->text),
				piece);
		buf_reset(&got);
		http1_case_describe(&pieces, &got);
		ck_assert_str_eq(buf_str(&got), buf_str(&expected));
		http1_case_fini(&pieces);
	}
	http1_case_fini(&whole);
	buf_fini(&expected);
	buf_fini(&got);
}
END_TEST

START_TEST(a_head_that_is_cut_short_waits_for_more)
{
	const struct accepted *t = &accepts[_i];
	size_t len = strlen(t->text);

	for (size_t cut = 0; cut < len; cut++) {
		struct http1_case c;

		http1_case_read(&c, HTTP1_REQUEST, 0, &limits, t->text, cut, 0);
		ck_assert_msg(c.result == HTTP1_MORE, "%s: not waiting after %zu bytes", t->name,
			      cut);
		http1_case_fini(&c);
	}
}
END_TEST

START_TEST(what_follows_a_head_is_not_looked_at)
{
	static const char two[] = GET("") "\0\n garbage";
	struct http1_case c;

	http1_case_read(&c, HTTP1_REQUEST, 0, &limits, two, sizeof(two) - 1, 0);
	ck_assert_int_eq(c.result, HTTP1_DONE);
	ck_assert_uint_eq(c.head_len, strlen(two));
	http1_case_fini(&c);
}
END_TEST

struct early {
	const char *name;
	struct text text; /* its last byte is the mistake */
};

static const struct early earlies[] = {
	{"a TLS hello", TEXT("\x16")},
	{"a NUL in an incomplete line", TEXT("GET / HTTP/1.1\r\nX: abcdefghijk\0")},
	{"an LF in an incomplete line", TEXT("GET / HTTP/1.1\r\nX: abc\n")},
	{"the byte after a CR", TEXT("GET / HTTP/1.1\r\nX: abc\rd")},
	{"the end of a bad request line", TEXT("GET / HTTP/9\r\n")},
	{"the end of a bad field", TEXT("GET / HTTP/1.1\r\nX \r\n")},
};

START_TEST(a_mistake_is_told_at_its_byte_without_waiting_for_the_rest)
{
	const struct early *t = &earlies[_i];

	for (size_t piece = 1; piece < 4; piece++) {
		struct http1_case c;

		http1_case_read(&c, HTTP1_REQUEST, 0, &limits, t->text.at, t->text.len - 1, piece);
		ck_assert_msg(c.result == HTTP1_MORE, "%s: too early", t->name);
		http1_case_fini(&c);
		http1_case_read(&c, HTTP1_REQUEST, 0, &limits, t->text.at, t->text.len, piece);
		ck_assert_msg(c.result == HTTP1_REFUSED, "%s: not told", t->name);
		http1_case_fini(&c);
	}
}
END_TEST

/* "GET /aaa… HTTP/1.1" with a line of `len` bytes. */
static size_t long_line(char *to, size_t len)
{
	int n = snprintf(to, len + 1, "GET /%0*d HTTP/1.1", (int)len - 14, 0);

	ck_assert_int_eq(n, (int)len);
	return len;
}

START_TEST(a_request_line_may_be_as_long_as_the_limit_and_no_longer)
{
	char text[200];
	struct http1_case c;
	size_t len = long_line(text, 100);

	memcpy(text + len, "\r\nHost: a\r\n\r\n", 14);
	http1_case_read(&c, HTTP1_REQUEST, 0, &limits, text, strlen(text), (size_t)_i);
	ck_assert_int_eq(c.result, HTTP1_DONE);
	http1_case_fini(&c);

	len = long_line(text, 101);
	http1_case_read(&c, HTTP1_REQUEST, 0, &limits, text, len, (size_t)_i);
	ck_assert_int_eq(c.result, HTTP1_REFUSED);
	ck_assert_uint_eq(c.reader.status, 414);
	http1_case_fini(&c);
}
END_TEST

/* A request whose field lines take `fields` bytes with their CRLFs. */
static size_t long_fields(char *to, size_t fields)
{
	int n = snprintf(to, 1200, "GET / HTTP/1.1\r\nHost: a\r\nX: %0*d\r\n", (int)fields - 14, 0);

	ck_assert_int_eq(n, 16 + (int)fields);
	return (size_t)n;
}

START_TEST(the_fields_may_be_as_large_as_the_limit_and_no_larger)
{
	char text[1300];
	struct http1_case c;
	size_t len = long_fields(text, 1000);

	memcpy(text + len, "\r\n", 2);
	http1_case_read(&c, HTTP1_REQUEST, 0, &limits, text, len + 2, (size_t)_i);
	ck_assert_int_eq(c.result, HTTP1_DONE);
	http1_case_fini(&c);

	len = long_fields(text, 1003);
	http1_case_read(&c, HTTP1_REQUEST, 0, &limits, text, len, (size_t)_i);
	ck_assert_int_eq(c.result, HTTP1_REFUSED);
	ck_assert_uint_eq(c.reader.status, 431);
	ck_assert_uint_le(c.seen, 16 + 1001 + (size_t)(_i ? _i : 10000));
	http1_case_fini(&c);
}
END_TEST

START_TEST(a_line_both_too_long_and_malformed_is_too_long_however_it_is_cut)
{
	char text[200];
	size_t len = long_line(text, 101);
	struct http1_case c;

	text[len] = '\x01';
	http1_case_read(&c, HTTP1_REQUEST, 0, &limits, text, len + 1, (size_t)_i);
	ck_assert_int_eq(c.result, HTTP1_REFUSED);
	ck_assert_uint_eq(c.reader.status, 414);
	http1_case_fini(&c);
}
END_TEST

/* One chunk holds the copy of the head and not its fields too, or not even that. */
static const size_t arenas[] = {16, 4096};

START_TEST(a_spent_arena_is_an_error_and_not_the_end)
{
	static const struct http1_limits roomy = {4000, 4000, 10};
	char text[4200];
	struct http1_reader r;
	struct http1_head head;
	struct arena arena;
	size_t head_len;

	(void)snprintf(text, sizeof(text), "GET /%03950d HTTP/1.1\r\n" HOST "X: y\r\nZ:\r\n\r\n",
		       0);
	arena_init(&arena, arenas[_i]);
	http1_head_start(&r, HTTP1_REQUEST, &roomy, 0);
	ck_assert_int_eq(http1_head_feed(&r, text, strlen(text), &head_len), HTTP1_DONE);
	ck_assert_int_eq(http1_head_take(&r, text, head_len, &arena, &head), HTTP1_REFUSED);
	ck_assert_uint_eq(r.status, 503);
	arena_fini(&arena);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("http1_head");
	TCase *t = tcase_create("http1_head");

	tcase_add_loop_test(t, what_two_readers_could_understand_differently_is_refused, 0,
			    COUNT(refusals));
	tcase_add_loop_test(t, what_is_let_in_means_what_the_standard_says, 0, COUNT(accepts));
	tcase_add_loop_test(t, a_head_reads_the_same_in_pieces_of_any_size, 0, COUNT(accepts));
	tcase_add_loop_test(t, a_head_that_is_cut_short_waits_for_more, 0, COUNT(accepts));
	tcase_add_test(t, what_follows_a_head_is_not_looked_at);
	tcase_add_loop_test(t, a_mistake_is_told_at_its_byte_without_waiting_for_the_rest, 0,
			    COUNT(earlies));
	tcase_add_loop_test(t, a_request_line_may_be_as_long_as_the_limit_and_no_longer, 0, 9);
	tcase_add_loop_test(t, the_fields_may_be_as_large_as_the_limit_and_no_larger, 0, 9);
	tcase_add_loop_test(t, a_line_both_too_long_and_malformed_is_too_long_however_it_is_cut, 0,
			    9);
	tcase_add_loop_test(t, a_spent_arena_is_an_error_and_not_the_end, 0, COUNT(arenas));
	suite_add_tcase(s, t);
	return unit_run(s);
}
