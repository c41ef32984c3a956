/*
 * Out of memory in composed answers: each allocation of reading their
 * settings, of checking replies, making bodies and joining fails once. Each
 * says so, leaks nothing, and works the next time.
 */
#include "common/json_check.h"
#include "gateway/body_template.h"
#include "gateway/compose_parts.h"
#include "gateway/openapi.h"
#include "tests/unit/fail_malloc.h"
#include "tests/unit/unit.h"

#include <errno.h>
#include <stdio.h>
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
	"registry: {urls: [\"http://127.0.0.1:1/RPC2\"]}\n"
	"routes:\n"
	"  - path: \"/o/{id}\"\n"
	"    compose:\n"
	"      calls:\n"
	"        a: {service: s, path: \"/a/{id}\", require: \"default: [1]\", cache: {ttl: 1s}}\n"
	"        b: {service: t, path: \"/b/{a.x[0]}\", when: \"{query.b} == 1\", method: PUT,\n"
	"          json: {v: \"{body.v}\", w: \"<{a.y}>\"}, headers: {X-A: \"{a.z}\"}}\n"
	"        c: {service: s, path: \"/c?i={items}\", for_each: \".a.list[].n\", batch: 9}\n"
	"      reply: {from: a, set: {b: b, c: c.d}, drop: [x]}\n"
	"  - {path: /docs, openapi: page}\n"
	"  - {path: \"/d/{x}/*\", auth: key, query: {a: b}, respond: {json: 1},\n"
	"    docs: {summary: s, description: \"d\\n\\n- `e`\", tags: [t], reply: {type: object}}}\n"
	"  - path: /RPC2\n"
	"    rpc:\n"
	"      methods:\n"
	"        a.b: {call: \"PUT /o/{id}?n={n}\", json: {v: \"{o}\", w: \"<{o.a}>\"},\n"
	"          returns: struct, params: [{id: string}, {o: struct}, {n: \"int=20\"}], help: "
	"Puts.}\n";

static void settings_write(void)
{
	int fd = mkstemp(settings_name);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, yaml, sizeof(yaml) - 1), (ssize_t)sizeof(yaml) - 1);
	ck_assert_int_eq(close(fd), 0);
}

static void settings_unlink(void)
{
	ck_assert_int_eq(unlink(settings_name), 0);
}

static int settings(void *arg)
{
	struct buf mistakes;
	struct settings *s;

	(void)arg;
	buf_init(&mistakes, 1 << 20);
	s = settings_read(settings_name, &mistakes);
	buf_fini(&mistakes);
	if (!s)
		return -1;
	settings_free(&s);
	return 0;
}

/* What is offered, of those settings. */
static int documents(void *arg)
{
	struct openapi *openapi = NULL;
	struct buf mistakes;
	struct settings *s;
	struct err e = {0};

	(void)arg;
	buf_init(&mistakes, 1 << 20);
	s = settings_read(settings_name, &mistakes);
	buf_fini(&mistakes);
	if (s)
		openapi = openapi_new(s, &e);
	settings_free(&s);
	if (!openapi)
		return -1;
	openapi_free(&openapi);
	return 0;
}

/* ---- Replies ---- */

static struct buf many; /* an object of more members than fit without memory */

static int checking(void *arg)
{
	struct err e = {0};

	(void)arg;
	if (json_check((struct span){many.data, many.len}, &e) == 0)
		return 0;
	return e.code == ENOMEM ? -1 : -2;
}

static int joining(void *arg)
{
	struct json_step step = {.kind = JSON_STEP_NAME};
	const struct settings_join_value set = {{"\"x\"", 3}, 1, {&step, 1, false}};
	const struct settings_compose how = {
		.join = {.has_from = true, .set = &set, .set_count = 1}};
	struct span results[] = {{many.data, many.len}, text("[1.0]")};
	struct compose c = {.settings = &how, .results = results};
	int result;

	(void)arg;
	buf_init(&c.answer, 1 << 20);
	result = compose_join(&c);
	buf_fini(&c.answer);
	return result < 0 && c.problem != PROBLEM_NO_MEMORY ? -2 : result;
}

static int filling(void *arg)
{
	static const char *const names[] = {"a"};
	const struct template_scope scope = {.results = names, .result_count = 1};
	const struct span results[] = {text("{\"b\": \"x\\n\"}")};
	const struct template_values values = {.results = results};
	const struct body_template *body;
	const char *reason;
	struct arena arena;
	struct buf out;
	int result = -1;

	(void)arg;
	arena_init(&arena, 1 << 20);
	buf_init(&out, 1 << 20);
	body = body_template_parse(&arena, "{\"k\":\"<{a.b}>\",\"l\":\"{a}\"}", &scope, NULL);
	if (body)
		result = body_template_render(body, &values, &out, &reason);
	buf_fini(&out);
	arena_fini(&arena);
	return result;
}

/* ---- All of them ---- */

static const struct {
	const char *name;
	int (*run)(void *arg);
	bool copes; /* sorting does without memory, and OpenSSL's digests without some of it */
} steps[] = {{"settings", settings, false},
	     {"documents", documents, true},
	     {"checking", checking, true},
	     {"joining", joining, false},
	     {"filling", filling, false}};

static void never_anything_else(void *arg, int r)
{
	(void)arg;
	ck_assert_int_ne(r, -2);
}

START_TEST(every_failed_allocation_is_told)
{
	struct fail_malloc_count count;

	buf_init(&many, 1 << 20);
	for (int i = 0; i < 1000; i++)
		ck_assert_int_eq(buf_printf(&many, "%s\"key %d\":%d", i ? "," : "{", i, i), 0);
	ck_assert_int_eq(buf_putc(&many, '}'), 0);
	count = fail_malloc_each(steps[_i].run, never_anything_else, NULL);
	ck_assert_msg(steps[_i].copes ? count.refused : count.refused == count.rounds,
		      "%s: %zu of %zu", steps[_i].name, count.refused, count.rounds);
	buf_fini(&many);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("out_of_memory_compose");
	TCase *t = tcase_create("compose");

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
