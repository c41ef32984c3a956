/* settings_services: the keys of a service that say how its instances are chosen and spared. */
#include "tests/unit/settings_case.h"
#include "tests/unit/unit.h"

#include <stdio.h>

#define BALANCE_FORMS                                                   \
	"write round_robin, least_request, random, or {hash: client}, " \
	"{hash: path}, {hash: {header: NAME}}, {hash: {cookie: NAME}}\n"

static const struct {
	const char *text;
	struct settings_balance balance;
} balances[] = {
	{"round_robin", {.kind = BALANCE_ROUND_ROBIN, .by = HASH_BY_CLIENT, .name = NULL}},
	{"least_request", {.kind = BALANCE_LEAST_REQUEST, .by = HASH_BY_CLIENT, .name = NULL}},
	{"random", {.kind = BALANCE_RANDOM, .by = HASH_BY_CLIENT, .name = NULL}},
	{"{hash: client}", {.kind = BALANCE_HASH, .by = HASH_BY_CLIENT, .name = NULL}},
	{"{hash: path}", {.kind = BALANCE_HASH, .by = HASH_BY_PATH, .name = NULL}},
	{"{hash: {header: X-User}}",
	 {.kind = BALANCE_HASH, .by = HASH_BY_HEADER, .name = "X-User"}},
	{"{kind: random}", {.kind = BALANCE_RANDOM}},
	{"{kind: least_request, sticky: {cookie: at}}",
	 {.kind = BALANCE_LEAST_REQUEST,
	  .sticky = {.cookie = "at", .path = "/", .http_only = true}}},
	{"{hash: path, sticky: {cookie: at, key: 0123456789abcdef, ttl: 1h, path: /shop, "
	 "secure: true, http_only: false, same_site: none}}",
	 {.kind = BALANCE_HASH,
	  .by = HASH_BY_PATH,
	  .sticky = {.cookie = "at",
		     .key = "0123456789abcdef",
		     .path = "/shop",
		     .ttl_ms = 3600000,
		     .secure = SECURE_ALWAYS,
		     .same_site = SAME_SITE_NONE}}},
	{"{hash: {cookie: session}}",
	 {.kind = BALANCE_HASH, .by = HASH_BY_COOKIE, .name = "session"}},
};

START_TEST(every_way_to_balance_is_read)
{
	const struct settings_balance *b;
	char text[400];

	(void)snprintf(text, sizeof(text),
		       "zone: here\n"
		       "services: {a: {instances: [{url: \"http://a\", zone: there}],\n"
		       "  slow_start: 30s, balance: %s}}\n",
		       balances[_i].text);
	ck_assert_str_eq(settings_case_read(text), "");
	b = &settings->services[0].balance;
	ck_assert_int_eq(b->kind, balances[_i].balance.kind);
	ck_assert_int_eq(b->by, balances[_i].balance.by);
	ck_assert_pstr_eq(b->name, balances[_i].balance.name);
	ck_assert_pstr_eq(b->sticky.cookie, balances[_i].balance.sticky.cookie);
	ck_assert_pstr_eq(b->sticky.key, balances[_i].balance.sticky.key);
	if (b->sticky.cookie)
		ck_assert_str_eq(b->sticky.path, balances[_i].balance.sticky.path);
	ck_assert_uint_eq(b->sticky.ttl_ms, balances[_i].balance.sticky.ttl_ms);
	ck_assert_int_eq(b->sticky.secure, balances[_i].balance.sticky.secure);
	ck_assert_int_eq(b->sticky.same_site, balances[_i].balance.sticky.same_site);
	if (b->sticky.cookie)
		ck_assert_int_eq(b->sticky.http_only, balances[_i].balance.sticky.http_only);
	ck_assert_str_eq(settings->zone, "here");
	ck_assert_str_eq(settings->services[0].instances[0].zone, "there");
	ck_assert_uint_eq(settings->services[0].slow_start_ms, 30000);
}
END_TEST

