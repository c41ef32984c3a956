/* admin: each page says what is, in its format, to GET and HEAD alone. */
#include "common/log.h"
#include "gateway/access_log.h"
#include "gateway/admin.h"
#include "gateway/admin_pages.h"
#include "gateway/cache.h"
#include "gateway/stats.h"
#include "tests/unit/unit.h"

#include <curl/curl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char settings_text[] =
	"listen: [\"127.0.0.1:0\"]\n"
	"admin: \"127.0.0.1:0\"\n"
	"log: {access: off}\n"
	"services: {orders: {instances: [\"http://127.0.0.1:9\", \"http://127.0.0.1:10\"]}}\n"
	"routes:\n"
	"  - {path: \"/orders/{id}\", methods: [GET, PUT], service: orders, cache: {ttl: 30s}}\n"
	"  - {path: \"/all/*\", service: orders, cache: off, hosts: [\"a.example\"],\n"
	"     headers: {X-Canary: true}, fallback: {status: 200, json: []}}\n";

static struct gateway gateway;
static struct table *table;
static struct admin *admin;

static struct table *table_of(const char *text)
{
	char file[] = "/tmp/test_admin.XXXXXX";
	int fd = mkstemp(file);
	struct settings *settings;
	struct buf mistakes;
	struct table *made;
	struct err e = {0};

	buf_init(&mistakes, 10000);
	ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	(void)close(fd);
	settings = settings_read(file, &mistakes);
	(void)unlink(file);
	ck_assert_msg(settings != NULL, "%s", buf_str(&mistakes));
	buf_fini(&mistakes);
	made = table_new(settings, &gateway, &e);
	ck_assert_msg(made != NULL, "%s", e.text);
	return made;
}

static void setup(void)
{
	struct err e = {0};

	gateway.stats = stats_new(1);
	gateway.services = services_new(gateway.stats);
	gateway.cache = cache_new(1 << 20, 1 << 16);
	gateway.worker_count = 3;
	table = table_of(settings_text);
	gateway.access_log = access_log_open(&table->settings->log, &e);
	admin = admin_start(&gateway, table, NULL, &e);
	ck_assert_msg(admin != NULL, "%s", e.text);
}

static void teardown(void)
{
	admin_stop(&admin);
	ck_assert_ptr_null(admin);
	table_unref(&table);
	access_log_close(&gateway.access_log);
	cache_free(&gateway.cache);
	services_free(&gateway.services);
	stats_free(&gateway.stats);
}

/* ---- Asking ---- */

static struct buf body, head;

static size_t take(char *data, size_t size, size_t count, void *to)
{
	return buf_append(to, data, size * count) ? 0 : size * count;
}

/* The status; body and head are in the bufs. */
static long ask(const char *method, const char *path)
{
	CURL *curl = curl_easy_init();
	char url[200];
	long status = 0;

	buf_fini(&body);
	buf_fini(&head);
	buf_init(&body, 1 << 20);
	buf_init(&head, 1 << 16);
	(void)snprintf(url, sizeof(url), "http://127.0.0.1:%u%s", (unsigned)admin_port(admin),
		       path);
	curl_easy_setopt(curl, CURLOPT_URL, url);
	curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
	curl_easy_setopt(curl, CURLOPT_NOBODY, (long)(strcmp(method, "HEAD") == 0));
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, &body);
	curl_easy_setopt(curl, CURLOPT_HEADERDATA, &head);
	curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
	ck_assert_int_eq(curl_easy_perform(curl), CURLE_OK);
	curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_cleanup(curl);
	return status;
}

static json_t *ask_json(const char *path)
{
	json_error_t error;
	json_t *doc;

	ck_assert_int_eq(ask("GET", path), 200);
	ck_assert_ptr_nonnull(strstr(buf_str(&head), "Content-Type: application/json\r\n"));
	doc = json_loadb(body.data, body.len, 0, &error);
	ck_assert_msg(doc != NULL, "%s: %.*s", error.text, (int)body.len, body.data);
	return doc;
}

static json_t *item(json_t *doc, const char *list, size_t i)
{
	return json_array_get(json_object_get(doc, list), i);
}

static const char *text_of(json_t *doc, const char *key)
{
	const char *text = json_string_value(json_object_get(doc, key));

	return text ? text : "";
}

static long long number_of(json_t *doc, const char *key)
{
	return json_integer_value(json_object_get(doc, key));
}

