/* template: names are filled from the request, and no value leaves its place. */
#include "gateway/identity.h"
#include "gateway/router.h"
#include "gateway/template.h"
#include "tests/unit/unit.h"

#include <stdio.h>
#include <string.h>

static struct arena arena;
static struct buf out;
static struct route_pattern pattern;
static struct router_match match;
static struct http1_head head;
static struct http1_field fields[3];
static struct template_values values;
static struct identity identity;
static const struct claim claim_list[] = {
	{{"sub", 3}, {"ada/1\r\n", 7}, {"ada/1\r\n", 8}},
	{{"realm.roles", 11}, {"a b", 3}, {"a\0b", 4}},
	{{"dots", 4}, {"..", 2}, {"..", 3}},
	{{"nul", 3}, {"a\0", 2}, {"a\0", 3}},
};
static const struct claims claims = {claim_list, 4};

static struct span span(const char *text)
{
	return (struct span){text, strlen(text)};
}

static void setup(void)
{
	arena_init(&arena, 1 << 20);
	buf_init(&out, 4096);
	ck_assert_int_eq(route_pattern_parse(&pattern, "/users/{id}/{part}/*", NULL), 0);
	fields[0] = (struct http1_field){.name = span("X-Tenant"), .value = span("a b/..\xc3\xa4")};
	fields[1] = (struct http1_field){.name = span("X-Dots"), .value = span("..")};
	fields[2] = (struct http1_field){.name = span("X-Tenant"), .value = span("second")};
	head = (struct http1_head){.method_text = span("GET"),
				   .authority = span("shop.example:8080"),
				   .fields = fields,
				   .field_count = 3};
	match.parameters[0] = (struct router_parameter){span("id"), span("7%2F8;v=1")};
	match.parameters[1] = (struct router_parameter){span("part"), span("a%20b&c\"")};
	match.parameter_count = 2;
	match.rest = span("x/y%2Fz/");
	values = (struct template_values){
		.request = &head,
		.path = span("/users/7%2F8;v=1/a%20b&c\"/x/y%2Fz/"),
		.query = span(
			"q=1%2f2+3&q=other&empty=&dot=.&nul=%00&line=%0d%0aX:%20y&br%65ak=%zz"),
		.match = &match,
		.id = span("0123"),
		.address = {"::1", 3},
		.identity = &identity,
	};
	identity = (struct identity){
		.id = span("7"), .name = span("ada"), .claims = &claims, .method = "jwt"};
}

static void teardown(void)
{
	arena_fini(&arena);
	buf_fini(&out);
}

/* What it comes to, or "! " and why not. */
static const char *render(enum template_kind kind, const char *text)
{
	struct template_scope scope = {.path = &pattern};
	const struct template *t;
	const char *reason = NULL;
	struct err e = {0};

	t = template_parse(&arena, text, kind, &scope, &e);
	if (!t)
		return arena_printf(&arena, "? %s", e.text);
	ck_assert_str_eq(template_text(t), text);
	buf_reset(&out);
	if (template_render(t, &values, &out, &reason) == 0)
		return arena_strndup(&arena, out.len ? out.data : "", out.len);
	return arena_printf(&arena, "! %s", reason ? reason : "memory");
}

