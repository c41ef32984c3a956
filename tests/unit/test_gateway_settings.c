/* gateway settings: a good file fills the structs, a bad one is told all its mistakes in one run.
 */
#include "gateway/router.h"
#include "gateway/settings.h"
#include "tests/unit/settings_case.h"
#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

START_TEST(an_empty_file_has_the_defaults)
{
	ck_assert_str_eq(settings_case_read(""), "");
	ck_assert_uint_eq(settings->listen_count, 1);
	ck_assert_str_eq(settings->listen[0].host, "127.0.0.1");
	ck_assert_uint_eq(settings->listen[0].port, 8080);
	ck_assert_str_eq(settings->admin.address.host, "127.0.0.1");
	ck_assert_uint_eq(settings->admin.address.port, 8081);
	ck_assert(!settings->registry.given);
	ck_assert_uint_ge(settings->workers, 1);
	ck_assert_uint_eq(settings->limits.request_line_bytes, 16384);
	ck_assert_uint_eq(settings->limits.headers_bytes, 32768);
	ck_assert_uint_eq(settings->limits.headers_count, 100);
	ck_assert_uint_eq(settings->limits.body_bytes, 10u << 20);
	ck_assert_uint_eq(settings->limits.connections, 10000);
	ck_assert_uint_eq(settings->limits.header_timeout_ms, 10000);
	ck_assert_uint_eq(settings->limits.idle_timeout_ms, 60000);
	ck_assert_uint_eq(settings->limits.half_close_ms, 1000);
	ck_assert_uint_eq(settings->limits.tunnels, 5000);
	ck_assert_uint_eq(settings->limits.tunnel_idle_ms, 3600000);
	ck_assert_uint_eq(settings->limits.rate_bytes, 240);
	ck_assert_uint_eq(settings->limits.rate_grace_ms, 10000);
	ck_assert_uint_eq(settings->limits.cache_bytes, 64u << 20);
	ck_assert_uint_eq(settings->limits.cache_object_bytes, 1u << 20);
	ck_assert_int_eq(settings->log.level, LOG_INFO);
	ck_assert_int_eq(settings->log.access, ACCESS_STDOUT);
	ck_assert_int_eq(settings->log.format, LOG_FORMAT_JSON);
	ck_assert_uint_eq(settings->drain_delay_ms, 0);
	ck_assert_uint_eq(settings->drain_timeout_ms, 30000);
	ck_assert_uint_eq(settings->route_count, 0);
	ck_assert_uint_eq(settings->service_count, 0);
	ck_assert_str_eq(settings->file, settings_case_file);
}
END_TEST

START_TEST(keys_with_everything_in_them_commented_out_have_the_defaults)
{
	ck_assert_str_eq(settings_case_read("limits:\n  # body: 1\nlog:\nservices:\nroutes:\n"),
			 "");
	ck_assert_uint_eq(settings->limits.headers_count, 100);
	ck_assert_uint_eq(settings->route_count, 0);
}
END_TEST

