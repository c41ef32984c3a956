/* router: the most specific route wins, at a cost that does not grow with their number. */
#include "gateway/router.h"
#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROUTES_MAX = 10000 };

static struct settings_route *routes;
static size_t route_count;
static struct router *router;
static struct http1_field fields[4];
static struct http1_head head;
static struct router_match match;

static void setup(void)
{
	routes = calloc(ROUTES_MAX, sizeof(*routes));
	ck_assert_ptr_nonnull(routes);
	route_count = 0;
	head = (struct http1_head){.fields = fields};
}

static void teardown(void)
{
	router_free(&router);
	free(routes);
}

static struct span span(const char *text)
{
	return (struct span){text, strlen(text)};
}

/* HEAD comes with GET, as the settings set it. */
static struct settings_route *add(const char *path, unsigned methods)
{
	struct settings_route *r = &routes[route_count++];

	ck_assert_uint_le(route_count, ROUTES_MAX);
	ck_assert_int_eq(route_pattern_parse(&r->path, path, NULL), 0);
	r->methods = methods & HTTP_GET ? methods | HTTP_HEAD : methods;
	return r;
}

static void build(void)
{
	struct err e = {0};

	router_free(&router);
	router = router_new(routes, route_count, &e);
	ck_assert_msg(router != NULL, "%s", e.text);
}

/* The path of the route found, "405" or "404". */
static const char *find(enum http_method method, const char *host, const char *path)
{
	head.method = method;
	head.authority = span(host);
	switch (router_find(router, &head, span(path), &match)) {
	case ROUTER_NO_ROUTE:
		ck_assert_uint_eq(match.allow, 0);
		return "404";
	case ROUTER_NO_METHOD:
		return "405";
	case ROUTER_FOUND:
		break;
	}
	return match.route->service_name ? match.route->service_name : "?";
}

static void serve(const char *path, unsigned methods, const char *service)
{
	add(path, methods)->service_name = service;
}

static const struct {
	const char *path, *service;
} specific[] = {
	{"/", "root"},
	{"/orders", "orders"},
	{"/orders/", "404"},
	{"/orders/7", "order"},
	{"/orders/new", "new"},
	{"/orders/7/lines", "lines"},
	{"/orders/new/lines", "lines"},
	{"/orders/new/x", "404"},
	{"/Orders", "404"},
	{"/v2", "404"},
	{"/v2/", "v2"},
	{"/v2/a/b/c/d/e/f/g/h", "v2"},
	{"/v2/a//", "v2"},
	{"/v2/special/a/b", "special"},
	{"/v2/special/", "special"},
	{"/v2/special", "v2"},
	{"//", "404"},
	{"/a%2Fb", "escaped"},
	{"/a/b", "404"},
	{"", "404"},
	{"x", "404"},
};

START_TEST(the_most_specific_path_wins)
{
	serve("/v2/*", HTTP_ANY, "v2");
	serve("/orders/{id}", HTTP_ANY, "order");
	serve("/orders/{id}/lines", HTTP_ANY, "lines");
	serve("/orders/new", HTTP_ANY, "new");
	serve("/orders", HTTP_ANY, "orders");
	serve("/v2/special/*", HTTP_ANY, "special");
	serve("/", HTTP_ANY, "root");
	serve("/a%2fb", HTTP_ANY, "escaped");
	build();
	for (size_t i = 0; i < sizeof(specific) / sizeof(specific[0]); i++)
		ck_assert_msg(strcmp(find(HTTP_GET, "a", specific[i].path), specific[i].service) ==
				      0,
			      "%s", specific[i].path);
}
END_TEST

START_TEST(nothing_matches_in_an_empty_table)
{
	build();
	ck_assert_str_eq(find(HTTP_GET, "a", "/"), "404");
	ck_assert_str_eq(find(HTTP_GET, "a", "/a/b/c"), "404");
}
END_TEST

