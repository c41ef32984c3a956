/* guard: made once per worker, since fetching a digest costs more than using it. */
#include "gateway/guard.h"

#include <openssl/evp.h>
#include <stdlib.h>

struct guard {
	EVP_MD *sha256;
	EVP_MD_CTX *digest; /* initialized with it */
};

struct guard *guard_new(void)
{
	struct guard *g = calloc(1, sizeof(*g));

	if (!g)
		return NULL;
	g->sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
	g->digest = EVP_MD_CTX_new();
	if (!g->sha256 || !g->digest || EVP_DigestInit_ex2(g->digest, g->sha256, NULL) != 1)
		guard_free(&g);
	return g;
}

void guard_free(struct guard **guard)
{
	struct guard *g = *guard;

	*guard = NULL;
	if (!g)
		return;
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
