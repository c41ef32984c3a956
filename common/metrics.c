/* metrics: lines of the text format, labels escaped as it asks. */
#include "common/metrics.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char *const metrics_types[] = {"counter", "gauge", "histogram"};

/* Appends; failure sticks in the buf. `quote` is escaped in labels only. */
static void metrics_escape(struct buf *out, const char *text, bool quote)
{
	for (; *text; text++) {
		if (*text == '\\' || (quote && *text == '"'))
			(void)buf_putc(out, '\\');
		if (*text == '\n')
			(void)buf_puts(out, "\\n");
		else
			(void)buf_putc(out, *text);
	}
}

void metrics_head(struct buf *out, const struct metric *metric)
{
	(void)buf_printf(out, "# HELP %s ", metric->name);
	metrics_escape(out, metric->help, false);
	(void)buf_printf(out, "\n# TYPE %s %s\n", metric->name, metrics_types[metric->type]);
}

/* "name_suffix{a="1",b="2",le="0.5"}", with a space after it. `le` NULL: without. */
static void metrics_name(struct buf *out, const struct metric *metric, const char *suffix,
			 const struct metric_label *labels, size_t label_count, const char *le)
{
	char open = '{';

	(void)buf_puts(out, metric->name);
	(void)buf_puts(out, suffix);
	for (size_t i = 0; i < label_count; i++) {
		(void)buf_putc(out, open);
		(void)buf_puts(out, labels[i].name);
		(void)buf_puts(out, "=\"");
		metrics_escape(out, labels[i].value, true);
		(void)buf_putc(out, '"');
		open = ',';
	}
	if (le)
		(void)buf_printf(out, "%cle=\"%s\"", open, le);
	if (le || label_count)
		(void)buf_putc(out, '}');
	(void)buf_putc(out, ' ');
}

void metrics_sample(struct buf *out, const struct metric *metric, const struct metric_label *labels,
		    size_t label_count, uint64_t value)
{
	metrics_name(out, metric, "", labels, label_count, NULL);
	(void)buf_printf(out, "%" PRIu64 "\n", value);
}

static void metrics_seconds(struct buf *out, uint64_t us)
{
	(void)buf_printf(out, "%" PRIu64 ".%06" PRIu64 "\n", us / 1000000, us % 1000000);
}

void metrics_sample_seconds(struct buf *out, const struct metric *metric,
			    const struct metric_label *labels, size_t label_count, uint64_t us)
{
	metrics_name(out, metric, "", labels, label_count, NULL);
	metrics_seconds(out, us);
}

void metrics_samples(struct buf *out, const struct metric *metric,
		     const struct metric_label *labels, size_t label_count,
		     const struct metric_histogram *histogram)
{
	uint64_t sum = 0;
	char le[32];

	for (size_t i = 0; i < histogram->bound_count; i++) {
		(void)snprintf(le, sizeof(le), "%g", (double)histogram->bounds_us[i] / 1e6);
		sum += histogram->counts[i];
		metrics_name(out, metric, "_bucket", labels, label_count, le);
		(void)buf_printf(out, "%" PRIu64 "\n", sum);
	}
	sum += histogram->counts[histogram->bound_count];
	metrics_name(out, metric, "_bucket", labels, label_count, "+Inf");
	(void)buf_printf(out, "%" PRIu64 "\n", sum);
	metrics_name(out, metric, "_sum", labels, label_count, NULL);
	metrics_seconds(out, histogram->sum_us);
	metrics_name(out, metric, "_count", labels, label_count, NULL);
	(void)buf_printf(out, "%" PRIu64 "\n", sum);
}

void metrics_print_reference(struct buf *out, const struct metric *metric)
{
	(void)buf_printf(out, "| `%s` | %s | %s |\n", metric->name, metrics_types[metric->type],
			 metric->help);
}
