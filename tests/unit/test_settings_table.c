/* settings_table: one table fills the struct, finds the mistakes and prints the reference. */
#include "common/settings_table.h"
#include "tests/unit/unit.h"

#include <stdio.h>
#include <string.h>

enum colour { RED, GREEN, BLUE };

struct part {
	const char *name;
	unsigned size;
	unsigned line;
};

struct inner {
	bool given;
	unsigned wait_ms;
};

struct whole {
	bool flag;
	unsigned count;
	unsigned wait_ms;
	int64_t keep_ms;
	uint64_t bytes;
	const char *text;
	enum colour colour;
	unsigned colours;
	struct settings_strings names;
	struct inner inner;
	const struct part *list;
	size_t list_count;
	const struct part *named;
	size_t named_count;
	char custom[32];
};

static void part_done(struct settings_reader *r, const struct settings_node *map, void *to)
{
	struct part *part = to;

	if (!map)
		return;
	part->line = map->line;
	if (map->key)
		part->name = settings_table_copy(r, map->key);
}

static void inner_done(struct settings_reader *r, const struct settings_node *map, void *to)
{
	(void)r;
	((struct inner *)to)->given = map != NULL;
}

static void read_custom(struct settings_reader *r, const struct settings_node *node, void *to)
{
	const char *text = settings_table_text(r, node);

	if (text)
		(void)snprintf(to, 32, "<%.29s>", text);
}

static const struct settings_name colours[] = {
	{"red", RED}, {"green", GREEN}, {"blue", BLUE}, {NULL, 0}};
static const struct settings_name colour_bits[] = {
	{"red", 1}, {"green", 2}, {"blue", 4}, {NULL, 0}};

static const struct settings_key part_keys[] = {
	{.name = "size",
	 .type = SETTINGS_INT,
	 .at = offsetof(struct part, size),
	 .fallback = "7",
	 .help = "how big"},
};
static const struct settings_table part_table = {SETTINGS_KEYS(part_keys), sizeof(struct part),
						 part_done};

static const struct settings_key inner_keys[] = {
	{.name = "wait",
	 .type = SETTINGS_DURATION,
	 .at = offsetof(struct inner, wait_ms),
	 .fallback = "2s",
	 .min = 1000,
	 .max = 60000,
	 .help = "how long | or not"},
};
static const struct settings_table inner_table = {SETTINGS_KEYS(inner_keys), sizeof(struct inner),
						  inner_done};

#define AT(field) .at = offsetof(struct whole, field)

static const struct settings_key whole_keys[] = {
	{.name = "flag", .type = SETTINGS_BOOL, AT(flag), .fallback = "true", .help = "a"},
	{.name = "count", .type = SETTINGS_INT, AT(count), .min = 1, .max = 9, .help = "b"},
	{.name = "wait", .type = SETTINGS_DURATION, AT(wait_ms), .fallback = "0", .help = "c"},
	{.name = "keep", .type = SETTINGS_MS64, AT(keep_ms), .fallback = "1h", .help = "d"},
	{.name = "bytes", .type = SETTINGS_SIZE, AT(bytes), .fallback = "1KiB", .help = "e"},
	{.name = "text", .type = SETTINGS_STRING, AT(text), .min = 1, .max = 5, .help = "f"},
	{.name = "colour",
	 .type = SETTINGS_ENUM,
	 AT(colour),
	 .fallback = "green",
	 .names = colours,
	 .help = "g"},
	{.name = "colours",
	 .type = SETTINGS_FLAGS,
	 AT(colours),
	 .fallback = "red, blue",
	 .names = colour_bits,
	 .help = "h"},
	{.name = "names", .type = SETTINGS_STRINGS, AT(names), .max = 3, .help = "i"},
	{.name = "inner", .type = SETTINGS_SUBMAP, AT(inner), .table = &inner_table, .help = "j"},
	{.name = "list",
	 .type = SETTINGS_LISTED,
	 AT(list),
	 .count_at = offsetof(struct whole, list_count),
	 .max = 3,
	 .table = &part_table,
	 .help = "k"},
	{.name = "named",
	 .type = SETTINGS_NAMED,
	 AT(named),
	 .count_at = offsetof(struct whole, named_count),
	 .table = &part_table,
	 .help = "l"},
	{.name = "custom",
	 .type = SETTINGS_CUSTOM,
	 AT(custom),
	 .fallback = "none",
	 .custom = read_custom,
	 .form = "a | b",
	 .help = "m"},
	{.name = "old", .type = SETTINGS_CUSTOM, .hidden = true, .custom = read_custom, .help = ""},
};
static const struct settings_table whole_table = {SETTINGS_KEYS(whole_keys), sizeof(struct whole),
						  NULL};

