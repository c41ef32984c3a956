/* trailer_names: which trailer fields may be passed on at all. */
#include "gateway/trailer_names.h"
#include "tests/unit/unit.h"

#include <string.h>

#define COUNT(table) ((int)(sizeof(table) / sizeof((table)[0])))

static bool passes(const char *name)
{
	return trailer_name_passes((struct span){name, strlen(name)});
}

static const char *const good[] = {"X-Sum",	    "x-amz-checksum-crc32",
				   "Grpc-Status",   "Server-Timing",
				   "ETag",	    "Repr-Digest",
				   "Digest",	    "Host-Name",
				   "X-Forward",	    "Contents",
				   "Accepted",	    "X-Authority",
				   "X-Consumers",   "Ifs",
				   "Expires-At",    "X_Under_Score",
				   "Content-Digest"};

START_TEST(what_is_told_of_a_message_after_it_passes)
{
	ck_assert_msg(passes(good[_i]), "%s", good[_i]);
}
END_TEST

static const char *const bad[] = {
	/* framing, the connection */
	"Transfer-Encoding", "Content-Length", "Trailer", "TE", "Connection", "Keep-Alive",
	"Upgrade", "Proxy-Connection", "Proxy", "Expect",
	/* routing */
	"Host", "Forwarded", "X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host",
	"X-Forwarded-Anything", "X-Real-IP", "Via", "X-Original-URL", "X-Rewrite-URL",
	/* who asks */
	"Authorization", "Proxy-Authorization", "Cookie", "Cookie2", "Set-Cookie",
	"WWW-Authenticate", "Authentication-Info", "X-Consumer-Id", "X-Consumer-Name",
	"X-Consumer-Groups", "X-Auth-Scopes", "X-Auth-Issuer", "X-Consumer-Whatever", "X-Api-Key",
	/* what is asked for */
	"Accept", "Accept-Encoding", "If-Match", "If-None-Match", "If-Anything", "Range",
	"Max-Forwards", "Cache-Control", "Pragma", "Origin", "User-Agent", "Sec-WebSocket-Key",
	"X-HTTP-Method-Override", "Access-Control-Request-Method",
	/* how the answer is used */
	"Age", "Date", "Expires", "Vary", "Location", "Retry-After", "Server", "Allow",
	"Strict-Transport-Security", "Access-Control-Allow-Origin", "X-Frame-Options",
	/* the content */
	"Content-Type", "Content-Encoding", "Content-Range", "Content-Location",
	"Content-Security-Policy", "Last-Modified",
	/* what the gateway says */
	"X-Request-Id", "traceparent", "tracestate", "baggage", "RateLimit", "RateLimit-Policy",
	"Cache-Status", "Proxy-Status", "MicroReg-Cache-Control", "X-Composition",
	/* no name */
	"", "X-Name-Of-More-Than-Sixty-Four-Characters-Which-No-Sane-Field-Ever-Has"};

START_TEST(what_a_head_is_judged_or_given_something_by_does_not)
{
	char name[128];
	size_t len = strlen(bad[_i]);

	ck_assert_msg(!passes(bad[_i]), "%s", bad[_i]);
	for (unsigned spelling = 0; spelling < 4; spelling++) {
		for (size_t i = 0; i <= len; i++) {
			char c = bad[_i][i];

			if ((spelling & 1) && c == '-')
				c = '_';
			if ((spelling & 2) && c >= 'a' && c <= 'z')
				c = (char)(c - 'a' + 'A');
			name[i] = c;
		}
		ck_assert_msg(!passes(name), "%s", name);
	}
}
END_TEST

int main(void)
{
	Suite *s = suite_create("trailer_names");
	TCase *t = tcase_create("trailer_names");

	tcase_add_loop_test(t, what_is_told_of_a_message_after_it_passes, 0, COUNT(good));
	tcase_add_loop_test(t, what_a_head_is_judged_or_given_something_by_does_not, 0, COUNT(bad));
	suite_add_tcase(s, t);
	return unit_run(s);
}