static const char sample[] =
	"listen: [ \"127.0.0.1:8090\", {address: \"[::1]:8443\"} ]\n"
	"admin: \"127.0.0.1:8091\"\n"
	"registry: { urls: [\"http://127.0.0.1:8000/RPC2\", \"https://r2/RPC2\"], token_file: /t,\n"
	"            snapshot: /var/lib/microreg/gateway.snapshot }\n"
	"workers: 3\n"
	"limits: {request_line: 8KiB, headers: 16KB, header_count: 50, body: 1MB, connections: 7,\n"
	"         header_timeout: 2s, idle_timeout: 5m, cache: 0, cache_object: 10KiB,"
	" min_rate: 1KiB, min_rate_grace: 3s}\n"
	"trusted_proxies: [10.0.0.0/8, \"fd00::/8\"]\n"
	"log: {level: debug, access: /var/log/access, format: combined}\n"
	"drain_delay: 250ms\n"
	"drain_timeout: 1h\n"
	"services:\n"
	"  orders: { balance: round_robin, connect_timeout: 2s, retry: {attempts: 3} }\n"
	"  legacy:\n"
	"    instances: [\"http://10.0.0.9:80\", {url: \"http://old\", weight: 5}, "
	"\"https://[::1]\", \"unix:/run/app.sock\"]\n"
	"    pool: {idle: 3, idle_timeout: 9s, max_age: 0s, max_requests: 7}\n"
	"    timeout: 3s\n"
	"    max_in_flight: 9\n"
	"    retry: {on: [connect, 503], budget: 50, non_idempotent: true}\n"
	"  spare:\n"
	"routes:\n"
	"  - { path: \"/orders/{id}\", methods: [GET], service: orders,\n"
	"      cache: {ttl: 30s, stale_if_error: 2h} }\n"
	"  - path: /my/order-history\n"
	"    service: orders\n"
	"    fallback: { status: 203, json: [] }\n"
	"    timeout: 750ms\n"
	"  - path: /legacy/*\n"
	"    methods: POST, PUT\n"
	"    hosts: [API.Example.org., \"*.example.org\"]\n"
	"    headers: {X-Canary: \"true\", X-Any: true}\n"
	"    query: {v: 2}\n"
	"    service: legacy\n"
	"    cache: off\n"
	"    fallback: {text: sorry}\n"
	"    limits: {body: 2KiB}\n"
	"    debug: true\n"
	"  - { path: /x, service: unlisted, cache: {} }\n"
	"  - { path: /y, service: unlisted, hosts: \"[::1]\", cache: {ttl: 0} }\n";

START_TEST(every_key_arrives_in_its_field)
{
	const struct settings *s;

	ck_assert_str_eq(settings_case_read(sample), "");
	s = settings;
	ck_assert_uint_eq(s->listen_count, 2);
	ck_assert_uint_eq(s->listen[0].port, 8090);
	ck_assert_str_eq(s->listen[0].text, "127.0.0.1:8090");
	ck_assert_uint_eq(s->listen[0].line, 1);
	ck_assert_str_eq(s->listen[1].host, "::1");
	ck_assert_uint_eq(s->admin.address.port, 8091);
	ck_assert(s->registry.given);
	ck_assert_uint_eq(s->registry.urls.count, 2);
	ck_assert_str_eq(s->registry.urls.items[1], "https://r2/RPC2");
	ck_assert_str_eq(s->registry.token_file, "/t");
	ck_assert_str_eq(s->registry.snapshot, "/var/lib/microreg/gateway.snapshot");
	ck_assert_uint_eq(s->workers, 3);
	ck_assert_uint_eq(s->limits.request_line_bytes, 8192);
	ck_assert_uint_eq(s->limits.headers_bytes, 16000);
	ck_assert_uint_eq(s->limits.headers_count, 50);
	ck_assert_uint_eq(s->limits.body_bytes, 1000000);
	ck_assert_uint_eq(s->limits.connections, 7);
	ck_assert_uint_eq(s->limits.header_timeout_ms, 2000);
	ck_assert_uint_eq(s->limits.idle_timeout_ms, 300000);
	ck_assert_uint_eq(s->limits.rate_bytes, 1024);
	ck_assert_uint_eq(s->limits.rate_grace_ms, 3000);
	ck_assert_uint_eq(s->limits.cache_bytes, 0);
	ck_assert_uint_eq(s->limits.cache_object_bytes, 10240);
	ck_assert_uint_eq(s->trusted_proxies.count, 2);
	ck_assert_uint_eq(s->trusted_proxies.items[1].bits, 8);
	ck_assert_int_eq(s->log.level, LOG_DEBUG);
	ck_assert_int_eq(s->log.access, ACCESS_FILE);
	ck_assert_str_eq(s->log.access_file, "/var/log/access");
	ck_assert_int_eq(s->log.format, LOG_FORMAT_COMBINED);
	ck_assert_uint_eq(s->drain_delay_ms, 250);
	ck_assert_uint_eq(s->drain_timeout_ms, 3600000);
}
END_TEST

