/* settings_rpc: a method of `rpc` is refused when no route can take the request it becomes. */
#include "tests/unit/settings_case.h"
#include "tests/unit/unit.h"

#include <stdio.h>
#include <string.h>

static const char *read_call(const char *call, const char *more)
{
	static char text[16384];

	(void)snprintf(text, sizeof(text),
		       "registry: {urls: [\"http://127.0.0.1:1\"]}\n%sroutes:\n"
		       "  - {path: \"/orders/{number}\", methods: [GET, PUT], service: s}\n"
		       "  - {path: \"/orders\", methods: [POST], service: s, hosts: [a.test]}\n"
		       "  - {path: \"/files/*\", service: s, headers: {X-A: \"1\"}}\n"
		       "  - path: \"/RPC2/{tenant}\"\n"
		       "    rpc: {methods: {m: {params: [{id: any}],\n"
		       "      call: \"%s\"}}}\n",
		       more, call);
	return settings_case_read(text);
}

static const char *const taken[] = {
	"GET /orders/{id}",
	"GET /orders/7",
	"PUT /orders/{tenant}-{id}?x={id}",
	"POST /orders",
	"POST /{id}",
	"POST /or{id}ers?a={tenant}",
	"GET /files/",
	"DELETE /files/a/{id}/b",
	"GET /orders//{id}",
	"GET /files/{tenant}..",
	"GET /%6Frders/{id}",
	"POST /RPC2/{tenant}",
	"GET /{id}/{tenant}/x",
};

START_TEST(a_call_that_a_route_may_take_is_taken)
{
	ck_assert_str_eq(read_call(taken[_i], ""), "");
}
END_TEST

static const struct {
	const char *call, *told;
} missing[] = {
	{"GET /ordres/{id}",
	 "8: routes[3].rpc.methods.m.call: no route takes \"GET /ordres/{id}\"; add a route of "
	 "that path, or call the path of one: did you mean \"/orders/{number}\"?\n"},
	{"GET /nowhere",
	 "8: routes[3].rpc.methods.m.call: no route takes \"GET /nowhere\"; add a route of that "
	 "path, or call the path of one\n"},
	{"DELETE /orders/{id}",
	 "8: routes[3].rpc.methods.m.call: no route takes \"DELETE /orders/{id}\"; the route of "
	 "this path on line 3 has other methods: add DELETE to them, or call one of those\n"},
	{"POST /orders/", "no route takes"},
	{"GET /orders/{id}/lines", "no route takes"},
	{"GET /files", "no route takes"},
	{"GET /", "no route takes"},
	{"POST /ord{id}ers", "no route takes"},
	{"POST /order{id}s", "no route takes"},
	{"POST /orders{id}", "no route takes"},
};

START_TEST(a_call_that_none_can_take_is_told)
{
	const char *told = read_call(missing[_i].call, "");

	ck_assert_msg(strstr(told, missing[_i].told) != NULL, "%s: %s", missing[_i].call, told);
}
END_TEST

START_TEST(a_registration_may_bring_the_route)
{
	static const char grant[] = "registry_routes: [{service: s, paths: [\"/bought/*\"]}]\n";

	ck_assert_str_eq(read_call("GET /bought/{id}", grant), "");
	ck_assert_ptr_nonnull(strstr(read_call("GET /sold/{id}", grant), "no route takes"));
}
END_TEST

START_TEST(kept_slashes_count)
{
	ck_assert_ptr_nonnull(
		strstr(read_call("GET /orders//{id}", "paths: {repeated_slash: keep}\n"),
		       "no route takes"));
}
END_TEST

START_TEST(a_call_with_a_mistake_is_told_once)
{
	const char *told = read_call("FETCH /nowhere", "");

	ck_assert_ptr_nonnull(strstr(told, "is no request"));
	ck_assert_ptr_null(strstr(told, "no route takes"));
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("settings_rpc");
	TCase *c = tcase_create("settings_rpc");

	tcase_add_checked_fixture(c, settings_case_setup, settings_case_teardown);
	tcase_add_loop_test(c, a_call_that_a_route_may_take_is_taken, 0,
			    sizeof(taken) / sizeof(taken[0]));
	tcase_add_loop_test(c, a_call_that_none_can_take_is_told, 0,
			    sizeof(missing) / sizeof(missing[0]));
	tcase_add_test(c, a_registration_may_bring_the_route);
	tcase_add_test(c, kept_slashes_count);
	tcase_add_test(c, a_call_with_a_mistake_is_told_once);
	suite_add_tcase(s, c);
	return s;
}

int main(void)
{
	return unit_run(suite());
}