START_TEST(parameters_and_the_rest_are_told)
{
	serve("/users/{user}/orders/{order_id}/*", HTTP_ANY, "a");
	build();
	ck_assert_str_eq(find(HTTP_GET, "a", "/users/ada%2F/orders/7/x//y"), "a");
	ck_assert_uint_eq(match.parameter_count, 2);
	ck_assert_int_eq(strncmp(match.parameters[0].name.at, "user", match.parameters[0].name.len),
			 0);
	ck_assert_uint_eq(match.parameters[0].name.len, 4);
	ck_assert_uint_eq(match.parameters[0].value.len, 6);
	ck_assert_int_eq(strncmp(match.parameters[0].value.at, "ada%2F", 6), 0);
	ck_assert_uint_eq(match.parameters[1].name.len, 8);
	ck_assert_int_eq(strncmp(match.parameters[1].value.at, "7", 1), 0);
	ck_assert_uint_eq(match.rest.len, 4);
	ck_assert_int_eq(strncmp(match.rest.at, "x//y", 4), 0);
	ck_assert_str_eq(find(HTTP_GET, "a", "/users/a/orders/7/"), "a");
	ck_assert_uint_eq(match.rest.len, 0);
	ck_assert_str_eq(find(HTTP_GET, "a", "/users//orders/7/"), "404");
}
END_TEST

START_TEST(a_method_nobody_takes_is_405_with_what_is_allowed)
{
	serve("/orders", HTTP_GET, "read");
	serve("/orders", HTTP_POST, "write");
	serve("/{any}", HTTP_DELETE, "any");
	build();
	ck_assert_str_eq(find(HTTP_GET, "a", "/orders"), "read");
	ck_assert_str_eq(find(HTTP_HEAD, "a", "/orders"), "read");
	ck_assert_str_eq(find(HTTP_POST, "a", "/orders"), "write");
	ck_assert_str_eq(find(HTTP_PUT, "a", "/orders"), "405");
	ck_assert_uint_eq(match.allow, HTTP_GET | HTTP_HEAD | HTTP_POST | HTTP_DELETE);
	ck_assert_str_eq(find(HTTP_OTHER, "a", "/orders"), "405");
	ck_assert_str_eq(find(HTTP_PUT, "a", "/orders/1"), "404");
	/* A less specific path still takes what the specific one does not. */
	ck_assert_str_eq(find(HTTP_DELETE, "a", "/orders"), "any");
	ck_assert_uint_eq(match.allow, 0);
}
END_TEST

START_TEST(the_route_with_fewer_methods_goes_before_the_one_for_all)
{
	serve("/a", HTTP_ANY, "all");
	serve("/a", HTTP_GET | HTTP_POST, "two");
	serve("/a", HTTP_GET, "get");
	serve("/a", HTTP_HEAD, "head");
	build();
	ck_assert_str_eq(find(HTTP_GET, "a", "/a"), "get");
	ck_assert_str_eq(find(HTTP_HEAD, "a", "/a"), "get"); /* the first of one method each */
	ck_assert_str_eq(find(HTTP_POST, "a", "/a"), "two");
	ck_assert_str_eq(find(HTTP_OTHER, "a", "/a"), "all");
}
END_TEST

static const char *const one_host[] = {"api.example.org"};
static const char *const two_hosts[] = {"a.org", "b.org"};
static const char *const wild_host[] = {"*.example.org"};
static const char *const wilder_host[] = {"*.org"};
static const char *const ip_host[] = {"::1"};

static void serve_host(const char *const *hosts, size_t count, const char *service)
{
	struct settings_route *r = add("/*", HTTP_ANY);

	r->hosts = (struct settings_strings){hosts, count};
	r->service_name = service;
}

static const struct {
	const char *host, *service;
} hosts[] = {
	{"api.example.org", "one"},
	{"API.Example.ORG:8080", "one"},
	{"api.example.org.", "one"},
	{"api.example.org.:80", "one"},
	{"b.example.org", "wild"},
	{"a.b.c.example.org:1", "wild"},
	{"x.api.example.org", "wild"},
	{"example.org", "wilder"},
	{".example.org", "wilder"},
	{"b.org", "two"},
	{"c.b.org", "wilder"},
	{"org", "none"},
	{"example.com", "none"},
	{"[::1]:80", "ip"},
	{"[::1]", "ip"},
	{"::1", "none"},
	{"", "none"},
	{":80", "none"},
	{"[", "none"},
};

START_TEST(an_exact_host_goes_before_a_wildcard_before_none)
{
	char longest[600];

	serve_host(NULL, 0, "none");
	serve_host(wilder_host, 1, "wilder");
	serve_host(wild_host, 1, "wild");
	serve_host(two_hosts, 2, "two");
	serve_host(one_host, 1, "one");
	serve_host(ip_host, 1, "ip");
	build();
	for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++)
		ck_assert_msg(strcmp(find(HTTP_GET, hosts[i].host, "/a"), hosts[i].service) == 0,
			      "%s", hosts[i].host);
	memset(longest, '.', sizeof(longest));
	longest[sizeof(longest) - 1] = '\0';
	ck_assert_str_eq(find(HTTP_GET, longest, "/a"), "none");
	ck_assert_str_eq(find(HTTP_GET, longest + 345, "/a"), "none");
}
END_TEST

