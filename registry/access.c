/* access: the hash of what is shown is compared with every token's. */
#include "registry/access.h"
#include "common/instance.h"

#include <fnmatch.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { ACCESS_ARENA_MAX = 4 << 20 };

const struct settings_name access_roles[] = {
	{"read", ACCESS_READ},
	{"gateway", ACCESS_GATEWAY},
	{"register", ACCESS_REGISTER},
	{"admin", ACCESS_ADMIN},
	{NULL, 0},
};

bool access_includes(enum access_role role, enum access_role wanted)
{
	if (role == ACCESS_NOBODY)
		return wanted == ACCESS_NOBODY;
	return role == ACCESS_ADMIN || role == wanted || wanted <= ACCESS_READ;
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

const struct access_token *access_find(const struct access *access, const char *authorization)
{
	const struct access_token *found = NULL;
	unsigned char hash[BEARER_HASH_SIZE];

	if (!bearer_hash_shown(authorization, hash))
		return NULL;
	/* All of them: time tells nothing. */
	for (size_t i = 0; i < access->count; i++)
		if (bearer_is_equal(hash, access->tokens[i].hash))
			found = &access->tokens[i];
	return found;
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
	char secret[BEARER_SECRET_SIZE], hash[BEARER_HASH_TEXT_SIZE];
	struct err why;

	if (!*name || !instance_id_is_valid(name))
		return err_set(e,
			       "--new-token: \"%.80s\" is no name; allowed: at most 128 letters, "
			       "digits, '.', '_', '-' and ':'",
			       name);
	if (bearer_make(secret, hash, &why) < 0)
		return err_set(e, "--new-token: %s", why.text);
	(void)buf_printf(
		out,
		"The secret, which is shown only now and kept nowhere; its client sends "
		"it:\n\n  %s\n\nIts line for `tokens` in the settings file; role: read, "
		"gateway, register or admin; the services\nthat it may register, * for any "
		"letters:\n\n  - {name: %s, role: register, services: [\"*\"], hash: "
		"\"%s\"}\n",
		secret, name, hash);
	return out->failed ? err_set(e, "--new-token: out of memory") : 0;
}
