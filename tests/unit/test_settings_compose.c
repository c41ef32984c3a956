/* settings_compose: the calls of a composed route, and what is wrong with them. */
#include "gateway/settings_compose.h"
#include "tests/unit/settings_case.h"
#include "tests/unit/unit.h"

#include <stdio.h>
#include <string.h>

#define REGISTRY "registry: {urls: [\"http://127.0.0.1:1\"]}\n"

static const char *read_route(const char *route)
{
	static char text[16384];

	(void)snprintf(text, sizeof(text), REGISTRY "routes:\n  - path: /o/{id}\n    %s\n", route);
	return settings_case_read(text);
}

START_TEST(a_composed_route_is_read)
{
	const struct settings_compose *compose;
	const struct settings_call *call;

	ck_assert_str_eq(
		read_route("compose:\n"
			   "      calls:\n"
			   "        customer: {service: users, path: \"/u/{order.customerId}\",\n"
			   "          require: \"default: {\\\"n\\\": 1.10}\", timeout: 250ms,\n"
			   "          cache: {ttl: 30s}, headers: {X-User: \"{order.user.id}\"},\n"
			   "          when: \"{order.total} != 0\"}\n"
			   "        order: {service: orders, path: \"/orders/{id}\"}\n"
			   "        products: {service: products, path: \"/p?ids={items}\",\n"
			   "          for_each: \".order.lines[].product\", batch: 50, key: item,\n"
			   "          concurrency: 4, values: 200, require: optional}\n"
			   "      reply: {from: order, set: {customer: customer.data, \"p\\\"\": "
			   "products},\n"
			   "        drop: [customerId]}"),
		"");
	compose = &settings->routes[0].compose;
	ck_assert_uint_eq(compose->call_count, 3);
	call = &compose->calls[0];
	ck_assert_str_eq(call->name, "customer");
	ck_assert_str_eq(settings->services[call->service].name, "users");
	ck_assert_uint_eq(call->after, 2);
	ck_assert_int_eq(call->require, REQUIRE_DEFAULT);
	ck_assert_uint_eq(call->otherwise.len, strlen("{\"n\": 1.10}"));
	ck_assert_uint_eq(call->timeout_ms, 250);
	ck_assert_int_eq(call->cache->ttl_ms, 30000);
	ck_assert_uint_eq(call->field_count, 1);
	ck_assert_int_eq(call->when[0].test, WHEN_NOT_EQUAL);
	ck_assert_uint_eq(compose->calls[1].after, 0);
	ck_assert_int_eq(compose->calls[1].cache->ttl_ms, -1);
	call = &compose->calls[2];
	ck_assert_uint_eq(call->after, 2);
	ck_assert(call->each.given && call->each.call == 1);
	ck_assert_uint_eq(call->each.batch, 50);
	ck_assert_uint_eq(call->each.concurrency, 4);
	ck_assert_uint_eq(call->each.values_max, 200);
	ck_assert_uint_eq(compose->join.from, 1);
	ck_assert_uint_eq(compose->join.set_count, 2);
	ck_assert_int_eq(memcmp(compose->join.set[1].name.at, "\"p\\\"\"", 5), 0);
	ck_assert_uint_eq(compose->join.drop_count, 1);
}
END_TEST

#define CALLS(calls) "compose: {calls: {" calls "}}"
#define A(more)	     CALLS("a: {service: s, path: /a" more "}")

