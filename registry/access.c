/* access: secrets are hashed, then compared with every token's hash. */
#include "registry/access.h"
#include "common/instance.h"

#include <fnmatch.h>
#include <gnutls/crypto.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>

enum {
	ACCESS_ARENA_MAX = 4 << 20,
	ACCESS_HEADER_MAX = 2048,
	ACCESS_SECRET_BYTES = 32, /* what 256 bits need */
};

static const char access_hash_prefix[] = "sha256:";

const struct settings_name access_roles[] = {
	{"read", ACCESS_READ},
	{"register", ACCESS_REGISTER},
	{"admin", ACCESS_ADMIN},
	{NULL, 0},
};

/* ---- Hashes ---- */

static int access_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

bool access_parse_hash(const char *text, unsigned char hash[ACCESS_HASH_SIZE])
{
	size_t prefix = strlen(access_hash_prefix);

	if (strncmp(text, access_hash_prefix, prefix) != 0 ||
	    strlen(text + prefix) != (size_t)2 * ACCESS_HASH_SIZE)
		return false;
	text += prefix;
	for (size_t i = 0; i < ACCESS_HASH_SIZE; i++) {
		int high = access_digit(text[2 * i]), low = access_digit(text[2 * i + 1]);

		if (high < 0 || low < 0)
			return false;
		hash[i] = (unsigned char)(high * 16 + low);
	}
	return true;
}

static bool access_hash(const char *secret, size_t len, unsigned char hash[ACCESS_HASH_SIZE])
{
	return gnutls_hash_fast(GNUTLS_DIG_SHA256, secret, len, hash) == 0;
}

/* ---- A set ---- */

struct access {
	atomic_uint refs;
	struct arena arena;
	size_t count;
	struct access_token *tokens;
};

static int access_copy(struct arena *arena, const struct access_token *from,
		       struct access_token *to)
{
	const char **services = arena_alloc(arena, (from->services.count + 1) * sizeof(*services));

	*to = *from;
	to->name = arena_strndup(arena, from->name, strlen(from->name));
	to->hash_text = NULL;
	if (!to->name || !services)
		return -1;
	for (size_t i = 0; i < from->services.count; i++) {
		const char *pattern = from->services.items[i];

		services[i] = arena_strndup(arena, pattern, strlen(pattern));
		if (!services[i])
			return -1;
	}
	to->services.items = services;
	return 0;
}

struct access *access_new(const struct access_token *tokens, size_t count)
{
	struct access *a = calloc(1, sizeof(*a));
	int failed;

	if (!a)
		return NULL;
	atomic_init(&a->refs, 1);
	arena_init(&a->arena, ACCESS_ARENA_MAX);
	a->count = count;
	a->tokens = arena_zalloc(&a->arena, (count + 1) * sizeof(*a->tokens));
	failed = a->tokens ? 0 : -1;
	for (size_t i = 0; !failed && i < count; i++)
		failed = access_copy(&a->arena, &tokens[i], &a->tokens[i]);
	if (failed)
		access_unref(&a);
	return a;
}

struct access *access_ref(struct access *access)
{
	if (access)
		atomic_fetch_add_explicit(&access->refs, 1, memory_order_relaxed);
	return access;
}

void access_unref(struct access **access)
{
	struct access *a = *access;

	*access = NULL;
	if (!a || atomic_fetch_sub_explicit(&a->refs, 1, memory_order_acq_rel) != 1)
		return;
	arena_fini(&a->arena);
	free(a);
}

/* ---- What a header shows ---- */

