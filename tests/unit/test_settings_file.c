/* settings_file: YAML becomes a tree that knows its lines, within bounds; mistakes keep the file's
 * order. */
#include "common/settings_file.h"
#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct settings_file *file;
static struct buf out;

static void setup(void)
{
	buf_init(&out, 1 << 20);
}

static void teardown(void)
{
	settings_file_free(&file);
	buf_fini(&out);
}

static const struct settings_node *read_text(const char *text)
{
	settings_file_free(&file);
	file = settings_file_read_text("f.yaml", text, strlen(text));
	ck_assert_ptr_nonnull(file);
	return file->root;
}

static const char *mistakes(void)
{
	buf_reset(&out);
	settings_file_print_mistakes(file, &out);
	return buf_str(&out);
}

START_TEST(nodes_know_their_line_kind_and_place)
{
	const struct settings_node *root = read_text("# a comment\n"
						     "a: 1\n"
						     "b:\n"
						     "  - x\n"
						     "  - {c: \"2\", d: }\n"
						     "e: |\n"
						     "  text\n");
	const struct settings_node *b = settings_node_get(root, "b"), *c, *d;

	ck_assert_str_eq(mistakes(), "");
	ck_assert_uint_eq(root->count, 3);
	ck_assert_uint_eq(settings_node_get(root, "a")->line, 2);
	ck_assert(settings_node_get(root, "a")->plain);
	ck_assert_uint_eq(b->line, 3);
	ck_assert_int_eq(b->kind, SETTINGS_LIST);
	ck_assert_uint_eq(b->first->line, 4);
	ck_assert_uint_eq(b->first->next->index, 1);
	c = settings_node_get(b->first->next, "c");
	ck_assert_str_eq(c->text, "2");
	ck_assert(!c->plain);
	d = settings_node_get(b->first->next, "d");
	ck_assert(d->null);
	ck_assert_uint_eq(d->line, 5);
	ck_assert_str_eq(settings_node_get(root, "e")->text, "text\n");
	ck_assert_ptr_null(settings_node_get(root, "f"));
	ck_assert_ptr_null(settings_node_get(c, "f"));
	ck_assert_ptr_null(settings_node_get(NULL, "f"));
}
END_TEST

START_TEST(an_empty_file_is_an_empty_map)
{
	static const char *const texts[] = {"", "\n", "# nothing\n", "---\n", "~\n"};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		const struct settings_node *root = read_text(texts[i]);

		ck_assert_ptr_nonnull(root);
		ck_assert_int_eq(root->kind, SETTINGS_MAP);
		ck_assert_uint_eq(root->count, 0);
		ck_assert_str_eq(mistakes(), "");
	}
}
END_TEST

static const struct {
	const char *text, *mistake;
} broken[] = {
	{"a: 1\nb: [1, 2\n", "f.yaml:3: this is not YAML: did not find expected ',' or ']', while "
			     "parsing a flow sequence that starts on line 2; text that holds any "
			     "of {}[], needs quotes here\n"},
	{"a: 1\n\tb: 2\n", "f.yaml:2: this is not YAML: found a tab character that violates "
			   "indentation, while scanning a plain scalar that starts on line 1\n"},
	{"a:\n\t- 1\n",
	 "f.yaml:2: this is not YAML: found character that cannot start any token, while scanning "
	 "for the next token; a tab is here, YAML is indented by spaces\n"},
	{"a: @x\n",
	 "f.yaml:1: this is not YAML: found character that cannot start any token, while "
	 "scanning for the next token\n"},
	{"a: 'x\n", "f.yaml:2: this is not YAML: found unexpected end of stream, while scanning a "
		    "quoted scalar that starts on line 1\n"},
	{"a: 1\n---\nb: 2\n",
	 "f.yaml:2: a second document starts here ('---'); one file is one document\n"},
	{"a: !!str 1\n", "f.yaml:1: tags ('!…') are not supported; remove it\n"},
	{"a: !x {b: c}\n", "f.yaml:1: tags ('!…') are not supported; remove it\n"},
	{"a: \"x\\0y\"\n", "f.yaml:1: a value holds a NUL byte; remove the \\0\n"},
	{"a: *b\n",
	 "f.yaml:1: an alias ('*…') has no anchor ('&…') before it; text that starts with "
	 "'*' needs quotes\n"},
	{"a: &a [*a]\n",
	 "f.yaml:1: an alias ('*…') has no anchor ('&…') before it; text that starts "
	 "with '*' needs quotes\n"},
	{"a: &b c\n*b : d\n", "f.yaml:2: an alias ('*…') can't be a key; write the key out\n"},
	{"a: 1\n{b: c}: d\n",
	 "f.yaml:2: a key is a list or a map; write \"NAME: value\" (text that "
	 "starts with '{' or '[' needs quotes)\n"},
	{"a: 1\nb: \xff\n", "f.yaml:2: this is not UTF-8 text: invalid leading UTF-8 octet\n"},
	{"\xff\xfe"
	 "a",
	 "f.yaml:1: this is not UTF-8 text: invalid leading UTF-8 octet\n"},
	{"a: 1\nb: 2\na: 3\nc: 1\nb: 4\n",
	 "f.yaml:3: a: the key is given twice, first on line 1; keep one\n"
	 "f.yaml:5: b: the key is given twice, first on line 2; keep one\n"},
	{"x:\n- a: 1\n  a: 2\n",
	 "f.yaml:3: x[0].a: the key is given twice, first on line 2; keep one\n"},
};

