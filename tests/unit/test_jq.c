/* jq: digits that pass through, what is computed, what is stopped, and which programs are tame. */
#include "common/json_check.h"
#include "gateway/jq.h"
#include "tests/unit/unit.h"

#include <stdio.h>
#include <string.h>

static struct buf out;

static void setup(void)
{
	buf_init(&out, 1 << 20);
}

static void teardown(void)
{
	buf_fini(&out);
}

/* The result of a program over {"a": …, "b": …}; "! " and the message when there is none. */
static const char *run(const char *program, const char *a, const char *b)
{
	static const char *const names[] = {"a", "b"};
	const struct span values[] = {{a, strlen(a)}, {b, b ? strlen(b) : 0}};
	struct err e = {0};
	struct jq *jq = jq_new(program, names, 2, &e);
	struct jq_input input;
	static char told[600];
	enum jq_result result;

	ck_assert_msg(jq != NULL, "%s: %s", program, e.text);
	ck_assert_int_eq(json_check(values[0], NULL), 0);
	jq_input_init(&input, values, 2);
	for (int i = 0; i < 2; i++) { /* the second time as the first */
		buf_reset(&out);
		result = jq_run(jq, &input, 2000, &out);
	}
	jq_free(&jq);
	ck_assert_ptr_nonnull(buf_str(&out));
	if (result == JQ_DONE)
		return out.data;
	(void)snprintf(told, sizeof(told), "! %d %s", (int)result, out.data);
	return told;
}

static const struct {
	const char *program, *a, *b, *result;
} cases[] = {
	/* What passes through keeps its digits. */
	{".", "9007199254740993", "0.10", "{\"a\":9007199254740993,\"b\":0.10}"},
	{"$a", "[1.0, 1.00, 1e0, -0.0, 1E400]", NULL, "[1.0,1.00,1e0,-0.0,1E400]"},
	{"$a", "123456789012345678901234567890.123456789012345678901234567890123456789", NULL,
	 "123456789012345678901234567890.123456789012345678901234567890123456789"},
	{"{x: $a, y: $b}", "0.10", "0.1", "{\"x\":0.10,\"y\":0.1}"},
	{"$a | map({(.k): .v})", "[{\"k\": \"x\", \"v\": 9007199254740993}]", NULL,
	 "[{\"x\":9007199254740993}]"},
	/* Equal values of different spelling are never swapped. */
	{"$a | sort", "[3.0, 1.00, 2, 1.0, 1]", NULL, "[1.00,1.0,1,2,3.0]"},
	{"$a | sort_by(.n) | map(.n)", "[{\"n\": 2.0}, {\"n\": 1.50}, {\"n\": 1.5}, {\"n\": 2}]",
	 NULL, "[1.50,1.5,2.0,2]"},
	{"$a | group_by(.) ", "[1.0, 2.00, 1, 2]", NULL, "[[1.0,1],[2.00,2]]"},
	{"$a | min, max | [.]", "[1.0]", NULL,
	 "! 1 the program has more than one result; put them into [ ]"},
	{"[$a | min, max]", "[2.0, 1.00, 2.00, 1.0]", NULL, "[1.00,2.00]"},
	{"$a | reverse", "[9007199254740993, 9007199254740992]", NULL,
	 "[9007199254740992,9007199254740993]"},
	{"[$a, $b]", "9007199254740993", "9007199254740992", "[9007199254740993,9007199254740992]"},
	{"$a | unique", "[1.0, 1, 2.0]", NULL, "[1.0,2.0]"},
	{"$a == $b", "1.0", "1.00", "true"},
	/* What is computed is a double. */
	{"$a + 0", "9007199254740993", NULL, "9007199254740992"},
	{"$a + $b", "0.10", "0.20", "0.30000000000000004"},
	{"$a | add", "[0.10, 0.20]", NULL, "0.30000000000000004"},
	{"$a | add", "[9007199254740993]", NULL, "9007199254740993"},
	{"$a | map(. - 1)", "[1.50, 3.0]", NULL, "[0.5,2]"},
	{"-($a)", "0.10", NULL, "-0.1"},
	{"$a | floor", "3.70", NULL, "3"},
	{"$a / 3", "1", NULL, "0.3333333333333333"},
	{"[1e17, 1e300, 123456789012345680, 0.1, 1e-7]", "1", NULL,
	 "[1e+17,1e+300,1.2345678901234568e+17,0.1,1e-07]"},
	{"[nan, infinite, -infinite]", "1", NULL,
	 "[null,1.7976931348623157e+308,-1.7976931348623157e+308]"},
	{"$a | map(if . > 1 then . else 0 end)", "[1.0, 2.50]", NULL, "[0,2.50]"},
	/* Joining. */
	{"$a | map(. + {user: $b[.id]})", "[{\"id\": \"x\"}]", "{\"x\": {\"n\": 1.10}}",
	 "[{\"id\":\"x\",\"user\":{\"n\":1.10}}]"},
	{".a | .x |= . + 1", "{\"x\": 1, \"y\": 2.0}", NULL, "{\"x\":2,\"y\":2.0}"},
	{"def f: .b; f", "1", "[0.10]", "[0.10]"},
	{"$b", "1", NULL, "null"},
	{". # all", "1", NULL, "{\"a\":1}"},
	{"$a", "\"a\\u00e9\\n\\ud83d\\ude00\\\"\"", NULL, "\"a\xc3\xa9\\n\xf0\x9f\x98\x80\\\"\""},
	{"$a | keys", "{\"b\": 1, \"a\\u0062\": 2}", NULL, "[\"ab\",\"b\"]"},
	{"$a", "{}", NULL, "{}"},
	{"$a", "[[], {}, [[]]]", NULL, "[[],{},[[]]]"},
	/* Errors. */
	{"error(\"no \\($a)\")", "7", NULL, "! 1 no 7"},
	{"$a | .x", "[1]", NULL, "! 1 Cannot index array with string \"x\""},
	{"empty", "1", NULL, "! 1 the program has no result"},
	{"halt", "1", NULL, "! 1 the program has no result"},
	{"$a, $a", "1", NULL, "! 1 the program has more than one result; put them into [ ]"},
};

