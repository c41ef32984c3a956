/* door_metrics: what GET /metrics tells. For door.c, and main's reference. */
#ifndef MICROREG_REGISTRY_DOOR_METRICS_H
#define MICROREG_REGISTRY_DOOR_METRICS_H

#include "common/buf.h"
#include "registry/registry.h"

/* Appends all of them. Any thread. */
void door_metrics_write(struct registry *registry, struct buf *out);

/* The reference of metrics, as Markdown. */
void door_metrics_print_reference(struct buf *out);

#endif