static struct whole whole;
static struct settings_file *file;
static struct arena arena;
static struct buf out;

static void setup(void)
{
	arena_init(&arena, 1 << 20);
	buf_init(&out, 1 << 20);
}

static void teardown(void)
{
	settings_file_free(&file);
	arena_fini(&arena);
	buf_fini(&out);
}

static const char *read_text(const char *text)
{
	struct settings_reader r = {.arena = &arena};

	settings_file_free(&file);
	file = settings_file_read_text("f", text, strlen(text));
	ck_assert_ptr_nonnull(file);
	ck_assert_ptr_nonnull(file->root);
	r.file = file;
	memset(&whole, 0, sizeof(whole));
	settings_table_read(&r, &whole_table, file->root, &whole);
	buf_reset(&out);
	settings_file_print_mistakes(file, &out);
	return buf_str(&out);
}

START_TEST(defaults_are_read_from_their_texts)
{
	ck_assert_str_eq(read_text(""), "");
	ck_assert(whole.flag);
	ck_assert_uint_eq(whole.count, 0);
	ck_assert_uint_eq(whole.wait_ms, 0);
	ck_assert_int_eq(whole.keep_ms, 3600000);
	ck_assert_uint_eq(whole.bytes, 1024);
	ck_assert_ptr_null(whole.text);
	ck_assert_int_eq(whole.colour, GREEN);
	ck_assert_uint_eq(whole.colours, 5);
	ck_assert_uint_eq(whole.names.count, 0);
	ck_assert_uint_eq(whole.inner.wait_ms, 2000);
	ck_assert(!whole.inner.given);
	ck_assert_uint_eq(whole.list_count, 0);
	ck_assert_str_eq(whole.custom, "<none>");
}
END_TEST

START_TEST(every_type_is_filled)
{
	ck_assert_str_eq(read_text("flag: off\n"
				   "count: 9\n"
				   "wait: 49m\n"
				   "keep: 9000h\n"
				   "bytes: 5GB\n"
				   "text: 12345\n"
				   "colour: blue\n"
				   "colours: [green]\n"
				   "names: [a, \"b c\", 3]\n"
				   "inner:\n"
				   "list:\n"
				   "- size: 1\n"
				   "- {}\n"
				   "named:\n"
				   "  x: {size: 3}\n"
				   "  y:\n"
				   "custom: z\n"),
			 "");
	ck_assert(!whole.flag);
	ck_assert_uint_eq(whole.count, 9);
	ck_assert_uint_eq(whole.wait_ms, 49 * 60000);
	ck_assert_int_eq(whole.keep_ms, INT64_C(32400000000));
	ck_assert_uint_eq(whole.bytes, 5000000000);
	ck_assert_str_eq(whole.text, "12345");
	ck_assert_int_eq(whole.colour, BLUE);
	ck_assert_uint_eq(whole.colours, 2);
	ck_assert_uint_eq(whole.names.count, 3);
	ck_assert_str_eq(whole.names.items[1], "b c");
	ck_assert(whole.inner.given);
	ck_assert_uint_eq(whole.inner.wait_ms, 2000);
	ck_assert_uint_eq(whole.list_count, 2);
	ck_assert_uint_eq(whole.list[0].size, 1);
	ck_assert_uint_eq(whole.list[0].line, 12);
	ck_assert_uint_eq(whole.list[1].size, 7);
	ck_assert_uint_eq(whole.named_count, 2);
	ck_assert_str_eq(whole.named[0].name, "x");
	ck_assert_uint_eq(whole.named[0].size, 3);
	ck_assert_str_eq(whole.named[1].name, "y");
	ck_assert_uint_eq(whole.named[1].size, 7);
	ck_assert_uint_eq(whole.named[1].line, 16);
	ck_assert_str_eq(whole.custom, "<z>");
}
END_TEST

