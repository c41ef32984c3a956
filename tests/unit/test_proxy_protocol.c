/* proxy_protocol: both versions, whole and in pieces, and what is neither. */
#include "gateway/proxy_protocol.h"
#include "tests/unit/unit.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#define V2 "\r\n\r\n\0\r\nQUIT\n"

static const struct {
	const char *name, *data;
	size_t len;
	const char *peer; /* NULL: refused; "": the balancer's own */
} cases[] = {
#define CASE(name, data, peer)                     \
	{                                          \
		name, data, sizeof(data) - 1, peer \
	}
	CASE("IPv4", "PROXY TCP4 1.2.3.4 5.6.7.8 1000 80\r\n", "1.2.3.4"),
	CASE("IPv6", "PROXY TCP6 2001:db8::1 ::1 1000 443\r\n", "2001:db8::1"),
	CASE("unknown", "PROXY UNKNOWN\r\n", ""),
	CASE("unknown with more", "PROXY UNKNOWN ffff:: ffff:: 1 2\r\n", ""),
	CASE("binary IPv4", V2 "\x21\x11\0\x0c\1\2\3\4\5\6\7\x08\x10\0\0\x50", "1.2.3.4"),
	CASE("binary IPv4 with extensions",
	     V2 "\x21\x11\0\x10\1\2\3\4\5\6\7\x08\x10\0\0\x50\4\0\1x", "1.2.3.4"),
	CASE("binary IPv6",
	     V2 "\x21\x21\0\x24\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1"
		"\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1\1\2\3\4",
	     "2001:db8::1"),
	CASE("binary local", V2 "\x20\0\0\0", ""),
	CASE("binary unix", V2 "\x21\x31\0\4abcd", ""),
	CASE("HTTP", "GET / HTTP/1.1\r\n\r\n", NULL),
	CASE("TLS", "\x16\3\1\2\0\1\0\1\xfc\3\3", NULL),
	CASE("lower case", "proxy TCP4 1.2.3.4 5.6.7.8 1 2\r\n", NULL),
	CASE("no return", "PROXY TCP4 1.2.3.4 5.6.7.8 1 2\n", NULL),
	CASE("too few", "PROXY TCP4 1.2.3.4 5.6.7.8 1\r\n", NULL),
	CASE("too many", "PROXY TCP4 1.2.3.4 5.6.7.8 1 2 3\r\n", NULL),
	CASE("two spaces", "PROXY TCP4  1.2.3.4 5.6.7.8 1 2\r\n", NULL),
	CASE("another family", "PROXY TCP4 ::1 ::1 1 2\r\n", NULL),
	CASE("no address", "PROXY TCP4 1.2.3 5.6.7.8 1 2\r\n", NULL),
	CASE("a port too large", "PROXY TCP4 1.2.3.4 5.6.7.8 65536 2\r\n", NULL),
	CASE("a port with zeros", "PROXY TCP4 1.2.3.4 5.6.7.8 01 2\r\n", NULL),
	CASE("a NUL", "PROXY TCP4 1.2.3.4\0 5.6.7.8 1 2\r\n", NULL),
	CASE("too long",
	     "PROXY UNKNOWN "
	     "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	     "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n",
	     NULL),
	CASE("binary of another version", V2 "\x11\x11\0\x0c\1\2\3\4\5\6\7\x08\x10\0\0\x50", NULL),
	CASE("binary of another command", V2 "\x22\x11\0\x0c\1\2\3\4\5\6\7\x08\x10\0\0\x50", NULL),
	CASE("binary too short for its family", V2 "\x21\x21\0\x0c\1\2\3\4\5\6\7\x08\x10\0\0\x50",
	     NULL),
	CASE("binary too long", V2 "\x21\x11\xff\xff", NULL),
#undef CASE
};

static void check_peer(const struct sockaddr_storage *peer, const char *want)
{
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)peer;
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)peer;
	char text[INET6_ADDRSTRLEN] = "";

	if (peer->ss_family == AF_INET)
		(void)inet_ntop(AF_INET, &v4->sin_addr, text, sizeof(text));
	else if (peer->ss_family == AF_INET6)
		(void)inet_ntop(AF_INET6, &v6->sin6_addr, text, sizeof(text));
	ck_assert_str_eq(text, want);
}

START_TEST(headers_are_read_whichever_way_they_are_cut)
{
	const uint8_t *data = (const uint8_t *)cases[_i].data;
	enum proxy_protocol_result result = PROXY_PROTOCOL_MORE;
	struct sockaddr_storage peer;
	size_t used, n = 0;

	while (result == PROXY_PROTOCOL_MORE && n < cases[_i].len)
		result = proxy_protocol_read(data, ++n, &used, &peer);
	ck_assert_msg(result == (cases[_i].peer ? PROXY_PROTOCOL_DONE : PROXY_PROTOCOL_REFUSED),
		      "%s: %zu", cases[_i].name, n);
	if (!cases[_i].peer)
		return;
	ck_assert_uint_eq(used, cases[_i].len);
	check_peer(&peer, cases[_i].peer);
}
END_TEST

START_TEST(what_follows_is_left)
{
	static const char data[] = "PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\nGET / HTTP/1.1\r\n";
	struct sockaddr_storage peer;
	size_t used;

	ck_assert_int_eq(proxy_protocol_read((const uint8_t *)data, sizeof(data) - 1, &used, &peer),
			 PROXY_PROTOCOL_DONE);
	ck_assert_uint_eq(used, 32);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("proxy_protocol");
	TCase *t = tcase_create("proxy_protocol");

	tcase_add_loop_test(t, headers_are_read_whichever_way_they_are_cut, 0,
			    (int)(sizeof(cases) / sizeof(cases[0])));
	tcase_add_test(t, what_follows_is_left);
	suite_add_tcase(s, t);
	return unit_run(s);
}
