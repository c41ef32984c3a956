/* rule: who may, and what is told of rules that nobody can follow. */
#include "gateway/identity.h"
#include "gateway/router.h"
#include "gateway/rule.h"
#include "gateway/settings_policy.h"
#include "tests/unit/unit.h"

#include <string.h>

#define TEXT(literal)                        \
	{                                    \
		literal, sizeof(literal) - 1 \
	}

static struct arena arena;
static struct route_pattern pattern;
static const char *const groups[] = {"staff", "eu"};
static const struct settings_consumer ada = {.name = "Ada", .id = "ada", .groups = {groups, 2}};
static const struct claim claim_list[] = {
	{TEXT("tenant"), TEXT("acme"), {"acme", 5}},
	{TEXT("roles"), TEXT("a b"), {"a\0b", 4}},
	{TEXT("realm.level"), TEXT("7"), {"7", 2}},
};
static const struct claims claims = {claim_list, 3};
static struct identity identity;
static struct router_match match;
static struct http1_head head;
static struct template_values values;

static void setup(void)
{
	arena_init(&arena, 1 << 20);
	ck_assert_int_eq(route_pattern_parse(&pattern, "/t/{tenant}/*", NULL), 0);
	identity = (struct identity){.consumer = &ada,
				     .id = TEXT("ada"),
				     .name = TEXT("Ada"),
				     .scopes = TEXT("orders.read orders.write"),
				     .claims = &claims,
				     .issuer = "main"};
	head = (struct http1_head){.method = HTTP_GET, .method_text = TEXT("GET")};
	match = (struct router_match){.parameter_count = 1};
	match.parameters[0] = (struct router_parameter){TEXT("tenant"), TEXT("acme")};
	values = (struct template_values){.request = &head,
					  .path = TEXT("/t/acme/x"),
					  .match = &match,
					  .identity = &identity};
}

static void teardown(void)
{
	arena_fini(&arena);
}

/* 2026-11-21 was a Saturday. */
static const int64_t saturday_noon = INT64_C(1795262400000);

static const struct {
	const char *text;
	bool holds;
} cases[] = {
	{"known", true},
	{"not known", false},
	{"group:staff", true},
	{"group:eu", true},
	{"group:st", false},
	{"group:staff and group:admin", false},
	{"group:staff or group:admin", true},
	{"group:x or group:staff and group:y", false},
	{"(group:staff or group:x) and group:eu", true},
	{"not group:x and not (group:y or group:z)", true},
	{"not not group:eu", true},
	{"consumer:ada", true},
	{"consumer:Ada", false},
	{"scope:orders.read", true},
	{"scope:orders.write", true},
	{"scope:orders", false},
	{"scope:read", false},
	{"issuer:main", true},
	{"issuer:mai", false},
	{"claim:tenant", true},
	{"claim:none", false},
	{"claim:tenant = acme", true},
	{"claim:tenant=acme", true},
	{"claim:tenant=\"acme\"", true},
	{"claim:tenant = {tenant}", true},
	{"claim:tenant={path.tenant} and scope:orders.read", true},
	{"claim:tenant != acme", false},
	{"claim:tenant!=other", true},
	{"claim:none != x", true},
	{"claim:none = \"\"", false},
	{"claim:tenant = {query.none}", false},
	{"claim:tenant = ac", false},
	{"claim:roles = a", true},
	{"claim:roles = b", true},
	{"claim:roles = \"a b\"", false},
	{"claim:realm.level = 7", true},
	{"method:GET", true},
	{"method:POST,GET", true},
	{"method:POST", false},
	{"path:/t/acme/x", true},
	{"path:/t/acme", false},
	{"path:/t/*", true},
	{"path:/u/*", false},
	{"time:11:00-12:01", true},
	{"time:12:00-12:01", true},
	{"time:11:00-12:00", false},
	{"time:18:00-13:00", true},
	{"time:13:00-11:00", false},
	{"time:00:00-24:00", true},
	{"days:sat,sun", true},
	{"days:mon-fri", false},
	{"days:fri-mon", true},
	{"days:sat", true},
};

START_TEST(rules_hold_for_whom_they_are_written)
{
	struct template_scope scope = {.path = &pattern};
	struct err e = {0};
	const struct rule *rule = rule_parse(&arena, cases[_i].text, &scope, &e);

	ck_assert_msg(rule != NULL, "%s: %s", cases[_i].text, e.text);
	ck_assert_str_eq(rule_text(rule), cases[_i].text);
	ck_assert_msg(rule_holds(rule, &values, saturday_noon) == cases[_i].holds, "%s",
		      cases[_i].text);
}
END_TEST

