/* settings_body: what is made of bodies and statuses, and what is wrong with what the file says. */
#include "gateway/settings_body.h"
#include "gateway/template.h"
#include "tests/unit/settings_case.h"
#include "tests/unit/unit.h"

#include <stdio.h>
#include <string.h>

static const char *read_route(const char *keys)
{
	static char text[16384];

	(void)snprintf(text, sizeof(text),
		       "registry: {urls: [\"http://127.0.0.1:1\"]}\nroutes:\n"
		       "  - {path: \"/o/{id}\", %s}\n",
		       keys);
	return settings_case_read(text);
}

START_TEST(bodies_and_statuses_are_read)
{
	const struct settings_route *route;
	const struct settings_body *body;

	ck_assert_str_eq(
		read_route("service: s,\n"
			   "    fields: {param: only, max: 9}, limits: {reply: 1MiB},\n"
			   "    request: {headers: {remove: [X-A]}, body: {from: form, to: xml, "
			   "root: r,\n"
			   "      jq: \"{a: .b, p: $path.id, q: $query}\"}},\n"
			   "    reply: {status: {\"404\": 200, 5xx: 502},\n"
			   "      body: {on: [2xx, 404], jq: \"[., $status]\", type: a/b}}"),
		"");
	route = &settings->routes[0];
	ck_assert_str_eq(route->fields.param, "only");
	ck_assert_uint_eq(route->fields.max, 9);
	ck_assert_uint_eq(route->limits.reply_bytes, 1 << 20);
	ck_assert_uint_eq(route->request_edits.remove.count, 1);
	body = &route->request_edits.body;
	ck_assert(body->given && body->from == FORMAT_FORM && body->to == FORMAT_XML);
	ck_assert_str_eq(body->root, "r");
	ck_assert_uint_eq(body->program.name_count, 3);
	ck_assert_str_eq(body->program.names[0], "body");
	ck_assert_str_eq(body->program.names[1], "path");
	ck_assert_str_eq(body->program.names[2], "query");
	body = &route->reply_edits.body;
	ck_assert(body->given && body->from == FORMAT_BY_TYPE && body->to == FORMAT_JSON);
	ck_assert_str_eq(body->type, "a/b");
	ck_assert_uint_eq(body->program.name_count, 2);
	ck_assert_uint_ne(body->program.index, route->request_edits.body.program.index);
	ck_assert_uint_eq(body->on.count, 2);
	ck_assert(body->on.items[0].first == 200 && body->on.items[0].last == 299);
	ck_assert_uint_eq(route->reply_edits.statuses.count, 2);
	ck_assert_uint_eq(route->reply_edits.statuses.items[1].first, 500);
	ck_assert_uint_eq(route->reply_edits.statuses.items[1].to, 502);
	ck_assert_uint_eq(settings->program_count, 2);
}
END_TEST

START_TEST(nothing_is_done_unless_said)
{
	ck_assert_str_eq(read_route("service: s"), "");
	ck_assert(!settings->routes[0].request_edits.body.given);
	ck_assert(!settings->routes[0].reply_edits.body.given);
	ck_assert(!settings->routes[0].fields.given);
	ck_assert_uint_eq(settings->routes[0].limits.reply_bytes, 8 << 20);
	ck_assert_str_eq(read_route("service: s, fields: true, reply: {body: {template: x}}"), "");
	ck_assert_str_eq(settings->routes[0].fields.param, "fields");
	ck_assert_uint_eq(settings->routes[0].fields.max, 50);
	ck_assert_str_eq(settings->routes[0].reply_edits.body.type, "text/plain; charset=utf-8");
	ck_assert_str_eq(template_text(settings->routes[0].reply_edits.body.text), "x");
}
END_TEST

#define COMPOSE "compose: {calls: {a: {service: s, path: /a}}}"

static const struct {
	const char *keys, *told;
} mistakes[] = {
	{"service: s, reply: {status: 404}", "no map of at most 64 statuses"},
	{"service: s, reply: {status: {\"600\": 200}}", "no status that can be changed"},
	{"service: s, reply: {status: {\"1xx\": 200}}", "no status that can be changed"},
	{"service: s, reply: {status: {\"206\": 200}}", "no status that can be changed"},
	{"service: s, reply: {status: {\"404\": 204}}", "can't be answered with"},
	{"service: s, reply: {status: {\"404\": 2xx}}", "can't be answered with"},
	{"service: s, request: {status: {\"404\": 200}}", "status"},
	{"service: s, reply: {body: {on: 20}}", "is no status"},
	{"service: s, request: {body: {on: 2xx}}", "on"},
	{"service: s, reply: {body: {from: yaml}}", "yaml"},
	{"service: s, reply: {body: {to: type}}", "type"},
	{"service: s, reply: {body: {jq: \".a |\"}}",
	 "jq: syntax error, unexpected $end, line 1\n"},
	{"service: s, reply: {body: {jq: \".a\\n| {\"}}",
	 "jq: syntax error, unexpected $end, line 2\n"},
	{"service: s, reply: {body: {jq: $body}}", "jq: $body is not defined, line 1\n"},
	{"service: s, request: {body: {jq: $status}}", "jq: $status is not defined, line 1\n"},
	{"service: s, request: {body: {jq: \"$query | $reply\"}}",
	 "jq: $reply is not defined, line 1\n"},
	{"service: s, views: {a: {device: bot, reply: \"[\"}}",
	 "jq: syntax error, unexpected $end, line 1\n"},
	{"service: s, reply: {body: {template: \"{body.a}\"}}", "there is no {body.a}"},
	{"service: s, reply: {body: {template: \"{path.x}\"}}", "path, {reply.MEMBER}, {*}"},
	{"service: s, request: {body: {template: \"{path.x}\"}}", "path, {body.MEMBER}, {*}"},
	{"service: s, reply: {body: {template: \"{reply.a\"}}", "a '{' without"},
	{"service: s, reply: {body: {template: a, to: text}}", "keep one of them"},
	{"service: s, reply: {body: {type: text}}", "is no media type"},
	{"service: s, reply: {body: {to: json, root: a}}", "only XML has a root"},
	{"service: s, body_check: json, request: {body: {}}", "reads the body already"},
	{"service: s, fields: 1", "write true, or a map"},
	{"service: s, fields: {max: 0}", "max"},
	{"service: s, limits: {reply: 1GiB}", "reply"},
	{"respond: {status: 200}, fields: true", "the route asks no service"},
	{"respond: {status: 200}, reply: {body: {}}", "the route asks no service"},
	{COMPOSE ", reply: {body: {}}", "the route is composed"},
	{COMPOSE ", reply: {status: {\"404\": 200}}", "the route is composed"},
	{"service: s, xmlrpc: {method: m}, fields: true", "XML-RPC"},
	{"service: s, xmlrpc: {method: m}, reply: {body: {}}", "XML-RPC"},
};

START_TEST(mistakes_are_told)
{
	const char *told = read_route(mistakes[_i].keys);
	ck_assert_msg(strstr(told, mistakes[_i].told) != NULL, "%s: %s", mistakes[_i].keys, told);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("settings_body");
	TCase *c = tcase_create("settings_body");

	tcase_add_checked_fixture(c, settings_case_setup, settings_case_teardown);
	tcase_add_test(c, bodies_and_statuses_are_read);
	tcase_add_test(c, nothing_is_done_unless_said);
	tcase_add_loop_test(c, mistakes_are_told, 0, sizeof(mistakes) / sizeof(mistakes[0]));
	suite_add_tcase(s, c);
	return s;
}

int main(void)
{
	return unit_run(suite());
}
