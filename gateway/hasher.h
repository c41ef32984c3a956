/*
 * hasher: looks whether passwords are right, which takes tens of milliseconds
 * by intent, on threads of its own, so that no worker ever does.
 */
#ifndef MICROREG_GATEWAY_HASHER_H
#define MICROREG_GATEWAY_HASHER_H

#include "common/loop.h"

#include <stdbool.h>
#include <stddef.h>

struct hasher;

enum { HASHER_WAITING_MAX = 256, HASHER_PASSWORD_MAX = 1024, HASHER_THREADS = 2 };

/* One question. */
struct hasher_job {
	struct loop_message answer; /* posted to `loop` when `right` is known; its deliver is set */
	struct loop *loop;
	struct hasher_job *next; /* the hasher's */
	const char *hash;	 /* as the settings have it; has to stay until the answer */
	size_t len;
	char password[HASHER_PASSWORD_MAX + 1];
	bool right;
};

/* NULL: out of memory or threads. */
struct hasher *hasher_new(unsigned threads);
/* Ends the threads; what was not begun is answered as wrong. Before the loops go. */
void hasher_stop(struct hasher *hasher);
void hasher_free(struct hasher **hasher); /* after hasher_stop */

/* Any thread. The job is the hasher's until it is answered. False: too many wait; it is still the
 * caller's. */
bool hasher_ask(struct hasher *hasher, struct hasher_job *job);

/* Whether a text is a hash that can be asked for: argon2id, bcrypt or yescrypt. */
bool hasher_knows(const char *hash);

/* Here and now; blocks. `password` ends in a NUL. */
bool hasher_verify(const char *hash, const char *password, size_t len);

/* The argon2id hash of a password, with a new salt, for the settings. -1: out of memory or random
 * numbers. */
int hasher_make(const char *password, size_t len, char *out, size_t size);

#endif
