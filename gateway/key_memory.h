/*
 * key_memory: the API keys that a worker has recognized, so that a key that is
 * shown again and again is hashed by SHA-256 once. Its worker's thread only.
 *
 * What is kept of a key is its SipHash-2-4-128 under a random key of this
 * memory, which never leaves it: whoever does not have the key shown has one
 * chance in 2^128 to be taken for its owner, and learns nothing from how long
 * an answer takes, since no part of a hash can be aimed at. Only keys that are
 * somebody's get in, so nobody without one drives others out. It holds for one
 * table and roster: a key that is revoked, or whose consumer is changed, comes
 * with another of those. What expires has to be looked at each time.
 */
#ifndef MICROREG_GATEWAY_KEY_MEMORY_H
#define MICROREG_GATEWAY_KEY_MEMORY_H

#include "gateway/http1_head.h"

#include <stdint.h>

struct identity;
struct key_memory;
struct settings_secret;

struct key_tag {
	uint64_t words[2];
};

/* Who shows it, and which of theirs it is; both live as long as the table. */
struct key_owner {
	const struct identity *identity;
	const struct settings_secret *secret;
};

/* NULL: no memory, or no randomness. */
struct key_memory *key_memory_new(void);
void key_memory_free(struct key_memory **memory);

struct key_tag key_memory_tag(const struct key_memory *memory, struct span key);

/* `table` is worker_table.serial. NULL: it is not remembered. */
const struct key_owner *key_memory_find(const struct key_memory *memory, const struct key_tag *tag,
					uint64_t table);
/* A bounded number: it takes the place of another. */
void key_memory_put(struct key_memory *memory, const struct key_tag *tag, uint64_t table,
		    const struct key_owner *owner);

#endif