START_TEST(all_mistakes_are_collected)
{
	ck_assert_str_eq(
		read_text("flag: 1\n"
			  "count: 10\n"
			  "wait: 50000000h\n"
			  "bytes:\n"
			  "text: \"\"\n"
			  "colour: gren\n"
			  "colours: red, bleu, 2\n"
			  "names: [a, b, c, d]\n"
			  "inner: {wait: 999ms, old: 1}\n"
			  "list: [{size: -1}, 5, ]\n"
			  "named: {x: [1]}\n"
			  "custom: {a: b}\n"
			  "ols: 1\n"),
		"f:1: flag: \"1\" is not yes or no; write true or false\n"
		"f:2: count: 10 is too much; write 1 to 9\n"
		"f:3: wait: 50000000h is too much; write 0ms to 4294967295ms\n"
		"f:4: bytes: there is no value; write one, or remove the key\n"
		"f:5: text: the text is empty; write one, or remove the key\n"
		"f:6: colour: \"gren\" is none of red, green, blue; did you mean \"green\"?\n"
		"f:7: colours: \"bleu\" is none of red, green, blue; did you mean \"blue\"?\n"
		"f:7: colours: \"2\" is not possible here; write one of red, green, blue\n"
		"f:8: names: there are 4 of them; at most 3 are allowed\n"
		"f:9: inner.wait: 999ms is too little; write 1s to 1m\n"
		"f:9: inner.old: there is no such key; remove it, or look it up in the reference\n"
		"f:10: list[0].size: \"-1\" is no whole number; write digits, like 8\n"
		"f:10: list[1]: this is a value; write a map, \"KEY: value\" on each line\n"
		"f:11: named.x: this is a list; write a map, \"KEY: value\" on each line\n"
		"f:12: custom: this is a map; write a single value\n"
		"f:13: ols: there is no such key; remove it, or look it up in the reference\n");
	ck_assert_str_eq(read_text("text: 123456\nlist: [{}, {}, {}, {}]\nnames: [[a], \"\"]\n"),
			 "f:1: text: the text is 6 bytes long; at most 5 are allowed\n"
			 "f:2: list: there are 4 of them; at most 3 are allowed\n"
			 "f:3: names[0]: this is a list; write a single value\n"
			 "f:3: names[1]: the text is empty; remove it\n");
}
END_TEST

START_TEST(out_of_memory_is_told_in_the_place_of_all_mistakes)
{
	static const char text[] = "count: 77\nnames: [a, b]\nlist: [{}]\nnamed: {x: {}}\n";

	arena.max = 0;
	ck_assert_str_eq(read_text(text), "f: there is not enough memory to read the settings\n");
	ck_assert(settings_file_has_mistakes(file));
}
END_TEST

START_TEST(the_reference_has_a_row_for_each_key_but_the_hidden)
{
	settings_table_print(&whole_table, &out);
	ck_assert_str_eq(buf_str(&out),
			 "| Key | Value | Default | Meaning |\n"
			 "| --- | --- | --- | --- |\n"
			 "| `flag` | `true` or `false` | `true` | a |\n"
			 "| `count` | number, 1 to 9 |  | b |\n"
			 "| `wait` | duration | `0` | c |\n"
			 "| `keep` | duration | `1h` | d |\n"
			 "| `bytes` | size | `1KiB` | e |\n"
			 "| `text` | text |  | f |\n"
			 "| `colour` | `red`, `green`, `blue` | `green` | g |\n"
			 "| `colours` | list of `red`, `green`, `blue` | `red, blue` | h |\n"
			 "| `names` | list of texts |  | i |\n"
			 "| `inner` | map |  | j |\n"
			 "| `inner.wait` | duration, 1s to 1m | `2s` | how long \\| or not |\n"
			 "| `list` | list of maps |  | k |\n"
			 "| `list[].size` | number | `7` | how big |\n"
			 "| `named` | map of named maps |  | l |\n"
			 "| `named.NAME.size` | number | `7` | how big |\n"
			 "| `custom` | a \\| b | `none` | m |\n");
}
END_TEST

int main(void)
{
	Suite *s = suite_create("settings_table");
	TCase *t = tcase_create("settings_table");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, defaults_are_read_from_their_texts);
	tcase_add_test(t, every_type_is_filled);
	tcase_add_test(t, all_mistakes_are_collected);
	tcase_add_test(t, out_of_memory_is_told_in_the_place_of_all_mistakes);
	tcase_add_test(t, the_reference_has_a_row_for_each_key_but_the_hidden);
	suite_add_tcase(s, t);
	return unit_run(s);
}
