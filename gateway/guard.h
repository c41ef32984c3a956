/*
 * guard: what a worker keeps for recognizing callers: a digest ready for use,
 * the tokens and keys that it has verified, and the exchanges that wait for news of an
 * issuer or of their quota. Its worker's thread only.
 */
#ifndef MICROREG_GATEWAY_GUARD_H
#define MICROREG_GATEWAY_GUARD_H

#include "gateway/http1_head.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct exchange;
struct guard;
struct key_memory;
struct token_memory;

enum { GUARD_SHA256 = 32 };

/* NULL: out of memory, or OpenSSL has no SHA-256. */
struct guard *guard_new(void);
void guard_free(struct guard **guard);

/* -1: OpenSSL failed, which only memory makes it do. */
int guard_sha256(struct guard *guard, const void *data, size_t len, uint8_t out[GUARD_SHA256]);

/* The same of two texts, with a secret of this process: for what must not be found by trying. */
int guard_secret_sha256(struct guard *guard, struct span a, const char *b,
			uint8_t out[GUARD_SHA256]);

/* Passwords that were right, by that digest, until then. A bounded number. */
void guard_put_password(struct guard *guard, const uint8_t digest[GUARD_SHA256], uint64_t until_ms);
bool guard_has_password(const struct guard *guard, const uint8_t digest[GUARD_SHA256],
			uint64_t now_ms);

struct token_memory *guard_tokens(struct guard *guard);
struct key_memory *guard_keys(struct guard *guard);

/* Of whom news are waited for. */
enum guard_news { GUARD_ISSUER = 0, GUARD_QUOTA, GUARD_NEWS };

/* An exchange waits for news, or does not any more. */
void guard_remember(struct guard *guard, enum guard_news news, struct exchange *x);
void guard_forget(struct guard *guard, struct exchange *x);
/* There are news: all that wait for them go on, the first one first. */
void guard_tell(struct guard *guard, enum guard_news news);

#endif
