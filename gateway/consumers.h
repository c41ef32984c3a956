/*
 * consumers: the settings' consumers, found by what they show. Immutable; any
 * thread may search.
 */
#ifndef MICROREG_GATEWAY_CONSUMERS_H
#define MICROREG_GATEWAY_CONSUMERS_H

#include "gateway/identity.h"

#include <stdint.h>

struct consumers;
struct settings;
struct settings_secret;

/* The settings must outlive it. NULL: out of memory. */
struct consumers *consumers_new(const struct settings *settings);
void consumers_free(struct consumers **consumers);

/* Whose key has that hash, or NULL; *secret is the key. Takes the same time for each hash that is
 * nobody's, and tells nothing of those that are near. */
const struct identity *consumers_by_key(const struct consumers *consumers, const uint8_t sha256[32],
					const struct settings_secret **secret);

/* The consumer of that id, or NULL. */
const struct identity *consumers_by_id(const struct consumers *consumers, struct span id);

#endif
