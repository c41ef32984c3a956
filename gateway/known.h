/*
 * known: whom a credential shows: one of the settings' consumers, else one of
 * the registry's. For the worker's own thread; what is found lives as long as
 * the worker_table.
 */
#ifndef MICROREG_GATEWAY_KNOWN_H
#define MICROREG_GATEWAY_KNOWN_H

#include "gateway/consumers.h"

#include <stdbool.h>

struct worker_table;

/* False: the registry's consumers have not come yet, so who is not found may be one of them. */
bool known_is_complete(const struct worker_table *wt);

/* As the functions of consumers.h. */
const struct identity *known_by_key(const struct worker_table *wt, const uint8_t sha256[32],
				    const struct settings_secret **secret);
const struct identity *known_by_id(const struct worker_table *wt, struct span id);
const struct identity *known_by_name(const struct worker_table *wt, struct span name);
const struct identity *known_by_certificate(const struct worker_table *wt, struct span certificate);
const char *known_any_password(const struct worker_table *wt);

#endif