/* Of what is known of nobody only what asks of nothing else holds. */
START_TEST(nobody_is_in_no_group)
{
	struct template_scope scope = {.path = &pattern};

	values.identity = NULL;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *text = cases[i].text;
		const struct rule *rule = rule_parse(&arena, text, &scope, NULL);

		if (!strstr(text, "not") && !strstr(text, "!=") && !strstr(text, "method") &&
		    !strstr(text, "path:") && !strstr(text, "time") && !strstr(text, "days"))
			ck_assert_msg(!rule_holds(rule, &values, saturday_noon), "%s", text);
	}
}
END_TEST

static const struct {
	const char *text, *told;
} bad[] = {
	{"", "something is missing at the end"},
	{"grup:staff", "\"grup:staff\" is no rule; did you mean \"group:\"?"},
	{"staff", "\"staff\" is no rule; write known, group:, consumer:, scope:, issuer:, claim:, "
		  "method:, path:, time: or days:"},
	{"group:", "\"group:\" lacks what comes after it"},
	{"group:a group:b", "\"group:b\" is too much; write `and` or `or` between two rules"},
	{"group:a and", "something is missing at the end"},
	{"and group:a", "\"and\" is no rule; write known, group:, consumer:, scope:, issuer:, "
			"claim:, method:, path:, time: or days:"},
	{"(group:a", "a bracket is not closed"},
	{"group:a)", "\")\" is too much; write `and` or `or` between two rules"},
	{"claim:a =", "the value after the equals sign is missing"},
	{"claim:a = \"b", "a quote is not closed"},
	{"claim:a = {tenent}", "there is no {tenent}; did you mean {tenant}?"},
	{"group:a = b", "\"=\" is too much; write `and` or `or` between two rules"},
	{"method:GTE", "\"GTE\" is no method; write one like GET"},
	{"path:a", "\"a\" is no path; write one like /a/b or /a/*"},
	{"time:8-18", "\"8-18\" is no time; write one like 08:00-18:00"},
	{"time:08:00-25:00", NULL},
	{"time:08:60-09:00", NULL},
	{"time:08:00-08:00",
	 "\"08:00-08:00\" is no time at all; for the whole day write 00:00-24:00"},
	{"days:monday", "\"monday\" are no days; write some like mon-fri or sat,sun"},
	{"((((((((((((((((((((group:a))))))))))))))))))))", "it is nested too deeply"},
	{"not not not not not not not not not not not not not not not not not not group:a",
	 "it is nested too deeply"},
};

START_TEST(mistakes_are_told)
{
	struct template_scope scope = {.path = &pattern};
	struct err e = {0};

	ck_assert_msg(rule_parse(&arena, bad[_i].text, &scope, &e) == NULL, "%s", bad[_i].text);
	ck_assert(*e.text);
	if (bad[_i].told)
		ck_assert_str_eq(e.text, bad[_i].told);
}
END_TEST

static const struct {
	const char *rule;
	bool needs;
} somebodies[] = {
	{"known", true},
	{"not known", false},
	{"group:a", true},
	{"scope:a and method:GET", true},
	{"scope:a or method:GET", false},
	{"claim:a = b", true},
	{"claim:a != b", false},
	{"not (claim:a != b)", true},
	{"not (group:a and group:b)", false},
	{"not (not known or not group:a)", true},
	{"not (known or method:GET)", false},
	{"method:GET", false},
	{"path:/a", false},
	{"time:09:00-10:00 and days:mon", false},
};

START_TEST(it_is_known_which_rules_need_somebody)
{
	const struct template_scope scope = {.path = &pattern};
	struct err e = {0};
	const struct rule *rule = rule_parse(&arena, somebodies[_i].rule, &scope, &e);

	ck_assert_msg(rule != NULL, "%s: %s", somebodies[_i].rule, e.text);
	ck_assert_msg(rule_needs_somebody(rule) == somebodies[_i].needs, "%s", somebodies[_i].rule);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("rule");
	TCase *t = tcase_create("rule");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, rules_hold_for_whom_they_are_written, 0,
			    (int)(sizeof(cases) / sizeof(cases[0])));
	tcase_add_test(t, nobody_is_in_no_group);
	tcase_add_loop_test(t, it_is_known_which_rules_need_somebody, 0,
			    (int)(sizeof(somebodies) / sizeof(somebodies[0])));
	tcase_add_loop_test(t, mistakes_are_told, 0, (int)(sizeof(bad) / sizeof(bad[0])));
	suite_add_tcase(s, t);
	return unit_run(s);
}
