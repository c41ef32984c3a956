/*
 * registry: the gateway's hold on the client library: opens it, follows every
 * service, and tells the workers when something changed.
 */
#ifndef MICROREG_GATEWAY_REGISTRY_H
#define MICROREG_GATEWAY_REGISTRY_H

#include "common/err.h"
#include "gateway/gateway.h"
#include "gateway/settings.h"

struct microreg;

enum { REGISTRY_NAME_SIZE = 96 };

/* What this gateway is called among the registry's watchers: HOST:PID. */
void registry_name(char name[REGISTRY_NAME_SIZE]);

/* Opens the library by the settings. With a gateway its workers hear of every change, and the
 * snapshot file is kept. NULL with e->code when the settings can't be used. */
struct microreg *registry_connect(const struct settings_registry *settings, const char *name,
				  unsigned timeout_ms, struct gateway *gateway, struct err *e);

/* Sets gateway->registry. A registry that is down is no error: the snapshot file's content is there
 * at once, and the watch goes on trying. The gateway must outlive the handle. */
int registry_open(struct gateway *gateway, const struct settings_registry *settings,
		  const char *name, struct err *e);

#endif
