/*
 * Out of memory in what is made of bodies: each allocation of reading the
 * settings, of reading and writing each format, and of selecting fields fails
 * once. Each says so, leaks nothing, and works the next time.
 */
#include "gateway/body_format.h"
#include "gateway/fields.h"
#include "gateway/settings.h"
#include "gateway/xml_json.h"
#include "tests/unit/fail_malloc.h"
#include "tests/unit/unit.h"

#include <errno.h>
#include <libxml/xmlmemory.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct span text(const char *s)
{
	return (struct span){s, strlen(s)};
}

/* ---- The settings ---- */

static char settings_name[] = "/tmp/test_out_of_memory_XXXXXX";

static const char yaml[] =
	"services: {s: {instances: [\"http://127.0.0.1:1\"]}}\n"
	"routes:\n"
	"  - path: \"/o/{id}\"\n"
	"    service: s\n"
	"    fields: {param: only, max: 9}\n"
	"    request: {body: {from: form, to: xml, root: r}}\n"
	"    reply:\n"
	"      status: {\"404\": 200, 5xx: 502}\n"
	"      body: {from: xml, on: [2xx, 404], template: \"{reply.a} {id}\", type: text/html}\n";

/* libxml2 does not get over its memory running out in its middle: xml_to_json makes sure of room
 * before, which can fail. */
static void *spared_malloc(size_t size)
{
	void *made;

	fail_malloc_pause();
	made = malloc(size);
	fail_malloc_resume();
	return made;
}

static void *spared_realloc(void *old, size_t size)
{
	void *made;

	fail_malloc_pause();
	made = realloc(old, size);
	fail_malloc_resume();
	return made;
}

static char *spared_strdup(const char *text)
{
	char *made;

	fail_malloc_pause();
	made = strdup(text);
	fail_malloc_resume();
	return made;
}

static void settings_write(void)
{
	int fd = mkstemp(settings_name);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, yaml, sizeof(yaml) - 1), (ssize_t)sizeof(yaml) - 1);
	ck_assert_int_eq(close(fd), 0);
	ck_assert_int_eq(xmlMemSetup(free, spared_malloc, spared_realloc, spared_strdup), 0);
	xml_json_init();
}

static void settings_unlink(void)
{
	ck_assert_int_eq(unlink(settings_name), 0);
}

static int settings(void)
{
	struct buf mistakes;
	struct settings *s;

	buf_init(&mistakes, 1 << 20);
	s = settings_read(settings_name, &mistakes);
	buf_fini(&mistakes);
	if (!s)
		return -1;
	settings_free(&s);
	return 0;
}

/* ---- Bodies ---- */

/* Reads it as the one and writes it as the other. */
static int change(enum body_format from, enum body_format to, const char *body)
{
	struct buf read, written;
	struct err e = {0};
	struct span json;
	int result;

	buf_init(&read, 1 << 20);
	buf_init(&written, 1 << 20);
	result = body_format_read(from, text(body), &read, &json, &e);
	if (result == 0)
		result = body_format_write(to, NULL, json, &written, &e);
	buf_fini(&written);
	buf_fini(&read);
	return result == 0 || e.code == ENOMEM ? result : -2;
}

static int forms(void)
{
	return change(FORMAT_FORM, FORMAT_FORM,
		      "a=1&b=2&a=3&long=xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx");
}

static int documents(void)
{
	return change(FORMAT_XML, FORMAT_XML,
		      "<a b='1'><c>x</c><c>y<d/>z</c><e f='&lt;'>&amp;</e></a>");
}

static int texts(void)
{
	return change(FORMAT_TEXT, FORMAT_TEXT, "x\n");
}

static int fields(void)
{
	const struct fields *selected;
	struct arena arena;
	struct buf out;
	int result = -1;

	arena_init(&arena, 1 << 20);
	buf_init(&out, 1 << 20);
	selected = fields_parse(&arena, text("a,b(c,d.e)"), 9, NULL);
	if (selected) {
		fields_write(selected, text("{\"a\":1,\"b\":{\"c\":[1,2]}}"), &out);
		result = out.failed ? -1 : 0;
	}
	buf_fini(&out);
	arena_fini(&arena);
	return result;
}

/* ---- All of them ---- */

static const struct {
	const char *name;
	int (*run)(void);
} steps[] = {
	{"settings", settings}, {"forms", forms},   {"documents", documents},
	{"texts", texts},	{"fields", fields},
};

static int run_step(void *arg)
{
	return steps[*(int *)arg].run();
}

static void never_anything_else(void *arg, int r)
{
	(void)arg;
	ck_assert_int_ne(r, -2);
}

START_TEST(every_failed_allocation_is_told)
{
	int step = _i;
	struct fail_malloc_count count = fail_malloc_each(run_step, never_anything_else, &step);

	ck_assert_msg(count.refused == count.rounds, "%s: %zu of %zu", steps[_i].name,
		      count.refused, count.rounds);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("out_of_memory_transform");
	TCase *t = tcase_create("transform");

	tcase_add_checked_fixture(t, settings_write, settings_unlink);
	tcase_add_loop_test(t, every_failed_allocation_is_told, 0,
			    sizeof(steps) / sizeof(steps[0]));
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	return unit_run(suite());
}
