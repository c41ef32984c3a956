/* path_rules: what services may read otherwise is made one thing, refused, or kept when told. */
#include "gateway/path_rules.h"
#include "tests/unit/unit.h"

#include <string.h>

static const struct {
	const char *path, *merged;
} merges[] = {
	{"/", "/"},
	{"//", "/"},
	{"/a/b", "/a/b"},
	{"//a", "/a"},
	{"/a//b", "/a/b"},
	{"/a///b//", "/a/b/"},
	{"/a%2F/b", "/a%2F/b"},
	{"/a/", "/a/"},
	{"////////", "/"},
	{"/a//%2F//b", "/a/%2F/b"},
};

START_TEST(runs_of_slashes_become_one)
{
	char path[64];
	size_t len = strlen(merges[_i].path);

	memcpy(path, merges[_i].path, len);
	path_rules_merge(path, &len);
	path[len] = '\0';
	ck_assert_str_eq(path, merges[_i].merged);
}
END_TEST

/* By which rule a path is refused; 0: by none. */
enum { SLASHES = 1, ESCAPED, BACKSLASH, SEMICOLON };

static const struct {
	const char *path;
	int rule;
} paths[] = {
	{"/", 0},
	{"/a/b", 0},
	{"/a%20b/%C3%A9", 0},
	{"/a//b", SLASHES},
	{"//", SLASHES},
	{"/a%2Fb", ESCAPED},
	{"/a%2fb", ESCAPED},
	{"/%2F", ESCAPED},
	{"/a%252Fb", 0},
	{"/a%2", 0},
	{"/a%", 0},
	{"/a\\b", BACKSLASH},
	{"/a%5Cb", BACKSLASH},
	{"/a%5cb", BACKSLASH},
	{"/a;b", SEMICOLON},
	{"/..;/b", SEMICOLON},
	{"/a%3Bb", SEMICOLON},
	{"/a%3bb", SEMICOLON},
};

/* All are refused but the one that is kept. */
static struct settings_paths keeping(int rule)
{
	return (struct settings_paths){.repeated_slash = rule == SLASHES ? PATH_KEEP : PATH_REFUSE,
				       .escaped_slash = rule == ESCAPED ? PATH_KEEP : PATH_REFUSE,
				       .backslash = rule == BACKSLASH ? PATH_KEEP : PATH_REFUSE,
				       .semicolon = rule == SEMICOLON ? PATH_KEEP : PATH_REFUSE};
}

START_TEST(each_is_refused_by_its_own_rule)
{
	struct span path = {paths[_i].path, strlen(paths[_i].path)};

	for (int rule = 0; rule <= SEMICOLON; rule++) {
		struct settings_paths settings = keeping(rule);
		bool refused = paths[_i].rule && rule != paths[_i].rule;

		ck_assert_msg(refused == (path_rules_refuse(&settings, path) != NULL),
			      "%s, keeping %d", paths[_i].path, rule);
	}
}
END_TEST

int main(void)
{
	Suite *s = suite_create("path_rules");
	TCase *t = tcase_create("path_rules");

	tcase_add_loop_test(t, runs_of_slashes_become_one, 0,
			    (int)(sizeof(merges) / sizeof(merges[0])));
	tcase_add_loop_test(t, each_is_refused_by_its_own_rule, 0,
			    (int)(sizeof(paths) / sizeof(paths[0])));
	suite_add_tcase(s, t);
	return unit_run(s);
}
