/*
 * new_key: makes an API key: 256 random bits, and the hash that is kept of it.
 */
#ifndef MICROREG_GATEWAY_NEW_KEY_H
#define MICROREG_GATEWAY_NEW_KEY_H

#include "common/err.h"

struct new_key {
	char secret[48]; /* "mrk_" and 43 characters of base64url */
	char hash[72];	 /* "sha256:" and 64 hex digits */
};

/* -1: the system has no random numbers, or no memory. */
int new_key_make(struct new_key *key, struct err *e);

#endif
