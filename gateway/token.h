/*
 * token: what a signed token says of its bearer (RFC 7519), and whether it
 * counts now. Its signature is jws's business and comes before.
 *
 * A token that was verified is remembered by its worker until it expires, the
 * issuer's keys change or the settings do, so that showing it again costs a
 * hash and a lookup.
 */
#ifndef MICROREG_GATEWAY_TOKEN_H
#define MICROREG_GATEWAY_TOKEN_H

#include "common/arena.h"
#include "gateway/guard.h"
#include "gateway/identity.h"

#include <stdbool.h>
#include <stdint.h>

struct worker_table;
struct jws;
struct settings_issuer;

struct token {
	unsigned refs; /* of one worker's thread */
	struct arena arena;
	struct identity identity;
	struct claims claims;
	double expires_s; /* since 1970, skew included; infinite without exp */
	double starts_s;
	/* What it was remembered for: */
	uint8_t sha256[GUARD_SHA256];
	const struct settings_issuer *issuer;
	uint64_t generation, table;
	uint64_t used; /* of the memory: when it was asked for last */
};

/* One of several that a request shows; in its arena. */
struct token_held {
	struct token *token;
	struct token_held *next;
};

/* Reads and checks a token's payload; `known` has the consumers. `iss`: what the claim has to be,
 * or NULL. NULL with *reason: static text, or NULL when out of memory. */
struct token *token_read(const struct settings_issuer *issuer, const char *iss,
			 const struct worker_table *known, const struct jws *jws, int64_t now_ms,
			 const char **reason);

/* Whether a token that nobody has verified says that it is of that issuer: whether it is worth
 * asking for its key. True when `iss` is NULL. */
bool token_may_be_of(const struct jws *jws, const char *iss);
struct token *token_ref(struct token *token);
void token_unref(struct token **token); /* harmless with NULL */

/* Why it does not count now, or NULL. */
const char *token_is_over(const struct token *token, int64_t now_ms);

/* A worker's memory of tokens: bounded, in number and in bytes. */
struct token_memory;
struct token_memory *token_memory_new(void);
void token_memory_free(struct token_memory **memory);

/* Borrowed. NULL: not there, or remembered under other keys or settings. */
struct token *token_memory_find(struct token_memory *memory, const uint8_t sha256[GUARD_SHA256],
				const struct settings_issuer *issuer, uint64_t generation,
				uint64_t table);
void token_memory_put(struct token_memory *memory, struct token *token);

#endif
