/*
 * admin: the gateway's own door, for its operator: health, readiness,
 * metrics, status, and changes, to whoever may. Over common/httpd, on its own
 * thread; never on a worker's.
 *
 * All functions are the main thread's and are harmless with NULL, which is
 * what there is with `admin: off`.
 */
#ifndef MICROREG_GATEWAY_ADMIN_H
#define MICROREG_GATEWAY_ADMIN_H

#include "common/err.h"
#include "gateway/gateway.h"
#include "gateway/table.h"

#include <stdbool.h>
#include <stdint.h>

struct admin;
struct buf;
struct roster;
struct inherited;
struct loop;

/* Who reads the settings again: on the thread of that loop, also when that is freed. */
struct admin_owner {
	struct loop *loop;
	void (*reload)(void *arg); /* has called admin_note_reload when it returns */
	void *arg;
};

/* On the address in the table's settings, of which it takes its own reference. NULL with e->code
 * when it can't be listened on. `inherited` (may be NULL) may hold a socket for it. The gateway
 * must outlive it. */
struct admin *admin_start(struct gateway *gateway, struct table *table, struct inherited *inherited,
			  struct err *e);
void admin_stop(struct admin **admin);

uint16_t admin_port(const struct admin *admin);

/* Its listening socket, to pass it on to another process; -1: there is none. */
int admin_share(struct admin *admin);

/* Before this /reload is not possible. */
void admin_set_owner(struct admin *admin, const struct admin_owner *owner);

/* From now on /ready is 503. */
void admin_set_draining(struct admin *admin);

/* Can a running door go over to the other settings? Else that needs a restart. */
bool admin_is_same_door(const struct settings_admin *a, const struct settings_admin *b);

/* The table that a reload has put in effect; its own reference. Reads the certificates again. */
void admin_set_table(struct admin *admin, struct table *table);

/* The registry's consumers in effect; its own reference. NULL: none are known. */
void admin_set_roster(struct admin *admin, struct roster *roster);

/* How the last reading of the settings ended. The text is copied. */
void admin_note_reload(struct admin *admin, bool ok, const char *text);

/* What the door has, as a Markdown table, for the reference. */
void admin_print_reference(struct buf *out);

#endif
