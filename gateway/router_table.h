/*
 * router_table: the router's one hash table: (owner, text) -> value. Filled
 * while the router is built, then only read, by any thread. The texts come
 * from the settings; a request can look up what it likes, but adds nothing.
 */
#ifndef MICROREG_GATEWAY_ROUTER_TABLE_H
#define MICROREG_GATEWAY_ROUTER_TABLE_H

#include "common/arena.h"

#include <stddef.h>
#include <stdint.h>

struct router_slot {
	const char *text;
	void *value; /* NULL: the slot is free */
	uint32_t len;
	uint32_t owner;
	uint32_t hash;
};

struct router_table {
	struct router_slot *slots;
	size_t mask;
};

/* Room for `count` entries, never full. 0, or -1 when the arena is spent. */
int router_table_init(struct router_table *t, struct arena *arena, size_t count);

/* FNV-1a, a byte at a time, so that the hashes of all suffixes of a text cost one pass from its
 * end: a table's texts are all hashed forwards or, per owner, all backwards. */
#define ROUTER_HASH_START UINT32_C(0x811c9dc5)

static inline uint32_t router_hash_step(uint32_t hash, char c)
{
	return (hash ^ (uint8_t)c) * 0x01000193u;
}

uint32_t router_hash(const char *text, size_t len);
uint32_t router_hash_backwards(const char *text, size_t len);

/* The entry of a text: its value is NULL and for the caller to set when there was none. */
struct router_slot *router_table_add(struct router_table *t, uint32_t owner, const char *text,
				     size_t len, uint32_t hash);

/* The value, or NULL. */
void *router_table_find(const struct router_table *t, uint32_t owner, const char *text, size_t len,
			uint32_t hash);

#endif
