/* route_claim: methods and a path; which patterns lie within others. */
#include "common/http.h"
#include "common/route_claim.h"
#include "tests/unit/unit.h"

#include <string.h>

static const struct {
	const char *text;
	unsigned methods; /* 0: refused */
	const char *key;
} claims[] = {
	{"GET /orders/{id}", HTTP_GET | HTTP_HEAD, "/orders/{}"},
	{"PUT,DELETE /orders/{other}", HTTP_PUT | HTTP_DELETE, "/orders/{}"},
	{"/v2/*", HTTP_ANY, "/v2/*"},
	{"/", HTTP_ANY, "/"},
	{"GET", 0, ""},
	{"FETCH /a", 0, ""},
	{"GET a", 0, ""},
	{"GET  /a", 0, ""},
	{"", 0, ""},
};

START_TEST(a_claim_is_methods_and_a_path)
{
	char key[ROUTE_CLAIM_KEY_SIZE];
	struct route_claim claim;
	struct err e = {0};
	int r = route_claim_parse(&claim, claims[_i].text, &e);

	ck_assert_int_eq(r, claims[_i].methods ? 0 : -1);
	ck_assert_int_eq(route_claim_is_valid(claims[_i].text), r == 0);
	if (r < 0)
		return;
	ck_assert_uint_eq(claim.methods, claims[_i].methods);
	route_claim_key(&claim.path, key);
	ck_assert_str_eq(key, claims[_i].key);
}
END_TEST

static const struct {
	const char *outer, *inner;
	bool covers;
} pairs[] = {
	{"/orders/*", "/orders/{id}", true},
	{"/orders/*", "/orders/{id}/lines/*", true},
	{"/orders/*", "/orders/", true},
	{"/orders/*", "/orders", false},
	{"/orders/*", "/order/7", false},
	{"/*", "/anything/at/all", true},
	{"/orders/{id}", "/orders/{order}", true},
	{"/orders/{id}", "/orders/new", true},
	{"/orders/{id}", "/orders/", false},
	{"/orders/{id}", "/orders/*", false},
	{"/orders/{id}", "/orders/7/lines", false},
	{"/orders/new", "/orders/{id}", false},
	{"/orders/new", "/orders/new", true},
};

START_TEST(a_pattern_covers_what_lies_within_it)
{
	struct route_pattern outer, inner;
	struct err e;

	ck_assert_int_eq(route_pattern_parse(&outer, pairs[_i].outer, &e), 0);
	ck_assert_int_eq(route_pattern_parse(&inner, pairs[_i].inner, &e), 0);
	ck_assert_msg(route_claim_covers(&outer, &inner) == pairs[_i].covers, "%s, %s",
		      pairs[_i].outer, pairs[_i].inner);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("route_claim");
	TCase *t = tcase_create("route_claim");

	tcase_add_loop_test(t, a_claim_is_methods_and_a_path, 0,
			    (int)(sizeof(claims) / sizeof(claims[0])));
	tcase_add_loop_test(t, a_pattern_covers_what_lies_within_it, 0,
			    (int)(sizeof(pairs) / sizeof(pairs[0])));
	suite_add_tcase(s, t);
	return unit_run(s);
}