START_TEST(broken_text_is_told_with_its_line)
{
	read_text(broken[_i].text);
	ck_assert_str_eq(mistakes(), broken[_i].mistake);
	ck_assert(settings_file_has_mistakes(file));
}
END_TEST

START_TEST(an_alias_stands_for_its_anchor)
{
	const struct settings_node *root =
		read_text("a: &x {b: [1, 2]}\nc: *x\nd: &y text\ne: *y\n");
	const struct settings_node *c = settings_node_get(root, "c");

	ck_assert_str_eq(mistakes(), "");
	ck_assert_uint_eq(c->line, 2);
	ck_assert_uint_eq(settings_node_get(c, "b")->count, 2);
	ck_assert_str_eq(settings_node_get(root, "e")->text, "text");
	ck_assert_str_eq(c->key, "c");
}
END_TEST

START_TEST(a_bomb_of_aliases_is_refused)
{
	buf_puts(&out, "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
	for (int i = 1; i < 20; i++)
		buf_printf(&out,
			   "a%d: &a%d [*a%d, *a%d, *a%d, *a%d, *a%d, *a%d, *a%d, *a%d, *a%d]\n", i,
			   i, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1);
	ck_assert_ptr_null(read_text(buf_str(&out)));
	ck_assert_str_eq(mistakes(), "f.yaml:6: the file stands for more than 200000 values\n");
}
END_TEST

START_TEST(depth_size_and_number_are_bounded)
{
	static char big[SETTINGS_FILE_BYTES_MAX + 2];

	for (int i = 0; i < 33; i++)
		buf_puts(&out, "[");
	ck_assert_ptr_null(read_text(buf_str(&out)));
	ck_assert_str_eq(mistakes(), "f.yaml:1: more than 32 levels lie inside each other\n");

	memset(big, '#', sizeof(big) - 1);
	ck_assert_ptr_null(read_text(big));
	ck_assert_str_eq(mistakes(), "f.yaml: the file is larger than 1 MiB\n");

	for (size_t i = 0; i + 1 < sizeof(big); i += 2)
		memcpy(big + i, i ? "x," : "[ ", 2);
	big[sizeof(big) - 2] = '\0';
	ck_assert_ptr_null(read_text(big));
	ck_assert_ptr_nonnull(strstr(mistakes(), "more than 200000 values"));
}
END_TEST

START_TEST(the_environment_fills_values)
{
	const struct settings_node *root;

	setenv("MICROREG_TEST_A", "alpha: {", 1);
	setenv("MICROREG_TEST_EMPTY", "", 1);
	unsetenv("MICROREG_TEST_NONE");
	root = read_text("a: ${MICROREG_TEST_A}\n"
			 "b: \"x${MICROREG_TEST_A}${MICROREG_TEST_EMPTY}y\"\n"
			 "c: $${MICROREG_TEST_A} $5\n"
			 "d: ${MICROREG_TEST_EMPTY}\n"
			 "${MICROREG_TEST_A}: e\n");
	ck_assert_str_eq(mistakes(), "");
	ck_assert_str_eq(settings_node_get(root, "a")->text, "alpha: {");
	ck_assert_str_eq(settings_node_get(root, "b")->text, "xalpha: {y");
	ck_assert_str_eq(settings_node_get(root, "c")->text, "${MICROREG_TEST_A} $5");
	ck_assert_str_eq(settings_node_get(root, "d")->text, "");
	ck_assert(!settings_node_get(root, "d")->null);
	ck_assert_ptr_nonnull(settings_node_get(root, "${MICROREG_TEST_A}"));

	read_text("a:\n- ${MICROREG_TEST_NONE}-${MICROREG_TEST_NONE}\nb: ${1x}\nc: ${A:-b}\nd: "
		  "${A\n");
	ck_assert_str_eq(
		mistakes(),
		"f.yaml:2: a[0]: the environment variable MICROREG_TEST_NONE is not set; set "
		"it, or write the value here\n"
		"f.yaml:2: a[0]: the environment variable MICROREG_TEST_NONE is not set; set "
		"it, or write the value here\n"
		"f.yaml:3: b: \"${1x}\" names no environment variable; write ${NAME}, or $${ "
		"for the text itself\n"
		"f.yaml:4: c: \"${A:-b}\" names no environment variable; write ${NAME}, or $${ "
		"for the text itself\n"
		"f.yaml:5: d: \"${A\" names no environment variable; write ${NAME}, or $${ for "
		"the text itself\n");
}
END_TEST

START_TEST(mistakes_come_in_the_order_of_the_file_and_end_somewhere)
{
	const struct settings_node *root = read_text("a: 1\nb: {c: [x, y]}\n");
	const struct settings_node *b = settings_node_get(root, "b");

	settings_file_mistake(file, settings_node_get(b, "c")->first->next, "%s", "second");
	settings_file_mistake(file, root->first, "first");
	settings_file_mistake(file, b, "third");
	settings_file_mistake(file, NULL, "all");
	ck_assert_str_eq(mistakes(), "f.yaml: all\n"
				     "f.yaml:1: a: first\n"
				     "f.yaml:2: b.c[1]: second\n"
				     "f.yaml:2: b: third\n");
	for (int i = 0; i < 1000; i++)
		settings_file_mistake(file, b, "more");
	ck_assert_ptr_nonnull(strstr(mistakes(), "f.yaml: and 804 more mistakes\n"));
}
END_TEST

START_TEST(a_file_that_cant_be_read_says_why)
{
	char name[] = "/tmp/test_settings_XXXXXX";
	int fd = mkstemp(name);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, "a: 1\n", 5), 5);
	ck_assert_int_eq(close(fd), 0);
	file = settings_file_read(name);
	ck_assert_ptr_nonnull(file);
	ck_assert_str_eq(settings_node_get(file->root, "a")->text, "1");
	settings_file_free(&file);
	ck_assert_int_eq(unlink(name), 0);
	file = settings_file_read(name);
	ck_assert_ptr_nonnull(file);
	ck_assert_ptr_null(file->root);
	ck_assert_ptr_nonnull(strstr(mistakes(), ": the file can't be read: No such file"));
	settings_file_free(&file);
	file = settings_file_read("/tmp");
	ck_assert_str_eq(mistakes(), "/tmp: the file can't be read: Is a directory\n");
}
END_TEST

int main(void)
{
	Suite *s = suite_create("settings_file");
	TCase *t = tcase_create("settings_file");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, nodes_know_their_line_kind_and_place);
	tcase_add_test(t, an_empty_file_is_an_empty_map);
	tcase_add_loop_test(t, broken_text_is_told_with_its_line, 0,
			    (int)(sizeof(broken) / sizeof(broken[0])));
	tcase_add_test(t, an_alias_stands_for_its_anchor);
	tcase_add_test(t, a_bomb_of_aliases_is_refused);
	tcase_add_test(t, depth_size_and_number_are_bounded);
	tcase_add_test(t, the_environment_fills_values);
	tcase_add_test(t, mistakes_come_in_the_order_of_the_file_and_end_somewhere);
	tcase_add_test(t, a_file_that_cant_be_read_says_why);
	suite_add_tcase(s, t);
	return unit_run(s);
}
