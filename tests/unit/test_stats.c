/* stats and metrics: what is counted is scraped in the text format, summed over the workers. */
#include "common/metrics.h"
#include "gateway/stats.h"
#include "tests/unit/unit.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#define ck_holds(out, part) \
	ck_assert_msg(strstr(buf_str(out), part) != NULL, "no \"%s\" in:\n%s", part, buf_str(out))

START_TEST(a_label_may_hold_anything)
{
	const struct metric m = {"x_total", METRIC_COUNTER, "Back\\slash\nand \"quote\""};
	const struct metric_label labels[] = {{"a", "q\"b\\c\nd"}, {"b", ""}};
	struct buf out;

	buf_init(&out, 10000);
	metrics_head(&out, &m);
	metrics_sample(&out, &m, labels, 2, UINT64_MAX);
	metrics_sample(&out, &m, NULL, 0, 0);
	metrics_sample_seconds(&out, &m, labels + 1, 1, 1000001);
	ck_assert_str_eq(buf_str(&out),
			 "# HELP x_total Back\\\\slash\\nand \"quote\"\n"
			 "# TYPE x_total counter\n"
			 "x_total{a=\"q\\\"b\\\\c\\nd\",b=\"\"} 18446744073709551615\n"
			 "x_total 0\n"
			 "x_total{b=\"\"} 1.000001\n");
	buf_fini(&out);
}
END_TEST

START_TEST(a_histogram_adds_up)
{
	const struct metric m = {"d_seconds", METRIC_HISTOGRAM, "d"};
	const uint64_t bounds[] = {500, 1000000}, counts[] = {3, 2, 1};
	const struct metric_histogram h = {
		.bounds_us = bounds, .counts = counts, .bound_count = 2, .sum_us = 2500000};
	struct buf out;

	buf_init(&out, 10000);
	metrics_samples(&out, &m, NULL, 0, &h);
	ck_assert_str_eq(buf_str(&out), "d_seconds_bucket{le=\"0.0005\"} 3\n"
					"d_seconds_bucket{le=\"1\"} 5\n"
					"d_seconds_bucket{le=\"+Inf\"} 6\n"
					"d_seconds_sum 2.500000\n"
					"d_seconds_count 6\n");
	buf_fini(&out);
}
END_TEST

START_TEST(a_scrape_sums_up_all_workers_and_the_main_thread)
{
	struct stats *stats = stats_new(2);
	struct buf out;

	stats_add(stats_worker(stats, 0), STAT_BYTES_IN, 100);
	stats_add(stats_worker(stats, 1), STAT_BYTES_IN, 20);
	stats_inc(stats_main(stats), STAT_RELOADS_OK);
	stats_inc(stats_worker(stats, 0), STAT_CONNECTIONS);
	stats_inc(stats_worker(stats, 0), STAT_CONNECTIONS);
	stats_dec(stats_worker(stats, 0), STAT_CONNECTIONS);
	stats_request(stats_worker(stats, 0), 204, 400);
	stats_request(stats_worker(stats, 1), 599, 99000000);
	stats_request(stats_worker(stats, 1), 0, 1000); /* no answer was begun */
	ck_assert_uint_eq(stats_sum(stats, STAT_BYTES_IN), 120);
	buf_init(&out, 1 << 20);
	stats_write(stats, 0, &out);
	ck_holds(&out, "\nmicroreg_gateway_received_bytes_total 120\n");
	ck_holds(&out, "\nmicroreg_gateway_connections 1\n");
	ck_holds(&out, "\nmicroreg_gateway_requests_total{class=\"2xx\"} 1\n");
	ck_holds(&out, "\nmicroreg_gateway_requests_total{class=\"5xx\"} 1\n");
	ck_holds(&out, "\nmicroreg_gateway_requests_total{class=\"4xx\"} 0\n");
	ck_holds(&out, "\nmicroreg_gateway_reloads_total{result=\"ok\"} 1\n");
	ck_holds(&out, "_duration_seconds_bucket{le=\"0.0005\"} 1\n");
	ck_holds(&out, "_duration_seconds_bucket{le=\"10\"} 2\n");
	ck_holds(&out, "_duration_seconds_count 3\n");
	ck_holds(&out, "_duration_seconds_sum 99.001400\n");
	ck_assert_ptr_null(strstr(buf_str(&out), "service_"));
	buf_fini(&out);
	stats_free(&stats);
	ck_assert_ptr_null(stats);
}
END_TEST

