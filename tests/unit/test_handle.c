/* handle: options, arguments and what is said of those that are wrong; no registry is needed. */
#include "client-lib/microreg.h"
#include "tests/unit/unit.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Nobody listens on port 1, so that a connection is refused at once. */
#define NOBODY "http://127.0.0.1:1/RPC2"

static struct microreg_error error;

static const struct open_case {
	const char *name;
	struct microreg_options options;
	const char *says; /* NULL: opens */
} open_cases[] = {
	{"the defaults open", {0}, NULL},
	{"one address opens", {.urls = NOBODY}, NULL},
	{"several open, by commas and spaces",
	 {.urls = "http://a:1/, http://b:2/RPC2  http://[::1]:3"},
	 NULL},
	{"a user and a password open", {.urls = "http://any:token@host:8000/"}, NULL},
	{"an address needs its scheme",
	 {.urls = "127.0.0.1:8000"},
	 "urls: \"127.0.0.1:8000\"; allowed"},
	{"another scheme does not", {.urls = "ftp://a/"}, "urls: \"ftp://a/\""},
	{"TLS opens",
	 {.urls = "https://a/", .ca_file = "/a", .cert_file = "b", .key_file = "c"},
	 NULL},
	{"a certificate needs its key", {.urls = "https://a/", .cert_file = "b"}, "key_file"},
	{"nor files", {.urls = "file:///etc/passwd"}, "urls:"},
	{"nor a query", {.urls = "http://a/?b"}, "urls:"},
	{"nor nonsense", {.urls = "http://"}, "urls:"},
	{"nor commas alone", {.urls = " , "}, "no address in it"},
	{"a token without spaces opens", {.token = "abc.DEF-123"}, NULL},
	{"a token with a line feed would forge headers",
	 {.token = "a\r\nX: y"},
	 "token: a space or"},
	{"a timeout is at least 10 ms", {.timeout_ms = 9}, "timeout_ms: 9; allowed: 10 to 600000"},
	{"a timeout is at most 10 minutes", {.timeout_ms = 600001}, "timeout_ms: 600001"},
	{"a name has no control characters", {.name = "a\nb"}, "name, kind"},
	{"a snapshot file that is not there opens", {.snapshot_file = "/nonexistent/x"}, NULL},
};

START_TEST(options_are_judged)
{
	const struct open_case *c = &open_cases[_i];
	struct microreg *m = microreg_open(&c->options, &error);

	if (c->says) {
		ck_assert_msg(!m, "%s", c->name);
		ck_assert_int_eq(error.code, MICROREG_BAD_ARGUMENT);
		ck_assert_msg(strstr(error.text, c->says), "%s: %s", c->name, error.text);
		return;
	}
	ck_assert_msg(m != NULL, "%s: %s", c->name, error.text);
	ck_assert_int_eq(error.code, MICROREG_OK);
	microreg_close(&m);
	ck_assert_ptr_null(m);
}
END_TEST

START_TEST(a_secret_is_never_repeated)
{
	struct microreg_options options = {.urls = "http://any:hidden@127.0.0.1:1/"};
	struct microreg_query query = {.service = "a"};
	struct microreg *m = microreg_open(&options, &error);

	ck_assert_ptr_null(microreg_lookup(m, &query, &error));
	ck_assert_ptr_null(strstr(error.text, "hidden"));
	microreg_close(&m);
	options = (struct microreg_options){.urls = NOBODY, .token = "hid den"};
	ck_assert_ptr_null(microreg_open(&options, &error));
	ck_assert_ptr_null(strstr(error.text, "hid"));
}
END_TEST

START_TEST(too_many_addresses_are_refused)
{
	char urls[1024];
	struct microreg_options options = {.urls = urls};

	for (int i = 0; i < 17; i++)
		(void)snprintf(urls + 10 * i, sizeof(urls) - 10 * (size_t)i, "http://a/ ");
	ck_assert_ptr_null(microreg_open(&options, &error));
	ck_assert_msg(strstr(error.text, "more than 16"), "%s", error.text);
}
END_TEST

