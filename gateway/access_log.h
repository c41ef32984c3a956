/*
 * access_log: a line for each request, as JSON or in the combined format.
 *
 * A worker formats its line and puts it into a bounded buffer; a thread of the
 * log writes. So a slow disk or pipe costs lines, which are counted, never a
 * worker's time.
 */
#ifndef MICROREG_GATEWAY_ACCESS_LOG_H
#define MICROREG_GATEWAY_ACCESS_LOG_H

#include "common/err.h"
#include "gateway/access_flags.h"
#include "gateway/http1_head.h"
#include "gateway/settings.h"

#include <stdint.h>

struct access_log;

/* What is not known stays zero: it is left out of the line. Durations are microseconds. */
struct access_record {
	int64_t wall_ms;				/* when the request's first byte came */
	struct span request_id, client, method, target; /* target: path and query as sent */
	struct span host, referer, user_agent;
	unsigned minor;		      /* HTTP/1.minor */
	const char *route;	      /* its pattern */
	unsigned status;	      /* 0: no answer was begun */
	uint64_t bytes_in, bytes_out; /* heads included */
	uint64_t auth_us, queue_us, resolve_us, connect_us, first_byte_us, total_us;
	const char *service, *instance;
	unsigned attempts;
	const char *cache;			/* "hit", "stale", "miss" */
	unsigned flags;				/* ACCESS_… */
	struct span consumer;			/* who asked, when that is known */
	const char *reason;			/* why it was refused or failed */
	const struct access_template *template; /* of the settings it was served by */
};

/* NULL when the file can't be opened (the text says why) or the system is out of memory or
 * threads. With `access: off` lines are dropped uncounted. */
struct access_log *access_log_open(const struct settings_log *settings, struct err *e);

/* Any thread; never waits for the disk. */
void access_log_write(struct access_log *log, const struct access_record *record);
/* The same of lines that were made elsewhere, in the form of the destination. */
void access_log_append(struct access_log *log, const char *line, size_t len);
/* False when nothing is logged, so that a record need not be made. Any thread. */
bool access_log_is_on(const struct access_log *log);

/* After a reload, or with the same settings to open a rotated file anew. -1: the destination stays
 * as it was. One thread at a time. */
int access_log_apply(struct access_log *log, const struct settings_log *settings, struct err *e);

uint64_t access_log_dropped(const struct access_log *log); /* lines; any thread */

/* Writes what it holds, at most for a second, and frees. When no worker writes any more. */
void access_log_close(struct access_log **log);

#endif
