/* url: what people write as an address is read one way, or refused with what to write. */
#include "common/url.h"
#include "tests/unit/unit.h"

#include <string.h>

static const struct {
	const char *text, *host, *path;
	unsigned port;
	bool tls, ipv6;
} urls[] = {
	{"http://127.0.0.1:8000/RPC2", "127.0.0.1", "/RPC2", 8000, false, false},
	{"http://orders", "orders", "/", 80, false, false},
	{"https://Example.ORG/a?b=c", "example.org", "/a?b=c", 443, true, false},
	{"HTTP://a_b.c-d.:1", "a_b.c-d.", "/", 1, false, false},
	{"http://[::1]:65535/", "::1", "/", 65535, false, true},
	{"https://[FE80::1]", "fe80::1", "/", 443, true, true},
};

START_TEST(a_url_is_taken_apart)
{
	struct url u;
	struct err e = {0};

	ck_assert_msg(url_parse(&u, urls[_i].text, &e) == 0, "%s", e.text);
	ck_assert_str_eq(u.host, urls[_i].host);
	ck_assert_str_eq(u.path, urls[_i].path);
	ck_assert_uint_eq(u.port, urls[_i].port);
	ck_assert(u.tls == urls[_i].tls && u.ipv6 == urls[_i].ipv6);
}
END_TEST

static const struct {
	const char *text, *mistake;
} bad_urls[] = {
	{"", "empty"},
	{"orders:80", "write http://HOST:PORT"},
	{"ftp://a/", "no http or https URL"},
	{"http://", "neither a host name"},
	{"http:///a", "neither a host name"},
	{"http://a:0", "the port is \"0\""},
	{"http://a:70000", "the port is \"70000\""},
	{"http://a:99999999999999", "the port is \"99999999999999\""},
	{"http://a:+80", "the port is \"+80\""},
	{"http://a:80x/", "the port is \"80x\""},
	{"http://a:/", "no port after ':'"},
	{"http://u:p@a/", "user or password"},
	{"http://a/#b", "fragment"},
	{"http://a b/", "white space"},
	{"http://a/\n", "white space"},
	{"http://\xc3\xa9/", "not ASCII"},
	{"http://::1:80/", "in brackets, like"},
	{"http://[::1/", "no IPv6 address"},
	{"http://[a]/", "no IPv6 address"},
	{"http://[::1]80/", "after ']'"},
	{"http://1.2.3/", "neither a host name"},
	{"http://1.2.3.400/", "neither a host name"},
	{"http://a..b/", "neither a host name"},
	{"http://-a/", "neither a host name"},
	{"http://a-/", "neither a host name"},
	{"http://a/b?c#d", "fragment"},
	{"http://a?b", "a '/' is missing"},
};

START_TEST(a_bad_url_says_what_is_wrong)
{
	struct url u;
	struct err e = {0};

	ck_assert_int_eq(url_parse(&u, bad_urls[_i].text, &e), -1);
	ck_assert_msg(strstr(e.text, bad_urls[_i].mistake), "%s: %s", bad_urls[_i].text, e.text);
}
END_TEST

START_TEST(a_password_is_not_repeated_in_what_is_wrong)
{
	static const char *const texts[] = {"http://u:hunter2@a/", "ftp://u:hunter2@a/",
					    "http://u:hunter2@a b/", "http://u:hunter2@a/#b",
					    "u:hunter2@a:80"};
	struct url u;
	struct err e = {0};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		ck_assert_int_eq(url_parse(&u, texts[i], &e), -1);
		ck_assert_msg(!strstr(e.text, "hunter2"), "%s", e.text);
	}
}
END_TEST

START_TEST(a_host_longer_than_the_name_system_allows_is_refused)
{
	char text[400] = "http://";
	struct url u;

	memset(text + 7, 'a', 300);
	ck_assert_int_eq(url_parse(&u, text, NULL), -1);
	text[7 + 64] = '\0';
	ck_assert_int_eq(url_parse(&u, text, NULL), -1);
	text[7 + 63] = '\0';
	ck_assert_int_eq(url_parse(&u, text, NULL), 0);
}
END_TEST

/* host NULL: refused with `mistake`. */
static const struct {
	const char *text, *host, *mistake;
	unsigned port;
	bool ipv6;
} addresses[] = {
	{"127.0.0.1:8080", "127.0.0.1", NULL, 8080, false},
	{"[::1]:80", "::1", NULL, 80, true},
	{"[::]:0", "::", NULL, 0, true},
	{":8080", "0.0.0.0", NULL, 8080, false},
	{"localhost:1", "127.0.0.1", NULL, 1, false},
	{"0.0.0.0:65535", "0.0.0.0", NULL, 65535, false},
	{"8080", NULL, "write 127.0.0.1:8080, or :8080", 0, false},
	{"127.0.0.1", NULL, "has no port", 0, false},
	{"127.0.0.1:", NULL, "no port after ':'", 0, false},
	{"127.0.0.1:65536", NULL, "the port is \"65536\"", 0, false},
	{"127.0.0.1:-1", NULL, "the port is \"-1\"", 0, false},
	{"::1:80", NULL, "in brackets", 0, false},
	{"[::1]", NULL, "has no port", 0, false},
	{"*:80", NULL, "or :80 for every address", 0, false},
	{"example.org:80", NULL, "no address of this machine's", 0, false},
	{"http://a:80", NULL, "is a URL", 0, false},
	{"", NULL, "empty", 0, false},
};

START_TEST(an_address_to_listen_on_is_read)
{
	struct url_address a;
	struct err e = {0};
	int result = url_parse_address(&a, addresses[_i].text, &e);

	if (!addresses[_i].host) {
		ck_assert_int_eq(result, -1);
		ck_assert_msg(strstr(e.text, addresses[_i].mistake), "%s", e.text);
		return;
	}
	ck_assert_msg(result == 0, "%s", e.text);
	ck_assert_str_eq(a.host, addresses[_i].host);
	ck_assert_uint_eq(a.port, addresses[_i].port);
	ck_assert(a.ipv6 == addresses[_i].ipv6);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("url");
	TCase *t = tcase_create("url");

	tcase_add_loop_test(t, a_url_is_taken_apart, 0, (int)(sizeof(urls) / sizeof(urls[0])));
	tcase_add_loop_test(t, a_bad_url_says_what_is_wrong, 0,
			    (int)(sizeof(bad_urls) / sizeof(bad_urls[0])));
	tcase_add_test(t, a_password_is_not_repeated_in_what_is_wrong);
	tcase_add_test(t, a_host_longer_than_the_name_system_allows_is_refused);
	tcase_add_loop_test(t, an_address_to_listen_on_is_read, 0,
			    (int)(sizeof(addresses) / sizeof(addresses[0])));
	suite_add_tcase(s, t);
	return unit_run(s);
}
