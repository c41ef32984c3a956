/* rpc: structs are read strictly, and what is built can be read again. */
#include "common/rpc.h"
#include "tests/unit/unit.h"

#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <stddef.h>
#include <string.h>

static struct arena arena;
static xmlrpc_env env;

static void setup(void)
{
	arena_init(&arena, 1 << 20);
	xmlrpc_env_init(&env);
}

static void teardown(void)
{
	arena_fini(&arena);
	xmlrpc_env_clean(&env);
}

/* The first parameter of a call with this value in it. The caller decrefs. */
static xmlrpc_value *parse(const char *value)
{
	char call[8192];
	const char *method = NULL;
	xmlrpc_value *params = NULL, *first = NULL;

	(void)snprintf(call, sizeof(call),
		       "<methodCall><methodName>m</methodName><params><param><value>%s</value>"
		       "</param></params></methodCall>",
		       value);
	xmlrpc_parse_call(&env, call, strlen(call), &method, &params);
	ck_assert_msg(!env.fault_occurred, "%s", env.fault_string);
	xmlrpc_array_read_item(&env, params, 0, &first);
	xmlrpc_DECREF(params);
	free((void *)(uintptr_t)method);
	return first;
}

#define M(name, value) "<member><name>" name "</name><value>" value "</value></member>"
#define GOOD	       M("service", "orders") M("port", "<int>80</int>")

static const struct read_case {
	const char *name, *members, *says; /* says NULL: accepted */
} read_cases[] = {
	{"service and port are enough", GOOD, NULL},
	{"everything may be given",
	 GOOD M("host", "10.0.0.1") M("id", "a:1") M("scheme", "https") M("ttl_ms", "<i4>1000</i4>")
		 M("weight", "<int>1000</int>") M("zone", "z") M("version", "1.2") M(
			 "status", "starting") M("tags",
						 "<array><data><value>a</value></data></array>")
			 M("meta", "<struct>" M("k", "") "</struct>") M(
				 "check", "<struct>" M("type", "http") M("path", "/h") "</struct>")
				 M("routes", "<array><data><value>GET /o</value></data></array>"),
	 NULL},
	{"a service is needed", M("port", "<int>80</int>"), "service is missing; it takes a name"},
	{"a port is needed", M("service", "orders"), "port is missing"},
	{"a port is no string", M("service", "a") M("port", "80"),
	 "port: a string; allowed: a port"},
	{"a port is no double", M("service", "a") M("port", "<double>80</double>"),
	 "port: a double"},
	{"a port is not 0", M("service", "a") M("port", "<int>0</int>"),
	 "port: 0; allowed: a port"},
	{"a port is not 70000", M("service", "a") M("port", "<int>70000</int>"), "port: 70000"},
	{"a service has no slash", M("service", "a/b") M("port", "<int>1</int>"),
	 "service: \"a/b\""},
	{"a service is no int", M("service", "<int>1</int>") M("port", "<int>1</int>"),
	 "service: an int"},
	{"a host has no scheme", GOOD M("host", "http://a"), "host: \"http://a\""},
	{"a ttl is positive", GOOD M("ttl_ms", "<int>-1</int>"),
	 "ttl_ms: -1; allowed: milliseconds"},
	{"a weight is at most 1000", GOOD M("weight", "<int>1001</int>"), "weight: 1001"},
	{"a zone has no line feed", GOOD M("zone", "a\nb"), "zone: \"a?b\""},
	{"a status is known", GOOD M("status", "UP"), "status: \"UP\"; allowed: \"up\""},
	{"tags are strings",
	 GOOD M("tags", "<array><data><value><int>1</int></value></data></array>"), "tags: an int"},
	{"tags are an array", GOOD M("tags", "a"), "tags: a string; allowed: an array of strings"},
	{"tags are not empty", GOOD M("tags", "<array><data><value/></data></array>"),
	 "tags: \"\""},
	{"meta is a struct", GOOD M("meta", "<array><data/></array>"), "meta: an array"},
	{"meta is of strings",
	 GOOD M("meta", "<struct>" M("a", "<boolean>1</boolean>") "</struct>"), "meta: a boolean"},
	{"meta's names are not empty", GOOD M("meta", "<struct>" M("", "a") "</struct>"),
	 "meta: \"\""},
	{"a check has a type", GOOD M("check", "<struct/>"), "check: type is missing"},
	{"a check is tcp or http", GOOD M("check", "<struct>" M("type", "udp") "</struct>"),
	 "check: type: \"udp\"; allowed: \"tcp\" or \"http\""},
	{"a tcp check has no path",
	 GOOD M("check", "<struct>" M("type", "tcp") M("path", "/") "</struct>"), "path"},
	{"a check's path is absolute",
	 GOOD M("check", "<struct>" M("type", "http") M("path", "h") "</struct>"),
	 "begins with '/'"},
	{"a check is a struct", GOOD M("check", "tcp"), "check: a string"},
	{"a check is not hectic",
	 GOOD M("check", "<struct>" M("type", "tcp") M("interval_ms", "<int>1</int>") "</struct>"),
	 "interval_ms: 1; allowed: 100 to 3600000"},
	{"an unknown member is named", GOOD M("colour", "a"), "no member is called \"colour\""},
	{"a slip is corrected", GOOD M("verison", "1"), "did you mean \"version\"?"},
	{"an unknown member of a check is named",
	 GOOD M("check", "<struct>" M("type", "tcp") M("intervalms", "a") "</struct>"),
	 "did you mean \"interval_ms\"?"},
	{"a long value is cut in the answer",
	 GOOD M("zone", "123456789a123456789b123456789c123456789d123456789e123456789f123456789g"
			"123456789h123456789i123456789j123456789k123456789l123456789m"),
	 "123456789d...\""},
	{"a lease is a heartbeat's", GOOD M("lease", "a"), "no member is called \"lease\""},
};

