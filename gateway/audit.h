/*
 * audit: who was refused, where and why, and what was changed by whom: a JSON
 * object a line, where `log.audit` says.
 *
 * A flood of refusals comes to few lines: what is refused again within a
 * second, from the same address for the same reason, is one more line that
 * counts, and so is everything over AUDIT_LINES_MAX different ones. What is
 * too long for a line is cut, and the line says so: "cut": true.
 */
#ifndef MICROREG_GATEWAY_AUDIT_H
#define MICROREG_GATEWAY_AUDIT_H

#include "common/err.h"
#include "gateway/http1_head.h"
#include "gateway/settings.h"

#include <stdint.h>

struct audit;

enum { AUDIT_LINES_MAX = 50, AUDIT_FLUSH_MS = 1000 };

enum audit_event { AUDIT_DENIED = 0, AUDIT_ADMIN, AUDIT_RELOAD };

/* What is not known stays zero: it is left out. Never a credential. */
struct audit_entry {
	enum audit_event event;
	struct span client;   /* address */
	struct span consumer; /* of a request: who asked, when that is known */
	const char *token;    /* of the admin door: whose */
	const char *route, *policy;
	const char *action; /* of ADMIN: what was asked for */
	const char *reason; /* of a refusal; of changes: what came of it */
	struct span request_id;
};

/* NULL when the file can't be opened (the text says why) or the system is out of memory or
 * threads. */
struct audit *audit_open(const struct settings_log *settings, struct err *e);

/* Any thread; never waits for the disk. `audit` NULL does no harm, here and below. */
void audit_write(struct audit *audit, const struct audit_entry *entry);

/* Writes what was counted. One thread, every AUDIT_FLUSH_MS. */
void audit_flush(struct audit *audit);

/* As access_log_apply. */
int audit_apply(struct audit *audit, const struct settings_log *settings, struct err *e);

uint64_t audit_dropped(const struct audit *audit); /* lines; any thread */

/* As access_log_close. */
void audit_close(struct audit **audit);

#endif
