/* tally_write: the metrics that tallies come to. */
#include "common/metrics.h"
#include "gateway/tally.h"

#include <stdio.h>
#include <string.h>

/* What of a sum a metric shows. */
enum tally_form { FORM_COUNT, FORM_CODES, FORM_DURATIONS, FORM_SUMMARY, FORM_EJECTED };

/* Rows of one name stand together; the first has the help. */
static const struct tally_metric {
	enum tally_kind kind;
	enum tally_form form;
	enum tally_count which; /* of FORM_COUNT */
	struct metric metric;
	struct metric_label label;
} tally_metrics[] = {
#define ROW(kind, form, which, type, name, help, label, value)           \
	{                                                                \
		TALLY_##kind, FORM_##form, TALLY_##which,                \
			{"microreg_gateway_" name, METRIC_##type, help}, \
		{                                                        \
			label, value                                     \
		}                                                        \
	}
#define PLAIN(kind, which, type, name, help) ROW(kind, COUNT, which, type, name, help, NULL, NULL)
#define FORMED(kind, form, type, name, help) \
	ROW(kind, form, COUNT_COUNT, type, name, help, NULL, NULL)
	FORMED(ROUTE, CODES, COUNTER, "route_requests_total",
	       "Requests of a route answered, by status code"),
	FORMED(ROUTE, DURATIONS, HISTOGRAM, "route_request_duration_seconds",
	       "Time from the first byte of a route's request to the last of its answer"),
	PLAIN(ROUTE, IN_FLIGHT, GAUGE, "route_requests_in_flight", "Requests of a route under way"),
	PLAIN(ROUTE, ABANDONED, COUNTER, "route_abandoned_total",
	      "Requests of a route whose client went away before the answer was complete"),
	PLAIN(ROUTE, BYTES_IN, COUNTER, "route_received_bytes_total",
	      "Bytes of a route's requests, heads included"),
	PLAIN(ROUTE, BYTES_OUT, COUNTER, "route_sent_bytes_total",
	      "Bytes of a route's answers, heads included"),
	PLAIN(ROUTE, RETRIES, COUNTER, "route_retries_total",
	      "Attempts after the first for a route's requests"),
	ROW(ROUTE, COUNT, CACHE_HIT, COUNTER, "route_cache_total",
	    "Requests of a route by what the cache did", "result", "hit"),
	ROW(ROUTE, COUNT, CACHE_STALE, COUNTER, "route_cache_total", "", "result", "stale"),
	ROW(ROUTE, COUNT, CACHE_MISS, COUNTER, "route_cache_total", "", "result", "miss"),
	PLAIN(ROUTE, CACHE_STORED, COUNTER, "route_cache_stored_total",
	      "Replies to a route's requests stored in the cache"),
	FORMED(SERVICE, CODES, COUNTER, "service_replies_total",
	       "Replies of a service's instances, by status code"),
	FORMED(SERVICE, DURATIONS, HISTOGRAM, "service_first_byte_seconds",
	       "Time from the start of an attempt to the head of its reply"),
	PLAIN(SERVICE, FAILURES, COUNTER, "service_failures_total",
	      "Attempts at a service's instances that gave no good reply"),
	PLAIN(SERVICE, EJECTIONS, COUNTER, "service_ejections_total",
	      "Times that a worker took one of a service's instances out for failing"),
	FORMED(INSTANCE, CODES, COUNTER, "instance_replies_total",
	       "Replies of an instance, by status code"),
	FORMED(INSTANCE, SUMMARY, SUMMARY, "instance_first_byte_seconds",
	       "Time from the start of an attempt at an instance to the head of its reply"),
	PLAIN(INSTANCE, IN_FLIGHT, GAUGE, "instance_in_flight",
	      "Attempts at an instance under way"),
	PLAIN(INSTANCE, FAILURES, COUNTER, "instance_failures_total",
	      "Attempts at an instance that gave no good reply"),
	FORMED(INSTANCE, EJECTED, GAUGE, "instance_ejected",
	       "Workers that have taken an instance out for failing"),
	PLAIN(INSTANCE, EJECTIONS, COUNTER, "instance_ejections_total",
	      "Times that a worker took an instance out for failing"),
	PLAIN(INSTANCE, CONNECTIONS, GAUGE, "instance_connections",
	      "Connections to an instance open"),
	PLAIN(INSTANCE, IDLE, GAUGE, "instance_connections_idle",
	      "Connections to an instance in the pool"),
	PLAIN(INSTANCE, REUSES, COUNTER, "instance_reuses_total",
	      "Attempts at an instance on a connection that was open already"),
#undef FORMED
#undef PLAIN
#undef ROW
};

enum { TALLY_METRICS = sizeof(tally_metrics) / sizeof(tally_metrics[0]) };

static bool tally_metric_is_first(unsigned i)
{
	return i == 0 ||
	       strcmp(tally_metrics[i].metric.name, tally_metrics[i - 1].metric.name) != 0;
}

/* ---- One sample of each ---- */

static void tally_write_codes(struct buf *out, const struct tally_metric *m,
			      struct metric_label labels[3], size_t count,
			      const struct tally_sum *sum)
{
	char code[8];

	for (unsigned i = 0; i < 600; i++) {
		if (!sum->codes[i])
			continue;
		(void)snprintf(code, sizeof(code), "%u", i);
		labels[count] = (struct metric_label){"code", i ? code : "other"};
		metrics_sample(out, &m->metric, labels, count + 1, sum->codes[i]);
	}
}

static void tally_write_one(struct buf *out, const struct tally_metric *m,
			    struct metric_label labels[3], size_t count,
			    const struct tally_sum *sum)
{
	const struct metric_histogram histogram = {.bounds_us = tally_bounds_us,
						   .counts = sum->durations,
						   .bound_count = TALLY_BOUNDS,
						   .sum_us = sum->duration_sum_us};

	switch (m->form) {
	case FORM_CODES:
		tally_write_codes(out, m, labels, count, sum);
		break;
	case FORM_DURATIONS:
		metrics_samples(out, &m->metric, labels, count, &histogram);
		break;
	case FORM_SUMMARY:
		metrics_summary(out, &m->metric, labels, count, sum->measured,
				sum->duration_sum_us);
		break;
	case FORM_EJECTED:
		metrics_sample(out, &m->metric, labels, count, sum->ejectors);
		break;
	case FORM_COUNT:
		if (m->label.name)
			labels[count++] = m->label;
		metrics_sample(out, &m->metric, labels, count, sum->counts[m->which]);
		break;
	}
}

/* ---- The page: the samples of each metric are collected apart, in one pass over the rows ---- */

struct tally_page {
	struct buf parts[TALLY_METRICS];
};

static void tally_page_row(struct tally_page *page, enum tally_kind kind,
			   const struct tally_row *row, const struct tally_sum *sum)
{
	static const char *const names[] = {"route", "service", "instance"};
	unsigned part = 0;

	for (unsigned i = 0; i < TALLY_METRICS; i++) {
		struct metric_label labels[3];
		size_t count = 0;

		if (tally_metric_is_first(i))
			part = i;
		if (tally_metrics[i].kind != kind)
			continue;
		if (kind == TALLY_INSTANCE)
			labels[count++] = (struct metric_label){"service", row->group};
		labels[count++] = (struct metric_label){names[kind], row->name};
		tally_write_one(&page->parts[part], &tally_metrics[i], labels, count, sum);
	}
}

static void tally_page_route(void *arg, const struct tally_row *row, const struct tally_sum *sum)
{
	tally_page_row(arg, TALLY_ROUTE, row, sum);
}

static void tally_page_service(void *arg, const struct tally_row *row, const struct tally_sum *sum)
{
	tally_page_row(arg, TALLY_SERVICE, row, sum);
}

static void tally_page_instance(void *arg, const struct tally_row *row, const struct tally_sum *sum)
{
	tally_page_row(arg, TALLY_INSTANCE, row, sum);
}

void tallies_write(struct tallies *all, uint64_t now_ms, struct buf *out)
{
	struct tally_page page;

	if (!all)
		return;
	for (unsigned i = 0; i < TALLY_METRICS; i++)
		buf_init(&page.parts[i], out->max);
	tallies_each(all, TALLY_ROUTE, now_ms, tally_page_route, &page);
	tallies_each(all, TALLY_SERVICE, now_ms, tally_page_service, &page);
	tallies_each(all, TALLY_INSTANCE, now_ms, tally_page_instance, &page);
	for (unsigned i = 0; i < TALLY_METRICS; i++) {
		out->failed |= page.parts[i].failed;
		if (page.parts[i].len) {
			metrics_head(out, &tally_metrics[i].metric);
			(void)buf_append(out, page.parts[i].data, page.parts[i].len); /* sticks */
		}
		buf_fini(&page.parts[i]);
	}
}

void tallies_print_reference(struct buf *out)
{
	for (unsigned i = 0; i < TALLY_METRICS; i++)
		if (tally_metric_is_first(i))
			metrics_print_reference(out, &tally_metrics[i].metric);
}