static const struct {
	const char *text;
	struct settings_breaker breaker;
} breakers[] = {
	{"on", {false, 20, 50, 10000, 10000, 10000}},
	{"off", {.off = true}},
	{"{}", {false, 20, 50, 10000, 10000, 10000}},
	{"{requests: 5, failed: 80, window: 1s, open: 200ms, ramp: 2s}",
	 {false, 5, 80, 1000, 200, 2000}},
};

START_TEST(every_breaker_is_read)
{
	const struct settings_breaker *b, *expected = &breakers[_i].breaker;
	char text[400];

	(void)snprintf(text, sizeof(text),
		       "services: {a: {instances: [\"http://a\"], breaker: %s}}\n",
		       breakers[_i].text);
	ck_assert_str_eq(settings_case_read(text), "");
	b = &settings->services[0].breaker;
	ck_assert_int_eq(b->off, expected->off);
	ck_assert_uint_eq(b->requests, expected->requests);
	ck_assert_uint_eq(b->failed, expected->failed);
	ck_assert_uint_eq(b->window_ms, expected->window_ms);
	ck_assert_uint_eq(b->open_ms, expected->open_ms);
	ck_assert_uint_eq(b->ramp_ms, expected->ramp_ms);
}
END_TEST

START_TEST(a_service_that_is_not_listed_has_the_breaker_too)
{
	ck_assert_str_eq(settings_case_read("registry: {urls: http://r}\n"
					    "routes: [{path: /a, service: a}]\n"),
			 "");
	ck_assert(!settings->services[0].breaker.off);
	ck_assert_uint_eq(settings->services[0].breaker.requests, 20);
}
END_TEST

START_TEST(a_backup_is_listed_or_the_registrys)
{
	const struct settings_service *s;

	ck_assert_str_eq(settings_case_read("registry: {urls: http://r}\n"
					    "services:\n"
					    "  a: {backup: archive}\n"
					    "  b: {backup: a}\n"
					    "  c: {}\n"
					    "routes: [{path: /x, service: archive}]\n"),
			 "");
	s = settings->services;
	ck_assert_str_eq(s[s[0].backup].name, "archive");
	ck_assert_str_eq(s[s[1].backup].name, "a");
	ck_assert_ptr_null(s[2].backup_name);
	ck_assert_uint_eq(settings->service_count, 4);
}
END_TEST

static const struct {
	const char *keys, *told;
} wrong[] = {
	{"balance: least_requests",
	 "1: services.a.balance: \"least_requests\" is no way to balance; " BALANCE_FORMS},
	{"balance: hash", "1: services.a.balance: \"hash\" is no way to balance; " BALANCE_FORMS},
	{"balance: [random]", "1: services.a.balance: this is no way to balance; " BALANCE_FORMS},
	{"balance: {hash: ip}",
	 "1: services.a.balance.hash: this is no key to hash; " BALANCE_FORMS},
	{"balance: {hash: {query: a}}",
	 "1: services.a.balance.hash: this is no key to hash; " BALANCE_FORMS},
	{"balance: {hash: {header: \"a b\"}}",
	 "1: services.a.balance.hash.header: \"a b\" can't be a name here; write one like "
	 "X-User\n"},
	{"balance: {kind: random, hash: path}",
	 "1: services.a.balance: kind and hash are both here; remove one of them\n"},
	{"balance: {kind: hash}",
	 "1: services.a.balance.kind: \"hash\" is no way to balance; " BALANCE_FORMS},
	{"balance: {sticky: {}}",
	 "1: services.a.balance.sticky: the key \"cookie\" is missing; write cookie: name\n"},
	{"balance: {sticky: {cookie: \"a=b\"}}",
	 "1: services.a.balance.sticky.cookie: \"a=b\" can't be a cookie's name; write one like "
	 "instance\n"},
	{"balance: {sticky: {cookie: a, path: \"/;b\"}}",
	 "1: services.a.balance.sticky.path: \"/;b\" can't be a cookie's path; write one like "
	 "/shop\n"},
	{"balance: {sticky: {cookie: a, same_site: none, secure: false}}",
	 "1: services.a.balance.sticky: browsers refuse same_site: none without secure; remove "
	 "secure: false\n"},
	{"backup: a", "1: services.a.backup: it can't be its own backup; name another service\n"},
	{"backup: other",
	 "1: services.a.backup: no service \"other\" is listed, and there is no registry to ask; "
	 "list it under services with its instances, or write registry: {urls: […]}\n"},
	{"breaker: never",
	 "1: services.a.breaker: write a map, like {requests: 20, failed: 50}, or off\n"},
};

