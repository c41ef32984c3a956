/*
 * http1_field: cuts field lines into name and value (RFC 9112 5), and knows
 * the names that the gateway reads itself. Also the character table and the
 * list syntax that the rest of the codec uses.
 */
#include "gateway/http1_parts.h"

#include <string.h>

/* Sums of HTTP1_CHAR_… bits, sixteen characters a line from NUL on; everything from 128 on is 0. */
const unsigned char http1_chars[256] = {
	/* clang-format off */
	0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
	0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
	0, 3, 2, 1, 3, 3, 3, 3, 2, 2, 3, 3, 2, 7, 7, 2,
	15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 2, 2, 2, 2, 2, 2,
	2, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7,
	7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 2, 2, 2, 3, 7,
	3, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7,
	7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 2, 3, 2, 7, 0,
	/* clang-format on */
};

/* Eight bytes at a time. The two tests may also hit a byte above one they hit rightly (the
 * borrow), never miss one, so a hit is looked at byte by byte. */
static bool http1_word_has_control(const char *at)
{
	const uint64_t ones = UINT64_C(0x0101010101010101), highs = ones * 0x80;
	uint64_t word, deletes;

	memcpy(&word, at, sizeof(word));
	deletes = word ^ (ones * 0x7f);
	return (((word - ones * 0x20) & ~word) | ((deletes - ones) & ~deletes)) & highs;
}

size_t http1_plain_run(const char *at, size_t len)
{
	size_t n = 0;

	for (;;) {
		while (n + sizeof(uint64_t) <= len && !http1_word_has_control(at + n))
			n += sizeof(uint64_t);
		for (unsigned i = 0; i < sizeof(uint64_t); i++, n++) {
			unsigned char c;

			if (n == len)
				return n;
			c = (unsigned char)at[n];
			if ((c < 0x20 && c != '\t') || c == 0x7f)
				return n;
		}
	}
}

/* Setting 0x20 makes capitals small and leaves digits and '-' as they are; of the others only
 * control characters become one of those by it. */
bool http1_name_is(const char *at, size_t len, const char *lower, size_t lower_len)
{
	if (len != lower_len)
		return false;
	for (size_t i = 0; i < len; i++)
		if ((at[i] | 0x20) != lower[i])
			return false;
	return true;
}

/* By length, so that a name is compared with the few that are as long. */
static const struct http1_known {
	const char *lower;
	unsigned char len;
	unsigned char name;
} http1_known_names[] = {
#define HTTP1_KNOWN(lower, name)               \
	{                                      \
		lower, sizeof(lower) - 1, name \
	}
	HTTP1_KNOWN("te", HTTP1_TE),
	HTTP1_KNOWN("age", HTTP1_AGE),
	HTTP1_KNOWN("via", HTTP1_VIA),
	HTTP1_KNOWN("host", HTTP1_HOST),
	HTTP1_KNOWN("date", HTTP1_DATE),
	HTTP1_KNOWN("etag", HTTP1_ETAG),
	HTTP1_KNOWN("vary", HTTP1_VARY),
	HTTP1_KNOWN("range", HTTP1_RANGE),
	HTTP1_KNOWN("proxy", HTTP1_PROXY),
	HTTP1_KNOWN("cookie", HTTP1_COOKIE),
	HTTP1_KNOWN("expect", HTTP1_EXPECT),
	HTTP1_KNOWN("pragma", HTTP1_PRAGMA),
	HTTP1_KNOWN("server", HTTP1_SERVER),
	HTTP1_KNOWN("expires", HTTP1_EXPIRES),
	HTTP1_KNOWN("trailer", HTTP1_TRAILER),
	HTTP1_KNOWN("upgrade", HTTP1_UPGRADE),
	HTTP1_KNOWN("forwarded", HTTP1_FORWARDED),
	HTTP1_KNOWN("connection", HTTP1_CONNECTION),
	HTTP1_KNOWN("keep-alive", HTTP1_KEEP_ALIVE),
	HTTP1_KNOWN("set-cookie", HTTP1_SET_COOKIE),
	HTTP1_KNOWN("tracestate", HTTP1_TRACESTATE),
	HTTP1_KNOWN("traceparent", HTTP1_TRACEPARENT),
	HTTP1_KNOWN("x-request-id", HTTP1_X_REQUEST_ID),
	HTTP1_KNOWN("authorization", HTTP1_AUTHORIZATION),
	HTTP1_KNOWN("cache-control", HTTP1_CACHE_CONTROL),
	HTTP1_KNOWN("if-none-match", HTTP1_IF_NONE_MATCH),
	HTTP1_KNOWN("last-modified", HTTP1_LAST_MODIFIED),
	HTTP1_KNOWN("content-length", HTTP1_CONTENT_LENGTH),
	HTTP1_KNOWN("x-forwarded-for", HTTP1_X_FORWARDED),
	HTTP1_KNOWN("x-forwarded-host", HTTP1_X_FORWARDED),
	HTTP1_KNOWN("if-modified-since", HTTP1_IF_MODIFIED_SINCE),
	HTTP1_KNOWN("transfer-encoding", HTTP1_TRANSFER_ENCODING),
	HTTP1_KNOWN("x-forwarded-proto", HTTP1_X_FORWARDED),
	HTTP1_KNOWN("microreg-cache-control", HTTP1_MICROREG_CACHE_CONTROL),
#undef HTTP1_KNOWN
};
enum {
	HTTP1_KNOWN_COUNT = sizeof(http1_known_names) / sizeof(http1_known_names[0]),
	HTTP1_KNOWN_LONGEST = 22,
};

