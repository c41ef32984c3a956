/*
 * consumers: those of the settings, or of the registry, found by what they show. Immutable; any
 * thread may search.
 */
#ifndef MICROREG_GATEWAY_CONSUMERS_H
#define MICROREG_GATEWAY_CONSUMERS_H

#include "gateway/identity.h"

#include <stdint.h>

struct consumers;
struct settings_secret;

/* What it is made of must outlive it. NULL: out of memory. */
struct consumers *consumers_new(const struct settings_consumer *items, size_t count);
void consumers_free(struct consumers **consumers);

/* Whose key has that hash, or NULL; *secret is the key. Takes the same time for each hash that is
 * nobody's, and tells nothing of those that are near. */
const struct identity *consumers_by_key(const struct consumers *consumers, const uint8_t sha256[32],
					const struct settings_secret **secret);

/* The consumer of that id, of that name, or with that certificate as the settings write it; or
 * NULL. */
const struct identity *consumers_by_id(const struct consumers *consumers, struct span id);
const struct identity *consumers_by_name(const struct consumers *consumers, struct span name);
const struct identity *consumers_by_certificate(const struct consumers *consumers,
						struct span certificate);

/* The hash of somebody's password, to look at in the place of nobody's; NULL: nobody has one. */
const char *consumers_any_password(const struct consumers *consumers);

#endif