START_TEST(conditions_on_headers_and_query_choose)
{
	static const struct settings_condition canary[] = {{"X-Canary", "1"}};
	static const struct settings_condition both[] = {{"x-canary", "1"}, {"X-B", NULL}};
	static const struct settings_condition debug[] = {{"debug", NULL}, {"q r", "a b&"}};
	struct settings_route *r;

	serve("/a", HTTP_ANY, "plain");
	r = add("/a", HTTP_GET);
	r->headers = (struct settings_conditions){canary, 1};
	r->service_name = "canary";
	r = add("/a", HTTP_ANY);
	r->headers = (struct settings_conditions){both, 2};
	r->service_name = "both";
	r = add("/b", HTTP_ANY);
	r->query = (struct settings_conditions){debug, 2};
	r->service_name = "query";
	build();

	ck_assert_str_eq(find(HTTP_GET, "a", "/a"), "plain");
	fields[0] = (struct http1_field){.name = span("X-CANARY"), .value = span("2")};
	fields[1] = (struct http1_field){.name = span("x-canary"), .value = span("1")};
	head.field_count = 1;
	ck_assert_str_eq(find(HTTP_GET, "a", "/a"), "plain");
	head.field_count = 2;
	ck_assert_str_eq(find(HTTP_GET, "a", "/a"), "canary");
	ck_assert_str_eq(find(HTTP_POST, "a", "/a"), "plain");
	fields[2] = (struct http1_field){.name = span("x-b"), .value = span("")};
	head.field_count = 3;
	ck_assert_str_eq(find(HTTP_GET, "a", "/a"), "both");

	ck_assert_str_eq(find(HTTP_GET, "a", "/b"), "404");
	head.query = span("q+r=a%20b%26&debug");
	ck_assert_str_eq(find(HTTP_GET, "a", "/b"), "query");
	head.query = span("&&x=1&debug=&q%20r=a+b%26");
	ck_assert_str_eq(find(HTTP_GET, "a", "/b"), "query");
	head.query = span("debug&q+r=a+b");
	ck_assert_str_eq(find(HTTP_GET, "a", "/b"), "404");
	head.query = span("debug&q+r=a+b%26c");
	ck_assert_str_eq(find(HTTP_GET, "a", "/b"), "404");
	head.query = span("debug%&q+r=a+b%26");
	ck_assert_str_eq(find(HTTP_GET, "a", "/b"), "404");
}
END_TEST

START_TEST(a_path_whose_host_fails_gives_way_to_a_less_specific_one)
{
	struct settings_route *r = add("/a/b/c", HTTP_ANY);

	r->hosts = (struct settings_strings){one_host, 1};
	r->service_name = "literal";
	serve("/a/{x}/{y}", HTTP_GET, "parameters");
	serve("/{x}/b/c", HTTP_POST, "first");
	serve("/*", HTTP_PUT, "star");
	build();
	ck_assert_str_eq(find(HTTP_GET, "api.example.org", "/a/b/c"), "literal");
	ck_assert_str_eq(find(HTTP_GET, "b", "/a/b/c"), "parameters");
	ck_assert_str_eq(find(HTTP_POST, "b", "/a/b/c"), "first");
	ck_assert_uint_eq(match.parameter_count, 1);
	ck_assert_int_eq(*match.parameters[0].value.at, 'a');
	ck_assert_str_eq(find(HTTP_PUT, "b", "/a/b/c"), "star");
	ck_assert_str_eq(find(HTTP_DELETE, "b", "/a/b/c"), "405");
	ck_assert_uint_eq(match.allow, HTTP_GET | HTTP_HEAD | HTTP_POST | HTTP_PUT);
}
END_TEST

START_TEST(ten_thousand_routes_are_each_found)
{
	static char names[ROUTES_MAX][48];

	for (unsigned i = 0; i < ROUTES_MAX; i++) {
		(void)snprintf(names[i], sizeof(names[i]), "/service%u/{id}/part%u", i / 3, i % 3);
		serve(names[i], HTTP_ANY, names[i]);
	}
	build();
	for (unsigned i = 0; i < ROUTES_MAX; i++) {
		char path[64];

		(void)snprintf(path, sizeof(path), "/service%u/x/part%u", i / 3, i % 3);
		ck_assert_str_eq(find(HTTP_GET, "a", path), names[i]);
	}
	ck_assert_str_eq(find(HTTP_GET, "a", "/service1/x/part3"), "404");
	ck_assert_str_eq(find(HTTP_GET, "a", "/service99999/x/part1"), "404");
}
END_TEST

