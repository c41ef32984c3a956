/* guard: made once per worker, since fetching a digest costs more than using it. */
#include "gateway/guard.h"
#include "gateway/exchange.h"
#include "gateway/filter.h"
#include "gateway/key_memory.h"
#include "gateway/token.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

enum { GUARD_PASSWORDS = 1024 };

struct guard_password {
	uint8_t digest[GUARD_SHA256];
	uint64_t until_ms;
};

struct guard {
	EVP_MD *sha256;
	EVP_MD_CTX *digest; /* initialized with it */
	struct token_memory *tokens;
	struct key_memory *keys;
	uint8_t secret[GUARD_SHA256];
	struct guard_password passwords[GUARD_PASSWORDS];
	struct exchange *waiting[GUARD_NEWS], *told; /* by their next_waiting */
};

struct guard *guard_new(void)
{
	struct guard *g = calloc(1, sizeof(*g));

	if (!g)
		return NULL;
	g->sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
	g->digest = EVP_MD_CTX_new();
	g->tokens = token_memory_new();
	g->keys = key_memory_new();
	if (getrandom(g->secret, sizeof(g->secret), 0) != (ssize_t)sizeof(g->secret) ||
	    !g->tokens || !g->keys || !g->sha256 || !g->digest ||
	    EVP_DigestInit_ex2(g->digest, g->sha256, NULL) != 1)
		guard_free(&g);
	return g;
}

void guard_free(struct guard **guard)
{
	struct guard *g = *guard;

	*guard = NULL;
	if (!g)
		return;
	token_memory_free(&g->tokens);
	key_memory_free(&g->keys);
	EVP_MD_CTX_free(g->digest);
	EVP_MD_free(g->sha256);
	free(g);
}

int guard_sha256(struct guard *g, const void *data, size_t len, uint8_t out[GUARD_SHA256])
{
	/* The same digest again costs no allocation. */
	if (EVP_DigestInit_ex2(g->digest, NULL, NULL) != 1 ||
	    EVP_DigestUpdate(g->digest, data, len) != 1 ||
	    EVP_DigestFinal_ex(g->digest, out, NULL) != 1)
		return -1;
	return 0;
}

int guard_secret_sha256(struct guard *g, struct span a, const char *b, uint8_t out[GUARD_SHA256])
{
	uint64_t len = a.len;

	if (EVP_DigestInit_ex2(g->digest, NULL, NULL) != 1 ||
	    EVP_DigestUpdate(g->digest, g->secret, sizeof(g->secret)) != 1 ||
	    EVP_DigestUpdate(g->digest, &len, sizeof(len)) != 1 ||
	    EVP_DigestUpdate(g->digest, a.at, a.len) != 1 ||
	    EVP_DigestUpdate(g->digest, b, strlen(b)) != 1 ||
	    EVP_DigestFinal_ex(g->digest, out, NULL) != 1)
		return -1;
	return 0;
}

static size_t guard_place(const uint8_t *digest)
{
	return (digest[0] | (size_t)digest[1] << 8) % GUARD_PASSWORDS;
}

void guard_put_password(struct guard *g, const uint8_t digest[GUARD_SHA256], uint64_t until_ms)
{
	struct guard_password *place = &g->passwords[guard_place(digest)];

	memcpy(place->digest, digest, GUARD_SHA256);
	place->until_ms = until_ms;
}

bool guard_has_password(const struct guard *g, const uint8_t digest[GUARD_SHA256], uint64_t now_ms)
{
	const struct guard_password *place = &g->passwords[guard_place(digest)];

	return place->until_ms > now_ms && CRYPTO_memcmp(place->digest, digest, GUARD_SHA256) == 0;
}

struct token_memory *guard_tokens(struct guard *g)
{
	return g->tokens;
}

struct key_memory *guard_keys(struct guard *g)
{
	return g->keys;
}

void guard_remember(struct guard *g, enum guard_news news, struct exchange *x)
{
	x->next_waiting = g->waiting[news];
	g->waiting[news] = x;
}

void guard_forget(struct guard *g, struct exchange *x)
{
	struct exchange **lists[] = {&g->waiting[GUARD_ISSUER], &g->waiting[GUARD_QUOTA], &g->told};

	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
		for (struct exchange **link = lists[i]; *link; link = &(*link)->next_waiting)
			if (*link == x) {
				*link = x->next_waiting;
				return;
			}
}

void guard_tell(struct guard *g, enum guard_news news)
{
	/* Those that begin to wait meanwhile wait for the next news. */
	struct exchange *x = g->waiting[news], *next;

	g->waiting[news] = NULL;
	g->told = NULL;
	for (; x; x = next) { /* the last one is at the head */
		next = x->next_waiting;
		x->next_waiting = g->told;
		g->told = x;
	}
	while ((x = g->told)) {
		g->told = x->next_waiting;
		filter_resume(x);
	}
}
