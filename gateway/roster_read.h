/* roster_read: one consumer, from what the registry tells to what the settings would say. */
#ifndef MICROREG_GATEWAY_ROSTER_READ_H
#define MICROREG_GATEWAY_ROSTER_READ_H

#include "common/arena.h"
#include "gateway/settings_policy.h"

struct microreg_value;

/* Reads it; arrays lie in the arena, strings in the value. 0, or -1 when it makes no sense: *why
 * then says so, and is NULL when memory is out. */
int roster_read(struct arena *arena, const struct microreg_value *value,
		struct settings_consumer *out, const char **why);

#endif
