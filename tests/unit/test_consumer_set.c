/* consumer_set, consumer_file: the consumers that a library knows, changed and over a restart. */
#include "client-lib/consumer_file.h"
#include "client-lib/consumer_set.h"
#include "tests/unit/unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char dir[64], path[96];

static void start(void)
{
	(void)snprintf(dir, sizeof(dir), "/tmp/microreg-consumers-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	(void)snprintf(path, sizeof(path), "%s/consumers", dir);
}

static void stop(void)
{
	char command[128];

	(void)snprintf(command, sizeof(command), "rm -rf '%s'", dir);
	ck_assert_int_eq(system(command), 0);
}

static struct consumer_item *item(const char *name, const char *group)
{
	struct microreg_value groups[] = {{.text = group}};
	struct microreg_value ip[] = {
		{.name = "port", .type = MICROREG_TYPE_INT, .number = -7},
		{.name = "on", .type = MICROREG_TYPE_BOOL, .number = 1},
		{.name = "none", .type = MICROREG_TYPE_ARRAY},
	};
	struct microreg_value members[] = {
		{.name = "name", .text = name},
		{.name = "groups", .type = MICROREG_TYPE_ARRAY, .items = groups, .count = 1},
		{.name = "ip", .type = MICROREG_TYPE_STRUCT, .items = ip, .count = 3},
	};
	struct microreg_value value = {.type = MICROREG_TYPE_STRUCT, .items = members, .count = 3};
	struct consumer_item *made = consumer_item_new(&value);

	ck_assert_ptr_nonnull(made);
	return made;
}

/* Makes a set of the changes, which are given away, in the place of `*set`. */
static void change(const struct microreg_consumers **set, struct consumer_item **changes,
		   size_t count)
{
	const struct microreg_consumers *next = consumer_set_new(*set, changes, count, "db.7");

	ck_assert_ptr_nonnull(next);
	for (size_t i = 0; i < count; i++)
		consumer_item_unref(&changes[i]);
	microreg_consumers_unref(set);
	*set = next;
}

/* "NAME/GROUP …" in order. */
static const char *said(const struct microreg_consumers *set)
{
	static char text[256];

	text[0] = '\0';
	for (size_t i = 0; i < microreg_consumers_count(set); i++) {
		const struct microreg_value *value = microreg_consumers_at(set, i);
		size_t len = strlen(text);

		(void)snprintf(text + len, sizeof(text) - len, "%s%s/%s", len ? " " : "",
			       microreg_value_find(value, "name")->text,
			       microreg_value_find(value, "groups")->items[0].text);
	}
	return text;
}

START_TEST(changes_are_merged_by_name)
{
	struct consumer_item *all[] = {item("eve", "a"), item("ada", "a"), item("bob", "a")};
	struct consumer_item *next[] = {item("dan", "b"), consumer_item_gone("bob"),
					item("ada", "b"), consumer_item_gone("nobody")};
	const struct microreg_consumers *set = NULL, *before;
	uint64_t version;

	change(&set, all, 3);
	ck_assert_str_eq(said(set), "ada/a bob/a eve/a");
	ck_assert_str_eq(consumer_set_revision(set), "db.7");
	version = microreg_consumers_version(set);
	before = consumer_set_share(set);
	change(&set, next, 4);
	ck_assert_str_eq(said(set), "ada/b dan/b eve/a");
	ck_assert_uint_ne(microreg_consumers_version(set), version);
	ck_assert_str_eq(said(before), "ada/a bob/a eve/a"); /* nobody's view changes */
	microreg_consumers_unref(&before);
	microreg_consumers_unref(&set);
	ck_assert_ptr_null(set);
}
END_TEST

START_TEST(what_has_no_name_is_no_consumer)
{
	struct microreg_value value = {.type = MICROREG_TYPE_STRUCT};
	struct microreg_value name = {.name = "name", .text = ""};

	ck_assert_ptr_null(consumer_item_new(&value));
	value.items = &name;
	value.count = 1;
	ck_assert_ptr_null(consumer_item_new(&value));
	name.type = MICROREG_TYPE_INT;
	ck_assert_ptr_null(consumer_item_new(&value));
	ck_assert_ptr_null(microreg_consumers_at(NULL, 0));
	ck_assert_uint_eq(microreg_consumers_count(NULL), 0);
}
END_TEST

START_TEST(a_file_brings_back_what_was_written_for_its_owner_only)
{
	struct consumer_item *all[] = {item("ada", "a"), item("bob", "\xc3\xa4")};
	const struct microreg_consumers *set = NULL, *again;
	const struct microreg_value *ip;
	struct err e = {0};
	struct stat st;

	change(&set, all, 2);
	ck_assert_int_eq(consumer_file_write(path, set, &e), 0);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq(st.st_mode & 0777, 0600);
	again = consumer_file_read(path, &e);
	ck_assert_msg(again != NULL, "%s", e.text);
	ck_assert_str_eq(said(again), said(set));
	ck_assert_str_eq(consumer_set_revision(again), "db.7");
	ip = microreg_value_find(microreg_consumers_at(again, 1), "ip");
	ck_assert_int_eq(microreg_value_find(ip, "port")->number, -7);
	ck_assert_int_eq(microreg_value_find(ip, "on")->type, MICROREG_TYPE_BOOL);
	ck_assert_uint_eq(microreg_value_find(ip, "none")->count, 0);
	microreg_consumers_unref(&again);
	microreg_consumers_unref(&set);
}
END_TEST

START_TEST(no_file_is_no_fault_and_damage_is_told)
{
	struct consumer_item *all[] = {item("ada", "a")};
	const struct microreg_consumers *set = NULL;
	unsigned char bytes[1024];
	struct err e = {0};
	size_t len;
	FILE *f;

	ck_assert_ptr_null(consumer_file_read(path, &e));
	ck_assert_int_eq(e.code, ENOENT);
	change(&set, all, 1);
	ck_assert_int_eq(consumer_file_write(path, set, &e), 0);
	microreg_consumers_unref(&set);
	f = fopen(path, "rb");
	len = fread(bytes, 1, sizeof(bytes), f);
	ck_assert_int_eq(fclose(f), 0);
	for (size_t i = 0; i < len; i++) {
		for (int cut = 0; cut < 2; cut++) { /* a byte that is another; all from it gone */
			bytes[i] ^= 1;
			f = fopen(path, "wb");
			ck_assert_uint_eq(fwrite(bytes, 1, cut ? i : len, f), cut ? i : len);
			ck_assert_int_eq(fclose(f), 0);
			bytes[i] ^= 1;
			e = (struct err){0};
			ck_assert_ptr_null(consumer_file_read(path, &e));
			ck_assert_msg(strstr(e.text, "ignored") != NULL, "%s", e.text);
		}
	}
}
END_TEST

int main(void)
{
	Suite *s = suite_create("consumer_set");
	TCase *t = tcase_create("consumer_set");

	tcase_add_checked_fixture(t, start, stop);
	tcase_add_test(t, changes_are_merged_by_name);
	tcase_add_test(t, what_has_no_name_is_no_consumer);
	tcase_add_test(t, a_file_brings_back_what_was_written_for_its_owner_only);
	tcase_add_test(t, no_file_is_no_fault_and_damage_is_told);
	suite_add_tcase(s, t);
	return unit_run(s);
}
