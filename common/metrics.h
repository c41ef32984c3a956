/*
 * metrics: writes the Prometheus text format (version 0.0.4) from a table of
 * metrics, and OpenMetrics from that. Counting is the daemons' own business.
 */
#ifndef MICROREG_COMMON_METRICS_H
#define MICROREG_COMMON_METRICS_H

#include "common/buf.h"

#include <stddef.h>
#include <stdint.h>

#define METRICS_CONTENT_TYPE	  "text/plain; version=0.0.4; charset=utf-8"
#define METRICS_OPEN_CONTENT_TYPE "application/openmetrics-text; version=1.0.0; charset=utf-8"

enum metric_type { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM, METRIC_SUMMARY };

struct metric {
	const char *name; /* "microreg_gateway_requests_total" */
	enum metric_type type;
	const char *help;
};

struct metric_label {
	const char *name, *value; /* the value may hold anything; it is escaped */
};

/* All append; errors stick in the buf. The head comes once, before the samples of its metric. */
void metrics_head(struct buf *out, const struct metric *metric);
void metrics_sample(struct buf *out, const struct metric *metric, const struct metric_label *labels,
		    size_t label_count, uint64_t value);
void metrics_sample_seconds(struct buf *out, const struct metric *metric,
			    const struct metric_label *labels, size_t label_count, uint64_t us);

/* The samples of one histogram of durations. `counts` has one number per bound, not summed up, and
 * one more for what is over the last bound. */
struct metric_histogram {
	const uint64_t *bounds_us;
	const uint64_t *counts;
	size_t bound_count;
	uint64_t sum_us;
};
void metrics_samples(struct buf *out, const struct metric *metric,
		     const struct metric_label *labels, size_t label_count,
		     const struct metric_histogram *histogram);

/* A summary without quantiles: how many durations, and their sum. */
void metrics_summary(struct buf *out, const struct metric *metric,
		     const struct metric_label *labels, size_t label_count, uint64_t count,
		     uint64_t sum_us);

/* The same samples as OpenMetrics 1.0, for METRICS_OPEN_CONTENT_TYPE: a counter's family has no
 * "_total", bounds are written with a point, and the text has an end. */
void metrics_to_open(const struct buf *text, struct buf *out);

/* A row of the reference's Markdown table: name, type, help. */
void metrics_print_reference(struct buf *out, const struct metric *metric);

#endif
