/*
 * keyring: what is known of an issuer of tokens at one moment: its keys, what
 * it is called, and which tokens it has taken back.
 */
#ifndef MICROREG_GATEWAY_KEYRING_H
#define MICROREG_GATEWAY_KEYRING_H

#include "gateway/http1_head.h"

#include <stdbool.h>
#include <stdint.h>

struct jwk_set;
struct revoked;

/* Immutable and counted. */
struct keyring {
	struct jwk_set *keys;
	const char *iss;     /* what discovery says; NULL: nothing */
	uint64_t generation; /* of no other ring */
};

/* Takes its own references; `revoked` and `iss` may be NULL. NULL: out of memory. */
struct keyring *keyring_new(struct jwk_set *keys, struct revoked *revoked, const char *iss,
			    uint64_t generation);
struct keyring *keyring_ref(struct keyring *ring);
void keyring_unref(struct keyring **ring); /* any thread; harmless with NULL */

bool keyring_has_revoked(const struct keyring *ring, struct span jti);

#endif