START_TEST(a_failed_open_explains_a_failed_register)
{
	struct microreg_options options = {.urls = "nonsense"};
	struct microreg_registration me = {.service = "a", .port = 1};
	struct microreg *m = microreg_open(&options, &error);

	ck_assert_ptr_null(m);
	ck_assert_ptr_null(microreg_register(m, &me, &error));
	ck_assert_msg(strstr(error.text, "nonsense"), "%s", error.text);
	error = (struct microreg_error){0};
	ck_assert_ptr_null(microreg_register(NULL, &me, &error));
	ck_assert_int_eq(error.code, MICROREG_BAD_ARGUMENT);
	memset(&error, 0xa5, sizeof(error)); /* what a stack may hold */
	ck_assert_ptr_null(microreg_register(NULL, &me, &error));
	ck_assert_int_eq(error.code, MICROREG_BAD_ARGUMENT);
	ck_assert_ptr_null(microreg_register(NULL, NULL, NULL));
}
END_TEST

static const char *const null_tag[] = {"a", NULL};
static const struct microreg_pair bad_meta[] = {{"a", NULL}};
static const struct microreg_pair long_meta[] = {
	{"0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567"
	 "89012345678901234567890123456789012345678901234567890123456789",
	 ""}};

static const struct register_case {
	const char *name;
	struct microreg_registration me;
	const char *says;
} register_cases[] = {
	{"a service is needed", {.port = 1}, "service: missing"},
	{"a service is a name", {.service = "a/b", .port = 1}, "service: \"a/b\"; allowed: a name"},
	{"a port is needed", {.service = "a"}, "port: 0; allowed: a port"},
	{"a ttl is at least a second", {.service = "a", .port = 1, .ttl_ms = 999}, "ttl_ms: 999"},
	{"a weight is at most 1000", {.service = "a", .port = 1, .weight = 1001}, "weight: 1001"},
	{"a host has no port", {.service = "a", .port = 1, .host = "b:1"}, "host: \"b:1\""},
	{"an id is a name", {.service = "a", .port = 1, .id = "b c"}, "id: \"b c\""},
	{"a status is known", {.service = "a", .port = 1, .status = "ok"}, "status: \"ok\""},
	{"a check is tcp or http",
	 {.service = "a", .port = 1, .check = {.type = "udp"}},
	 "check.type"},
	{"a check's path is absolute",
	 {.service = "a", .port = 1, .check = {.type = "http", .path = "x"}},
	 "check: path"},
	{"tags are not NULL",
	 {.service = "a", .port = 1, .tags = null_tag, .tag_count = 2},
	 "NULL"},
	{"meta is not NULL",
	 {.service = "a", .port = 1, .meta = bad_meta, .meta_count = 1},
	 "NULL"},
	{"meta's names are short",
	 {.service = "a", .port = 1, .meta = long_meta, .meta_count = 1},
	 "meta"},
};

START_TEST(registrations_are_judged_before_anything_is_sent)
{
	const struct register_case *c = &register_cases[_i];
	struct microreg_options options = {.urls = NOBODY};
	struct microreg *m = microreg_open(&options, &error);

	ck_assert_ptr_null(microreg_register(m, &c->me, &error));
	ck_assert_msg(error.code == MICROREG_BAD_ARGUMENT, "%s: %s", c->name, error.text);
	ck_assert_msg(strstr(error.text, c->says), "%s: %s", c->name, error.text);
	microreg_close(&m);
}
END_TEST

START_TEST(a_registry_that_is_not_there_is_named_with_a_remedy)
{
	struct microreg_options options = {.urls = NOBODY};
	struct microreg_registration me = {.service = "a", .port = 1};
	struct microreg *m = microreg_open(&options, &error);

	ck_assert_ptr_null(microreg_register(m, &me, &error));
	ck_assert_int_eq(error.code, MICROREG_UNREACHABLE);
	ck_assert_str_eq(error.text, "no registry answered at " NOBODY ": Connection refused; is "
				     "microreg-registry running?");
	ck_assert_ptr_null(microreg_register(m, &me, NULL));
	microreg_close(&m);
	options.urls = NOBODY " http://127.0.0.1:2/";
	m = microreg_open(&options, &error);
	ck_assert_ptr_null(microreg_register(m, &me, &error));
	ck_assert_str_eq(error.text,
			 "no registry answered: " NOBODY ": Connection refused; "
			 "http://127.0.0.1:2/: Connection refused; is microreg-registry running?");
	microreg_close(&m);
}
END_TEST

