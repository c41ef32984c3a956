/* settings_token: what is wrong with the tokens of a door is told, each with its line. */
#include "tests/unit/settings_case.h"
#include "tests/unit/unit.h"

#include <stdio.h>
#include <string.h>

#define HASH "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

static const char *read_tokens(const char *tokens)
{
	static char text[4096];

	(void)snprintf(text, sizeof(text), "admin:\n  tokens:\n%s", tokens);
	return settings_case_read(text);
}

START_TEST(a_good_one_is_read)
{
	static const unsigned char first[] = {0xe3, 0xb0, 0xc4, 0x42};

	ck_assert_str_eq(read_tokens("  - {name: a, hash: \"" HASH "\"}\n"
				     "  - {name: b, role: admin, hash: \"" HASH "\"}\n"),
			 "");
	ck_assert_uint_eq(settings->admin.token_count, 2);
	ck_assert_str_eq(settings->admin.tokens[1].name, "b");
	ck_assert_mem_eq(settings->admin.tokens[1].hash, first, sizeof(first));
}
END_TEST

static const struct {
	const char *tokens, *told;
} mistakes[] = {
	{"  - {name: \"a b\", hash: \"" HASH "\"}\n",
	 "3: admin.tokens[0].name: \"a b\"; letters, digits, '.', '_', '-' and ':'\n"},
	{"  - name: a\n    hash: \"sha256:00\"\n",
	 "4: admin.tokens[0].hash: no hash; \"sha256:\" and 64 hex digits, which microreg-gateway "
	 "--new-token NAME makes\n"},
	{"  - {name: a, hash: \"" HASH "\"}\n  - {name: b, hash: \"" HASH "\"}\n"
	 "  - {name: a, hash: \"" HASH "\"}\n",
	 "2: admin.tokens: two tokens are called \"a\"; give each a name of its own\n"},
};

START_TEST(a_mistake_is_told_with_its_line)
{
	ck_assert_str_eq(read_tokens(mistakes[_i].tokens), mistakes[_i].told);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("settings_token");
	TCase *c = tcase_create("settings_token");

	tcase_add_checked_fixture(c, settings_case_setup, settings_case_teardown);
	tcase_add_test(c, a_good_one_is_read);
	tcase_add_loop_test(c, a_mistake_is_told_with_its_line, 0,
			    sizeof(mistakes) / sizeof(mistakes[0]));
	suite_add_tcase(s, c);
	return s;
}

int main(void)
{
	return unit_run(suite());
}