#define AFTER_FORMS \
	" is no time to wait; write one like 50ms, from 1ms to 1h, or p95, from p50 to p99.9\n"

static const struct {
	const char *text;
	struct settings_hedge hedge;
	const char *mistakes;
} hedges[] = {
	{"{}", {true, 950, 0}, ""},
	{"{after: p50}", {true, 500, 0}, ""},
	{"{after: p99.9}", {true, 999, 0}, ""},
	{"{after: 50ms}", {true, 0, 50}, ""},
	{"{after: p49}", {0}, "2: routes[0].hedge.after: \"p49\"" AFTER_FORMS},
	{"{after: p100}", {0}, "2: routes[0].hedge.after: \"p100\"" AFTER_FORMS},
	{"{after: p5}", {0}, "2: routes[0].hedge.after: \"p5\"" AFTER_FORMS},
	{"{after: 0s}", {0}, "2: routes[0].hedge.after: \"0s\"" AFTER_FORMS},
	{"{after: soon}", {0}, "2: routes[0].hedge.after: \"soon\"" AFTER_FORMS},
	{"{afer: 5s}",
	 {0},
	 "2: routes[0].hedge.afer: there is no such key; did you mean \"after\"?\n"},
};

START_TEST(a_hedge_waits_for_a_time_or_a_quantile)
{
	const struct settings_hedge *h;
	char text[200];

	(void)snprintf(text, sizeof(text),
		       "services: {a: {instances: [\"http://a\"]}}\n"
		       "routes: [{path: /, service: a, hedge: %s}]\n",
		       hedges[_i].text);
	ck_assert_str_eq(settings_case_read(text), hedges[_i].mistakes);
	if (*hedges[_i].mistakes)
		return;
	h = &settings->routes[0].hedge;
	ck_assert(h->given);
	ck_assert_uint_eq(h->permille, hedges[_i].hedge.permille);
	ck_assert_uint_eq(h->after_ms, hedges[_i].hedge.after_ms);
}
END_TEST

START_TEST(a_mistake_is_told_with_what_to_write)
{
	char text[400];

	(void)snprintf(text, sizeof(text), "services: {a: {instances: [\"http://a\"], %s}}\n",
		       wrong[_i].keys);
	ck_assert_str_eq(settings_case_read(text), wrong[_i].told);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("settings_services");
	TCase *t = tcase_create("settings_services");

	tcase_add_checked_fixture(t, settings_case_setup, settings_case_teardown);
	tcase_add_loop_test(t, every_way_to_balance_is_read, 0,
			    (int)(sizeof(balances) / sizeof(balances[0])));
	tcase_add_loop_test(t, every_breaker_is_read, 0,
			    (int)(sizeof(breakers) / sizeof(breakers[0])));
	tcase_add_test(t, a_service_that_is_not_listed_has_the_breaker_too);
	tcase_add_test(t, a_backup_is_listed_or_the_registrys);
	tcase_add_loop_test(t, a_hedge_waits_for_a_time_or_a_quantile, 0,
			    (int)(sizeof(hedges) / sizeof(hedges[0])));
	tcase_add_loop_test(t, a_mistake_is_told_with_what_to_write, 0,
			    (int)(sizeof(wrong) / sizeof(wrong[0])));
	suite_add_tcase(s, t);
	return unit_run(s);
}
