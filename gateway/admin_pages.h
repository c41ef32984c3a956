/*
 * admin_pages: the documents of the admin door. They read what other threads
 * write, by atomics, references and locks of its owners; none waits.
 */
#ifndef MICROREG_GATEWAY_ADMIN_PAGES_H
#define MICROREG_GATEWAY_ADMIN_PAGES_H

#include "common/buf.h"
#include "gateway/gateway.h"
#include "gateway/table.h"

#include <stdbool.h>
#include <stdint.h>

enum { ADMIN_TEXT_MAX = 4000 };

/* How the last reading of the settings ended. */
struct admin_reload {
	bool ok;
	int64_t wall_ms;
	int64_t ok_wall_ms; /* of the last one that was taken over */
	char text[ADMIN_TEXT_MAX];
};

/* What a page is made of. */
struct admin_view {
	struct gateway *gateway;
	struct table *table, *rules; /* rules: by whose settings it was let in */
	struct roster *roster;	     /* NULL: none is known */
	const char *name;	     /* of /services/NAME */
	int64_t started_wall_ms;
	uint64_t uptime_ms;
	uint64_t denied; /* requests of the admin door */
	bool draining;
	struct admin_reload reload;
};

/* True when requests are welcome: not draining, and the registry or the snapshot file has told of
 * the services once. */
bool admin_is_ready(const struct admin_view *view);

/* Errors stick in the buf. */
void admin_page_ready(const struct admin_view *view, struct buf *out);
void admin_page_metrics(const struct admin_view *view, struct buf *out);
void admin_page_status(const struct admin_view *view, struct buf *out);
void admin_page_services(const struct admin_view *view, struct buf *out);
/* Of view->name. False when there is no such service: `why` then says which there are. */
bool admin_page_service(const struct admin_view *view, struct buf *out, struct buf *why);
void admin_page_routes(const struct admin_view *view, struct buf *out);
void admin_page_consumers(const struct admin_view *view, struct buf *out);

/* The rows of the reference for the metrics that are not stats'. */
void admin_print_metrics(struct buf *out);

#endif