/* http1_known_first[len] is the first of that length in the table above. */
static const unsigned char http1_known_first[HTTP1_KNOWN_LONGEST + 2] = {
	0, 0, 0, 1, 3, 7, 9, 13, 16, 16, 17, 21, 22, 23, 27, 28, 29, 30, 33, 33, 33, 33, 33, 34,
};

enum http1_name http1_field_known(const char *name, size_t len)
{
	if (len > 6 && name[5] == '-' && http1_name_is(name, 6, "proxy-", 6))
		return HTTP1_PROXY;
	if (len > HTTP1_KNOWN_LONGEST)
		return HTTP1_OTHER;
	for (unsigned i = http1_known_first[len]; i < http1_known_first[len + 1]; i++)
		if (http1_name_is(name, len, http1_known_names[i].lower, len))
			return (enum http1_name)http1_known_names[i].name;
	return HTTP1_OTHER;
}

/* RFC 9110 7.6.1, 10.1.1: Expect is answered here, hop by hop. "Proxy" is no field of HTTP, but
 * becomes HTTP_PROXY in CGI programs, which then send their requests through the attacker. */
bool http1_field_is_hop(enum http1_name known)
{
	const uint64_t hops = UINT64_C(1) << HTTP1_CONNECTION | UINT64_C(1) << HTTP1_KEEP_ALIVE |
			      UINT64_C(1) << HTTP1_PROXY | UINT64_C(1) << HTTP1_TE |
			      UINT64_C(1) << HTTP1_TRAILER |
			      UINT64_C(1) << HTTP1_TRANSFER_ENCODING |
			      UINT64_C(1) << HTTP1_UPGRADE | UINT64_C(1) << HTTP1_EXPECT;

	return hops >> known & 1;
}

struct span http1_trim(const char *at, size_t len)
{
	while (len && (*at == ' ' || *at == '\t')) {
		at++;
		len--;
	}
	while (len && (at[len - 1] == ' ' || at[len - 1] == '\t'))
		len--;
	return http1_span(at, len);
}

const char *http1_field_check(struct span line)
{
	size_t name = http1_run(line.at, line.len, HTTP1_CHAR_TOKEN);

	if (name < line.len && line.at[name] == ':' && name > 0)
		return NULL;
	if (line.at[0] == ' ' || line.at[0] == '\t')
		return "a field line begins with white space";
	if (name < line.len && (line.at[name] == ' ' || line.at[name] == '\t'))
		return "white space in a field name or before its colon";
	return name == line.len ? "a field line without a colon" : "a field name is malformed";
}

void http1_field_cut(struct span line, struct http1_field *field)
{
	const char *colon = memchr(line.at, ':', line.len); /* checked: it is there */
	size_t name = (size_t)(colon - line.at);

	field->name = http1_span(line.at, name);
	field->value = http1_trim(colon + 1, line.len - name - 1);
	field->known = http1_field_known(line.at, name);
	field->hop = http1_field_is_hop(field->known);
}

bool http1_list_next(struct span *rest, struct span *member)
{
	const char *comma;
	size_t len;

	if (!rest->at)
		return false;
	comma = memchr(rest->at, ',', rest->len);
	len = comma ? (size_t)(comma - rest->at) : rest->len;
	*member = http1_trim(rest->at, len);
	*rest = comma ? http1_span(comma + 1, rest->len - len - 1) : http1_span(NULL, 0);
	return true;
}
