/*
 * http: the words of HTTP that several rooms need: methods, status codes,
 * character classes. No parsing of messages: that is gateway/http1_*.
 */
#ifndef MICROREG_COMMON_HTTP_H
#define MICROREG_COMMON_HTTP_H

#include <stdbool.h>
#include <stddef.h>

/* One bit each, so that a route's methods are one word. */
enum http_method {
	HTTP_GET = 1 << 0,
	HTTP_HEAD = 1 << 1,
	HTTP_POST = 1 << 2,
	HTTP_PUT = 1 << 3,
	HTTP_PATCH = 1 << 4,
	HTTP_DELETE = 1 << 5,
	HTTP_OPTIONS = 1 << 6,
	HTTP_CONNECT = 1 << 7,
	HTTP_TRACE = 1 << 8,
	HTTP_OTHER = 1 << 9, /* any other token; its text says which */
};

enum { HTTP_METHOD_COUNT = 9, HTTP_ANY = (1 << 10) - 1 };

/* Methods are case-sensitive (RFC 9110 9.1). */
enum http_method http_method_parse(const char *text, size_t len);
/* The name of one bit; "OTHER" for HTTP_OTHER. */
const char *http_method_name(enum http_method method);

/* "Not Found"; "Unknown" for a code without a name (RFC 9110 15). Never NULL. */
const char *http_reason(unsigned status);

/* RFC 9110 5.6.2. */
bool http_is_token_char(unsigned char c);
bool http_is_token(const char *text, size_t len);

/* ASCII only, as field names compare (RFC 9110 5.1). */
bool http_same_nocase(const char *a, const char *b, size_t len);

/* The same; most names that are compared differ in length, and cost no call. */
static inline bool http_equal_nocase(const char *a, size_t a_len, const char *b, size_t b_len)
{
	return a_len == b_len && http_same_nocase(a, b, a_len);
}

#endif
