/* problem: every cause has a status, a type of its own and a title, and is well written. */
#include "gateway/problem.h"
#include "tests/unit/unit.h"

#include <jansson.h>
#include <string.h>

static json_t *parse(struct buf *out)
{
	json_error_t error;
	json_t *doc = json_loadb(out->data, out->len, 0, &error);

	ck_assert_msg(doc != NULL, "%s", error.text);
	return doc;
}

START_TEST(every_cause_is_a_document_of_its_own_type)
{
	const struct problem_kind *kind = problem_kind((enum problem)_i);
	struct buf out;
	json_t *doc;

	buf_init(&out, 4096);
	problem_write(&out, (enum problem)_i, NULL, NULL);
	doc = parse(&out);
	ck_assert_uint_eq((unsigned)json_integer_value(json_object_get(doc, "status")),
			  kind->status);
	ck_assert(kind->status >= 400 && kind->status <= 599);
	ck_assert_str_eq(json_string_value(json_object_get(doc, "type")), kind->type);
	ck_assert_str_eq(json_string_value(json_object_get(doc, "title")), kind->title);
	ck_assert_ptr_null(json_object_get(doc, "detail"));
	ck_assert_ptr_null(json_object_get(doc, "instance"));
	for (int i = PROBLEM_NONE + 1; i < _i; i++)
		ck_assert_str_ne(problem_kind((enum problem)i)->type, kind->type);
	json_decref(doc);
	buf_fini(&out);
}
END_TEST

START_TEST(detail_and_request_id_are_told_and_escaped)
{
	struct buf out;
	json_t *doc;

	buf_init(&out, 4096);
	problem_write(&out, PROBLEM_NO_ROUTE, "no \"route\"\n", "0a1b");
	doc = parse(&out);
	ck_assert_str_eq(json_string_value(json_object_get(doc, "detail")), "no \"route\"\n");
	ck_assert_str_eq(json_string_value(json_object_get(doc, "instance")),
			 "urn:microreg:request:0a1b");
	ck_assert_str_eq(json_string_value(json_object_get(doc, "type")),
			 "urn:microreg:problem:no-route");
	json_decref(doc);
	buf_fini(&out);
}
END_TEST

START_TEST(proxy_status_names_the_error_and_the_hop_when_an_upstream_is_to_blame)
{
	struct buf out;

	buf_init(&out, 4096);
	problem_write_proxy_status(&out, PROBLEM_CONNECT_FAILED, "orders/\"2\\\n");
	ck_assert_str_eq(buf_str(&out), "microreg; error=connection_refused; "
					"next-hop=\"orders/\\\"2\\\\\"");
	buf_reset(&out);
	problem_write_proxy_status(&out, PROBLEM_UPSTREAM_TIMEOUT, NULL);
	ck_assert_str_eq(buf_str(&out), "microreg; error=http_response_timeout");
	buf_reset(&out);
	problem_write_proxy_status(&out, PROBLEM_NO_ROUTE, "orders/2");
	ck_assert_uint_eq(out.len, 0);
	buf_fini(&out);
}
END_TEST

START_TEST(a_refused_head_keeps_its_status)
{
	static const unsigned statuses[] = {400, 408, 413, 414, 417, 431, 501, 503, 505};

	for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++)
		ck_assert_uint_eq(problem_kind(problem_of_status(statuses[i]))->status,
				  statuses[i]);
	ck_assert_uint_eq(problem_kind(problem_of_status(599))->status, 400);
	ck_assert_uint_eq(problem_kind(PROBLEM_NONE)->status, 500);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("problem");
	TCase *t = tcase_create("problem");

	tcase_add_loop_test(t, every_cause_is_a_document_of_its_own_type, PROBLEM_NONE + 1,
			    PROBLEM_COUNT);
	tcase_add_test(t, detail_and_request_id_are_told_and_escaped);
	tcase_add_test(t, proxy_status_names_the_error_and_the_hop_when_an_upstream_is_to_blame);
	tcase_add_test(t, a_refused_head_keeps_its_status);
	suite_add_tcase(s, t);
	return unit_run(s);
}
