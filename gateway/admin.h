/*
 * admin: the gateway's own door, for its operator: health, readiness,
 * metrics, status. Over common/httpd, on its own thread; never on a worker's.
 *
 * All functions are the main thread's and are harmless with NULL, which is
 * what there is with `admin: off`.
 */
#ifndef MICROREG_GATEWAY_ADMIN_H
#define MICROREG_GATEWAY_ADMIN_H

#include "common/err.h"
#include "gateway/gateway.h"
#include "gateway/settings.h"

#include <stdbool.h>

struct admin;

/* NULL with e->code when the address can't be listened on. The gateway must outlive it; of the
 * settings only what is needed now is looked at. */
struct admin *admin_start(struct gateway *gateway, const struct settings *settings, struct err *e);
void admin_stop(struct admin **admin);

/* From now on /ready is 503. */
void admin_set_draining(struct admin *admin);

/* How the last reading of the settings ended. The text is copied. */
void admin_note_reload(struct admin *admin, bool ok, const char *text);

#endif
