/* key_memory: one place for each part of the hash; who comes later has it. */
#include "gateway/key_memory.h"
#include "common/siphash.h"

#include <stdbool.h>
#include <stdlib.h>
#include <sys/random.h>

enum { KEY_MEMORY_PLACES = 4096 };

struct key_place {
	struct key_tag tag;
	uint64_t table;
	struct key_owner owner; /* its identity is NULL: free */
};

struct key_memory {
	uint8_t secret[16];
	struct key_place places[KEY_MEMORY_PLACES];
};

struct key_memory *key_memory_new(void)
{
	struct key_memory *memory = calloc(1, sizeof(*memory));

	if (memory &&
	    getrandom(memory->secret, sizeof(memory->secret), 0) != (ssize_t)sizeof(memory->secret))
		key_memory_free(&memory);
	return memory;
}

void key_memory_free(struct key_memory **memory)
{
	free(*memory);
	*memory = NULL;
}

struct key_tag key_memory_tag(const struct key_memory *memory, struct span key)
{
	struct key_tag tag;

	siphash_128(memory->secret, key.at, key.len, tag.words);
	return tag;
}

/* Without a branch on a part of it. */
static bool key_tag_is(const struct key_tag *a, const struct key_tag *b)
{
	return ((a->words[0] ^ b->words[0]) | (a->words[1] ^ b->words[1])) == 0;
}

const struct key_owner *key_memory_find(const struct key_memory *memory, const struct key_tag *tag,
					uint64_t table)
{
	const struct key_place *place = &memory->places[tag->words[0] % KEY_MEMORY_PLACES];

	if (!place->owner.identity || place->table != table || !key_tag_is(&place->tag, tag))
		return NULL;
	return &place->owner;
}

void key_memory_put(struct key_memory *memory, const struct key_tag *tag, uint64_t table,
		    const struct key_owner *owner)
{
	memory->places[tag->words[0] % KEY_MEMORY_PLACES] =
		(struct key_place){.tag = *tag, .table = table, .owner = *owner};
}
