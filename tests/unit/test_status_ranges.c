/* Which statuses a text expects, and which texts are refused. */
#include "common/status_ranges.h"
#include "tests/unit/unit.h"

#include <stddef.h>

static const struct {
	const char *name, *text;
	bool valid;
	unsigned in[3], out[3];
} cases[] = {
	{"one status is itself alone", "200", true, {200, 200, 200}, {199, 201, 204}},
	{"a range has both its ends", "200-399", true, {200, 301, 399}, {0, 199, 400}},
	{"a range may be of one", "401-401", true, {401, 401, 401}, {400, 402, 0}},
	{"all between commas count", "200,204,300-399", true, {200, 204, 308}, {201, 205, 400}},
	{"their order is free, they may overlap",
	 "503,200-299,250",
	 true,
	 {503, 204, 250},
	 {502, 401, 300}},
	{"the first and the last there are", "200-599", true, {200, 599, 404}, {199, 600, 0}},
	{"nothing is none", "", false, {0}, {0}},
	{"a range ends after it begins", "299-200", false, {0}, {0}},
	{"a range has an end", "200-", false, {0}, {0}},
	{"a range has a beginning", "-299", false, {0}, {0}},
	{"a comma promises one more", "200,", false, {0}, {0}},
	{"a comma follows one", ",200", false, {0}, {0}},
	{"two commas have one between them", "200,,204", false, {0}, {0}},
	{"no spaces", "200, 204", false, {0}, {0}},
	{"three digits, not two", "20", false, {0}, {0}},
	{"three digits, not four", "2000", false, {0}, {0}},
	{"a range goes from one to one", "200-250-299", false, {0}, {0}},
	{"interim statuses are no answer", "100-299", false, {0}, {0}},
	{"599 is the last", "200-600", false, {0}, {0}},
	{"classes are written as ranges", "2xx", false, {0}, {0}},
};

START_TEST(statuses_are_read)
{
	ck_assert_msg(status_ranges_are_valid(cases[_i].text) == cases[_i].valid, "%s",
		      cases[_i].name);
	for (size_t i = 0; i < 3 && cases[_i].valid; i++) {
		ck_assert_msg(status_ranges_have(cases[_i].text, cases[_i].in[i]), "%s: %u",
			      cases[_i].name, cases[_i].in[i]);
		ck_assert_msg(!status_ranges_have(cases[_i].text, cases[_i].out[i]), "%s: %u",
			      cases[_i].name, cases[_i].out[i]);
	}
}
END_TEST

int main(void)
{
	Suite *s = suite_create("status_ranges");
	TCase *t = tcase_create("status_ranges");

	tcase_add_loop_test(t, statuses_are_read, 0, (int)(sizeof(cases) / sizeof(cases[0])));
	suite_add_tcase(s, t);
	return unit_run(s);
}