START_TEST(health_is_ok_and_ready_until_it_drains)
{
	ck_assert_int_eq(ask("GET", "/health"), 200);
	ck_assert_int_eq(ask("GET", "/ready"), 200);
	admin_set_draining(admin);
	ck_assert_int_eq(ask("GET", "/health"), 200);
	ck_assert_int_eq(ask("GET", "/ready"), 503);
	ck_assert_ptr_nonnull(strstr(buf_str(&body), "draining"));
}
END_TEST

START_TEST(head_has_no_body)
{
	ck_assert_int_eq(ask("HEAD", "/status"), 200);
	ck_assert_uint_eq(body.len, 0);
}
END_TEST

START_TEST(another_path_or_method_is_a_problem)
{
	ck_assert_int_eq(ask("GET", "/"), 404);
	ck_assert_ptr_nonnull(strstr(buf_str(&head), "application/problem+json"));
	ck_assert_ptr_nonnull(strstr(buf_str(&body), "/metrics"));
	ck_assert_int_eq(ask("DELETE", "/routes"), 405);
	ck_assert_ptr_nonnull(strstr(buf_str(&head), "Allow: GET, HEAD\r\n"));
}
END_TEST

START_TEST(metrics_have_what_all_parts_count)
{
	stats_inc(stats_worker(gateway.stats, 0), STAT_ACCEPTED);
	ck_assert_int_eq(ask("GET", "/metrics"), 200);
	ck_assert_ptr_nonnull(strstr(buf_str(&head), "Content-Type: "
						     "text/plain; version=0.0.4"));
	ck_assert_ptr_nonnull(strstr(buf_str(&body), "\nmicroreg_gateway_workers 3\n"));
	ck_assert_ptr_nonnull(
		strstr(buf_str(&body), "\nmicroreg_gateway_connections_accepted_total 1\n"));
	ck_assert_ptr_nonnull(strstr(buf_str(&body), "\nmicroreg_gateway_cache_entries 0\n"));
	ck_assert_ptr_nonnull(strstr(buf_str(&body), "build_info{version=\"" MICROREG_VERSION));
	ck_assert_ptr_null(strstr(buf_str(&body), "registry_connected"));
}
END_TEST

START_TEST(status_says_what_runs_and_how_the_last_reload_ended)
{
	json_t *doc = ask_json("/status"), *reading;

	ck_assert_str_eq(text_of(doc, "version"), MICROREG_VERSION);
	ck_assert_int_eq(number_of(doc, "workers"), 3);
	ck_assert(json_is_null(json_object_get(doc, "registry")));
	ck_assert(json_is_true(json_object_get(doc, "ready")));
	reading = json_object_get(json_object_get(doc, "settings"), "last_reading");
	ck_assert(json_is_true(json_object_get(reading, "ok")));
	json_decref(doc);
	admin_note_reload(admin, false, "gateway.yaml:3: unknown key \"rute\"\n");
	doc = ask_json("/status");
	reading = json_object_get(json_object_get(doc, "settings"), "last_reading");
	ck_assert(json_is_false(json_object_get(reading, "ok")));
	ck_assert_str_eq(text_of(reading, "text"), "gateway.yaml:3: unknown key \"rute\"\n");
	json_decref(doc);
}
END_TEST

START_TEST(services_list_their_instances)
{
	json_t *doc = ask_json("/services"), *service = item(doc, "services", 0);

	ck_assert_str_eq(text_of(service, "name"), "orders");
	ck_assert_str_eq(text_of(service, "source"), "settings");
	ck_assert_uint_eq(json_array_size(json_object_get(service, "instances")), 2);
	ck_assert_int_eq(number_of(item(service, "instances", 1), "port"), 10);
	json_decref(doc);
}
END_TEST

START_TEST(a_service_has_a_page_with_what_was_counted)
{
	json_t *doc, *first;
	struct tally_row *row = tallies_hold(stats_tallies(gateway.stats), TALLY_INSTANCE, "orders",
					     "http://127.0.0.1:9");

	tally_reply(&row->tallies[0], 200, 1500);
	tally_recent(&row->tallies[0], 1500);
	tally_set(&row->tallies[0], TALLY_EJECTED_UNTIL_MS, UINT64_MAX / 2);
	doc = ask_json("/services/orders");
	ck_assert_str_eq(text_of(doc, "breaker"), "closed");
	ck_assert_int_eq(number_of(doc, "in_flight_max"), 1024);
	first = item(doc, "instances", 0);
	ck_assert_str_eq(text_of(first, "state"), "ejected");
	ck_assert_int_eq(number_of(first, "replies"), 1);
	ck_assert_str_eq(text_of(item(doc, "instances", 1), "state"), "up");
	json_decref(doc);
	tallies_release(stats_tallies(gateway.stats), &row);
}
END_TEST