/* Every mix of literals and parameters over nine segments, all failing at the tenth. */
START_TEST(a_table_made_for_backtracking_is_searched_once)
{
	static const char *const other_host[] = {"other"};
	char path[4000] = "";

	for (unsigned mix = 0; mix < 1 << 9; mix++) {
		char pattern[200] = "";
		struct settings_route *r;

		for (unsigned i = 0; i < 9; i++) {
			size_t used = strlen(pattern);

			(void)snprintf(pattern + used, sizeof(pattern) - used,
				       mix & 1u << i ? "/{p%u}" : "/a", i);
		}
		r = add(pattern, HTTP_ANY);
		r->hosts = (struct settings_strings){other_host, 1};
	}
	serve("/a/a/*", HTTP_ANY, "star");
	build();
	ck_assert_str_eq(find(HTTP_GET, "a", "/a/a/a/a/a/a/a/a/a"), "star");
	ck_assert_str_eq(find(HTTP_GET, "other", "/a/a/a/a/a/a/a/a/a"), "?");
	for (size_t i = 0; i < sizeof(path) - 2; i += 2)
		memcpy(path + i, "/a", 3);
	ck_assert_str_eq(find(HTTP_GET, "a", path), "star");
}
END_TEST

/* ---- Against a matcher that tries all routes ---- */

static bool naive_path(const struct route_pattern *p, const char *path)
{
	const char *at = path + 1;

	for (size_t i = 0; i < p->count; i++) {
		size_t len = strcspn(at, "/");
		const struct route_segment *s = &p->segments[i];

		if (s->kind == ROUTE_REST)
			return true;
		if (s->kind == ROUTE_PARAMETER ? len == 0
					       : len != s->len || memcmp(at, s->text, len) != 0)
			return false;
		if (i + 1 == p->count)
			return !at[len];
		if (!at[len])
			return false;
		at += len + 1;
	}
	return false;
}

/* 3: exact, 2: wildcard, 1: none, 0: no. */
static int naive_host(const struct settings_route *r, const char *host)
{
	size_t len = strlen(host);

	if (r->hosts.count == 0)
		return 1;
	for (size_t i = 0; i < r->hosts.count; i++) {
		const char *h = r->hosts.items[i];

		if (strcmp(h, host) == 0)
			return 3;
		if (*h == '*' && len > strlen(h) - 1 &&
		    strcmp(host + len - (strlen(h) - 1), h + 1) == 0)
			return 2;
	}
	return 0;
}

static bool naive_better(const struct settings_route *a, const struct settings_route *b,
			 const char *host)
{
	int path = route_pattern_compare(&a->path, &b->path);

	if (path)
		return path < 0;
	if (naive_host(a, host) != naive_host(b, host))
		return naive_host(a, host) > naive_host(b, host);
	return __builtin_popcount(a->methods) < __builtin_popcount(b->methods);
}

static const struct settings_route *naive_find(unsigned method, const char *host, const char *path,
					       unsigned *allow)
{
	const struct settings_route *best = NULL;

	*allow = 0;
	for (size_t i = 0; i < route_count; i++) {
		const struct settings_route *r = &routes[i];

		if (!naive_path(&r->path, path) || !naive_host(r, host))
			continue;
		*allow |= r->methods;
		if ((r->methods & method) && (!best || naive_better(r, best, host)))
			best = r;
	}
	return best;
}

static const char *const segments[] = {"", "a", "b", "c"};

static void random_path(char *path, size_t size, bool pattern)
{
	unsigned depth = 1 + (unsigned)random() % 4;

	path[0] = '\0';
	for (unsigned i = 0; i < depth; i++) {
		size_t used = strlen(path);
		unsigned kind = (unsigned)random() % 6;

		if (pattern && kind == 0 && i + 1 == depth)
			(void)snprintf(path + used, size - used, "/*");
		else if (pattern && kind < 3)
			(void)snprintf(path + used, size - used, "/{p%u}", i);
		else
			(void)snprintf(path + used, size - used, "/%s",
				       segments[(unsigned)random() % 4]);
	}
}

