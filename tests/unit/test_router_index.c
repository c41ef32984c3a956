/* router_index: many routes of one path, told apart by what a header has to be. */
#include "gateway/router.h"
#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROUTES_MAX = 10000, CONDITIONS = 3, FIELDS = 4 };

static struct settings_route *routes;
static struct settings_condition (*conditions)[CONDITIONS];
static size_t route_count;
static struct router *router;
static struct http1_field fields[HTTP1_FIELDS_MAX];
static struct http1_head head;
static struct router_match match;

static void setup(void)
{
	routes = calloc(ROUTES_MAX, sizeof(*routes));
	conditions = calloc(ROUTES_MAX, sizeof(*conditions));
	ck_assert(routes && conditions);
	head = (struct http1_head){.fields = fields};
}

static void teardown(void)
{
	router_free(&router);
	free(routes);
	free(conditions);
}

static struct span span(const char *text)
{
	return (struct span){text, strlen(text)};
}

static void clear(void)
{
	memset(routes, 0, ROUTES_MAX * sizeof(*routes));
	route_count = 0;
}

static struct settings_route *add(const char *path, unsigned methods)
{
	struct settings_route *r = &routes[route_count];

	ck_assert_int_eq(route_pattern_parse(&r->path, path, NULL), 0);
	r->methods = methods;
	r->headers.items = conditions[route_count++];
	return r;
}

static void want(struct settings_route *r, const char *name, const char *value)
{
	conditions[r - routes][r->headers.count++] = (struct settings_condition){name, value};
}

static void build(void)
{
	struct err e = {0};

	router_free(&router);
	router = router_new(routes, route_count, &e);
	ck_assert_msg(router != NULL, "%s", e.text);
}

static void give(const char *name, const char *value)
{
	fields[head.field_count++] = (struct http1_field){.name = span(name), .value = span(value)};
}

static const struct settings_route *find(enum http_method method, const char *host)
{
	head.method = method;
	head.authority = span(host);
	(void)router_find(router, &head, span("/a"), &match);
	return match.route;
}

START_TEST(ten_thousand_routes_of_one_path_are_each_found)
{
	static char values[ROUTES_MAX - 1][16];

	clear();
	add("/a", HTTP_ANY)->name = "none";
	for (unsigned i = 0; i < ROUTES_MAX - 1; i++) {
		(void)snprintf(values[i], sizeof(values[i]), "tenant%u", i);
		want(add("/a", HTTP_ANY), i % 2 ? "X-Tenant" : "x-tenant", values[i]);
	}
	build();
	for (unsigned i = 0; i < ROUTES_MAX - 1; i++) {
		head.field_count = 0;
		give("X-TENANT", values[i]);
		ck_assert_ptr_eq(find(HTTP_GET, "h"), &routes[i + 1]);
	}
	head.field_count = 0;
	give("X-Tenant", "tenant");
	ck_assert_ptr_eq(find(HTTP_GET, "h"), &routes[0]);
	give("X-Tenant", "tenant7"); /* any of the lines counts */
	ck_assert_ptr_eq(find(HTTP_GET, "h"), &routes[8]);
	give("x-tenant", "tenant3"); /* the first route that one of them is for */
	ck_assert_ptr_eq(find(HTTP_GET, "h"), &routes[4]);
	while (head.field_count < HTTP1_FIELDS_MAX)
		give("X-Tenant", values[5000 + head.field_count]);
	ck_assert_ptr_eq(find(HTTP_GET, "h"), &routes[4]);
	head.field_count = 0;
	while (head.field_count < HTTP1_FIELDS_MAX)
		give("X-Tenant", values[6000 - head.field_count]);
	ck_assert_ptr_eq(find(HTTP_GET, "h"), &routes[6001 - (HTTP1_FIELDS_MAX - 1)]);
	head.field_count = 0;
	ck_assert_ptr_eq(find(HTTP_GET, "h"), &routes[0]);
}
END_TEST

/* ---- Against a matcher that tries all routes ---- */

static bool naive_takes(const struct settings_route *r, const char *host)
{
	if (r->hosts.count && strcmp(r->hosts.items[0], host) != 0)
		return false;
	for (size_t i = 0; i < r->headers.count; i++)
		if (!router_header_is_there(&head, &r->headers.items[i]))
			return false;
	return true;
}

/* The order that router.h tells; all have one path. */
static bool naive_better(const struct settings_route *a, const struct settings_route *b)
{
	if (a->hosts.count != b->hosts.count)
		return a->hosts.count > b->hosts.count;
	if (a->headers.count != b->headers.count)
		return a->headers.count > b->headers.count;
	return __builtin_popcount(a->methods) < __builtin_popcount(b->methods);
}

static const struct settings_route *naive_find(unsigned method, const char *host, unsigned *allow)
{
	const struct settings_route *best = NULL;

	*allow = 0;
	for (size_t i = 0; i < route_count; i++) {
		const struct settings_route *r = &routes[i];

		if (!naive_takes(r, host))
			continue;
		*allow |= r->methods;
		if ((r->methods & method) && (!best || naive_better(r, best)))
			best = r;
	}
	return best;
}

static const char *const names[] = {"X-A", "x-a", "X-A", "X-B", "X-C"};
static const char *const values[] = {"1", "2", "3", "", "1 2", "4", "5", "6"};
static const unsigned methods[] = {HTTP_ANY, HTTP_POST, HTTP_PUT | HTTP_POST, HTTP_PUT};
static const char *const hosts[] = {"a.org", "b.org"};

static unsigned any(unsigned count)
{
	return (unsigned)random() % count;
}

static void random_routes(void)
{
	clear();
	for (unsigned n = any(120); n; n--) {
		struct settings_route *r = add("/a", methods[any(4)]);

		for (unsigned k = any(CONDITIONS + 1); k; k--)
			want(r, names[any(5)], any(5) ? values[any(8)] : NULL);
		if (any(3) == 0)
			r->hosts = (struct settings_strings){&hosts[any(2)], 1};
	}
	build();
}

START_TEST(agrees_with_a_matcher_that_tries_every_route)
{
	unsigned found = 0;

	srandom(7);
	for (unsigned round = 0; round < 300; round++) {
		random_routes();
		for (unsigned n = 0; n < 100; n++) {
			const char *host = any(2) ? hosts[any(2)] : "c.org";
			enum http_method method = any(2) ? HTTP_POST : HTTP_PUT;
			const struct settings_route *expected;
			unsigned allow;

			head.field_count = 0;
			for (unsigned k = any(FIELDS + 1); k; k--)
				give(names[any(5)], values[any(8)]);
			expected = naive_find(method, host, &allow);
			ck_assert_ptr_eq(find(method, host), expected);
			found += expected != NULL;
			if (!expected)
				ck_assert_uint_eq(match.allow, allow);
		}
	}
	ck_assert_uint_gt(found, 10000);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("router_index");
	TCase *t = tcase_create("router_index");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, ten_thousand_routes_of_one_path_are_each_found);
	tcase_add_test(t, agrees_with_a_matcher_that_tries_every_route);
	suite_add_tcase(s, t);
	return unit_run(s);
}
