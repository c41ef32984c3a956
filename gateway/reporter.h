/*
 * reporter: tells the registry, every second and when an instance that drains
 * has nothing in flight any more, what the gateway uses (registry.report), and
 * what its callers have used of their quotas, sooner where little is left. A
 * thread of its own, since a report waits for the registry.
 */
#ifndef MICROREG_GATEWAY_REPORTER_H
#define MICROREG_GATEWAY_REPORTER_H

#include "common/err.h"
#include "gateway/gateway.h"

struct reporter;
struct settings_registry;

/* When the workers run. `name` is what the watch calls this gateway. The gateway must outlive it.
 */
struct reporter *reporter_start(struct gateway *gateway, const struct settings_registry *settings,
				const char *name, struct err *e);

/* Ends the thread, waiting for a report that is under way: a second at most. Before the workers
 * end; others may still hurry it. Harmless with NULL. */
void reporter_stop(struct reporter *reporter);
void reporter_free(struct reporter **reporter); /* when nobody hurries it any more */

/* Report soon. Any thread; never waits. Harmless with NULL. */
void reporter_hurry(struct reporter *reporter);
/* The same of what is used of quotas: requests wait for the answer. */
void reporter_hurry_quotas(struct reporter *reporter);

#endif