START_TEST(services_are_read_and_those_only_routes_name_are_added)
{
	const struct settings_service *orders, *legacy, *added;

	ck_assert_str_eq(settings_case_read(sample), "");
	ck_assert_uint_eq(settings->service_listed, 3);
	ck_assert_uint_eq(settings->service_count, 4);
	orders = &settings->services[0];
	ck_assert_str_eq(orders->name, "orders");
	ck_assert_uint_eq(orders->line, 13);
	ck_assert_uint_eq(orders->connect_timeout_ms, 2000);
	ck_assert_uint_eq(orders->timeout_ms, 0);
	ck_assert_uint_eq(orders->retry.attempts, 3);
	ck_assert_uint_eq(orders->retry.on, RETRY_ALL);
	ck_assert_uint_eq(orders->retry.budget, 20);
	ck_assert_uint_eq(orders->max_in_flight, 1024);
	ck_assert_uint_eq(orders->instance_count, 0);
	legacy = &settings->services[1];
	ck_assert_uint_eq(legacy->instance_count, 4);
	ck_assert_str_eq(legacy->instances[0].text, "http://10.0.0.9:80");
	ck_assert_str_eq(legacy->instances[0].host, "10.0.0.9");
	ck_assert_uint_eq(legacy->instances[0].weight, 1);
	ck_assert_uint_eq(legacy->instances[1].port, 80);
	ck_assert_uint_eq(legacy->instances[1].weight, 5);
	ck_assert(!legacy->instances[1].https);
	ck_assert(legacy->instances[2].https);
	ck_assert_str_eq(legacy->instances[2].host, "::1");
	ck_assert_uint_eq(legacy->instances[2].port, 443);
	ck_assert_str_eq(legacy->instances[3].host, "/run/app.sock");
	ck_assert_uint_eq(legacy->instances[3].port, 0);
	ck_assert_uint_eq(legacy->pool.idle, 3);
	ck_assert_uint_eq(legacy->pool.idle_ms, 9000);
	ck_assert_uint_eq(legacy->pool.max_age_ms, 0);
	ck_assert_uint_eq(legacy->pool.max_requests, 7);
	ck_assert_uint_eq(orders->pool.idle, 1024);
	ck_assert_uint_eq(orders->pool.idle_ms, 4000);
	ck_assert_uint_eq(orders->pool.max_age_ms, 3600000);
	ck_assert(orders->tls.verify);
	ck_assert_uint_eq(legacy->timeout_ms, 3000);
	ck_assert_uint_eq(legacy->max_in_flight, 9);
	ck_assert_uint_eq(legacy->retry.on, RETRY_CONNECT | RETRY_503);
	ck_assert_uint_eq(legacy->retry.budget, 50);
	ck_assert(legacy->retry.non_idempotent);
	ck_assert_str_eq(settings->services[2].name, "spare");
	added = &settings->services[3];
	ck_assert_str_eq(added->name, "unlisted");
	ck_assert_uint_eq(added->connect_timeout_ms, 1000);
	ck_assert_uint_eq(added->retry.attempts, 2);
}
END_TEST

