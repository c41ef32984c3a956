/* identity: looking things up in what is known of somebody. */
#include "gateway/identity.h"

#include <string.h>

const struct claim *claims_find(const struct claims *claims, const char *name, size_t len)
{
	for (size_t i = 0; claims && i < claims->count; i++)
		if (claims->items[i].name.len == len &&
		    memcmp(claims->items[i].name.at, name, len) == 0)
			return &claims->items[i];
	return NULL;
}

bool claim_has(const struct claim *claim, struct span text)
{
	struct span rest = claim->rest;

	while (rest.len) {
		const char *end = memchr(rest.at, '\0', rest.len);
		size_t len = end ? (size_t)(end - rest.at) : rest.len;

		if (len == text.len && memcmp(rest.at, text.at, len) == 0)
			return true;
		len += end != NULL;
		rest.at += len;
		rest.len -= len;
	}
	return false;
}
