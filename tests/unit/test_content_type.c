/* content_type: one type or none, and no two. */
#include "gateway/content_type.h"
#include "tests/unit/unit.h"

#include <string.h>

static const struct {
	const char *name, *values[2], *type; /* type NULL: refused */
} cases[] = {
	{"none is none", {NULL}, ""},
	{"one is told", {"text/plain"}, "text/plain"},
	{"parameters are left out", {"text/plain ; charset=utf-8"}, "text/plain"},
	{"an empty one is none", {""}, ""},
	{"only a parameter is none", {";charset=utf-8"}, ""},
	{"a comma in quotes is no list", {"a/b; c=\"d,e\""}, "a/b"},
	{"nor is one after an escaped quote", {"a/b; c=\"\\\",\""}, "a/b"},
	{"two fields are two", {"text/plain", "application/json"}, NULL},
	{"the same one twice is two", {"text/plain", "text/plain"}, NULL},
	{"an empty one counts", {"", "text/plain"}, NULL},
	{"a list is two", {"text/plain, application/json"}, NULL},
	{"a list after a parameter is two", {"a/b; c=\"d\", e/f"}, NULL},
	{"an escape at the end is no overrun", {"a/b; c=\"\\"}, "a/b"},
};

START_TEST(a_request_has_one_type_at_most)
{
	struct http1_field fields[4] = {{.name = {"Accept", 6}, .value = {"a, b", 4}}};
	struct http1_head head = {.fields = fields, .field_count = 1};
	struct span type;
	bool one;

	for (size_t i = 0; i < 2 && cases[_i].values[i]; i++)
		fields[head.field_count++] = (struct http1_field){
			.name = {i ? "content-type" : "Content-Type", 12},
			.value = {cases[_i].values[i], strlen(cases[_i].values[i])}};
	one = content_type_find(&head, &type);
	ck_assert_msg(one == (cases[_i].type != NULL), "%s", cases[_i].name);
	if (one)
		ck_assert_msg(type.len == strlen(cases[_i].type) &&
				      memcmp(type.at, cases[_i].type, type.len) == 0,
			      "%s: %.*s", cases[_i].name, (int)type.len, type.at);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("content_type");
	TCase *t = tcase_create("content_type");

	tcase_add_loop_test(t, a_request_has_one_type_at_most, 0,
			    (int)(sizeof(cases) / sizeof(cases[0])));
	suite_add_tcase(s, t);
	return unit_run(s);
}