START_TEST(registrations_are_judged)
{
	const struct read_case *c = &read_cases[_i];
	char value[4096];
	struct instance in;
	struct err e = {0};
	xmlrpc_value *v;
	int result;

	(void)snprintf(value, sizeof(value), "<struct>%s</struct>", c->members);
	v = parse(value);
	result = rpc_read_registration("registry.register", v, &arena, &in, &e);
	xmlrpc_DECREF(v);
	if (!c->says) {
		ck_assert_msg(result == 0, "%s: %s", c->name, e.text);
		return;
	}
	ck_assert_msg(result == -1, "%s", c->name);
	ck_assert_int_eq(e.code, RPC_FAULT_PARAMS);
	ck_assert_msg(strncmp(e.text, "registry.register: ", 19) == 0, "%s", e.text);
	ck_assert_msg(strstr(e.text, c->says), "%s: %s", c->name, e.text);
}
END_TEST

START_TEST(a_registration_that_is_no_struct_is_refused)
{
	struct instance in;
	struct err e = {0};
	xmlrpc_value *v = parse("a");

	ck_assert_int_eq(rpc_read_registration("x", v, &arena, &in, &e), -1);
	ck_assert_str_eq(e.text, "x: a string; allowed: a struct");
	xmlrpc_DECREF(v);
}
END_TEST

START_TEST(missing_members_get_their_defaults)
{
	struct instance in;
	xmlrpc_value *v = parse("<struct>" GOOD "</struct>");

	ck_assert_int_eq(rpc_read_registration("x", v, &arena, &in, NULL), 0);
	xmlrpc_DECREF(v);
	ck_assert_str_eq(in.service, "orders");
	ck_assert_str_eq(in.host, "");
	ck_assert_str_eq(in.id, "");
	ck_assert_str_eq(in.scheme, "http");
	ck_assert_uint_eq(in.ttl_ms, INSTANCE_TTL_DEFAULT_MS);
	ck_assert_uint_eq(in.weight, 1);
	ck_assert_int_eq(in.status, INSTANCE_UP);
	ck_assert_int_eq(in.check, INSTANCE_CHECK_NONE);
}
END_TEST

