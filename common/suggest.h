/*
 * suggest: "did you mean …": which known name a mistyped one is near to.
 */
#ifndef MICROREG_COMMON_SUGGEST_H
#define MICROREG_COMMON_SUGGEST_H

#include <stdbool.h>
#include <stddef.h>

enum { SUGGEST_EDITS_MAX = 2, SUGGEST_NAME_MAX = 128 };

/* Insertions, deletions, replacements and swaps of neighbours that make one name of the other,
 * ignoring case; SUGGEST_EDITS_MAX + 1 for all that is further, or longer than SUGGEST_NAME_MAX. */
unsigned suggest_distance(const char *a, const char *b);

/* Distance 1 or 2, the longer name more than twice that, so that this is no chance: "db" and "dc"
 * are not near. Names that are the same but for case are near, too. */
bool suggest_is_near(const char *a, const char *b);

/* Keeps the nearest of the names offered; start with `best` NULL. */
struct suggest {
	const char *name; /* the mistyped one */
	const char *best; /* NULL: none is near */
	unsigned distance;
};

void suggest_offer(struct suggest *s, const char *candidate);

#endif