START_TEST(an_unknown_service_is_a_problem_that_says_which_there_are)
{
	ck_assert_int_eq(ask("GET", "/services/ordrs"), 404);
	ck_assert_ptr_nonnull(strstr(buf_str(&head), "application/problem+json"));
	ck_assert_ptr_nonnull(
		strstr(buf_str(&body), "did you mean \\\"orders\\\"? there are: orders"));
	ck_assert_int_eq(ask("GET", "/services/"), 404);
	ck_assert_int_eq(ask("PUT", "/services/orders"), 405);
}
END_TEST

START_TEST(pages_are_laid_out_for_people)
{
	ck_assert_int_eq(ask("GET", "/status"), 200);
	ck_assert_ptr_nonnull(strstr(buf_str(&body), "{\n  \"version\": \""));
	ck_assert_ptr_nonnull(strstr(buf_str(&body), "\n  \"loops\": [],\n"));
	ck_assert_ptr_nonnull(strstr(buf_str(&body), "\n}\n"));
}
END_TEST

START_TEST(routes_are_those_in_effect)
{
	json_t *doc = ask_json("/routes"), *first = item(doc, "routes", 0),
	       *second = item(doc, "routes", 1);
	struct table *next;

	ck_assert_str_eq(text_of(first, "path"), "/orders/{id}");
	ck_assert_uint_eq(json_array_size(json_object_get(first, "methods")), 3); /* HEAD too */
	ck_assert_int_eq(number_of(json_object_get(first, "cache"), "ttl_ms"), 30000);
	ck_assert_str_eq(text_of(second, "cache"), "off");
	ck_assert_int_eq(number_of(second, "fallback_status"), 200);
	ck_assert_str_eq(json_string_value(item(second, "hosts", 0)), "a.example");
	ck_assert(json_is_true(json_object_get(json_object_get(second, "headers"), "X-Canary")));
	json_decref(doc);
	next = table_of("services: {users: {instances: [\"http://127.0.0.1:9\"]}}\n"
			"routes: [{path: /users, service: users}]\n");
	admin_set_table(admin, next);
	table_unref(&next);
	doc = ask_json("/routes");
	ck_assert_uint_eq(json_array_size(json_object_get(doc, "routes")), 1);
	ck_assert_str_eq(text_of(item(doc, "routes", 0), "service"), "users");
	json_decref(doc);
}
END_TEST

START_TEST(without_an_admin_door_nothing_happens)
{
	struct admin *none = NULL;

	admin_set_draining(none);
	admin_set_table(none, table);
	admin_note_reload(none, true, "");
	admin_stop(&none);
	ck_assert_uint_eq(admin_port(none), 0);
}
END_TEST

START_TEST(the_reference_has_the_metrics_of_the_admin_door)
{
	struct buf out;

	buf_init(&out, 10000);
	admin_print_metrics(&out);
	ck_assert_ptr_nonnull(strstr(buf_str(&out), "| `microreg_gateway_cache_bytes` | gauge |"));
	buf_fini(&out);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("admin");
	TCase *t = tcase_create("admin");

	log_set_level(LOG_ERROR);
	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, health_is_ok_and_ready_until_it_drains);
	tcase_add_test(t, head_has_no_body);
	tcase_add_test(t, another_path_or_method_is_a_problem);
	tcase_add_test(t, metrics_have_what_all_parts_count);
	tcase_add_test(t, status_says_what_runs_and_how_the_last_reload_ended);
	tcase_add_test(t, services_list_their_instances);
	tcase_add_test(t, a_service_has_a_page_with_what_was_counted);
	tcase_add_test(t, an_unknown_service_is_a_problem_that_says_which_there_are);
	tcase_add_test(t, pages_are_laid_out_for_people);
	tcase_add_test(t, routes_are_those_in_effect);
	tcase_add_test(t, without_an_admin_door_nothing_happens);
	tcase_add_test(t, the_reference_has_the_metrics_of_the_admin_door);
	suite_add_tcase(s, t);
	return unit_run(s);
}
