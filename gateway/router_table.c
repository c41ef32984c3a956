/* router_table: open addressing, at most half full. */
#include "gateway/router_table.h"

#include <string.h>

int router_table_init(struct router_table *t, struct arena *arena, size_t count)
{
	size_t size = 8;

	while (size / 2 <= count)
		size *= 2;
	t->slots = arena_zalloc(arena, size * sizeof(*t->slots));
	t->mask = size - 1;
	return t->slots ? 0 : -1;
}

uint32_t router_hash(const char *text, size_t len)
{
	uint32_t hash = ROUTER_HASH_START;

	for (size_t i = 0; i < len; i++)
		hash = router_hash_step(hash, text[i]);
	return hash;
}

uint32_t router_hash_backwards(const char *text, size_t len)
{
	uint32_t hash = ROUTER_HASH_START;

	while (len > 0)
		hash = router_hash_step(hash, text[--len]);
	return hash;
}

/* Where the entry is, or the free slot where it would be. */
static struct router_slot *router_table_probe(const struct router_table *t, uint32_t owner,
					      const char *text, size_t len, uint32_t hash)
{
	/* The golden ratio spreads owners, which count up, over the table. */
	size_t at = (hash ^ (owner * 0x9e3779b9u)) * 0x85ebca6bu;

	for (at ^= at >> 15;; at++) {
		struct router_slot *s = &t->slots[at & t->mask];

		if (!s->value)
			return s;
		if (s->hash == hash && s->owner == owner && s->len == len &&
		    memcmp(s->text, text, len) == 0)
			return s;
	}
}

struct router_slot *router_table_add(struct router_table *t, uint32_t owner, const char *text,
				     size_t len, uint32_t hash)
{
	struct router_slot *s = router_table_probe(t, owner, text, len, hash);

	if (!s->value) {
		s->text = text;
		s->len = (uint32_t)len;
		s->owner = owner;
		s->hash = hash;
	}
	return s;
}

void *router_table_find(const struct router_table *t, uint32_t owner, const char *text, size_t len,
			uint32_t hash)
{
	return router_table_probe(t, owner, text, len, hash)->value;
}
