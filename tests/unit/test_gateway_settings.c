/* gateway settings: a good file fills the structs; test_settings_mistakes has the bad ones. */
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
	tcase_add_test(t, many_routes_of_one_path_and_many_services_are_checked_in_time);
	tcase_add_test(t, the_reference_has_a_row_for_every_key);
	suite_add_tcase(s, t);
	return unit_run(s);
}