static const struct {
	const char *name;
	enum template_kind kind;
	const char *text, *result;
} good[] = {
	{"literals stay", TEMPLATE_TARGET, "/a/b%2Fc?d=e", "/a/b%2Fc?d=e"},
	{"a parameter keeps its escapes in a path", TEMPLATE_TARGET, "/v2/{id}", "/v2/7%2F8;v=1"},
	{"the long form is the same", TEMPLATE_TARGET, "/v2/{path.id}", "/v2/7%2F8;v=1"},
	{"what is no part of a segment is escaped", TEMPLATE_TARGET, "/v2/{part}",
	 "/v2/a%20b&c%22"},
	{"in a query a parameter can't add another", TEMPLATE_TARGET, "/v2?p={part}&id={id}",
	 "/v2?p=a%20b%26c%22&id=7%2F8%3Bv%3D1"},
	{"the rest keeps its slashes in a path", TEMPLATE_TARGET, "/v2/{*}", "/v2/x/y%2Fz/"},
	{"in a query it does not", TEMPLATE_TARGET, "/v2?r={*}", "/v2?r=x%2Fy%2Fz%2F"},
	{"a query parameter is decoded and stays in its segment", TEMPLATE_TARGET,
	 "/v2/{query.q}/z", "/v2/1%2F2%203/z"},
	{"a broken escape stands for itself", TEMPLATE_TARGET, "/{query.break}", "/%25zz"},
	{"an absent value leaves its place in a query empty", TEMPLATE_TARGET,
	 "/v2?a={query.none}&b={header.None}", "/v2?a=&b="},
	{"a header's first field is escaped in a path", TEMPLATE_TARGET, "/{header.x-tenant}",
	 "/a%20b%2F..%C3%A4"},
	{"the client's query can follow", TEMPLATE_TARGET, "/v2?a=1&{request.query}",
	 "/v2?a=1&q=1%2f2+3&q=other&empty=&dot=.&nul=%00&line=%0d%0aX:%20y&br%65ak=%zz"},
	{"a client can be sent to another host", TEMPLATE_URL, "https://www.example.org/{*}",
	 "https://www.example.org/x/y%2Fz/"},
	{"a client can be sent to the same host without its port", TEMPLATE_URL,
	 "https://{request.host}:8443{request.path}",
	 "https://shop.example:8443/users/7%2F8;v=1/a%20b&c%22/x/y%2Fz/"},
	{"or to a path", TEMPLATE_URL, "/new/{id}", "/new/7%2F8;v=1"},
	{"text has a parameter as people write it", TEMPLATE_TEXT, "<{id}|{part}>",
	 "<7/8;v=1|a b&c\">"},
	{"text can't be split into lines", TEMPLATE_TEXT, "{query.line}{query.nul}",
	 "%0D%0AX: y%00"},
	{"text has doubled braces as braces", TEMPLATE_TEXT, "{{{id}}} {{id}}", "{7/8;v=1} {id}"},
	{"text of everything else", TEMPLATE_TEXT,
	 "{request.method} {request.host} {request.id} {client.address} {query.none}.",
	 "GET shop.example 0123 ::1 ."},
	{"a text may be empty", TEMPLATE_TEXT, "", ""},
	{"who asks", TEMPLATE_TEXT, "{consumer.id} {consumer.name} {claims.none}", "7 ada "},
	{"a claim is escaped in a path", TEMPLATE_TARGET, "/u/{claims.sub}", "/u/ada%2F1%0D%0A"},
	{"in a query", TEMPLATE_TARGET, "/u?r={claims.realm.roles}", "/u?r=a%20b"},
	{"and does not end a field", TEMPLATE_TEXT, "{claims.sub}.", "ada/1%0D%0A."},
	{"a claim of dots does not climb", TEMPLATE_TARGET, "/u/{claims.dots}/x",
	 "! the path that the route sends on would have a dot segment"},
	{"a NUL in a claim goes nowhere", TEMPLATE_TARGET, "/u/{claims.nul}",
	 "! a value that the route sends on holds a NUL"},
	{"an absent claim closes no segment up", TEMPLATE_TARGET, "/u/{claims.none}/x",
	 "! the request lacks a value that the route needs"},
	{"a segment that an empty value would close up is refused", TEMPLATE_TARGET,
	 "/v2/{query.empty}", "! the request lacks a value that the route needs"},
	{"an absent one too", TEMPLATE_TARGET, "/v2/{header.none}/x",
	 "! the request lacks a value that the route needs"},
	{"a value of dots does not climb", TEMPLATE_TARGET, "/v2/{header.X-Dots}/x",
	 "! the path that the route sends on would have a dot segment"},
	{"nor two that make dots together", TEMPLATE_TARGET, "/v2/{query.dot}{query.dot}",
	 "! the path that the route sends on would have a dot segment"},
	{"nor with a literal", TEMPLATE_TARGET, "/v2/%2e{query.dot}?x",
	 "! the path that the route sends on would have a dot segment"},
	{"dots in a query are only dots", TEMPLATE_TARGET, "/v2?x=/{header.X-Dots}/", "/v2?x=/../"},
	{"a body has values as they are, and nothing for one that is not there", TEMPLATE_BODY,
	 "{part}\n{query.line}{query.none}{claims.none}{{}}", "a b&c\"\n\r\nX: y{}"},
	{"in a body of JSON they stay in their string", TEMPLATE_BODY_JSON,
	 "{{\"a\":\"{part}{query.line}{query.none}\"}}", "{\"a\":\"a b&c\\\"\\u000D\\u000AX: y\"}"},
	{"in one of markup they make no tags", TEMPLATE_BODY_MARKUP, "<a b='{part}'>{request.path}",
	 "<a b='a b&amp;c&quot;'>/users/7/8;v=1/a b&amp;c&quot;/x/y/z/"},
	{"a NUL goes nowhere", TEMPLATE_TARGET, "/v2/{query.nul}",
	 "! a value that the route sends on holds a NUL"},
};

