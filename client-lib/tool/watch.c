/*
 * watch: a line per change. The library keeps the snapshot current over
 * whatever happens to the registry; here two snapshots are compared.
 */
#include "client-lib/tool/print.h"
#include "client-lib/tool/tool.h"
#include "common/json_write.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct watch_line {
	const struct tool *tool;
	struct buf out;
	char time[32];
};

void watch_changed(void *arg)
{
	const struct tool *tool = arg;
	uint64_t one = 1;

	(void)!write(tool->wake, &one, sizeof(one)); /* full: it is awake anyway */
}

/* ---- One line ---- */

static void watch_json_instance(struct json_writer *j, const struct microreg_instance *in)
{
	json_write_key(j, "id");
	json_write_string(j, in->id);
	json_write_key(j, "host");
	json_write_string(j, in->host);
	json_write_key(j, "port");
	json_write_int(j, in->port);
	json_write_key(j, "scheme");
	json_write_string(j, in->scheme);
	json_write_key(j, "status");
	json_write_string(j, in->status);
	json_write_key(j, "weight");
	json_write_int(j, (int64_t)in->weight);
	json_write_key(j, "zone");
	json_write_string(j, in->zone);
	json_write_key(j, "version");
	json_write_string(j, in->version);
	json_write_key(j, "detail");
	json_write_string(j, in->detail);
}

static void watch_json_reason(struct json_writer *j, const struct microreg_service *service)
{
	json_write_key(j, "reason");
	json_write_string(j, service->reason);
}

/* `in` NULL: the event is the service's. */
static void watch_print(struct watch_line *line, const char *event,
			const struct microreg_service *service, const struct microreg_instance *in)
{
	struct buf *out = &line->out;
	struct json_writer j;
	bool color = line->tool->color;

	if (line->tool->json) {
		json_write_init(&j, out);
		json_write_object(&j);
		json_write_key(&j, "time");
		json_write_string(&j, line->time);
		json_write_key(&j, "event");
		json_write_string(&j, event);
		json_write_key(&j, "service");
		json_write_string(&j, service->name);
		json_write_key(&j, "revision");
		json_write_string(&j, service->revision);
		if (in)
			watch_json_instance(&j, in);
		else
			watch_json_reason(&j, service);
		json_write_object_end(&j);
		(void)buf_putc(out, '\n');
		return;
	}
	(void)buf_printf(out, "%s  %-8s  %s", line->time, event, service->name);
	if (in) {
		(void)buf_puts(out, "  ");
		print_safe(out, in->id);
		(void)buf_puts(out, strchr(in->host, ':') ? "  [" : "  ");
		print_safe(out, in->host);
		(void)buf_printf(out, "%s:%u  %s%s%s  ", strchr(in->host, ':') ? "]" : "", in->port,
				 print_color(color, in->status), in->status,
				 print_color_end(color));
		print_safe(out, in->detail);
	} else if (*service->reason) {
		(void)buf_puts(out, "  ");
		print_safe(out, service->reason);
	}
	(void)buf_putc(out, '\n');
}

/* ---- Two snapshots ---- */

static const struct microreg_instance *watch_find(const struct microreg_service *s, const char *id,
						  size_t hint)
{
	if (!s)
		return NULL;
	if (hint < s->count && strcmp(s->instances[hint].id, id) == 0)
		return &s->instances[hint]; /* most lists change in one place */
	for (size_t i = 0; i < s->count; i++)
		if (strcmp(s->instances[i].id, id) == 0)
			return &s->instances[i];
	return NULL;
}

static bool watch_is_same(const struct microreg_instance *a, const struct microreg_instance *b)
{
	bool same = a->port == b->port && a->weight == b->weight && !strcmp(a->host, b->host) &&
		    !strcmp(a->scheme, b->scheme) && !strcmp(a->status, b->status) &&
		    !strcmp(a->zone, b->zone) && !strcmp(a->version, b->version) &&
		    !strcmp(a->detail, b->detail) && a->tag_count == b->tag_count &&
		    a->meta_count == b->meta_count;

	for (size_t i = 0; same && i < a->tag_count; i++)
		same = strcmp(a->tags[i], b->tags[i]) == 0;
	for (size_t i = 0; same && i < a->meta_count; i++)
		same = strcmp(a->meta[i].name, b->meta[i].name) == 0 &&
		       strcmp(a->meta[i].value, b->meta[i].value) == 0;
	return same;
}

static void watch_compare(struct watch_line *line, const struct microreg_service *was,
			  const struct microreg_service *is)
{
	const struct microreg_instance *other;

	for (size_t i = 0; i < is->count; i++) {
		other = watch_find(was, is->instances[i].id, i);
		if (!other)
			watch_print(line, "added", is, &is->instances[i]);
		else if (!watch_is_same(other, &is->instances[i]))
			watch_print(line, "changed", is, &is->instances[i]);
	}
	for (size_t i = 0; was && i < was->count; i++)
		if (!watch_find(is, was->instances[i].id, i))
			watch_print(line, "removed", is, &was->instances[i]);
	if (is->held && !(was && was->held))
		watch_print(line, "held", is, NULL);
	else if (!is->held && was && was->held)
		watch_print(line, "released", is, NULL);
	if (!is->count && (!was || was->count || strcmp(was->reason, is->reason) != 0))
		watch_print(line, "empty", is, NULL);
}

/* What changed from one to the other, on standard output. -1: it is closed. */
static int watch_show(const struct tool *tool, const struct microreg_snapshot *was,
		      const struct microreg_snapshot *is)
{
	struct watch_line line = {.tool = tool};
	const struct microreg_service *service;
	time_t now = time(NULL);
	struct tm tm;
	size_t at = 0;
	int result;

	if (!localtime_r(&now, &tm) ||
	    !strftime(line.time, sizeof(line.time), tool->json ? "%Y-%m-%dT%H:%M:%S%z" : "%H:%M:%S",
		      &tm))
		line.time[0] = '\0';
	buf_init(&line.out, PRINT_BYTES_MAX);
	while ((service = microreg_snapshot_next(is, &at)) != NULL)
		watch_compare(&line, was ? microreg_snapshot_find(was, service->name) : NULL,
			      service);
	at = 0;
	while (was && (service = microreg_snapshot_next(was, &at)) != NULL)
		for (size_t i = 0; !microreg_snapshot_find(is, service->name) && i < service->count;
		     i++)
			watch_print(&line, "removed", service, &service->instances[i]);
	result = print_out(&line.out);
	buf_fini(&line.out);
	return result;
}

int watch_run(struct tool *tool)
{
	const struct microreg_snapshot *was = NULL, *is;
	struct microreg_error error;
	uint64_t count;
	int code = TOOL_OK;

	if (microreg_follow(tool->registry, tool->word_count ? tool->words[0] : NULL, &error) < 0)
		return tool_fail(tool, &error);
	for (;;) {
		is = microreg_snapshot_ref(tool->registry);
		if (watch_show(tool, was, is) < 0) {
			code = TOOL_SYSTEM;
			break;
		}
		microreg_snapshot_unref(&was);
		was = is;
		while (read(tool->wake, &count, sizeof(count)) < 0 && errno == EINTR)
			;
	}
	microreg_snapshot_unref(&is);
	microreg_snapshot_unref(&was);
	return code;
}
