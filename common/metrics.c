/* metrics: lines of the text format, labels escaped as it asks. */
#include "common/metrics.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char *const metrics_types[] = {"counter", "gauge", "histogram", "summary"};

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

void metrics_summary(struct buf *out, const struct metric *metric,
		     const struct metric_label *labels, size_t label_count, uint64_t count,
		     uint64_t sum_us)
{
	metrics_name(out, metric, "_sum", labels, label_count, NULL);
	metrics_seconds(out, sum_us);
	metrics_name(out, metric, "_count", labels, label_count, NULL);
	(void)buf_printf(out, "%" PRIu64 "\n", count);
}

/* ---- OpenMetrics ---- */

/* "# TYPE microreg_x_total counter" without the suffix. */
static void metrics_open_comment(struct buf *out, const char *line, size_t len)
{
	static const char suffix[] = "_total";
	const char *name = line + strlen("# TYPE "); /* "# HELP " is as long */
	size_t name_len = strcspn(name, " \n"), suffix_len = strlen(suffix);

	if (name_len > suffix_len && memcmp(name + name_len - suffix_len, suffix, suffix_len) == 0)
		name_len -= suffix_len;
	(void)buf_append(out, line, (size_t)(name - line) + name_len);
	name += strcspn(name, " \n");
	(void)buf_append(out, name, len - (size_t)(name - line));
}

/* A bound is a number with a point: le="1.0". */
static void metrics_open_sample(struct buf *out, const char *line, size_t len)
{
	static const char mark[] = "le=\"";
	const char *le = memmem(line, len, mark, strlen(mark)), *end;

	/* A label's own text may hold it, but not behind a brace or comma: quotes are escaped. */
	while (le && le[-1] != '{' && le[-1] != ',')
		le = memmem(le + 1, len - (size_t)(le + 1 - line), mark, strlen(mark));
	end = le ? strchr(le + strlen(mark), '"') : NULL;
	if (!end || memchr(le, '.', (size_t)(end - le)) || memchr(le, 'I', (size_t)(end - le))) {
		(void)buf_append(out, line, len);
		return;
	}
	(void)buf_append(out, line, (size_t)(end - line));
	(void)buf_puts(out, ".0");
	(void)buf_append(out, end, len - (size_t)(end - line));
}

void metrics_to_open(const struct buf *text, struct buf *out)
{
	for (size_t at = 0; at < text->len;) {
		const char *line = text->data + at;
		const char *end = memchr(line, '\n', text->len - at);
		size_t len = end ? (size_t)(end - line) + 1 : text->len - at;

		if (*line == '#')
			metrics_open_comment(out, line, len);
		else
			metrics_open_sample(out, line, len);
		at += len;
	}
	(void)buf_puts(out, "# EOF\n");
}

void metrics_print_reference(struct buf *out, const struct metric *metric)
{
	(void)buf_printf(out, "| `%s` | %s | %s |\n", metric->name, metrics_types[metric->type],
			 metric->help);
}