START_TEST(a_heartbeat_may_be_bare_or_carry_the_registration)
{
	struct rpc_heartbeat beat;
	struct err e = {0};
	xmlrpc_value *v =
		parse("<struct>" M("service", "a") M("id", "1") M("lease", "t") "</struct>");

	ck_assert_int_eq(rpc_read_heartbeat("x", v, &arena, &beat, &e), 0);
	xmlrpc_DECREF(v);
	ck_assert(!beat.whole);
	ck_assert_str_eq(beat.lease, "t");
	ck_assert_int_eq(beat.load, -1);
	v = parse("<struct>" GOOD M("id", "1") M("load", "<int>100</int>") "</struct>");
	ck_assert_int_eq(rpc_read_heartbeat("x", v, &arena, &beat, &e), 0);
	xmlrpc_DECREF(v);
	ck_assert(beat.whole);
	ck_assert_uint_eq(beat.instance.port, 80);
	ck_assert_int_eq(beat.load, 100);
	v = parse("<struct>" GOOD "</struct>");
	ck_assert_int_eq(rpc_read_heartbeat("x", v, &arena, &beat, &e), -1);
	xmlrpc_DECREF(v);
	ck_assert_msg(strstr(e.text, "id is missing"), "%s", e.text);
}
END_TEST

static const char *const tags[] = {"a", "b"};
static const char *const routes[] = {"GET /orders/{id}"};
static const struct instance_pair meta[] = {{"k", "v & <w>"}, {"z", ""}};
static const struct instance whole = {
	.service = "orders",
	.id = "o:1",
	.host = "::1",
	.scheme = "https",
	.zone = "z\xc3\xa9",
	.version = "2",
	.detail = "because",
	.port = 65535,
	.weight = 7,
	.ttl_ms = 5000,
	.status = INSTANCE_DRAINING,
	.tags = tags,
	.tag_count = 2,
	.meta = meta,
	.meta_count = 2,
	.check = INSTANCE_CHECK_HTTP,
	.check_path = "/health",
	.check_status = "200,401-403",
	.check_interval_ms = 1000,
	.check_timeout_ms = 500,
	.routes = routes,
	.route_count = 1,
};

static void expect_same(const struct instance *a, const struct instance *b)
{
	ck_assert_str_eq(a->id, b->id);
	ck_assert_str_eq(a->host, b->host);
	ck_assert_str_eq(a->scheme, b->scheme);
	ck_assert_str_eq(a->zone, b->zone);
	ck_assert_str_eq(a->version, b->version);
	ck_assert_uint_eq(a->port, b->port);
	ck_assert_uint_eq(a->weight, b->weight);
	ck_assert_int_eq(a->status, b->status);
	ck_assert_uint_eq(a->tag_count, b->tag_count);
	ck_assert_uint_eq(a->meta_count, b->meta_count);
	for (size_t i = 0; i < a->tag_count; i++)
		ck_assert_str_eq(a->tags[i], b->tags[i]);
	for (size_t i = 0; i < a->meta_count; i++) {
		ck_assert_str_eq(a->meta[i].name, b->meta[i].name);
		ck_assert_str_eq(a->meta[i].value, b->meta[i].value);
	}
}

START_TEST(what_is_built_reads_the_same)
{
	struct instance in;
	struct err e = {0};
	xmlrpc_value *v = rpc_build_registration(&env, &whole);

	ck_assert_ptr_nonnull(v);
	ck_assert_msg(!rpc_read_registration("x", v, &arena, &in, &e), "%s", e.text);
	xmlrpc_DECREF(v);
	expect_same(&in, &whole);
	ck_assert_str_eq(in.service, whole.service);
	ck_assert_uint_eq(in.ttl_ms, whole.ttl_ms);
	ck_assert_int_eq(in.check, whole.check);
	ck_assert_str_eq(in.check_path, whole.check_path);
	ck_assert_str_eq(in.check_status, whole.check_status);
	ck_assert_uint_eq(in.check_interval_ms, 1000);
	ck_assert_uint_eq(in.check_timeout_ms, 500);
	ck_assert_str_eq(in.routes[0], routes[0]);
}
END_TEST

START_TEST(a_newer_registry_may_say_more_of_an_instance)
{
	struct instance in;
	struct err e = {0};
	xmlrpc_value *v = parse("<struct>" M("id", "a") M("host", "h") M("port", "<int>1</int>") M(
		"status", "retired") M("new", "<array><data/></array>") "</struct>");

	ck_assert_msg(!rpc_read_instance("x", v, &arena, &in, &e), "%s", e.text);
	xmlrpc_DECREF(v);
	ck_assert_int_eq(in.status, INSTANCE_DOWN);
}
END_TEST

