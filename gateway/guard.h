/*
 * guard: what a worker keeps for recognizing callers: a digest ready for use,
 * the tokens that it has verified, and the exchanges that wait for news of an
 * issuer. Its worker's thread only.
 */
#ifndef MICROREG_GATEWAY_GUARD_H
#define MICROREG_GATEWAY_GUARD_H

#include <stddef.h>
#include <stdint.h>

struct exchange;
struct guard;
struct token_memory;

enum { GUARD_SHA256 = 32 };

/* NULL: out of memory, or OpenSSL has no SHA-256. */
struct guard *guard_new(void);
void guard_free(struct guard **guard);

/* -1: OpenSSL failed, which only memory makes it do. */
int guard_sha256(struct guard *guard, const void *data, size_t len, uint8_t out[GUARD_SHA256]);

struct token_memory *guard_tokens(struct guard *guard);

/* An exchange waits for news, or does not any more. */
void guard_remember(struct guard *guard, struct exchange *x);
void guard_forget(struct guard *guard, struct exchange *x);
/* There are news: all that wait go on. */
void guard_tell(struct guard *guard);

#endif
