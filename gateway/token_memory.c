/*
 * token_memory: four places for each part of the hash; the one that was not
 * asked for the longest goes. Four thousand tokens a worker, each of which is
 * bounded.
 */
#include "gateway/token.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

enum { TOKEN_MEMORY_SETS = 1024, TOKEN_MEMORY_WAYS = 4 };

struct token_memory {
	uint64_t clock; /* counts what was asked */
	struct token *places[TOKEN_MEMORY_SETS][TOKEN_MEMORY_WAYS];
};

struct token_memory *token_memory_new(void)
{
	return calloc(1, sizeof(struct token_memory));
}

void token_memory_free(struct token_memory **memory)
{
	if (!*memory)
		return;
	for (size_t i = 0; i < TOKEN_MEMORY_SETS; i++)
		for (size_t k = 0; k < TOKEN_MEMORY_WAYS; k++)
			token_unref(&(*memory)->places[i][k]);
	free(*memory);
	*memory = NULL;
}

static struct token **token_memory_set(struct token_memory *memory, const uint8_t *sha256)
{
	return memory->places[(sha256[0] | (unsigned)sha256[1] << 8) % TOKEN_MEMORY_SETS];
}

struct token *token_memory_find(struct token_memory *memory, const uint8_t sha256[GUARD_SHA256],
				const struct settings_issuer *issuer, uint64_t generation,
				uint64_t table)
{
	struct token **set = token_memory_set(memory, sha256);

	for (size_t i = 0; i < TOKEN_MEMORY_WAYS; i++) {
		struct token *token = set[i];

		if (!token || CRYPTO_memcmp(token->sha256, sha256, GUARD_SHA256) != 0 ||
		    token->table != table || token->issuer != issuer)
			continue;
		if (token->generation != generation) {
			token_unref(&set[i]);
			return NULL;
		}
		token->used = ++memory->clock;
		return token;
	}
	return NULL;
}

void token_memory_put(struct token_memory *memory, struct token *token)
{
	struct token **set = token_memory_set(memory, token->sha256), **oldest = &set[0];

	for (size_t i = 0; i < TOKEN_MEMORY_WAYS; i++) {
		if (!set[i] || set[i]->table != token->table) {
			oldest = &set[i];
			break;
		}
		if (set[i]->used < (*oldest)->used)
			oldest = &set[i];
	}
	token_unref(oldest);
	token->used = ++memory->clock;
	*oldest = token_ref(token);
}
