/* instance: what may be a name, a host, a status. */
#include "common/instance.h"
#include "common/suggest.h"
#include "tests/unit/unit.h"

#include <stddef.h>
#include <string.h>

static const struct text_case {
	const char *name, *text;
	bool (*is_valid)(const char *);
	bool expected;
} text_cases[] = {
	{"a service is letters, digits and . _ -", "orders_v2.eu-1", instance_service_is_valid,
	 true},
	{"a service may begin with a digit", "9lives", instance_service_is_valid, true},
	{"a service may not begin with a dash", "-orders", instance_service_is_valid, false},
	{"a service may not begin with a dot", ".orders", instance_service_is_valid, false},
	{"a service has no slash", "a/b", instance_service_is_valid, false},
	{"a service has no colon", "a:b", instance_service_is_valid, false},
	{"a service is not empty", "", instance_service_is_valid, false},
	{"a service is ASCII", "caf\xc3\xa9", instance_service_is_valid, false},
	{"an id may have a colon", "10.0.0.1:80", instance_id_is_valid, true},
	{"an id has no space", "a b", instance_id_is_valid, false},
	{"a host may be a name", "db-1.example.org", instance_host_is_valid, true},
	{"a host may be complete", "example.org.", instance_host_is_valid, true},
	{"a host may have the underscore of container names", "my_db", instance_host_is_valid,
	 true},
	{"a host may be IPv4", "127.0.0.1", instance_host_is_valid, true},
	{"a host may be IPv6", "fe80::1", instance_host_is_valid, true},
	{"a host has no brackets", "[::1]", instance_host_is_valid, false},
	{"a host has no port", "localhost:80", instance_host_is_valid, false},
	{"a host has no scheme", "http://localhost", instance_host_is_valid, false},
	{"an address has four numbers", "10.1", instance_host_is_valid, false},
	{"an address is not octal", "010.0.0.1", instance_host_is_valid, false},
	{"an address is in range", "256.0.0.1", instance_host_is_valid, false},
	{"a host has no empty part", "a..b", instance_host_is_valid, false},
	{"a host is not a dot", ".", instance_host_is_valid, false},
	{"a host is not empty", "", instance_host_is_valid, false},
	{"a host's part does not begin with a dash", "a.-b", instance_host_is_valid, false},
	{"a host has no line feed", "a\nb", instance_host_is_valid, false},
	{"a scheme may be https", "https", instance_scheme_is_valid, true},
	{"a scheme is lower case", "HTTP", instance_scheme_is_valid, false},
	{"a scheme has no slashes", "http://", instance_scheme_is_valid, false},
	{"a scheme is short", "abcdefghijklmnopq", instance_scheme_is_valid, false},
	{"a text may be empty", "", instance_text_is_valid, true},
	{"a text may be any language", "\xc3\xa9t\xc3\xa9", instance_text_is_valid, true},
	{"a text has no control characters", "a\tb", instance_text_is_valid, false},
};

START_TEST(texts_are_judged)
{
	const struct text_case *c = &text_cases[_i];

	ck_assert_msg(c->is_valid(c->text) == c->expected, "%s", c->name);
}
END_TEST

START_TEST(names_of_128_bytes_are_the_longest)
{
	char name[INSTANCE_NAME_MAX + 2];

	memset(name, 'a', sizeof(name));
	name[INSTANCE_NAME_MAX] = '\0';
	ck_assert(instance_service_is_valid(name) && instance_id_is_valid(name));
	name[INSTANCE_NAME_MAX] = 'a';
	name[INSTANCE_NAME_MAX + 1] = '\0';
	ck_assert(!instance_service_is_valid(name) && !instance_id_is_valid(name));
}
END_TEST

START_TEST(statuses_have_names_both_ways)
{
	for (int i = 0; i < INSTANCE_STATUS_COUNT; i++)
		ck_assert_int_eq(
			instance_status_parse(instance_status_name((enum instance_status)i)), i);
	ck_assert_int_eq(instance_status_parse("UP"), -1);
	ck_assert_int_eq(instance_status_parse(""), -1);
}
END_TEST

START_TEST(slips_of_the_pen_are_near_and_other_words_are_not)
{
	ck_assert(suggest_is_near("servcie", "service"));
	ck_assert(suggest_is_near("orders", "order"));
	ck_assert(suggest_is_near("hots", "host"));
	ck_assert(!suggest_is_near("id", "ip"));
	ck_assert(!suggest_is_near("zone", "tags"));
	ck_assert_uint_eq(suggest_distance("", "abc"), 3);
	ck_assert_uint_eq(suggest_distance("kitten", "sitting"), 3);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("instance");
	TCase *t = tcase_create("instance");

	tcase_add_loop_test(t, texts_are_judged, 0,
			    (int)(sizeof(text_cases) / sizeof(text_cases[0])));
	tcase_add_test(t, names_of_128_bytes_are_the_longest);
	tcase_add_test(t, statuses_have_names_both_ways);
	tcase_add_test(t, slips_of_the_pen_are_near_and_other_words_are_not);
	suite_add_tcase(s, t);
	return unit_run(s);
}
