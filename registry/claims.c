/* claims: a table by path, a short list of services behind each. */
#include "registry/claims.h"
#include "common/route_claim.h"
#include "common/rpc.h"
#include "common/siphash.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* Paths come from whoever may register, so they are hashed with a key. */
#define HASH_FUNCTION(at, len, out) ((out) = (unsigned)siphash_process((at), (len)))
#include <uthash.h>

struct claim {
	struct claim *next;
	unsigned methods;
	size_t count; /* live instances; 0: only room */
	char service[];
};

struct claims_path {
	UT_hash_handle hh;
	struct claim *first;
	struct claims_path *next_idle;
	bool idle; /* listed: one of its claims may be nobody's */
	char key[];
};

struct claims {
	struct claims_path *paths;
	struct claims_path *idle; /* to be looked at by claims_settle */
};

struct claims *claims_new(void)
{
	return calloc(1, sizeof(struct claims));
}

static void claims_free_path(struct claims *claims, struct claims_path *path)
{
	assert(claims->paths); /* it is one of them */
	HASH_DEL(claims->paths, path);
	while (path->first) {
		struct claim *next = path->first->next;

		free(path->first);
		path->first = next;
	}
	free(path);
}

void claims_free(struct claims **claims)
{
	struct claims_path *path, *next;

	if (!*claims)
		return;
	HASH_ITER(hh, (*claims)->paths, path, next)
	{
		claims_free_path(*claims, path);
	}
	free(*claims);
	*claims = NULL;
}

/* The path of a route's text, or NULL; *methods and `key` are filled. */
static struct claims_path *claims_find(const struct claims *claims, const char *text,
				       unsigned *methods, char key[ROUTE_CLAIM_KEY_SIZE])
{
	struct claims_path *path = NULL;
	struct route_claim claim;
	struct err e;

	key[0] = '\0';
	*methods = 0;
	if (route_claim_parse(&claim, text, &e) < 0) /* of an older registry, which took any text */
		return NULL;
	*methods = claim.methods;
	route_claim_key(&claim.path, key);
	HASH_FIND_STR(claims->paths, key, path);
	return path;
}

static struct claim *claims_of(const struct claims_path *path, const char *service,
			       unsigned methods)
{
	struct claim *claim = path ? path->first : NULL;

	while (claim && (claim->methods != methods || strcmp(claim->service, service) != 0))
		claim = claim->next;
	return claim;
}

/* Another service that has it. */
static const char *claims_owner(const struct claims_path *path, const char *service,
				unsigned methods)
{
	for (const struct claim *c = path ? path->first : NULL; c; c = c->next)
		if (c->count && (c->methods & methods) && strcmp(c->service, service) != 0)
			return c->service;
	return NULL;
}

static void claims_note_idle(struct claims *claims, struct claims_path *path)
{
	if (path->idle)
		return;
	path->idle = true;
	path->next_idle = claims->idle;
	claims->idle = path;
}

static void claims_sweep(struct claims_path *path)
{
	for (struct claim **link = &path->first; *link;) {
		struct claim *claim = *link;

		if (claim->count) {
			link = &claim->next;
			continue;
		}
		*link = claim->next;
		free(claim);
	}
}

void claims_settle(struct claims *claims)
{
	while (claims->idle) {
		struct claims_path *path = claims->idle;

		claims->idle = path->next_idle;
		path->idle = false;
		claims_sweep(path);
		if (!path->first)
			claims_free_path(claims, path);
	}
}

static struct claims_path *claims_add_path(struct claims *claims, const char *key)
{
	struct claims_path *path = calloc(1, sizeof(*path) + strlen(key) + 1);

	if (!path)
		return NULL;
	memcpy(path->key, key, strlen(key) + 1);
	HASH_ADD_STR(claims->paths, key, path);
	if (path->hh.tbl)
		return path;
	free(path); /* uthash ran out of memory */
	return NULL;
}

static int claims_add(struct claims *claims, struct claims_path *path, const char *key,
		      const char *service, unsigned methods)
{
	struct claim *claim = calloc(1, sizeof(*claim) + strlen(service) + 1);

	if (!path && claim)
		path = claims_add_path(claims, key);
	if (!claim || !path) {
		free(claim);
		return -1;
	}
	claim->methods = methods;
	memcpy(claim->service, service, strlen(service) + 1);
	claim->next = path->first;
	path->first = claim;
	claims_note_idle(claims, path);
	return 0;
}

int claims_reserve(struct claims *claims, const struct instance *in, struct err *e)
{
	char key[ROUTE_CLAIM_KEY_SIZE];
	struct claims_path *path;
	const char *owner;
	unsigned methods;

	for (size_t i = 0; i < in->route_count; i++) {
		path = claims_find(claims, in->routes[i], &methods, key);
		owner = claims_owner(path, in->service, methods);
		if (owner)
			return err_code(e, RPC_FAULT_FENCED,
					"routes[%zu]: \"%.200s\" belongs to service \"%s\"; its "
					"instances must be gone before another service can have it",
					i, in->routes[i], owner);
	}
	for (size_t i = 0; i < in->route_count; i++) {
		path = claims_find(claims, in->routes[i], &methods, key);
		if (methods && !claims_of(path, in->service, methods) &&
		    claims_add(claims, path, key, in->service, methods) < 0)
			return err_code(e, RPC_FAULT_STORE, "the registry is out of memory");
	}
	return 0;
}

bool claims_are_new(const struct claims *claims, const struct instance *in)
{
	char key[ROUTE_CLAIM_KEY_SIZE];
	unsigned methods;

	for (size_t i = 0; i < in->route_count; i++) {
		const struct claim *claim = claims_of(
			claims_find(claims, in->routes[i], &methods, key), in->service, methods);

		if (!claim || !claim->count)
			return true;
	}
	return false;
}

void claims_count(struct claims *claims, const struct instance *in, bool came)
{
	char key[ROUTE_CLAIM_KEY_SIZE];
	unsigned methods;

	for (size_t i = 0; i < in->route_count; i++) {
		struct claims_path *path = claims_find(claims, in->routes[i], &methods, key);
		struct claim *claim = claims_of(path, in->service, methods);

		if (!claim || (!came && !claim->count))
			continue;
		claim->count += came ? 1 : (size_t)-1; /* adding it subtracts: unsigned wraps */
		if (!claim->count)
			claims_note_idle(claims, path);
	}
}