START_TEST(programs_give_what_they_say)
{
	ck_assert_str_eq(run(cases[_i].program, cases[_i].a, cases[_i].b), cases[_i].result);
}
END_TEST

static const char *const endless[] = {
	"def f: f; f",	     "[range(1e18)] | length", "reduce repeat(1) as $x (0; . + $x)",
	"last(range(1e18))", "until(false; .)",	       "[recurse(.; true)] | length",
};

/* Also a computation that its own result follows, so that the next run is as good as the first. */
START_TEST(what_runs_too_long_is_stopped)
{
	struct err e = {0};
	struct jq *jq = jq_new(endless[_i], NULL, 0, &e);
	struct jq_input input;

	ck_assert_msg(jq != NULL, "%s", e.text);
	ck_assert(!jq_text_is_tame(endless[_i]));
	jq_input_init(&input, NULL, 0);
	ck_assert(jq_needs_helper(jq, &input));
	for (int i = 0; i < 2; i++) {
		buf_reset(&out);
		ck_assert_int_eq(jq_run(jq, &input, 20, &out), JQ_TOO_LONG);
	}
	jq_free(&jq);
}
END_TEST

START_TEST(a_result_is_bounded)
{
	struct err e = {0};
	struct jq *jq = jq_new("[range(10000)]", NULL, 0, &e);
	struct jq_input input;
	struct buf small;

	ck_assert_msg(jq != NULL, "%s", e.text);
	jq_input_init(&input, NULL, 0);
	buf_init(&small, 1000);
	ck_assert_int_eq(jq_run(jq, &input, 2000, &small), JQ_TOO_LARGE);
	buf_fini(&small);
	jq_free(&jq);
	jq = jq_new("reduce range(1000) as $i (0; [.])", NULL, 0, &e);
	ck_assert_ptr_nonnull(jq);
	ck_assert_int_eq(jq_run(jq, &input, 2000, &out), JQ_TOO_LARGE);
	jq_free(&jq);
}
END_TEST