START_TEST(agrees_with_a_matcher_that_tries_every_route)
{
	static const char *const names[] = {"api.example.org", "x.example.org", "a.org", "c"};
	static const unsigned methods[] = {HTTP_ANY, HTTP_POST, HTTP_GET,
					   HTTP_PUT | HTTP_POST | HTTP_DELETE};
	char path[100];

	srandom(11);
	for (unsigned round = 0; round < 300; round++) {
		memset(routes, 0, 60 * sizeof(*routes));
		route_count = 0;
		for (unsigned n = (unsigned)random() % 60; n; n--) {
			struct settings_route *r;

			random_path(path, sizeof(path), true);
			r = add(path, methods[(unsigned)random() % 4]);
			if (random() % 3 == 0)
				r->hosts = (struct settings_strings){
					random() % 2 ? one_host : wild_host, 1};
		}
		build();
		for (unsigned n = 0; n < 100; n++) {
			const char *host = names[(unsigned)random() % 4];
			unsigned method = 1u << (unsigned)random() % 6, allow;
			const struct settings_route *expected;

			random_path(path, sizeof(path), false);
			expected = naive_find(method, host, path, &allow);
			(void)find((enum http_method)method, host, path);
			if (!expected) {
				ck_assert_ptr_null(match.route);
				ck_assert_uint_eq(match.allow, allow);
				continue;
			}
			ck_assert_ptr_nonnull(match.route);
			/* Of equals the first wins in both. */
			ck_assert_msg(match.route == expected, "%s %s: %s, not %s", host, path,
				      match.route->path.text, expected->path.text);
		}
	}
}
END_TEST

START_TEST(equal_routes_are_noticed)
{
	static const struct settings_condition x1[] = {{"X", "1"}, {"Y", NULL}};
	static const struct settings_condition x2[] = {{"y", NULL}, {"x", "1"}};
	struct settings_route *a = add("/a/{b}", HTTP_GET), *b = add("/a/{c}", HTTP_GET);

	ck_assert(router_routes_are_equal(a, b));
	b->methods = HTTP_HEAD;
	ck_assert(!router_routes_are_equal(a, b));
	b->methods = HTTP_ANY;
	ck_assert(!router_routes_are_equal(a, b));
	b->methods = HTTP_GET | HTTP_HEAD | HTTP_POST;
	ck_assert(!router_routes_are_equal(a, b));
	a->methods = HTTP_GET | HTTP_HEAD | HTTP_PUT;
	ck_assert(router_routes_are_equal(a, b)); /* whose is GET? */
	a->methods = HTTP_DELETE | HTTP_PUT;
	ck_assert(!router_routes_are_equal(a, b));
	a->methods = b->methods;
	a->hosts = (struct settings_strings){one_host, 1};
	ck_assert(!router_routes_are_equal(a, b));
	b->hosts = (struct settings_strings){wild_host, 1};
	ck_assert(!router_routes_are_equal(a, b));
	b->hosts = (struct settings_strings){one_host, 1};
	ck_assert(router_routes_are_equal(a, b));
	a->headers = (struct settings_conditions){x1, 2};
	ck_assert(!router_routes_are_equal(a, b));
	b->headers = (struct settings_conditions){x2, 2};
	ck_assert(router_routes_are_equal(a, b));
	a->query = (struct settings_conditions){x1, 2};
	b->query = (struct settings_conditions){x2, 2};
	ck_assert(!router_routes_are_equal(a, b)); /* the query's names have case */
}
END_TEST

int main(void)
{
	Suite *s = suite_create("router");
	TCase *t = tcase_create("router");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, the_most_specific_path_wins);
	tcase_add_test(t, nothing_matches_in_an_empty_table);
	tcase_add_test(t, parameters_and_the_rest_are_told);
	tcase_add_test(t, a_method_nobody_takes_is_405_with_what_is_allowed);
	tcase_add_test(t, the_route_with_fewer_methods_goes_before_the_one_for_all);
	tcase_add_test(t, an_exact_host_goes_before_a_wildcard_before_none);
	tcase_add_test(t, conditions_on_headers_and_query_choose);
	tcase_add_test(t, a_path_whose_host_fails_gives_way_to_a_less_specific_one);
	tcase_add_test(t, ten_thousand_routes_are_each_found);
	tcase_add_test(t, a_table_made_for_backtracking_is_searched_once);
	tcase_add_test(t, agrees_with_a_matcher_that_tries_every_route);
	tcase_add_test(t, equal_routes_are_noticed);
	suite_add_tcase(s, t);
	return unit_run(s);
}
