/* cidr: what is a range, and who is in it. */
#include "common/cidr.h"
#include "tests/unit/unit.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

static struct sockaddr_storage address_of(const char *text)
{
	struct sockaddr_storage out = {0};
	struct sockaddr_in *v4 = (struct sockaddr_in *)&out;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&out;

	if (inet_pton(AF_INET, text, &v4->sin_addr) == 1)
		v4->sin_family = AF_INET;
	else if (inet_pton(AF_INET6, text, &v6->sin6_addr) == 1)
		v6->sin6_family = AF_INET6;
	else
		ck_abort_msg("no address: %s", text);
	return out;
}

static const struct {
	const char *range, *address;
	bool in;
} cases[] = {
	{"10.0.0.0/8", "10.255.1.2", true},
	{"10.0.0.0/8", "11.0.0.1", false},
	{"10.1.2.3", "10.1.2.3", true},
	{"10.1.2.3", "10.1.2.4", false},
	{"192.168.1.128/25", "192.168.1.127", false},
	{"192.168.1.128/25", "192.168.1.128", true},
	{"0.0.0.0/0", "203.0.113.9", true},
	{"0.0.0.0/0", "2001:db8::1", false},
	{"10.0.0.0/8", "::ffff:10.1.1.1", true},
	{"::/0", "10.1.1.1", true},
	{"2001:db8::/33", "2001:db8:7fff::1", true},
	{"2001:db8::/33", "2001:db8:8000::1", false},
	{"::1", "::1", true},
	{"::1/128", "::2", false},
};

START_TEST(a_range_holds_its_addresses_and_no_others)
{
	struct sockaddr_storage address = address_of(cases[_i].address);
	struct cidr range;

	ck_assert_int_eq(cidr_parse(&range, cases[_i].range), 0);
	ck_assert_int_eq(cidr_contains(&range, (struct sockaddr *)&address), cases[_i].in);
}
END_TEST

static const char *const bad[] = {
	"",
	"/8",
	"10.0.0.0/",
	"10.0.0.0/33",
	"10.0.0.0/-1",
	"10.0.0.0/8x",
	"10.0.0/8",
	"::/129",
	"host",
	"10.0.0.0/ 8",
	"2001:db8:1:2:3:4:5:6:7/64",
	"10.0.0.0/99999999999999999999",
};

START_TEST(what_is_no_range_is_refused)
{
	struct cidr range;

	ck_assert_int_eq(cidr_parse(&range, bad[_i]), -1);
}
END_TEST

START_TEST(a_unix_socket_is_in_no_range)
{
	struct sockaddr_storage local = {.ss_family = AF_UNIX};
	struct cidr range;

	ck_assert_int_eq(cidr_parse(&range, "::/0"), 0);
	ck_assert(!cidr_contains(&range, (struct sockaddr *)&local));
}
END_TEST

int main(void)
{
	Suite *s = suite_create("cidr");
	TCase *t = tcase_create("cidr");

	tcase_add_loop_test(t, a_range_holds_its_addresses_and_no_others, 0,
			    (int)(sizeof(cases) / sizeof(cases[0])));
	tcase_add_loop_test(t, what_is_no_range_is_refused, 0, (int)(sizeof(bad) / sizeof(bad[0])));
	tcase_add_test(t, a_unix_socket_is_in_no_range);
	suite_add_tcase(s, t);
	return unit_run(s);
}