START_TEST(values_are_filled_in_and_stay_in_their_place)
{
	const char *result = render(good[_i].kind, good[_i].text);

	ck_assert_msg(strcmp(result, good[_i].result) == 0, "%s: %s", good[_i].name, result);
}
END_TEST

static const struct {
	const char *name;
	enum template_kind kind;
	const char *text, *told;
} bad[] = {
	{"an unknown name has the nearest known", TEMPLATE_TARGET, "/{prt}",
	 "there is no {prt}; did you mean {part}?"},
	{"also a dotted one", TEMPLATE_TEXT, "{reqest.host}",
	 "there is no {reqest.host}; did you mean {request.host}?"},
	{"far ones list what there is", TEMPLATE_TEXT, "{body.sub}",
	 "there is no {body.sub}; write a parameter of the route's path, {*}, {query.NAME}, "
	 "{header.NAME}, {request.path}, {request.query}, {request.host}, {request.method}, "
	 "{request.id}, {client.address}, {consumer.id}, {consumer.name} or {claims.NAME}"},
	{"a header's name is a token", TEMPLATE_TEXT, "{header.a b}", NULL},
	{"a name is not empty", TEMPLATE_TEXT, "{}", NULL},
	{"a brace is closed", TEMPLATE_TARGET, "/{id", "a '{' without its '}'; write {NAME}"},
	{"a brace is opened", TEMPLATE_TARGET, "/id}", "a '}' without its '{'"},
	{"a target is a path", TEMPLATE_TARGET, "v2/{id}",
	 "\"v2/{id}\" does not begin with one '/'; write a path like /v2/{id}"},
	{"and not a host", TEMPLATE_TARGET, "//evil/{id}", NULL},
	{"nor a URL", TEMPLATE_TARGET, "http://a/", NULL},
	{"a place to send clients is no other scheme", TEMPLATE_URL, "javascript:alert(1)", NULL},
	{"nor a host without a scheme", TEMPLATE_URL, "//a/b", NULL},
	{"nor a scheme without a host", TEMPLATE_URL, "https:///b", NULL},
	{"a client does not choose the host", TEMPLATE_URL, "https://{query.host}/",
	 "{query.host} can't be a host: clients could send others where they like; write the host, "
	 "or {request.host}"},
	{"a query does not stand in a path", TEMPLATE_TARGET, "/a{request.query}", NULL},
	{"white space is escaped", TEMPLATE_TARGET, "/a b",
	 "the byte 0x20 can't stand here; write %20"},
	{"a fragment is never sent", TEMPLATE_TARGET, "/a#b", NULL},
	{"escapes are whole", TEMPLATE_TARGET, "/a%2",
	 "a bad escape; write % and two hex digits, not 00"},
	{"and no NUL", TEMPLATE_TARGET, "/a%00", NULL},
	{"dot segments are written away", TEMPLATE_TARGET, "/a/../b",
	 "\"/a/../b\" has a dot segment; write the path without it"},
	{"also at the end, escaped, behind a host", TEMPLATE_URL, "https://a/b/%2E%2e", NULL},
	{"text is one line", TEMPLATE_TEXT, "a\r\nb", "the byte 0x0D can't stand here; remove it"},
};

START_TEST(mistakes_are_told)
{
	const char *result = render(bad[_i].kind, bad[_i].text);

	ck_assert_msg(result[0] == '?', "%s: %s", bad[_i].name, result);
	if (bad[_i].told)
		ck_assert_msg(strcmp(result + 2, bad[_i].told) == 0, "%s: %s", bad[_i].name,
			      result);
}
END_TEST

