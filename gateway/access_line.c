/* access_line: the two formats. */
#include "gateway/access_line.h"
#include "common/clock.h"
#include "common/json_write.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* ---- JSON ---- */

static void access_json_span(struct json_writer *j, const char *key, struct span text, size_t max)
{
	if (text.len == 0)
		return;
	json_write_key(j, key);
	json_write_string_n(j, text.at, text.len < max ? text.len : max);
}

static void access_json_text(struct json_writer *j, const char *key, const char *text)
{
	if (text && *text)
		access_json_span(j, key, (struct span){.at = text, .len = strlen(text)},
				 ACCESS_TEXT_MAX);
}

static void access_json_duration(struct json_writer *j, const char *key, uint64_t us)
{
	if (us == 0)
		return;
	json_write_key(j, key);
	json_write_micros(j, us);
}

static void access_json_target(struct json_writer *j, struct span target)
{
	const char *mark = target.len ? memchr(target.at, '?', target.len) : NULL;
	struct span path = target, query = {.at = "", .len = 0};

	if (mark) {
		path.len = (size_t)(mark - target.at);
		query = (struct span){.at = mark + 1, .len = target.len - path.len - 1};
	}
	access_json_span(j, "path", path, ACCESS_TARGET_MAX);
	access_json_span(j, "query", query, ACCESS_TARGET_MAX);
}

static void access_json_flags(struct json_writer *j, unsigned flags)
{
	static const char *const names[] = {
#define ACCESS_FLAG_NAME(name, bit, meaning) [bit] = #name,
		ACCESS_FLAGS(ACCESS_FLAG_NAME)
#undef ACCESS_FLAG_NAME
	};

	if (!flags)
		return;
	json_write_key(j, "flags");
	json_write_array(j);
	for (unsigned bit = 0; bit < sizeof(names) / sizeof(names[0]); bit++)
		if (flags & 1u << bit)
			json_write_string(j, names[bit]);
	json_write_array_end(j);
}

static void access_json_count(struct json_writer *j, const char *key, uint64_t count)
{
	json_write_key(j, key);
	json_write_uint(j, count);
}

void access_line_json(struct buf *out, const struct access_record *r)
{
	char time[CLOCK_RFC3339_SIZE];
	struct json_writer j;

	clock_rfc3339(r->wall_ms, time);
	json_write_init(&j, out);
	json_write_object(&j);
	json_write_key(&j, "time");
	json_write_string(&j, time);
	access_json_span(&j, "request_id", r->request_id, ACCESS_TEXT_MAX);
	access_json_span(&j, "client", r->client, ACCESS_TEXT_MAX);
	access_json_span(&j, "method", r->method, ACCESS_TEXT_MAX);
	access_json_span(&j, "host", r->host, ACCESS_TEXT_MAX);
	access_json_target(&j, r->target);
	access_json_text(&j, "route", r->route);
	access_json_count(&j, "status", r->status);
	access_json_count(&j, "bytes_in", r->bytes_in);
	access_json_count(&j, "bytes_out", r->bytes_out);
	access_json_duration(&j, "auth_ms", r->auth_us);
	access_json_duration(&j, "queue_ms", r->queue_us);
	access_json_duration(&j, "resolve_ms", r->resolve_us);
	access_json_duration(&j, "connect_ms", r->connect_us);
	access_json_duration(&j, "first_byte_ms", r->first_byte_us);
	access_json_duration(&j, "total_ms", r->total_us);
	access_json_text(&j, "service", r->service);
	access_json_text(&j, "instance", r->instance);
	if (r->attempts)
		access_json_count(&j, "attempts", r->attempts);
	access_json_text(&j, "cache", r->cache);
	access_json_flags(&j, r->flags);
	access_json_span(&j, "consumer", r->consumer, ACCESS_TEXT_MAX);
	access_json_text(&j, "reason", r->reason);
	access_json_span(&j, "referer", r->referer, ACCESS_TEXT_MAX);
	access_json_span(&j, "user_agent", r->user_agent, ACCESS_TEXT_MAX);
	json_write_object_end(&j);
	(void)buf_putc(out, '\n'); /* failure sticks in the buf */
}

/* ---- Combined ---- */

void access_line_escape(struct buf *out, struct span text, size_t max)
{
	size_t len = text.len < max ? text.len : max;

	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text.at[i];

		if (c < 0x20 || c > 0x7e || c == '"' || c == '\\')
			(void)buf_printf(out, "\\x%02X", c);
		else
			(void)buf_putc(out, text.at[i]);
	}
}

static void access_combined_span(struct buf *out, struct span text, size_t max)
{
	if (text.len)
		access_line_escape(out, text, max);
	else
		(void)buf_putc(out, '-');
}

void access_line_combined(struct buf *out, const struct access_record *r)
{
	static const char months[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
					   "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
	time_t seconds = (time_t)(r->wall_ms / 1000);
	struct tm tm = {0};

	(void)gmtime_r(&seconds, &tm); /* fails only for years beyond an int */
	access_combined_span(out, r->client, ACCESS_TEXT_MAX);
	(void)buf_puts(out, " - ");
	access_combined_span(out, r->consumer, ACCESS_TEXT_MAX);
	(void)buf_printf(out, " [%02d/%s/%04d:%02d:%02d:%02d +0000] \"", tm.tm_mday,
			 months[tm.tm_mon], tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec);
	access_combined_span(out, r->method, ACCESS_TEXT_MAX);
	(void)buf_putc(out, ' ');
	access_combined_span(out, r->target, 2 * ACCESS_TARGET_MAX);
	(void)buf_printf(out, " HTTP/1.%u\" %03u %" PRIu64 " \"", r->minor, r->status,
			 r->bytes_out);
	access_combined_span(out, r->referer, ACCESS_TEXT_MAX);
	(void)buf_puts(out, "\" \"");
	access_combined_span(out, r->user_agent, ACCESS_TEXT_MAX);
	(void)buf_puts(out, "\"\n");
}