START_TEST(a_text_that_is_no_program_is_refused)
{
	static const char *const texts[] = {".a |", "nosuch(1)", "$c", "{", "import \"x\" as x; ."};
	static const char *const names[] = {"a"};
	struct err e = {0};

	ck_assert_ptr_null(jq_new(texts[_i], names, 1, &e));
	ck_assert_msg(e.text[0] && !strchr(e.text, '\n'), "%s", e.text);
	jq_explain(texts[_i], names, 1, &e);
	ck_assert_msg(e.text[0] && !strchr(e.text, '\n') && !strchr(e.text, ')'), "%s", e.text);
}
END_TEST

static const struct {
	const char *text;
	bool tame;
} programs[] = {
	{".", true},
	{"$orders | map(.lines |= map(. + {product: $products[.product], stock: "
	 "$stock[.product]}))",
	 true},
	{"{id: .order.id, name: .customer.name}", true},
	{"{range: 1, input, repeat}", true},
	{".range | .input[] | .\"while\"", true},
	{"$range + $input", true},
	{"\"range \\(.a | map(.b)) until\"", true},
	{"\"\\(range(3))\"", false},
	{"# range(1)\n.", true},
	{"def f(g): map(g); f(.a)", true},
	{"def f: .a; def h: f; h", true},
	{"def f: if . then f else 0 end; f", false},
	{"def f: def g: f; g; f", false},
	{"def g: 1; def f(g): g; f(2)", true},
	{"reduce .[] as $x (0; . + $x)", true},
	{"[limit(3; .[])]", true},
	{"range(3)", false},
	{"recurse", true},
	{"..", true},
	{"recurse(.children[])", false},
	{"[.[] | test(\"a\")]", false},
	{"split(\",\")", true},
	{"split(\", *\"; null)", false},
	{"gsub(\"a\"; \"b\")", false},
	{".a * .b", false},
	{".a *= 2", false},
	{".a = 1 | .b += 2", true},
	{".[.i] = 1", false},
	{".[5] = 1", true},
	{".[99999] = 1", false},
	{".[\"a\"] = 1", true},
	{".[.i] == 1", true},
	{"setpath([1e9]; 1)", false},
	{"@base64 \"\\(.a)\"", true},
	{"@base64d", false},
	{"unknown_function", false},
	{"implode", false},
	{"env | length", false},
	{"input", false},
	{"label $out | foreach .[] as $x (0; . + 1; if . > 3 then ., break $out else . end)", true},
	/* Values can make these run long, or end the process. */
	{".a % .b", false},
	{".a %= 2", false},
	{".a - .b", false},
	{".a -= .b", false},
	{".a - 1 | .[-1] | -2", true},
	{"{\"a-b\": 1e-3}", true},
	{"contains(.a)", false},
	{"inside(.a)", false},
	{"index(.a)", false},
	{"rindex(.a)", false},
	{"indices(.a)", false},
	{"todate", false},
	{"todateiso8601", false},
	{"{index, todate: 1}", true},
	{"nth(.n)", true},
	{"getpath(.p)", true},
	{"nth(.n) = 1", false},
	{"getpath(.p) |= 1", false},
	{"del(.a, .[2])", true},
	{"del(.[.i])", false},
	{"del(getpath(.p))", false},
	{"delpaths(.p)", false},
	{"(", false},
	{"\"", false},
};

START_TEST(what_is_tame_is_known)
{
	ck_assert_msg(jq_text_is_tame(programs[_i].text) == programs[_i].tame, "%s",
		      programs[_i].text);
}
END_TEST

#define COUNT(list) ((int)(sizeof(list) / sizeof((list)[0])))

static Suite *suite(void)
{
	Suite *s = suite_create("jq");
	TCase *t = tcase_create("jq");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, programs_give_what_they_say, 0, COUNT(cases));
#ifndef __SANITIZE_THREAD__ /* it holds signals back while code runs that it has not built */
	tcase_add_loop_test(t, what_runs_too_long_is_stopped, 0, COUNT(endless));
#else
	(void)what_runs_too_long_is_stopped;
#endif
	tcase_add_test(t, a_result_is_bounded);
	tcase_add_loop_test(t, a_text_that_is_no_program_is_refused, 0, 5);
	tcase_add_loop_test(t, what_is_tame_is_known, 0, COUNT(programs));
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	return unit_run(suite());
}
