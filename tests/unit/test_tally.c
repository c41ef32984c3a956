/* tally: rows by kind and name, bounded; a scrape adds up what the workers counted. */
#include "common/metrics.h"
#include "gateway/tally.h"
#include "tests/unit/unit.h"

#include <stdio.h>
#include <string.h>

static struct tallies *all;
static struct buf page;

static void setup(void)
{
	all = tallies_new(2);
	ck_assert_ptr_nonnull(all);
	buf_init(&page, 1 << 20);
}

static void teardown(void)
{
	tallies_free(&all);
	buf_fini(&page);
}

#define ck_holds(part)                                                                 \
	ck_assert_msg(strstr(buf_str(&page), part) != NULL, "no \"%s\" in:\n%s", part, \
		      buf_str(&page))
#define ck_lacks(part) \
	ck_assert_msg(strstr(buf_str(&page), part) == NULL, "\"%s\" in:\n%s", part, buf_str(&page))

static void write_page(void)
{
	buf_reset(&page);
	tallies_write(all, 1000, &page);
	ck_assert(!page.failed);
	if (!page.len)
		(void)buf_puts(&page, "\n");
}

START_TEST(a_name_keeps_its_row)
{
	struct tally_row *a = tallies_hold(all, TALLY_ROUTE, "", "/a"),
			 *again = tallies_hold(all, TALLY_ROUTE, "", "/a"),
			 *b = tallies_hold(all, TALLY_ROUTE, "", "/b");

	ck_assert_ptr_eq(a, again);
	ck_assert_ptr_ne(a, b);
	ck_assert_str_eq(a->name, "/a");
	tallies_release(all, &a);
	ck_assert_ptr_null(a);
	tallies_release(all, &again);
	again = tallies_hold(all, TALLY_ROUTE, "", "/a"); /* after everybody gave it back */
	tally_reply(&again->tallies[0], 200, 1);
	tallies_release(all, &again);
	again = tallies_hold(all, TALLY_ROUTE, "", "/a");
	write_page();
	ck_holds("\nmicroreg_gateway_route_requests_total{route=\"/a\",code=\"200\"} 1\n");
	tallies_release(all, &again);
	tallies_release(all, &b);
	tallies_release(all, &b); /* harmless */
}
END_TEST

START_TEST(the_workers_are_added_up)
{
	struct tally_row *row = tallies_hold(all, TALLY_SERVICE, "", "orders");
	struct tally_sum sum;

	tally_reply(&row->tallies[0], 200, 400);
	tally_reply(&row->tallies[1], 200, 400);
	tally_reply(&row->tallies[1], 503, 20000000);
	tally_reply(&row->tallies[1], 0, 1); /* no answer was begun */
	tally_inc(&row->tallies[0], TALLY_FAILURES);
	tally_inc(NULL, TALLY_FAILURES); /* harmless */
	ck_assert(tallies_read(all, TALLY_SERVICE, "", "orders", 0, &sum));
	ck_assert(!tallies_read(all, TALLY_SERVICE, "", "users", 0, &sum));
	ck_assert(tallies_read(all, TALLY_SERVICE, "", "orders", 0, &sum));
	ck_assert_uint_eq(sum.replies, 4);
	ck_assert_uint_eq(sum.codes[200], 2);
	ck_assert_uint_eq(sum.codes[0], 1);
	write_page();
	ck_holds("\nmicroreg_gateway_service_replies_total{service=\"orders\",code=\"200\"} 2\n");
	ck_holds("\nmicroreg_gateway_service_replies_total{service=\"orders\",code=\"other\"} 1\n");
	ck_holds("_service_first_byte_seconds_bucket{service=\"orders\",le=\"0.0005\"} 3\n");
	ck_holds("_service_first_byte_seconds_bucket{service=\"orders\",le=\"+Inf\"} 4\n");
	ck_holds("\nmicroreg_gateway_service_failures_total{service=\"orders\"} 1\n");
	tallies_release(all, &row);
}
END_TEST

START_TEST(codes_beyond_the_room_are_other)
{
	struct tally_row *row = tallies_hold(all, TALLY_ROUTE, "", "/a");
	struct tally_sum sum;

	for (unsigned code = 400; code < 400 + TALLY_CODES + 5; code++)
		tally_reply(&row->tallies[0], code, 1);
	ck_assert(tallies_read(all, TALLY_ROUTE, "", "/a", 0, &sum));
	ck_assert_uint_eq(sum.codes[400 + TALLY_CODES - 1], 1);
	ck_assert_uint_eq(sum.codes[400 + TALLY_CODES], 0);
	ck_assert_uint_eq(sum.codes[0], 5);
	tallies_release(all, &row);
}
END_TEST

