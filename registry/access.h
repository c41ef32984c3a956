/*
 * access: who may call what. Tokens with a role, of which only the SHA-256 of
 * the secret is kept; a set of them is immutable and counted, and replaced as
 * a whole when the settings are read again.
 */
#ifndef MICROREG_REGISTRY_ACCESS_H
#define MICROREG_REGISTRY_ACCESS_H

#include "common/bearer.h"
#include "common/buf.h"
#include "common/err.h"
#include "common/settings_table.h"

#include <stdbool.h>
#include <stddef.h>

enum access_role { ACCESS_NOBODY = 0, ACCESS_READ, ACCESS_GATEWAY, ACCESS_REGISTER, ACCESS_ADMIN };

enum { ACCESS_TOKENS_MAX = 1000 };

struct access_token {
	const char *name; /* in the history, of whoever showed it */
	enum access_role role;
	struct settings_strings services; /* patterns, of ACCESS_REGISTER; none: every service */
	unsigned calls;			  /* a second; 0: any number */
	const char *hash_text;		  /* as the settings say it */
	unsigned char hash[BEARER_HASH_SIZE];
};

/* May who has this role do what is for `wanted`? All may read, an admin may do everything. */
bool access_includes(enum access_role role, enum access_role wanted);

/* ---- A set ---- */

struct access;

/* Copies the tokens. NULL when out of memory. */
struct access *access_new(const struct access_token *tokens, size_t count);
struct access *access_ref(struct access *access);
void access_unref(struct access **access);

/* Whom the header `Authorization` shows: Bearer, or the password of Basic (RFC 6750, RFC 7617).
 * NULL for nobody. Takes the same time whatever secret is wrong. Borrowed from the set. */
const struct access_token *access_find(const struct access *access, const char *authorization);

/* May the token change this service's instances? */
bool access_covers(const struct access_token *token, const char *service);

/* ---- The set in force ---- */

struct access_gate;

struct access_gate *access_gate_new(void);
void access_gate_free(struct access_gate **gate);
/* Takes the reference; NULL: no access control. Any thread. */
void access_gate_set(struct access_gate *gate, struct access *access);
/* A reference, or NULL. Any thread. */
struct access *access_gate_get(struct access_gate *gate);

/* ---- New tokens ---- */

/* A new secret, and its line for the settings file. -1 when the system has no randomness, or the
 * name is none. */
int access_make(const char *name, struct buf *out, struct err *e);
/* The names of roles, for the settings. */
extern const struct settings_name access_roles[];

#endif