static int access_base64_digit(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* RFC 4648 section 4. How many bytes, or 0 when it is none or too long. */
static size_t access_base64(const char *text, char out[ACCESS_HEADER_MAX])
{
	size_t len = strlen(text), n = 0;
	uint32_t bits = 0;
	unsigned count = 0;

	while (len && text[len - 1] == '=')
		len--;
	if (len / 4 * 3 + 3 > ACCESS_HEADER_MAX)
		return 0;
	for (size_t i = 0; i < len; i++) {
		int digit = access_base64_digit(text[i]);

		if (digit < 0)
			return 0;
		bits = bits << 6 | (uint32_t)digit;
		count += 6;
		if (count < 8)
			continue;
		count -= 8;
		out[n++] = (char)(bits >> count & 0xff);
	}
	return n;
}

static const struct access_token *access_find_secret(const struct access *access,
						     const char *secret, size_t len)
{
	const struct access_token *found = NULL;
	unsigned char hash[ACCESS_HASH_SIZE];

	if (!len || !access_hash(secret, len, hash))
		return NULL;
	/* All of them, and all of each: time tells nothing. */
	for (size_t i = 0; i < access->count; i++) {
		unsigned different = 0;

		for (size_t k = 0; k < ACCESS_HASH_SIZE; k++)
			different |= (unsigned)(hash[k] ^ access->tokens[i].hash[k]);
		if (!different)
			found = &access->tokens[i];
	}
	return found;
}

const struct access_token *access_find(const struct access *access, const char *authorization)
{
	char pair[ACCESS_HEADER_MAX];
	const char *colon;
	size_t len;

	if (!authorization)
		return NULL;
	if (strncasecmp(authorization, "Bearer ", 7) == 0) {
		authorization += 7;
		authorization += strspn(authorization, " ");
		return access_find_secret(access, authorization, strlen(authorization));
	}
	if (strncasecmp(authorization, "Basic ", 6) != 0)
		return NULL;
	authorization += 6;
	len = access_base64(authorization + strspn(authorization, " "), pair);
	colon = memchr(pair, ':', len);
	if (!colon)
		return NULL;
	colon++;
	return access_find_secret(access, colon, len - (size_t)(colon - pair));
}

bool access_covers(const struct access_token *token, const char *service)
{
	if (token->role == ACCESS_ADMIN)
		return true;
	if (token->role != ACCESS_REGISTER)
		return false;
	for (size_t i = 0; i < token->services.count; i++)
		if (fnmatch(token->services.items[i], service, FNM_NOESCAPE) == 0)
			return true;
	return token->services.count == 0;
}

/* ---- The set in force ---- */

struct access_gate {
	pthread_mutex_t lock; /* guards current */
	struct access *current;
	atomic_bool open; /* current is NULL: nobody need look */
};

struct access_gate *access_gate_new(void)
{
	struct access_gate *gate = calloc(1, sizeof(*gate));

	if (gate && pthread_mutex_init(&gate->lock, NULL)) {
		free(gate);
		return NULL;
	}
	if (gate)
		atomic_init(&gate->open, true);
	return gate;
}

void access_gate_free(struct access_gate **gate)
{
	struct access_gate *g = *gate;

	*gate = NULL;
	if (!g)
		return;
	access_unref(&g->current);
	(void)pthread_mutex_destroy(&g->lock); /* nobody holds it */
	free(g);
}

void access_gate_set(struct access_gate *gate, struct access *access)
{
	struct access *before;

	(void)pthread_mutex_lock(&gate->lock);
	before = gate->current;
	gate->current = access;
	atomic_store(&gate->open, access == NULL);
	(void)pthread_mutex_unlock(&gate->lock);
	access_unref(&before);
}

struct access *access_gate_get(struct access_gate *gate)
{
	struct access *access;

	if (!gate || atomic_load_explicit(&gate->open, memory_order_acquire))
		return NULL;
	(void)pthread_mutex_lock(&gate->lock);
	access = access_ref(gate->current);
	(void)pthread_mutex_unlock(&gate->lock);
	return access;
}

/* ---- New tokens ---- */

int access_make(const char *name, struct buf *out, struct err *e)
{
	unsigned char bytes[ACCESS_SECRET_BYTES], hash[ACCESS_HASH_SIZE];
	char secret[ACCESS_SECRET_SIZE] = "mr_", text[2 * ACCESS_HASH_SIZE + 1];

	if (!*name || !instance_id_is_valid(name))
		return err_set(e,
			       "--new-token: \"%.80s\" is no name; allowed: at most 128 letters, "
			       "digits, '.', '_', '-' and ':'",
			       name);
	if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes))
		return err_set(e, "--new-token: the system has no randomness");
	for (size_t i = 0; i < sizeof(bytes); i++)
		(void)snprintf(secret + 3 + 2 * i, 3, "%02x", bytes[i]); /* always fits */
	if (!access_hash(secret, strlen(secret), hash))
		return err_set(e, "--new-token: out of memory");
	for (size_t i = 0; i < sizeof(hash); i++)
		(void)snprintf(text + 2 * i, 3, "%02x", hash[i]); /* always fits */
	(void)buf_printf(out,
			 "The secret, which is shown only now and kept nowhere; its client sends "
			 "it:\n\n  %s\n\nIts line for `tokens` in the settings file; role: read, "
			 "register or admin; the services\nthat it may register, * for any "
			 "letters:\n\n  - {name: %s, role: register, services: [\"*\"], hash: "
			 "\"%s%s\"}\n",
			 secret, name, access_hash_prefix, text);
	return out->failed ? err_set(e, "--new-token: out of memory") : 0;
}
