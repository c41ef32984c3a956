/* audit: refusals that are alike come to one line and a count, and all of them to few lines. */
#include "common/log.h"
#include "gateway/audit.h"
#include "tests/unit/unit.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char path[] = "/tmp/test_audit.XXXXXX";
static struct audit *audit;

static void setup(void)
{
	struct settings_log settings = {.audit = ACCESS_FILE, .audit_file = path};
	struct err e = {0};

	memcpy(path + sizeof(path) - 7, "XXXXXX", 6);
	(void)close(mkstemp(path));
	audit = audit_open(&settings, &e);
	ck_assert_msg(audit != NULL, "%s", e.text);
}

static void teardown(void)
{
	audit_close(&audit);
	(void)unlink(path);
}

static void deny(const char *client, const char *reason)
{
	struct audit_entry entry = {.client = {client, strlen(client)},
				    .route = "/r",
				    .policy = "ip",
				    .reason = reason,
				    .request_id = {"id", 2}};

	audit_write(audit, &entry);
}

/* Closes it and hands its lines one after the other; NULL: that was all. */
static json_t *next(void)
{
	static FILE *file;
	static char line[20000];

	if (audit) {
		audit_close(&audit);
		file = fopen(path, "re");
	}
	if (!fgets(line, sizeof(line), file)) {
		(void)fclose(file);
		return NULL;
	}
	return json_loads(line, JSON_REJECT_DUPLICATES, NULL);
}

static const char *text_of(json_t *entry, const char *key)
{
	const char *text = json_string_value(json_object_get(entry, key));

	return text ? text : "";
}

START_TEST(what_is_alike_is_told_once_and_counted)
{
	json_t *entry;

	for (unsigned i = 0; i < 1000; i++)
		deny("10.0.0.1", "a \"reason\"\n");
	entry = next();
	ck_assert_str_eq(text_of(entry, "event"), "denied");
	ck_assert_str_eq(text_of(entry, "client"), "10.0.0.1");
	ck_assert_str_eq(text_of(entry, "reason"), "a \"reason\"\n");
	ck_assert_str_eq(text_of(entry, "request_id"), "id");
	ck_assert_ptr_null(json_object_get(entry, "repeated"));
	json_decref(entry);
	entry = next();
	ck_assert_str_eq(text_of(entry, "client"), "10.0.0.1");
	ck_assert_int_eq(json_integer_value(json_object_get(entry, "repeated")), 999);
	json_decref(entry);
	ck_assert_ptr_null(next());
}
END_TEST

START_TEST(another_second_has_lines_of_its_own)
{
	unsigned lines = 0;
	json_t *entry;

	for (unsigned i = 0; i < 3; i++) {
		deny("10.0.0.1", "a");
		deny("10.0.0.1", "b");
		audit_flush(audit);
	}
	while ((entry = next())) {
		lines++;
		ck_assert_ptr_null(json_object_get(entry, "repeated"));
		json_decref(entry);
	}
	ck_assert_uint_eq(lines, 6);
}
END_TEST

START_TEST(many_that_differ_are_counted_together)
{
	unsigned lines = 0, over = 0;
	char client[32];
	json_t *entry;

	for (unsigned i = 0; i < 1000; i++) {
		(void)snprintf(client, sizeof(client), "10.0.%u.%u", i / 256, i % 256);
		deny(client, "a");
	}
	while ((entry = next())) {
		lines++;
		over += (unsigned)json_integer_value(json_object_get(entry, "repeated"));
		json_decref(entry);
	}
	ck_assert_uint_eq(lines, AUDIT_LINES_MAX + 1);
	ck_assert_uint_eq(over, 1000 - AUDIT_LINES_MAX);
}
END_TEST

START_TEST(changes_are_never_left_out)
{
	const struct audit_entry entry = {
		.event = AUDIT_ADMIN, .token = "ops", .action = "drain", .reason = "done"};
	unsigned lines = 0;
	json_t *read;

	for (unsigned i = 0; i < 200; i++)
		audit_write(audit, &entry);
	while ((read = next())) {
		lines++;
		ck_assert_str_eq(text_of(read, "token"), "ops");
		json_decref(read);
	}
	ck_assert_uint_eq(lines, 200);
}
END_TEST

START_TEST(texts_that_are_long_are_cut)
{
	char *reason = malloc(100001);
	json_t *entry;

	memset(reason, 1, 100000); /* six bytes each */
	reason[100000] = '\0';
	deny(reason, reason);
	deny(reason, reason);
	deny("10.0.0.1", "short");
	entry = next();
	ck_assert(json_is_true(json_object_get(entry, "cut")));
	ck_assert_str_eq(text_of(entry, "route"), "/r");
	ck_assert_uint_ge(strlen(text_of(entry, "reason")), 12);
	ck_assert_ptr_null(json_object_get(entry, "repeated"));
	json_decref(entry);
	entry = next();
	ck_assert_str_eq(text_of(entry, "reason"), "short");
	ck_assert_ptr_null(json_object_get(entry, "cut"));
	json_decref(entry);
	entry = next();
	ck_assert(json_is_true(json_object_get(entry, "cut")));
	ck_assert_int_eq(json_integer_value(json_object_get(entry, "repeated")), 1);
	json_decref(entry);
	ck_assert_ptr_null(next());
	free(reason);
}
END_TEST

START_TEST(without_an_audit_nothing_happens)
{
	const struct audit_entry entry = {.reason = "x"};
	struct audit *none = NULL;

	audit_write(none, &entry);
	audit_flush(none);
	ck_assert_uint_eq(audit_dropped(none), 0);
	audit_close(&none);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("audit");
	TCase *t = tcase_create("audit");

	log_set_level(LOG_ERROR);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, what_is_alike_is_told_once_and_counted);
	tcase_add_test(t, another_second_has_lines_of_its_own);
	tcase_add_test(t, many_that_differ_are_counted_together);
	tcase_add_test(t, changes_are_never_left_out);
	tcase_add_test(t, texts_that_are_long_are_cut);
	tcase_add_test(t, without_an_audit_nothing_happens);
	suite_add_tcase(s, t);
	return unit_run(s);
}