START_TEST(a_spent_arena_is_an_answer)
{
	struct instance in;
	struct err e = {0};
	xmlrpc_value *v = parse("<struct>" GOOD "</struct>");

	arena.max = 0;
	ck_assert_int_eq(rpc_read_registration("x", v, &arena, &in, &e), -1);
	ck_assert_int_eq(e.code, RPC_FAULT_TOO_LARGE);
	xmlrpc_DECREF(v);
}
END_TEST

START_TEST(a_nul_in_a_string_is_refused)
{
	struct instance in;
	struct err e = {0};
	xmlrpc_value *v = parse("<struct>" GOOD "</struct>");

	rpc_set_value(&env, v, "zone", xmlrpc_string_new_lp(&env, 3, "a\0b"));
	ck_assert_int_eq(rpc_read_registration("x", v, &arena, &in, &e), -1);
	ck_assert_msg(strstr(e.text, "zone: \"a?b\""), "%s", e.text);
	xmlrpc_DECREF(v);
}
END_TEST

struct probe {
	bool given;
	int number, unbounded;
	bool yes;
	xmlrpc_value *inner;
};

static const struct rpc_field probe_fields[] = {
	{.name = "number",
	 .type = RPC_INT,
	 .min = -5,
	 .max = 5,
	 .offset = offsetof(struct probe, number),
	 .given = RPC_GIVEN(struct probe, given)},
	{.name = "unbounded",
	 .type = RPC_INT,
	 .min = INT_MIN,
	 .offset = offsetof(struct probe, unbounded)},
	{.name = "yes", .type = RPC_BOOL, .offset = offsetof(struct probe, yes)},
	{.name = "inner", .type = RPC_ARRAY, .max = 2, .offset = offsetof(struct probe, inner)},
};

static int probe_read(const char *members, struct probe *out, struct err *e)
{
	char text[1024];
	xmlrpc_value *v;
	int result;

	*out = (struct probe){0};
	(void)snprintf(text, sizeof(text), "<struct>%s</struct>", members);
	v = parse(text);
	result = rpc_read_struct("p", v, probe_fields, 4, &arena, out, e);
	xmlrpc_DECREF(v);
	return result;
}

START_TEST(a_table_reads_each_type)
{
	struct probe p;
	struct err e = {0};

	ck_assert_int_eq(probe_read("", &p, &e), 0);
	ck_assert(!p.given);
	ck_assert_int_eq(probe_read(M("number", "<int>-5</int>") M("yes", "<boolean>1</boolean>")
					    M("unbounded", "<int>-2147483648</int>"),
				    &p, &e),
			 0);
	ck_assert(p.given && p.yes && p.number == -5 && p.unbounded == INT_MIN);
	ck_assert_int_eq(probe_read(M("number", "<int>6</int>"), &p, &e), -1);
	ck_assert_str_eq(e.text, "p: number: 6; allowed: -5 to 5");
	ck_assert(!p.given);
	ck_assert_int_eq(probe_read(M("yes", "<int>1</int>"), &p, &e), -1);
	ck_assert_str_eq(e.text, "p: yes: an int; allowed: a boolean");
	ck_assert_int_eq(
		probe_read(M("inner", "<array><data><value/><value/><value/></data></array>"), &p,
			   &e),
		-1);
	ck_assert_str_eq(e.text, "p: inner: 3 of them; allowed: 0 to 2");
	ck_assert_int_eq(probe_read(M("inner", "<struct/>"), &p, &e), -1);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("rpc");
	TCase *t = tcase_create("rpc");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, registrations_are_judged, 0,
			    (int)(sizeof(read_cases) / sizeof(read_cases[0])));
	tcase_add_test(t, a_registration_that_is_no_struct_is_refused);
	tcase_add_test(t, missing_members_get_their_defaults);
	tcase_add_test(t, a_heartbeat_may_be_bare_or_carry_the_registration);
	tcase_add_test(t, what_is_built_reads_the_same);
	tcase_add_test(t, a_newer_registry_may_say_more_of_an_instance);
	tcase_add_test(t, a_spent_arena_is_an_answer);
	tcase_add_test(t, a_nul_in_a_string_is_refused);
	tcase_add_test(t, a_table_reads_each_type);
	suite_add_tcase(s, t);
	return unit_run(s);
}