START_TEST(routes_are_read)
{
	const struct settings_route *r;
	struct router *router;

	ck_assert_str_eq(settings_case_read(sample), "");
	ck_assert_uint_eq(settings->route_count, 5);
	r = settings->routes;
	ck_assert_uint_eq(r[0].line, 22);
	ck_assert_uint_eq(r[0].path.count, 2);
	ck_assert_str_eq(r[0].path.segments[1].text, "id");
	ck_assert_uint_eq(r[0].methods, HTTP_GET | HTTP_HEAD);
	ck_assert_uint_eq(r[0].service, 0);
	ck_assert_uint_eq(r[0].timeout_ms, 10000);
	ck_assert_uint_eq(r[0].limits.body_bytes, 1000000);
	ck_assert(r[0].cache.given && !r[0].cache.off);
	ck_assert_int_eq(r[0].cache.ttl_ms, 30000);
	ck_assert_int_eq(r[0].cache.stale_if_error_ms, 7200000);
	ck_assert(!r[0].fallback.given && !r[0].debug);

	ck_assert_uint_eq(r[1].line, 24);
	ck_assert_uint_eq(r[1].methods, HTTP_ANY);
	ck_assert_uint_eq(r[1].timeout_ms, 750);
	ck_assert(!r[1].cache.given && !r[1].cache.off);
	ck_assert_int_eq(r[1].cache.ttl_ms, -1);
	ck_assert_int_eq(r[1].cache.stale_if_error_ms, 3600000);
	ck_assert(r[1].fallback.given);
	ck_assert_uint_eq(r[1].fallback.status, 203);
	ck_assert_str_eq(r[1].fallback.type, "application/json");
	ck_assert_str_eq(r[1].fallback.body, "[]");
	ck_assert_uint_eq(r[1].fallback.body_len, 2);

	ck_assert_uint_eq(r[2].methods, HTTP_POST | HTTP_PUT);
	ck_assert_uint_eq(r[2].hosts.count, 2);
	ck_assert_str_eq(r[2].hosts.items[0], "api.example.org");
	ck_assert_str_eq(r[2].hosts.items[1], "*.example.org");
	ck_assert_uint_eq(r[2].headers.count, 2);
	ck_assert_str_eq(r[2].headers.items[0].value, "true");
	ck_assert_ptr_null(r[2].headers.items[1].value);
	ck_assert_str_eq(r[2].query.items[0].value, "2");
	ck_assert_str_eq(r[2].service_name, "legacy");
	ck_assert_uint_eq(r[2].service, 1);
	ck_assert(r[2].cache.off && r[2].debug);
	ck_assert_uint_eq(r[2].fallback.status, 200);
	ck_assert_str_eq(r[2].fallback.type, "text/plain; charset=utf-8");
	ck_assert_str_eq(r[2].fallback.body, "sorry");
	ck_assert_uint_eq(r[2].limits.body_bytes, 2048);

	ck_assert(r[3].cache.given);
	ck_assert_int_eq(r[3].cache.ttl_ms, -1);
	ck_assert_int_eq(r[3].cache.stale_if_error_ms, 3600000);
	ck_assert_uint_eq(r[3].service, 3);
	ck_assert_uint_eq(r[4].service, 3);
	ck_assert_str_eq(r[4].hosts.items[0], "::1");
	ck_assert_int_eq(r[4].cache.ttl_ms, 0);

	router = router_new(r, settings->route_count, NULL);
	ck_assert_ptr_nonnull(router);
	router_free(&router);
}
END_TEST

START_TEST(single_values_stand_for_lists_and_off_means_off)
{
	ck_assert_str_eq(
		settings_case_read("listen: \":80\"\nadmin: off\nlog: {access: off}\n"
				   "registry: {urls: http://r}\ntrusted_proxies: 10.0.0.1\n"
				   "routes:\n- {path: /, methods: GET, hosts: a, service: b}\n"),
		"");
	ck_assert_str_eq(settings->listen[0].host, "0.0.0.0");
	ck_assert_ptr_null(settings->admin.address.host);
	ck_assert_int_eq(settings->log.access, ACCESS_OFF);
	ck_assert_uint_eq(settings->registry.urls.count, 1);
	ck_assert_uint_eq(settings->trusted_proxies.items[0].bits, 128);
	ck_assert_uint_eq(settings->routes[0].hosts.count, 1);
}
END_TEST

START_TEST(a_fallback_is_sent_as_it_was_written)
{
	ck_assert_str_eq(
		settings_case_read(
			"registry: {urls: http://r}\n"
			"routes:\n"
			"- path: /\n"
			"  service: b\n"
			"  fallback:\n"
			"    type: application/vnd.x+json\n"
			"    json:\n"
			"      a: [1, -0.10, 1e5, 007, \"1\", true, \"true\", null, x\\y, 1.]\n"
			"      \"b \\\"c\": {}\n"
			"      id: 12345678901234567890\n"),
		"");
	ck_assert_str_eq(settings->routes[0].fallback.body,
			 "{\"a\":[1,-0.10,1e5,\"007\",\"1\",true,\"true\",null,\"x\\\\y\",\"1.\"],"
			 "\"b \\\"c\":{},\"id\":12345678901234567890}");
	ck_assert_str_eq(settings->routes[0].fallback.type, "application/vnd.x+json");
}
END_TEST

