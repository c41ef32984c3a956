/*
 * jws: signed tokens in the compact form (RFC 7515 7.1): takes them apart and
 * verifies signatures (RFC 7518, RFC 8037). What they say is token's business.
 *
 * The header is read here and first: nothing of it chooses a key but `kid`,
 * nothing chooses an algorithm but `alg` within what is allowed and what fits
 * the key. Keys and links that a token brings along (jwk, jku, x5u, x5c) are
 * not looked at.
 */
#ifndef MICROREG_GATEWAY_JWS_H
#define MICROREG_GATEWAY_JWS_H

#include "common/arena.h"
#include "common/err.h"
#include "gateway/http1_head.h"

#include <stdint.h>

enum { JWS_BYTES_MAX = 8192 };

/* X(name, family, bits of the hash) */
#define JWS_ALGORITHMS(X)   \
	X(HS256, HMAC, 256) \
	X(HS384, HMAC, 384) \
	X(HS512, HMAC, 512) \
	X(RS256, RSA, 256)  \
	X(RS384, RSA, 384)  \
	X(RS512, RSA, 512)  \
	X(PS256, PSS, 256)  \
	X(PS384, PSS, 384)  \
	X(PS512, PSS, 512)  \
	X(ES256, EC, 256)   \
	X(ES384, EC, 384)   \
	X(ES512, EC, 512)   \
	X(EdDSA, ED, 0)

enum jws_index {
#define JWS_INDEX(name, family, bits) JWS_INDEX_##name,
	JWS_ALGORITHMS(JWS_INDEX)
#undef JWS_INDEX
		JWS_COUNT,
};

/* As bits, for what is allowed. */
enum jws_algorithm {
	JWS_NONE = 0,
#define JWS_BIT(name, family, bits) JWS_##name = 1 << JWS_INDEX_##name,
	JWS_ALGORITHMS(JWS_BIT)
#undef JWS_BIT
		JWS_ASYMMETRIC = ((1 << JWS_COUNT) - 1) & ~(JWS_HS256 | JWS_HS384 | JWS_HS512),
};

enum jws_family { JWS_HMAC, JWS_RSA, JWS_PSS, JWS_EC, JWS_ED };

enum jws_family jws_family(enum jws_algorithm algorithm);
unsigned jws_hash_bits(enum jws_algorithm algorithm);

/* A token taken apart. Its memory is the arena's and the text's. */
struct jws {
	enum jws_algorithm algorithm;
	struct span kid;     /* `at` NULL: it names no key */
	struct span type;    /* `typ`, NUL-terminated; `at` NULL: none */
	struct span input;   /* what is signed */
	struct span payload; /* decoded */
	const uint8_t *signature;
	size_t signature_len;
};

/* 0, or -1 with *reason: static text, or NULL when the arena is spent. */
int jws_read(struct jws *jws, struct arena *arena, struct span text, const char **reason);

struct jwk_set;

/* A set of keys (RFC 7517 5), or one key alone. Keys that are of no use here (encryption, unknown
 * types, too short, malformed) are left out, as RFC 7517 5 wants. NULL with an error: it is no set,
 * or none of its keys is of use. */
struct jwk_set *jwk_set_read(const char *json, size_t len, struct err *e);
struct jwk_set *jwk_set_ref(struct jwk_set *set);
void jwk_set_unref(struct jwk_set **set); /* any thread; harmless with NULL */
size_t jwk_set_count(const struct jwk_set *set);

enum jws_verdict { JWS_VERIFIED = 0, JWS_UNKNOWN_KEY, JWS_BAD };

/* Any thread. `allowed`: JWS_… bits. *reason as above unless VERIFIED. */
enum jws_verdict jws_verify(const struct jws *jws, const struct jwk_set *keys, unsigned allowed,
			    const char **reason);

#endif
