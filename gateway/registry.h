/*
 * registry: the gateway's hold on the client library: opens it, follows every
 * service, and tells the workers when something changed.
 */
#ifndef MICROREG_GATEWAY_REGISTRY_H
#define MICROREG_GATEWAY_REGISTRY_H

#include "common/err.h"
#include "gateway/gateway.h"
#include "gateway/settings.h"

/* Sets gateway->registry. A registry that is down is no error: the snapshot file's content is there
 * at once, and the watch goes on trying. The gateway must outlive the handle. */
int registry_open(struct gateway *gateway, const struct settings_registry *settings, struct err *e);

#endif
