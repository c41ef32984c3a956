/*
 * bearer: the secrets that open the registry's door and the gateway's admin
 * door. Only the SHA-256 of one is kept; whoever shows it sends it as
 * `Authorization: Bearer`, or as the password of Basic. Consumers' keys are made
 * here, too.
 */
#ifndef MICROREG_COMMON_BEARER_H
#define MICROREG_COMMON_BEARER_H

#include "common/err.h"

#include <stdbool.h>

enum {
	BEARER_HASH_SIZE = 32,
	BEARER_SECRET_SIZE = 68,
	BEARER_KEY_SIZE = 48, /* "mrk_" and 43 characters of base64url */
	BEARER_HASH_TEXT_SIZE = 72,
};

/* "sha256:" and 64 lower case hex digits into bytes. False when it is none. */
bool bearer_parse_hash(const char *text, unsigned char hash[BEARER_HASH_SIZE]);

/* The other way round. */
void bearer_print_hash(const unsigned char hash[BEARER_HASH_SIZE],
		       char text[BEARER_HASH_TEXT_SIZE]);

/* The hash of what the header `Authorization` shows (RFC 6750 2.1, RFC 7617). False when it is
 * NULL, shows nothing, or is too long. */
bool bearer_hash_shown(const char *authorization, unsigned char hash[BEARER_HASH_SIZE]);

/* Takes the same time whatever differs. */
bool bearer_is_equal(const unsigned char a[BEARER_HASH_SIZE],
		     const unsigned char b[BEARER_HASH_SIZE]);

/* A new secret of 256 random bits, and the text of its hash, as bearer_parse_hash reads it. -1 when
 * the system has no randomness or no memory. */
int bearer_make(char secret[BEARER_SECRET_SIZE], char text[BEARER_HASH_TEXT_SIZE], struct err *e);

/* A new key of a consumer, of as many, and its hash. As above. */
int bearer_make_key(char secret[BEARER_KEY_SIZE], unsigned char hash[BEARER_HASH_SIZE],
		    struct err *e);

#endif