START_TEST(the_environment_fills_values)
{
	setenv("MICROREG_TEST_PORT", "8123", 1);
	unsetenv("MICROREG_TEST_NONE");
	ck_assert_str_eq(settings_case_read("listen: 127.0.0.1:${MICROREG_TEST_PORT}\n"), "");
	ck_assert_uint_eq(settings->listen[0].port, 8123);
	ck_assert_str_eq(
		settings_case_read("workers: 0\nlog: {access: \"${MICROREG_TEST_NONE}\"}\n"),
		"1: workers: 0 is too little; write 1 to 256\n"
		"2: log.access: the environment variable MICROREG_TEST_NONE is not set; set it, "
		"or write the value here\n");
}
END_TEST

/* ---- Mistakes ---- */

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
	 "10: routes[0]: the key \"service\" is missing; write service: name of a service\n"
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

START_TEST(many_routes_of_one_path_and_many_services_are_checked_in_time)
{
	struct buf text;

	buf_init(&text, SETTINGS_FILE_BYTES_MAX);
	buf_puts(&text, "registry: {urls: http://r}\nservices:\n");
	for (unsigned i = 0; i < 3000; i++)
		buf_printf(&text, "  listed%06u: {}\n", i * 1000);
	buf_puts(&text, "routes:\n");
	for (unsigned i = 0; i < 10000; i++)
		buf_printf(&text, "- {path: /*, hosts: h%u, service: other-%u}\n", i, i % 3000);
	ck_assert_str_eq(settings_case_read(buf_str(&text)), "");
	ck_assert_uint_eq(settings->route_count, 10000);
	ck_assert_uint_eq(settings->service_count, 6000);
	buf_fini(&text);
}
END_TEST

START_TEST(the_reference_has_a_row_for_every_key)
{
	static const char *const rows[] = {
		"| `listen` |",
		"| `limits.body` | size, 1 to 1024GiB | `10MiB` |",
		"| `registry.urls` |",
		"| required |",
		"| `services.NAME.retry.attempts` | number, 1 to 10 | `2` |",
		"| `services.NAME.instances[].url` |",
		"| `routes[].cache.ttl` | duration, 0ms to 8760h |",
		"| `log.level` | `debug`, `info`, `warn`, `error` | `info` |"};

	settings_print_reference(&settings_case_mistakes);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		ck_assert_msg(strstr(buf_str(&settings_case_mistakes), rows[i]), "%s", rows[i]);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("gateway_settings");
	TCase *t = tcase_create("gateway_settings");

	tcase_add_checked_fixture(t, settings_case_setup, settings_case_teardown);
	tcase_add_test(t, an_empty_file_has_the_defaults);
	tcase_add_test(t, keys_with_everything_in_them_commented_out_have_the_defaults);
	tcase_add_test(t, every_key_arrives_in_its_field);
	tcase_add_test(t, services_are_read_and_those_only_routes_name_are_added);
	tcase_add_test(t, routes_are_read);
	tcase_add_test(t, single_values_stand_for_lists_and_off_means_off);
	tcase_add_test(t, a_fallback_is_sent_as_it_was_written);
	tcase_add_test(t, the_environment_fills_values);
	tcase_add_loop_test(t, all_mistakes_are_told_in_one_run, 0,
			    (int)(sizeof(bad) / sizeof(bad[0])));
	tcase_add_test(t, a_file_that_is_not_there_is_a_mistake);
	tcase_add_test(t, many_routes_of_one_path_and_many_services_are_checked_in_time);
	tcase_add_test(t, the_reference_has_a_row_for_every_key);
	suite_add_tcase(s, t);
	return unit_run(s);
}
