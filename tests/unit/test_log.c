/* log: a line for each text, whatever a peer put into it. */
#include "common/log.h"
#include "tests/unit/unit.h"

#include <string.h>
#include <unistd.h>

static const struct {
	const char *text, *said;
} texts[] = {
	{"plain gr\xc3\xbc\xc3\x9f \xe2\x82\xac", "plain gr\xc3\xbc\xc3\x9f \xe2\x82\xac"},
	{"a\nb\x1b[31m\x7f", "a\\x0ab\\x1b[31m\\x7f"},
	{"\xc2\x9b"
	 "31m\xc2\x85\xc2\xa0\xc2",
	 "\\xc2\\x9b31m\\xc2\\x85\xc2\xa0\xc2"},
};

START_TEST(control_characters_are_written_out)
{
	char line[1000] = "", *said;
	int ends[2], before = dup(STDERR_FILENO);
	ssize_t n;

	ck_assert_int_eq(pipe(ends), 0);
	ck_assert_int_ge(dup2(ends[1], STDERR_FILENO), 0);
	log_open("test", LOG_INFO);
	log_info("%s", texts[_i].text);
	ck_assert_int_ge(dup2(before, STDERR_FILENO), 0);
	n = read(ends[0], line, sizeof(line) - 1);
	ck_assert_int_gt(n, 0);
	ck_assert_int_eq(line[n - 1], '\n');
	line[n - 1] = '\0';
	said = strstr(line, "test: ");
	ck_assert_ptr_nonnull(said);
	ck_assert_str_eq(said + strlen("test: "), texts[_i].said);
	(void)close(ends[0]);
	(void)close(ends[1]);
	(void)close(before);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("log");
	TCase *t = tcase_create("log");

	tcase_add_loop_test(t, control_characters_are_written_out, 0,
			    (int)(sizeof(texts) / sizeof(texts[0])));
	suite_add_tcase(s, t);
	return unit_run(s);
}
