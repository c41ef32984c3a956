/* http1_field: the names that the gateway knows, and looking for fields in a head. */
#include "tests/unit/http1_case.h"
#include "tests/unit/unit.h"

#include <stdio.h>
#include <string.h>

#define COUNT(table) ((int)(sizeof(table) / sizeof((table)[0])))
#define HOST	     "Host: a\r\n"
#define GET(fields)  "GET / HTTP/1.1\r\n" HOST fields "\r\n"

static const struct http1_limits limits = {100, 1000, 10};

START_TEST(many_options_of_a_connection_are_refused)
{
	char text[1000] = "GET / HTTP/1.1\r\n" HOST "Connection: a";
	struct http1_case c;

	for (unsigned i = 0; i < 40; i++)
		(void)strncat(text, ",a", sizeof(text) - strlen(text) - 1);
	(void)strncat(text, "\r\n\r\n", sizeof(text) - strlen(text) - 1);
	http1_case_read(&c, HTTP1_REQUEST, 0, &limits, text, strlen(text), 0);
	ck_assert_int_eq(c.result, HTTP1_REFUSED);
	http1_case_fini(&c);
}
END_TEST

START_TEST(fields_and_members_of_lists_are_found_whatever_their_case)
{
	static const char text[] = GET("Cache-Control: max-age=0, No-Store\r\nX-One: a\r\n"
				       "cache-control:private\r\nX-ONE: b\r\n");
	struct http1_case c;
	const struct http1_field *f;

	http1_case_read(&c, HTTP1_REQUEST, 0, &limits, text, sizeof(text) - 1, 0);
	ck_assert_int_eq(c.result, HTTP1_DONE);
	f = http1_head_find(&c.head, HTTP1_CACHE_CONTROL);
	ck_assert_ptr_eq(f, &c.head.fields[1]);
	ck_assert_ptr_null(http1_head_find(&c.head, HTTP1_COOKIE));
	ck_assert_ptr_eq(http1_head_find_text(&c.head, "x-oNE"), &c.head.fields[2]);
	ck_assert_ptr_null(http1_head_find_text(&c.head, "x-on"));
	ck_assert(http1_head_has_token(&c.head, HTTP1_CACHE_CONTROL, "no-store"));
	ck_assert(http1_head_has_token(&c.head, HTTP1_CACHE_CONTROL, "PRIVATE"));
	ck_assert(!http1_head_has_token(&c.head, HTTP1_CACHE_CONTROL, "max-age"));
	ck_assert(!http1_head_has_token(&c.head, HTTP1_VARY, "a"));
	http1_case_fini(&c);
}
END_TEST

static const struct {
	const char *name;
	enum http1_name known;
} names[] = {
	{"Host", HTTP1_HOST},
	{"CONNECTION", HTTP1_CONNECTION},
	{"content-length", HTTP1_CONTENT_LENGTH},
	{"Transfer-Encoding", HTTP1_TRANSFER_ENCODING},
	{"Expect", HTTP1_EXPECT},
	{"Upgrade", HTTP1_UPGRADE},
	{"te", HTTP1_TE},
	{"Trailer", HTTP1_TRAILER},
	{"Keep-Alive", HTTP1_KEEP_ALIVE},
	{"Proxy-Connection", HTTP1_PROXY},
	{"Proxy-Authenticate", HTTP1_PROXY},
	{"Proxy", HTTP1_PROXY},
	{"Via", HTTP1_VIA},
	{"Forwarded", HTTP1_FORWARDED},
	{"X-Forwarded-For", HTTP1_X_FORWARDED},
	{"X-Forwarded-Proto", HTTP1_X_FORWARDED},
	{"X-Forwarded-Host", HTTP1_X_FORWARDED},
	{"X-Request-Id", HTTP1_X_REQUEST_ID},
	{"Traceparent", HTTP1_TRACEPARENT},
	{"Tracestate", HTTP1_TRACESTATE},
	{"Cache-Control", HTTP1_CACHE_CONTROL},
	{"Pragma", HTTP1_PRAGMA},
	{"Authorization", HTTP1_AUTHORIZATION},
	{"Cookie", HTTP1_COOKIE},
	{"Set-Cookie", HTTP1_SET_COOKIE},
	{"Date", HTTP1_DATE},
	{"Age", HTTP1_AGE},
	{"Expires", HTTP1_EXPIRES},
	{"Vary", HTTP1_VARY},
	{"ETag", HTTP1_ETAG},
	{"Last-Modified", HTTP1_LAST_MODIFIED},
	{"If-None-Match", HTTP1_IF_NONE_MATCH},
	{"If-Modified-Since", HTTP1_IF_MODIFIED_SINCE},
	{"Range", HTTP1_RANGE},
	{"MicroReg-Cache-Control", HTTP1_MICROREG_CACHE_CONTROL},
	{"Server", HTTP1_SERVER},
	{"Hosts", HTTP1_OTHER},
	{"Hos", HTTP1_OTHER},
	{"Proxy-", HTTP1_OTHER},
	{"X_Request_Id", HTTP1_OTHER},
	{"MicroReg-Cache-Controls", HTTP1_OTHER},
	{"A-name-much-longer-than-any-that-is-known", HTTP1_OTHER},
};

START_TEST(the_names_that_are_known_are_told_apart)
{
	char text[200];
	struct http1_case c;

	/* A reply, where one field alone is no mistake; the value suits all of them. */
	(void)snprintf(text, sizeof(text), "HTTP/1.1 200 OK\r\n%s: %s\r\n\r\n", names[_i].name,
		       names[_i].known == HTTP1_TRANSFER_ENCODING ? "chunked" : "1");
	http1_case_read(&c, HTTP1_REPLY, HTTP_GET, &limits, text, strlen(text), 0);
	ck_assert_int_eq(c.result, HTTP1_DONE);
	ck_assert_msg(c.head.fields[0].known == names[_i].known, "%s", names[_i].name);
	http1_case_fini(&c);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("http1_field");
	TCase *t = tcase_create("http1_field");

	tcase_add_test(t, many_options_of_a_connection_are_refused);
	tcase_add_test(t, fields_and_members_of_lists_are_found_whatever_their_case);
	tcase_add_loop_test(t, the_names_that_are_known_are_told_apart, 0, COUNT(names));
	suite_add_tcase(s, t);
	return unit_run(s);
}