START_TEST(nobody_has_no_claims)
{
	values.identity = NULL;
	ck_assert_str_eq(render(TEMPLATE_TEXT, "<{claims.sub}|{consumer.id}>"), "<|>");
	identity.claims = NULL;
	values.identity = &identity;
	ck_assert_str_eq(render(TEMPLATE_TEXT, "<{claims.sub}|{consumer.id}>"), "<|7>");
}
END_TEST

START_TEST(a_claim_has_its_text_or_its_items)
{
	ck_assert(claim_has(&claim_list[1], span("a")));
	ck_assert(claim_has(&claim_list[1], span("b")));
	ck_assert(!claim_has(&claim_list[1], span("a b")));
	ck_assert(!claim_has(&claim_list[1], span("")));
	ck_assert(!claim_has(&claim_list[0], span("ada/1")));
	ck_assert(claim_has(&claim_list[0], span("ada/1\r\n")));
}
END_TEST

START_TEST(a_redirect_does_not_become_another_host)
{
	match.rest = span("/evil.example");
	ck_assert_str_eq(render(TEMPLATE_URL, "/{*}"),
			 "! the route would redirect to a path that begins with two slashes");
	match.rest = span("\\evil.example");
	ck_assert_str_eq(render(TEMPLATE_URL, "/{*}"), "/%5Cevil.example");
}
END_TEST

START_TEST(a_star_needs_one_in_the_path)
{
	ck_assert_int_eq(route_pattern_parse(&pattern, "/users", NULL), 0);
	ck_assert_str_eq(render(TEMPLATE_TARGET, "/a/{*}"),
			 "? there is no {*}, since the route's path does not end in '*'; write the "
			 "path like /a/*");
}
END_TEST

START_TEST(an_empty_rest_is_no_mistake)
{
	match.rest = span("");
	ck_assert_str_eq(render(TEMPLATE_TARGET, "/v2/{*}"), "/v2/");
}
END_TEST

START_TEST(lengths_are_bounded)
{
	char text[TEMPLATE_BYTES_MAX + 2];
	size_t len = 0;

	memset(text, 'a', sizeof(text));
	text[0] = '/';
	text[sizeof(text) - 1] = '\0';
	ck_assert_int_eq(render(TEMPLATE_TARGET, text)[0], '?');
	while (len < 5 * (TEMPLATE_PARTS_MAX + 1)) {
		memcpy(text + len, "{id}-", 5);
		len += 5;
	}
	text[len] = '\0';
	ck_assert_str_eq(render(TEMPLATE_TEXT, text), "? it has more than 64 parts; write less");
	buf_fini(&out);
	buf_init(&out, 8);
	ck_assert_str_eq(render(TEMPLATE_TARGET, "/{id}"), "! memory");
}
END_TEST

START_TEST(a_query_is_named_or_not)
{
	struct template_scope scope = {.path = &pattern};

	ck_assert(template_has_query(template_parse(&arena, "/a?", TEMPLATE_TARGET, &scope, NULL)));
	ck_assert(!template_has_query(
		template_parse(&arena, "/{id}", TEMPLATE_TARGET, &scope, NULL)));
	ck_assert(template_has_query(
		template_parse(&arena, "http://a?b", TEMPLATE_URL, &scope, NULL)));
	template_append_query(&out, span("a=<b>&c=%20"));
	ck_assert_str_eq(buf_str(&out), "?a=%3Cb%3E&c=%20");
}
END_TEST

int main(void)
{
	Suite *s = suite_create("template");
	TCase *t = tcase_create("template");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, values_are_filled_in_and_stay_in_their_place, 0,
			    (int)(sizeof(good) / sizeof(good[0])));
	tcase_add_loop_test(t, mistakes_are_told, 0, (int)(sizeof(bad) / sizeof(bad[0])));
	tcase_add_test(t, nobody_has_no_claims);
	tcase_add_test(t, a_claim_has_its_text_or_its_items);
	tcase_add_test(t, a_redirect_does_not_become_another_host);
	tcase_add_test(t, a_star_needs_one_in_the_path);
	tcase_add_test(t, an_empty_rest_is_no_mistake);
	tcase_add_test(t, lengths_are_bounded);
	tcase_add_test(t, a_query_is_named_or_not);
	suite_add_tcase(s, t);
	return unit_run(s);
}