START_TEST(null_handles_are_errors_or_harmless)
{
	struct microreg_watch_status status;
	struct microreg_lease *lease = NULL;
	struct microreg *m = NULL;

	microreg_close(NULL);
	microreg_close(&m);
	ck_assert_ptr_null(microreg_lookup(NULL, NULL, &error));
	ck_assert_int_eq(error.code, MICROREG_BAD_ARGUMENT);
	ck_assert_ptr_null(microreg_resolve(NULL, "a"));
	ck_assert_ptr_null(microreg_snapshot_ref(NULL));
	ck_assert_int_eq(microreg_follow(NULL, "a", &error), -1);
	ck_assert_int_eq(microreg_follow_wait(NULL, 0, &error), -1);
	ck_assert_int_eq(microreg_report(NULL, "", NULL, 0, &error), -1);
	ck_assert_int_eq(microreg_deregister(NULL, 0, &error), -1);
	ck_assert_int_eq(microreg_deregister(&lease, 0, &error), -1);
	ck_assert_int_eq(microreg_set_status(NULL, "up", NULL, &error), -1);
	ck_assert_int_eq(microreg_lease_state(NULL), MICROREG_LEASE_LOST);
	ck_assert_str_eq(microreg_lease_id(NULL), "");
	microreg_lease_set_load(NULL, 1);
	microreg_watch_status(NULL, &status);
	ck_assert_uint_eq(status.answered_ms, UINT64_MAX);
	ck_assert_ptr_null(microreg_service_ref(NULL));
}
END_TEST

START_TEST(following_needs_no_registry_and_a_name)
{
	struct microreg_options options = {.urls = NOBODY};
	struct microreg *m = microreg_open(&options, &error);
	char name[16];

	ck_assert_int_eq(microreg_follow(m, "a/b", &error), -1);
	ck_assert_int_eq(error.code, MICROREG_BAD_ARGUMENT);
	for (int i = 0; i < 100; i++) {
		(void)snprintf(name, sizeof(name), "s%d", i);
		ck_assert_int_eq(microreg_follow(m, name, &error), 0);
		ck_assert_int_eq(microreg_follow(m, name, &error), 0);
	}
	ck_assert_int_eq(microreg_follow(m, NULL, &error), 0);
	ck_assert_ptr_null(microreg_resolve(m, "s1"));
	ck_assert_int_eq(microreg_follow_wait(m, 1, &error), -1);
	ck_assert_int_eq(error.code, MICROREG_TIMEOUT);
	microreg_close(&m);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("handle");
	TCase *t = tcase_create("handle");

	(void)unsetenv("MICROREG_URL");
	(void)unsetenv("MICROREG_TOKEN");
	tcase_set_timeout(t, 30);
	tcase_add_loop_test(t, options_are_judged, 0,
			    (int)(sizeof(open_cases) / sizeof(open_cases[0])));
	tcase_add_test(t, a_secret_is_never_repeated);
	tcase_add_test(t, too_many_addresses_are_refused);
	tcase_add_test(t, a_failed_open_explains_a_failed_register);
	tcase_add_loop_test(t, registrations_are_judged_before_anything_is_sent, 0,
			    (int)(sizeof(register_cases) / sizeof(register_cases[0])));
	tcase_add_test(t, a_registry_that_is_not_there_is_named_with_a_remedy);
	tcase_add_test(t, null_handles_are_errors_or_harmless);
	tcase_add_test(t, following_needs_no_registry_and_a_name);
	suite_add_tcase(s, t);
	return unit_run(s);
}