START_TEST(names_beyond_the_bound_are_counted_together)
{
	struct tally_row *rows[5];
	char name[16];

	tallies_set_max(all, 3);
	for (unsigned i = 0; i < 5; i++) {
		(void)snprintf(name, sizeof(name), "/%u", i);
		rows[i] = tallies_hold(all, TALLY_ROUTE, "", name);
		tally_reply(&rows[i]->tallies[0], 200, 1);
	}
	ck_assert_ptr_eq(rows[3], rows[4]);
	ck_assert(tallies_has(all, TALLY_ROUTE, "", "/2"));
	ck_assert(!tallies_has(all, TALLY_ROUTE, "", "/3"));
	write_page();
	ck_holds("\nmicroreg_gateway_route_requests_total{route=\"other\",code=\"200\"} 2\n");
	/* The place of one that nobody holds any more is given away. */
	tallies_release(all, &rows[1]);
	rows[1] = tallies_hold(all, TALLY_ROUTE, "", "/new");
	ck_assert_str_eq(rows[1]->name, "/new");
	ck_assert(!tallies_has(all, TALLY_ROUTE, "", "/1"));
	for (unsigned i = 0; i < 5; i++)
		tallies_release(all, &rows[i]);
}
END_TEST

START_TEST(one_that_is_called_other_is_no_second_row)
{
	struct tally_row *row = tallies_hold(all, TALLY_ROUTE, "", "other"), *more;

	tallies_set_max(all, 0);
	more = tallies_hold(all, TALLY_ROUTE, "", "/x");
	ck_assert_ptr_eq(row, more);
	tallies_release(all, &row);
	tallies_release(all, &more);
}
END_TEST

START_TEST(a_known_instance_is_shown_before_it_is_asked)
{
	struct tally_row *row = tallies_hold(all, TALLY_INSTANCE, "orders", "o1");
	struct tally_sum sum;

	write_page();
	ck_holds("\nmicroreg_gateway_instance_in_flight{service=\"orders\",instance=\"o1\"} 0\n");
	ck_lacks("route_");
	ck_lacks("\"other\"");
	tally_set(&row->tallies[0], TALLY_EJECTED_UNTIL_MS, 2000);
	tally_set(&row->tallies[1], TALLY_EJECTED_UNTIL_MS, 900); /* it is over */
	write_page();
	ck_holds("\nmicroreg_gateway_instance_ejected{service=\"orders\",instance=\"o1\"} 1\n");
	ck_assert(tallies_read(all, TALLY_INSTANCE, "orders", "o1", 1000, &sum));
	ck_assert_uint_eq(sum.ejectors, 1);
	ck_assert_uint_eq(sum.counts[TALLY_EJECTED_UNTIL_MS], 2000);
	tallies_release(all, &row);
	write_page(); /* it is gone, and counted nothing */
	ck_lacks("o1");
}
END_TEST

START_TEST(the_recent_mean_follows)
{
	struct tally_row *row = tallies_hold(all, TALLY_INSTANCE, "s", "i");
	struct tally_sum sum;

	for (unsigned i = 0; i < 100; i++)
		tally_recent(&row->tallies[0], 1000);
	ck_assert(tallies_read(all, TALLY_INSTANCE, "s", "i", 0, &sum));
	ck_assert_uint_eq(sum.counts[TALLY_RECENT_US], 1000);
	for (unsigned i = 0; i < 100; i++)
		tally_recent(&row->tallies[0], 9000);
	ck_assert(tallies_read(all, TALLY_INSTANCE, "s", "i", 0, &sum));
	ck_assert_uint_ge(sum.counts[TALLY_RECENT_US], 8900);
	tallies_release(all, &row);
}
END_TEST

START_TEST(open_metrics_have_families_bounds_and_an_end)
{
	struct buf open;

	buf_init(&open, 1 << 20);
	buf_reset(&page);
	(void)buf_puts(&page,
		       "# HELP x_total le=\"1\" of it\n# TYPE x_total counter\n"
		       "x_total{a=\"le=\\\"1\"} 3\n# TYPE d_seconds histogram\n"
		       "d_seconds_bucket{le=\"1\"} 1\nd_seconds_bucket{a=\"b\",le=\"0.5\"} 1\n"
		       "d_seconds_bucket{le=\"+Inf\"} 1\n");
	metrics_to_open(&page, &open);
	ck_assert_str_eq(buf_str(&open),
			 "# HELP x le=\"1\" of it\n# TYPE x counter\n"
			 "x_total{a=\"le=\\\"1\"} 3\n# TYPE d_seconds histogram\n"
			 "d_seconds_bucket{le=\"1.0\"} 1\nd_seconds_bucket{a=\"b\",le=\"0.5\"} 1\n"
			 "d_seconds_bucket{le=\"+Inf\"} 1\n# EOF\n");
	buf_fini(&open);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("tally");
	TCase *t = tcase_create("tally");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, a_name_keeps_its_row);
	tcase_add_test(t, the_workers_are_added_up);
	tcase_add_test(t, codes_beyond_the_room_are_other);
	tcase_add_test(t, names_beyond_the_bound_are_counted_together);
	tcase_add_test(t, one_that_is_called_other_is_no_second_row);
	tcase_add_test(t, a_known_instance_is_shown_before_it_is_asked);
	tcase_add_test(t, the_recent_mean_follows);
	tcase_add_test(t, open_metrics_have_families_bounds_and_an_end);
	suite_add_tcase(s, t);
	return unit_run(s);
}
