/* gateway settings: a bad file is told all its mistakes in one run. */
#include "gateway/settings.h"
#include "tests/unit/settings_case.h"
#include "tests/unit/unit.h"

#include <string.h>

static const struct {
	const char *name, *text, *told;
} bad[] = {
	{"unknown keys are refused wherever they are, with the nearest known",
	 "lisen: \":1\"\n"
	 "workers: 2\n"
	 "limits:\n"
	 "  bodi: 1MiB\n"
	 "  zzz: 1\n"
	 "registry: {urls: [\"http://r\"], tokenfile: /a}\n"
	 "services:\n"
	 "  a: {retries: {attempts: 1}, retry: {attempt: 2}}\n"
	 "routes:\n"
	 "- path: /a\n"
	 "  servic: a\n"
	 "  permits: [jwt]\n",
	 "1: lisen: there is no such key; did you mean \"listen\"?\n"
	 "4: limits.bodi: there is no such key; did you mean \"body\"?\n"
	 "5: limits.zzz: there is no such key; remove it, or look it up in the reference\n"
	 "6: registry.tokenfile: there is no such key; did you mean \"token_file\"?\n"
	 "8: services.a.retry.attempt: there is no such key; did you mean \"attempts\"?\n"
	 "8: services.a.retries: there is no such key; remove it, or look it up in the reference\n"
	 "10: routes[0]: the key \"service\" is missing; write service: name of a service, or "
	 "split, "
	 "compose, redirect, respond, rpc or openapi\n"
	 "11: routes[0].servic: there is no such key; did you mean \"service\"?\n"
	 "12: routes[0].permits: there is no such key; remove it, or look it up in the "
	 "reference\n"},
	{"values of the wrong kind say what to write",
	 "listen: []\n"
	 "admin: [\"127.0.0.1:1\"]\n"
	 "registry: http://r\n"
	 "workers: many\n"
	 "limits: 5\n"
	 "log: {level: inf, format: xml, access: \"\"}\n"
	 "drain_delay: 5\n"
	 "drain_timeout: -1s\n"
	 "services: [a]\n"
	 "routes: {path: /}\n",
	 "1: listen: the list is empty; write some, or remove the key\n"
	 "2: admin: this is a list; write a single value\n"
	 "3: registry: this is a value; write a map, \"KEY: value\" on each line\n"
	 "4: workers: \"many\" is no whole number; write digits, like 8\n"
	 "5: limits: this is a value; write a map, \"KEY: value\" on each line\n"
	 "6: log.level: \"inf\" is none of debug, info, warn, error; did you mean \"info\"?\n"
	 "6: log.access: the text is empty; write stdout, journald, off or a file\n"
	 "6: log.format: \"xml\" is not possible here; write one of json, combined, or a template "
	 "like '{client} {method} {path} {status}'\n"
	 "7: drain_delay: \"5\" has no unit; write 5s or 5ms\n"
	 "8: drain_timeout: \"-1s\" is no duration; write one like 250ms, 5s, 10m or 1h\n"
	 "9: services: this is a list; write a map of names\n"
	 "10: routes: this is a map; write a list, each entry starting with \"- \"\n"},
	{"values out of range say what is possible",
	 "limits: {request_line: 1, headers: 2GiB, header_count: 257, body: 0, connections: 0}\n"
	 "drain_delay: 2h\n"
	 "workers: 99999999999999999999\n",
	 "1: limits.request_line: 1 is too little; write 256 to 1MiB\n"
	 "1: limits.headers: 2GiB is too much; write 1KiB to 1MiB\n"
	 "1: limits.header_count: 257 is too much; write 1 to 256\n"
	 "1: limits.body: 0 is too little; write 1 to 1024GiB\n"
	 "1: limits.connections: 0 is too little; write 1 to 1000000\n"
	 "2: drain_delay: 2h is too much; write 0ms to 1h\n"
	 "3: workers: \"99999999999999999999\" is no whole number; write digits, like 8\n"},
	{"addresses are checked, and may be given once",
	 "listen:\n"
	 "- 127.0.0.1\n"
	 "- 127.0.0.1:8080\n"
	 "- {address: \"localhost:8080\"}\n"
	 "- {address: \":8443\", tls: {cert: a}}\n"
	 "- {port: 1}\n"
	 "- 127.0.0.1:0\n"
	 "- 127.0.0.1:0\n"
	 "admin: 127.0.0.1:8080\n"
	 "trusted_proxies: [10.0.0.0/33, here]\n"
	 "registry: {urls: [\"http://r\", \"r:80\"]}\n",
	 "2: listen[0]: \"127.0.0.1\" has no port; write ADDRESS:PORT, like 127.0.0.1:8080\n"
	 "4: listen[2]: localhost:8080 is given twice, first on line 3; remove one\n"
	 "5: listen[3].tls: `cert` and `key` go together; write both\n"
	 "6: listen[4]: the key \"address\" is missing; write address: ADDRESS:PORT\n"
	 "6: listen[4].port: there is no such key; remove it, or look it up in the reference\n"
	 "9: admin: 127.0.0.1:8080 is given twice, first on line 3; remove one\n"
	 "9: admin: 127.0.0.1:8080 is given twice, first on line 4; remove one\n"
	 "10: trusted_proxies[0]: \"10.0.0.0/33\" is no network; write one like 10.0.0.0/8 or "
	 "fd00::/8\n"
	 "10: trusted_proxies[1]: \"here\" is no network; write one like 10.0.0.0/8 or fd00::/8\n"
	 "11: registry.urls[1]: \"r:80\" is no http or https URL; write http://HOST:PORT\n"},
	{"an address that a default takes is refused", "listen: 127.0.0.1:8081\n",
	 "1: listen: 127.0.0.1:8081 is what `admin` takes when it is not given; choose another for "
	 "one of them\n"},
	{"the other way round too", "admin: 127.0.0.1:8080\n",
	 "1: admin: 127.0.0.1:8080 is what `listen` takes when it is not given; choose another for "
	 "one of them\n"},
	{"without a registry a service needs its instances",
	 "services:\n"
	 "  orders:\n"
	 "  users: {instances: [\"http://a\"]}\n"
	 "routes:\n"
	 "- {path: /a, service: orders}\n"
	 "- {path: /b, service: users}\n"
	 "- {path: /c, service: payments}\n"
	 "- {path: /d, service: payments}\n",
	 "2: services.orders: it has no instances, and there is no registry to ask; write "
	 "instances: "
	 "[\"http://HOST:PORT\"], or registry: {urls: […]}\n"
	 "7: routes[2].service: no service \"payments\" is listed, and there is no registry to "
	 "ask; "
	 "list it under services with its instances, or write registry: {urls: […]}\n"
	 "8: routes[3].service: no service \"payments\" is listed, and there is no registry to "
	 "ask; "
	 "list it under services with its instances, or write registry: {urls: […]}\n"},
	{"a service that is nearly a listed one is a mistake",
	 "registry: {urls: http://r}\n"
	 "services: {orders: {}, users: {}}\n"
	 "routes:\n"
	 "- {path: /a, service: ordrs}\n"
	 "- {path: /b, service: inventory}\n"
	 "- {path: /c, service: ordrs}\n"
	 "- {path: /d, service: Users}\n",
	 "4: routes[0].service: no service \"ordrs\" is listed; did you mean \"orders\"? (If not, "
	 "list it under services: \"ordrs: {}\")\n"
	 "6: routes[2].service: no service \"ordrs\" is listed; did you mean \"orders\"? (If not, "
	 "list it under services: \"ordrs: {}\")\n"
	 "7: routes[3].service: no service \"Users\" is listed; did you mean \"users\"? (If not, "
	 "list it under services: \"Users: {}\")\n"},
	{"services and their instances are checked",
	 "services:\n"
	 "  a b: {instances: [\"http://a\"]}\n"
	 "  c:\n"
	 "    instances: [a:80, \"unix:app.sock\", \"http://a/b\", {url: \"http://a\", weight: 0}, "
	 "{}]\n"
	 "    retry: {attempts: 0, on: [conect, 500, 503], budget: 101, non_idempotent: maybe}\n"
	 "    max_in_flight: 0\n"
	 "    connect_timeout: 0s\n"
	 "  d: 5\n"
	 "  e: {instances: \"http://a\", retry: {on: []}}\n"
	 "routes: [{path: /d, service: d}]\n",
	 "2: services.a b: this is no name of a service; letters, digits, '_', '-' and '.' are "
	 "possible, at most 128\n"
	 "4: services.c.instances[0]: \"a:80\" is no http or https URL; write http://HOST:PORT\n"
	 "4: services.c.instances[1]: \"unix:app.sock\" names no socket; write unix: and its whole "
	 "path, like unix:/run/app.sock\n"
	 "4: services.c.instances[2]: \"http://a/b\" has a path, but an instance is asked for the "
	 "path of the request; write http://HOST:PORT\n"
	 "4: services.c.instances[3].weight: 0 is too little; write 1 to 1000\n"
	 "4: services.c.instances[4]: the key \"url\" is missing; write url: http://HOST:PORT, "
	 "https://HOST:PORT or unix:/PATH\n"
	 "5: services.c.retry.attempts: 0 is too little; write 1 to 10\n"
	 "5: services.c.retry.on[0]: \"conect\" is none of connect, reset, malformed, timeout, "
	 "502, "
	 "503, 504; did you mean \"connect\"?\n"
	 "5: services.c.retry.on[1]: \"500\" is none of connect, reset, malformed, timeout, 502, "
	 "503, 504; did you mean \"502\"?\n"
	 "5: services.c.retry.budget: 101 is too much; write 0 to 100\n"
	 "5: services.c.retry.non_idempotent: \"maybe\" is not yes or no; write true or false\n"
	 "6: services.c.max_in_flight: 0 is too little; write 1 to 1000000\n"
	 "7: services.c.connect_timeout: 0s is too little; write 1ms to 10m\n"
	 "8: services.d: this is a value; write a map, \"KEY: value\" on each line\n"
	 "8: services.d: it has no instances, and there is no registry to ask; write instances: "
	 "[\"http://HOST:PORT\"], or registry: {urls: […]}\n"
	 "9: services.e.instances: this is no list of at most 10000 addresses; write "
	 "[\"http://HOST:PORT\", …]\n"
	 "9: services.e.retry.on: the list is empty; write some, or remove the key\n"},
	{"routes are checked",
	 "registry: {urls: http://r}\n"
	 "routes:\n"
	 "- {path: orders, service: a}\n"
	 "- {path: \"/a/{b\", service: a}\n"
	 "- {service: \"a/b\"}\n"
	 "- /just/a/path\n"
	 "- {path: /e, service: a, methods: [get, FETCH]}\n"
	 "- {path: /f, service: a, methods: []}\n"
	 "- {path: /g, service: a, hosts: [\"a:80\", \"a b\", \"*\", \"a.*\"]}\n"
	 "- {path: /h, service: a, headers: {\"a b\": 1, c: }, query: [d]}\n"
	 "- {path: /i, service: a, cache: on, timeout: 0}\n"
	 "- {path: /j, service: a, cache: {ttl: 1 h}}\n"
	 "- {path: /k, service: a, fallback: {status: 99, json: '{\"a\": 1}', type: html}}\n"
	 "- {path: /l, service: a, fallback: {text: a, json: b}}\n"
	 "- {path: /m, service: a, limits: {bodi: 1}, debug: 2}\n",
	 "3: routes[0].path: \"orders\" does not start with '/'; write \"/orders\"\n"
	 "4: routes[1].path: \"/a/{b\": {name} stands for a whole segment, as in /a/{id}/b\n"
	 "5: routes[2]: the key \"path\" is missing; write path: /literal/{name}/*\n"
	 "5: routes[2].service: \"a/b\" is no name of a service; letters, digits, '_', '-' and '.' "
	 "are possible, at most 128\n"
	 "6: routes[3]: this is a value; write a map, \"KEY: value\" on each line\n"
	 "7: routes[4].methods[0]: \"get\" is none of GET, HEAD, POST, PUT, PATCH, DELETE, TRACE, "
	 "OPTIONS; did you mean \"GET\"?\n"
	 "7: routes[4].methods[1]: \"FETCH\" is none of GET, HEAD, POST, PUT, PATCH, DELETE, "
	 "TRACE, "
	 "OPTIONS; did you mean \"PATCH\"?\n"
	 "8: routes[5].methods: the list is empty; write some, or remove the key\n"
	 "9: routes[6].hosts[0]: \"a:80\" is no host; write one like api.example.org or "
	 "*.example.org, without a port\n"
	 "9: routes[6].hosts[1]: \"a b\" is no host; write one like api.example.org or "
	 "*.example.org, without a port\n"
	 "9: routes[6].hosts[2]: \"*\" is no host; write one like api.example.org or "
	 "*.example.org, without a port\n"
	 "9: routes[6].hosts[3]: \"a.*\" is no host; write one like api.example.org or "
	 "*.example.org, without a port\n"
	 "10: routes[7].headers.a b: \"a b\" can't be a name here\n"
	 "10: routes[7].headers.c: there is no value; write one, or remove the key\n"
	 "10: routes[7].query: this is no map of at most 16 conditions; write {NAME: \"value\"}, "
	 "or "
	 "{NAME: true} for any value\n"
	 "11: routes[8].timeout: 0 is too little; write 1ms to 24h\n"
	 "11: routes[8].cache: write a map, like {ttl: 30s}, or off\n"
	 "12: routes[9].cache.ttl: \"1 h\" is no duration; write one like 250ms, 5s, 10m or 1h\n"
	 "13: routes[10].fallback.status: 99 is too little; write 200 to 599\n"
	 "13: routes[10].fallback.json: this is a text that looks like JSON; write the value "
	 "itself, "
	 "without quotes, or use `text` and `type`\n"
	 "13: routes[10].fallback.type: \"html\" is no media type; write one like text/html\n"
	 "14: routes[11].fallback.text: there is a `json` already; keep one of them\n"
	 "15: routes[12].limits.bodi: there is no such key; did you mean \"body\"?\n"
	 "15: routes[12].debug: \"2\" is not yes or no; write true or false\n"},
	{"routes whose own path is refused are told",
	 "registry: {urls: http://r}\n"
	 "routes:\n"
	 "- {path: /a//b, service: s}\n"
	 "- {path: \"/a%2fb\", service: s}\n"
	 "- {path: \"/c%2fd\", service: s, paths: {escaped_slash: keep}}\n"
	 "- {path: \"/a;b\", service: s, paths: {semicolon: no}}\n",
	 "3: routes[0].path: no request can have this path, for runs of slashes are made one; "
	 "remove one, or write paths: {repeated_slash: keep}\n"
	 "4: routes[1].path: no request can have this path, for it has an escaped slash; write "
	 "paths: {escaped_slash: keep}\n"
	 "6: routes[3].paths.semicolon: \"no\" is not possible here; write one of refuse, keep\n"
	 "6: routes[3].path: no request can have this path, for it has a semicolon; write "
	 "paths: {semicolon: keep}\n"},
	{"routes that requests can't tell apart name each other",
	 "registry: {urls: http://r}\n"
	 "routes:\n"
	 "- {path: \"/a/{b}\", service: a, methods: GET}\n"
	 "- {path: \"/a/{c}\", service: b, methods: [GET, HEAD]}\n"
	 "- {path: \"/a/{c}\", service: b}\n"
	 "- {path: /a/b, service: a}\n"
	 "- {path: \"/a/%62\", service: b}\n"
	 "- {path: /a/b, service: a, hosts: [x, y]}\n"
	 "- {path: /a/b, service: b, hosts: [y, z, z]}\n"
	 "- {path: /a/b, service: b, headers: {A: 1, B: 2}}\n"
	 "- {path: /a/b, service: a, headers: {b: 2, a: 1}}\n"
	 "- {path: /a/b, service: a, headers: {b: 2, a: 2}}\n",
	 "4: routes[1]: requests can't tell it from routes[0] on line 3: path, hosts, conditions "
	 "and "
	 "methods meet; change or remove one\n"
	 "7: routes[4]: requests can't tell it from routes[3] on line 6: path, hosts, conditions "
	 "and "
	 "methods meet; change or remove one\n"
	 "9: routes[6]: requests can't tell it from routes[5] on line 8: path, hosts, conditions "
	 "and "
	 "methods meet; change or remove one\n"
	 "11: routes[8]: requests can't tell it from routes[7] on line 10: path, hosts, conditions "
	 "and methods meet; change or remove one\n"},
	{"a mistake of the syntax is told with its line",
	 "routes:\n"
	 "- {path: /orders/{id}, service: a}\n",
	 "2: this is not YAML: did not find expected ',' or '}', while parsing a flow mapping; "
	 "text that holds any of {}[], needs quotes here\n"},
	{"a key twice is a mistake",
	 "workers: 1\n"
	 "workers: 2\n",
	 "2: workers: the key is given twice, first on line 1; keep one\n"},
	{"a file that is no map is a mistake", "- a\n",
	 "1: this is a list; write a map, \"KEY: value\" on each line\n"},
	{"a registry needs addresses", "registry:\nroutes: [{path: /, service: a}]\n",
	 "1: registry: the key \"urls\" is missing; write urls: [\"http://HOST:8000/RPC2\"]\n"},
};

START_TEST(all_mistakes_are_told_in_one_run)
{
	const char *told = settings_case_read(bad[_i].text);

	ck_assert_msg(strcmp(told, bad[_i].told) == 0, "%s:\n%s", bad[_i].name, told);
}
END_TEST

START_TEST(a_file_that_is_not_there_is_a_mistake)
{
	settings = settings_read("/nonexistent/gateway.yaml", &settings_case_mistakes);
	ck_assert_ptr_null(settings);
	ck_assert_str_eq(buf_str(&settings_case_mistakes),
			 "/nonexistent/gateway.yaml: the file can't be read: No "
			 "such file or directory\n");
}
END_TEST

int main(void)
{
	Suite *s = suite_create("settings_mistakes");
	TCase *t = tcase_create("settings_mistakes");

	tcase_add_checked_fixture(t, settings_case_setup, settings_case_teardown);
	tcase_add_loop_test(t, all_mistakes_are_told_in_one_run, 0,
			    (int)(sizeof(bad) / sizeof(bad[0])));
	tcase_add_test(t, a_file_that_is_not_there_is_a_mistake);
	suite_add_tcase(s, t);
	return unit_run(s);
}