static const struct {
	const char *route, *told;
} mistakes[] = {
	{"compose: {}", "4: routes[0].compose: the key \"calls\" is missing"},
	{"compose: {calls: {}}", "4: routes[0].compose.calls: there are no calls"},
	{CALLS("a: {path: /a}"), "4: routes[0].compose.calls.a: the key \"service\" is missing"},
	{CALLS("a: {service: s}"), "4: routes[0].compose.calls.a: the key \"path\" is missing"},
	{CALLS("a: {service: s, path: \"/{ordr.id}\"}, order: {service: s, path: /o}"),
	 "path: there is no {ordr.id}; did you mean {order.id}?"},
	{CALLS("a: {service: s, path: \"/{xyz.id}\"}"), "path: there is no {xyz.id}; write"},
	{CALLS("a: {service: s, path: \"/{b.x}\"}, b: {service: s, path: \"/{a.x}\"}"),
	 "compose.calls.a: it waits for a call that waits for it"},
	{CALLS("a: {service: s, path: \"/{a.x}\"}"), "compose.calls.a: it waits for a call"},
	{CALLS("x: {service: s, path: /x}, a: {service: s, path: \"/{b.x}\"}, "
	       "b: {service: s, path: /c, when: \"{c.x}\"}, "
	       "c: {service: s, path: /c, headers: {X: \"{a.x}\"}}"),
	 "compose.calls.a: it waits for a call that waits for it"},
	{CALLS("id: {service: s, path: /a}"), "a parameter of the route's path has this name"},
	{CALLS("query: {service: s, path: /a}"), "the name stands for something else"},
	{CALLS("a-b: {service: s, path: /a}"), "names are of letters, digits and '_'"},
	{CALLS("1: {service: s, path: /a}"), "begins with a digit"},
	{CALLS("a: {service: s, path: a}"), "path: \"a\" does not begin with one '/'"},
	{CALLS("a: {service: s, path: \"/{item}\"}"), "path: there is no {item}"},
	{A(", for_each: .b.c"), "for_each: there is no call \"b\"; write the name of one"},
	{CALLS("a: {service: s, path: \"/{item}\", for_each: .oder.x}, "
	       "order: {service: s, path: /o}"),
	 "for_each: there is no call \"oder\"; did you mean \"order\"?"},
	{CALLS("a: {service: s, path: /x, for_each: .b.x}, b: {service: s, path: /o}"),
	 "path: a call for each value has {item} in its path"},
	{CALLS("a: {service: s, path: \"/{item}\", for_each: .b.x, batch: 5}, "
	       "b: {service: s, path: /o}"),
	 "path: there is no {item}"},
	{CALLS("a: {service: s, path: \"/{item}\", for_each: \".b | .x\"}, "
	       "b: {service: s, path: /o}"),
	 "for_each: \".b | .x\" is no path; write one like"},
	{A(", batch: 5"), "batch: there is no `for_each`; remove it"},
	{A(", key: id"), "key: there is no `for_each`; remove it"},
	{A(", require: maybe"), "require: \"maybe\" is not known; write required, optional"},
	{A(", require: optinal"), "did you mean optional?"},
	{A(", require: \"default: {a}\""), "require: the default is no JSON: byte 1"},
	{A(", json: {a: 1}"), "json: a GET has no body; write method: POST"},
	{A(", method: POST, json: {a: \"{b.c}\"}"), "json: there is no {b.c}"},
	{A(", method: POST, json: {a: \"x{\"}"), "json: a '{' without its '}'"},
	{A(", timeout: 0s"), "timeout: "},
	{A(", method: TRACE"), "method: "},
	{A(", headers: {Content-Length: 1}"), "headers.Content-Length: "},
	{A(", headers: {\"a b\": 1}"), "no field has such a name"},
	{A(", cache: 5"), "cache: write a map"},
	{A(", pth: /a"), "a.pth: there is no such key; did you mean \"path\"?"},
	{"compose: {calls: {a: {service: s, path: /a}}, reply: {from: b}}",
	 "reply.from: there is no call \"b\""},
	{"compose: {calls: {a: {service: s, path: /a}}, reply: {set: {x: b.c}}}",
	 "reply.set.x: there is no call \"b\""},
	{"compose: {calls: {a: {service: s, path: /a}}, reply: {set: {x: \"a.b[]\"}}}",
	 "reply.set.x: write a call, or one place in its reply"},
	{"compose: {calls: {a: {service: s, path: /a}}, reply: {set: {x: a}, drop: [y]}}",
	 "reply.drop: there is no `from`; remove it"},
	{"compose: {calls: {a: {service: s, path: /a}}, reply: {drp: [y]}}",
	 "reply.drp: there is no such key; did you mean"},
	{"compose: {calls: {a: {service: s, path: /a}}, reply: {}}", "reply: it joins nothing"},
	{"redirect: {to: /x}\n    views: {m: {device: mobile, reply: .}}",
	 "views: the route asks no service"},
	{"compose: {calls: {a: {service: s, path: /a}}}\n    views: {m: {reply: .}}",
	 "5: routes[0].views.m: everybody would get it"},
	{"compose: {calls: {a: {service: s, path: /a}}}\n    views: {m: {device: phone, reply: .}}",
	 "views.m.device: "},
	{"compose: {calls: {a: {service: s, path: /a}}}\n"
	 "    views: {m: {device: mobile, reply: \"a |\"}}",
	 "5: routes[0].views.m.reply: jq: "},
	{"compose: {calls: {a: {service: s, path: /a}}, reply: \"$b\"}",
	 "4: routes[0].compose.reply: jq: $b is not defined"},
	{"service: s\n    compose: {calls: {a: {service: s, path: /a}}}",
	 "compose: the route has a `service` already"},
	{"cache: {ttl: 1s}\n    compose: {calls: {a: {service: s, path: /a}}}",
	 "4: routes[0].cache: the route is composed: say it of a call"},
};

START_TEST(mistakes_are_told_with_their_line)
{
	const char *told = read_route(mistakes[_i].route);

	ck_assert_msg(strstr(told, mistakes[_i].told) != NULL, "%s\ntold: %s\nnot: %s",
		      mistakes[_i].route, told, mistakes[_i].told);
}
END_TEST

START_TEST(a_route_has_at_most_so_many_calls)
{
	static char text[9000];
	size_t used = 0;

	for (int count = SETTINGS_CALLS_MAX; count <= SETTINGS_CALLS_MAX + 1; count++) {
		used = (size_t)snprintf(text, sizeof(text), "compose: {calls: {");
		for (int i = 0; i < count; i++)
			used += (size_t)snprintf(text + used, sizeof(text) - used,
						 "c%d: {service: s, path: /a}, ", i);
		(void)snprintf(text + used, sizeof(text) - used, "}}");
		ck_assert_int_eq(*read_route(text) == '\0', count == SETTINGS_CALLS_MAX);
	}
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("settings_compose");
	TCase *t = tcase_create("settings_compose");

	tcase_add_checked_fixture(t, settings_case_setup, settings_case_teardown);
	tcase_add_test(t, a_composed_route_is_read);
	tcase_add_loop_test(t, mistakes_are_told_with_their_line, 0,
			    sizeof(mistakes) / sizeof(mistakes[0]));
	tcase_add_test(t, a_route_has_at_most_so_many_calls);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	return unit_run(suite());
}