START_TEST(each_name_has_one_head_and_it_stands_before_its_samples)
{
	struct stats *stats = stats_new(1);
	const char *line, *name = "";
	size_t name_len = 0;
	struct buf out;

	stats_service_inc(stats_service(stats, "orders"), SERVICE_STAT_REQUESTS);
	buf_init(&out, 1 << 20);
	stats_write(stats, 0, &out);
	for (line = buf_str(&out); *line; line = strchr(line, '\n') + 1) {
		if (strncmp(line, "# TYPE ", 7) == 0) {
			name = line + 7;
			name_len = strcspn(name, " ");
		} else if (*line != '#') {
			ck_assert_msg(strncmp(line, name, name_len) == 0, "%.60s", line);
		}
	}
	buf_fini(&out);
	stats_free(&stats);
}
END_TEST

START_TEST(a_service_keeps_its_counts_under_its_name)
{
	struct stats *stats = stats_new(1);
	struct stats_service *orders = stats_service(stats, "orders");
	struct buf out;

	ck_assert_ptr_eq(stats_service(stats, "orders"), orders);
	ck_assert_ptr_ne(stats_service(stats, "users"), orders);
	stats_service_inc(orders, SERVICE_STAT_RETRIES);
	stats_service_inc(NULL, SERVICE_STAT_RETRIES);
	buf_init(&out, 1 << 20);
	stats_write(stats, 0, &out);
	ck_holds(&out, "\nmicroreg_gateway_service_retries_total{service=\"orders\"} 1\n");
	ck_holds(&out, "\nmicroreg_gateway_service_retries_total{service=\"users\"} 0\n");
	buf_fini(&out);
	stats_free(&stats);
}
END_TEST

START_TEST(services_over_the_bound_are_not_counted)
{
	struct stats *stats = stats_new(1);
	char name[32];

	for (unsigned i = 0; i < STATS_SERVICES_MAX; i++) {
		(void)snprintf(name, sizeof(name), "s%u", i);
		ck_assert_ptr_nonnull(stats_service(stats, name));
	}
	ck_assert_ptr_null(stats_service(stats, "more"));
	ck_assert_ptr_nonnull(stats_service(stats, "s0"));
	stats_free(&stats);
}
END_TEST

static void *count_many(void *arg)
{
	struct stats *stats = arg;

	for (unsigned i = 0; i < 10000; i++)
		stats_service_inc(stats_service(stats, "orders"), SERVICE_STAT_REQUESTS);
	return NULL;
}

START_TEST(threads_lose_no_count_of_a_service)
{
	struct stats *stats = stats_new(1);
	pthread_t threads[4];
	struct buf out;

	for (unsigned i = 0; i < 4; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, count_many, stats), 0);
	for (unsigned i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	buf_init(&out, 1 << 20);
	stats_write(stats, 0, &out);
	ck_holds(&out, "\nmicroreg_gateway_service_requests_total{service=\"orders\"} 40000\n");
	buf_fini(&out);
	stats_free(&stats);
}
END_TEST

START_TEST(the_reference_has_each_metric_once)
{
	struct buf out;

	buf_init(&out, 1 << 20);
	stats_print_reference(&out);
	ck_holds(&out,
		 "| `microreg_gateway_requests_total` | counter | Requests answered, by class");
	ck_holds(&out, "| `microreg_gateway_request_duration_seconds` | histogram |");
	ck_assert_ptr_null(
		strstr(strstr(buf_str(&out), "_requests_total`") + 1, "gateway_requests_total`"));
	buf_fini(&out);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("stats");
	TCase *t = tcase_create("stats");

	tcase_add_test(t, a_label_may_hold_anything);
	tcase_add_test(t, a_histogram_adds_up);
	tcase_add_test(t, a_scrape_sums_up_all_workers_and_the_main_thread);
	tcase_add_test(t, each_name_has_one_head_and_it_stands_before_its_samples);
	tcase_add_test(t, a_service_keeps_its_counts_under_its_name);
	tcase_add_test(t, services_over_the_bound_are_not_counted);
	tcase_add_test(t, threads_lose_no_count_of_a_service);
	tcase_add_test(t, the_reference_has_each_metric_once);
	suite_add_tcase(s, t);
	return unit_run(s);
}
