/*
 * consumer: a person or a program that may call through the gateways, as the
 * registry keeps it. Immutable once others see it, and counted; a change makes
 * a new one from a draft. Of secrets it has only hashes.
 */
#ifndef MICROREG_REGISTRY_CONSUMER_H
#define MICROREG_REGISTRY_CONSUMER_H

#include "common/err.h"
#include "common/rpc.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* The gateway's own bounds, where it has one. */
enum {
	CONSUMER_NAME_MAX = 128, /* name, id, group */
	CONSUMER_GROUPS_MAX = 64,
	CONSUMER_KEYS_MAX = 16,
	CONSUMER_LIMITS_MAX = 8,
	CONSUMER_NETWORKS_MAX = 64,
	CONSUMER_CERTIFICATES_MAX = 16,
	CONSUMER_CERTIFICATE_MAX = 1024,
	CONSUMER_PASSWORD_MAX = 256,
	CONSUMER_LABEL_MAX = 64,
	CONSUMER_META_MAX = 16,
	CONSUMER_HASH_SIZE = 32,
	CONSUMER_HASH_TEXT_SIZE = 72, /* "sha256:" and 64 digits */
	CONSUMER_SECRET_SIZE = 48,    /* "mrk_" and 43 characters */
	CONSUMER_KEY_ID_SIZE = 10,    /* "k" and 8 digits */
	CONSUMER_RATE_MAX = 1000000,
	CONSUMER_QUOTA_MAX = 1000000000,
	CONSUMER_PER_MIN_MS = 100,
};

/* Its rate limit, with the names of the gateway's settings. */
struct consumer_limit {
	const char *name, *algorithm, *by;
	int rate, per_ms, burst; /* burst 0: as many as rate */
	int concurrent;		 /* in the place of rate; else 0 */
	int quota;		 /* likewise, … */
	const char *per;	 /* … in each "day" or "month" */
};

struct consumer_key {
	const char *id, *label;
	unsigned char sha256[CONSUMER_HASH_SIZE];
	int64_t created_wall_ms;
	int64_t expires_wall_ms; /* 0: never */
};

struct consumer {
	atomic_uint refs;
	uint64_t revision; /* of its last change */
	int64_t created_wall_ms;
	const char *name, *id, *password; /* of the last a hash; "": none */
	struct rpc_strings groups, certificates, allow, deny;
	struct rpc_pairs meta;
	const struct consumer_limit *limits;
	size_t limit_count;
	const struct consumer_key *keys; /* in the order they were made */
	size_t key_count;
};

/* All that can be changed; the strings stay those of `of`. */
struct consumer consumer_draft(const struct consumer *of);

/* A copy with memory of its own and one reference. NULL when out of memory. */
struct consumer *consumer_new(const struct consumer *draft);
struct consumer *consumer_ref(const struct consumer *consumer);
void consumer_unref(struct consumer **consumer); /* harmless with NULL */

/* The same but for keys, revision and when it was made. */
bool consumer_is_same(const struct consumer *a, const struct consumer *b);

/* The key of that id, or NULL. */
const struct consumer_key *consumer_find_key(const struct consumer *consumer, const char *id);

/* ---- What may be in one ---- */

/* 1 to 128 letters, digits and . _ : @ / + -: fit for a header field and a rule as it is. */
bool consumer_name_is_valid(const char *text);
/* "sha256:" and a fingerprint, "subject:…" or "san:…". */
bool consumer_certificate_is_valid(const char *text);
/* The beginning of a hash of argon2id, bcrypt or yescrypt. */
bool consumer_password_is_valid(const char *text);
/* An address, or a range of them: "10.0.0.0/8". */
bool consumer_network_is_valid(const char *text);
bool consumer_by_is_valid(const char *text);  /* whom a limit counts for */
bool consumer_per_is_valid(const char *text); /* in which time a quota does */

/* ---- Secrets ---- */

/* A new key: 256 random bits as text, its hash, and an id that no key of `of` has. -1 with a fault
 * when the system has no randomness. Wipe the secret when it is told. */
int consumer_make_key(const struct consumer *of, char secret[CONSUMER_SECRET_SIZE],
		      char id[CONSUMER_KEY_ID_SIZE], unsigned char sha256[CONSUMER_HASH_SIZE],
		      struct err *e);

/* "sha256:HEX", and back: false when it is none. */
void consumer_print_hash(const unsigned char sha256[CONSUMER_HASH_SIZE],
			 char out[CONSUMER_HASH_TEXT_SIZE]);
bool consumer_parse_hash(const char *text, unsigned char sha256[CONSUMER_HASH_SIZE]);

#endif
