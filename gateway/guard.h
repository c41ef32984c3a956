/*
 * guard: what a worker keeps for recognizing callers: a digest ready for use.
 * Its worker's thread only.
 */
#ifndef MICROREG_GATEWAY_GUARD_H
#define MICROREG_GATEWAY_GUARD_H

#include <stddef.h>
#include <stdint.h>

struct guard;

enum { GUARD_SHA256 = 32 };

/* NULL: out of memory, or OpenSSL has no SHA-256. */
struct guard *guard_new(void);
void guard_free(struct guard **guard);

/* -1: OpenSSL failed, which only memory makes it do. */
int guard_sha256(struct guard *guard, const void *data, size_t len, uint8_t out[GUARD_SHA256]);

#endif
