/* caller: whom trusted proxies speak for, whatever a client writes itself. */
#include "common/cidr.h"
#include "gateway/caller.h"
#include "gateway/settings_policy.h"
#include "tests/unit/unit.h"

#include <string.h>

/* Fields as "Name: value", separated by '|'. Trusted are 10.0.0.0/8 and fd00::/8. */
static const struct {
	const char *name, *fields;
	const char *address; /* NULL: none is believed */
} cases[] = {
	{"nothing is told", "Accept: 1.2.3.4", NULL},
	{"the last of the list", "X-Forwarded-For: 9.9.9.9, 1.2.3.4", "1.2.3.4"},
	{"a client's own words are not reached", "X-Forwarded-For: 127.0.0.1, 1.2.3.4, 10.0.0.1",
	 "1.2.3.4"},
	{"lines are one list",
	 "X-Forwarded-For: 9.9.9.9|X-Forwarded-For: 1.2.3.4|x-forwarded-for: "
	 "10.1.1.1, fd00::7",
	 "1.2.3.4"},
	{"proxies all the way", "X-Forwarded-For: 10.0.0.3, 10.0.0.2", "10.0.0.3"},
	{"ports are no part of it", "X-Forwarded-For: 1.2.3.4:5678", "1.2.3.4"},
	{"brackets neither", "X-Forwarded-For: [2001:db8::1]:80", "2001:db8::1"},
	{"nor white space and empty elements", "X-Forwarded-For: ,\t 1.2.3.4 ,, ", "1.2.3.4"},
	{"what is no address is not believed", "X-Forwarded-For: unknown", NULL},
	{"nor what is before it", "X-Forwarded-For: 1.2.3.4, unknown, 10.0.0.1", "10.0.0.1"},
	{"an empty field tells nothing", "X-Forwarded-For:", NULL},
	{"numbers too large are no address", "X-Forwarded-For: 1.2.3.444", NULL},
	{"a bracket is closed", "X-Forwarded-For: [::1", NULL},
	{"Forwarded", "Forwarded: for=9.9.9.9, for=1.2.3.4;proto=https", "1.2.3.4"},
	{"Forwarded in quotes", "Forwarded: proto=http; For=\"[2001:db8::1]:47\"", "2001:db8::1"},
	{"Forwarded that hides", "Forwarded: for=_hidden", NULL},
	{"Forwarded without for", "Forwarded: proto=https", NULL},
	{"X-Forwarded-For before Forwarded", "Forwarded: for=9.9.9.9|X-Forwarded-For: 1.2.3.4",
	 "1.2.3.4"},
	{"IPv4 within IPv6 is IPv4", "X-Forwarded-For: 1.2.3.4, ::ffff:10.0.0.9", "1.2.3.4"},
};

static size_t cut(struct http1_field *fields, const char *text)
{
	size_t n = 0;

	while (*text) {
		size_t line = strcspn(text, "|"), name = strcspn(text, ":");
		const char *value = text + name + 1;

		while (*value == ' ')
			value++;
		fields[n++] = (struct http1_field){.name = {text, name},
						   .value = {value, (size_t)(text + line - value)}};
		text += line + (text[line] == '|');
	}
	return n;
}

START_TEST(proxies_are_believed_as_far_as_they_are_trusted)
{
	struct cidr ranges[2];
	struct settings_networks trusted = {ranges, 2};
	struct http1_field fields[4];
	struct http1_head head = {.fields = fields};
	struct caller caller = {0};
	uint8_t want[16];
	bool told;

	(void)cidr_parse(&ranges[0], "10.0.0.0/8");
	(void)cidr_parse(&ranges[1], "fd00::/8");
	head.field_count = cut(fields, cases[_i].fields);
	told = caller_told(&caller, &head, &trusted);
	ck_assert_msg(told == (cases[_i].address != NULL), "%s", cases[_i].name);
	if (!told)
		return;
	ck_assert_msg(caller.text.len == strlen(cases[_i].address) &&
			      memcmp(caller.text.at, cases[_i].address, caller.text.len) == 0,
		      "%s: %.*s", cases[_i].name, (int)caller.text.len, caller.text.at);
	ck_assert(cidr_address_text(want, cases[_i].address, strlen(cases[_i].address)));
	ck_assert_mem_eq(caller.bytes, want, sizeof(want));
}
END_TEST

START_TEST(a_list_without_end_is_read_from_its_end)
{
	static char value[4000];
	struct cidr range;
	struct settings_networks trusted = {&range, 1};
	struct http1_field field = {.name = {"X-Forwarded-For", 15}};
	struct http1_head head = {.fields = &field, .field_count = 1};
	struct caller caller;
	size_t len = 0;

	(void)cidr_parse(&range, "10.0.0.0/8");
	while (len + 32 < sizeof(value)) {
		memcpy(value + len, "10.0.0.1, ", 10);
		len += 10;
	}
	memcpy(value + len, "1.2.3.4, 10.0.0.2", 17);
	field.value = (struct span){value, len + 17};
	ck_assert(caller_told(&caller, &head, &trusted));
	ck_assert_int_eq(strncmp(caller.text.at, "1.2.3.4", 7), 0);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("caller");
	TCase *t = tcase_create("caller");

	tcase_add_loop_test(t, proxies_are_believed_as_far_as_they_are_trusted, 0,
			    (int)(sizeof(cases) / sizeof(cases[0])));
	tcase_add_test(t, a_list_without_end_is_read_from_its_end);
	suite_add_tcase(s, t);
	return unit_run(s);
}
