/*
 * suggest: what a person may have meant by a word that is not known.
 */
#ifndef MICROREG_COMMON_SUGGEST_H
#define MICROREG_COMMON_SUGGEST_H

#include <stdbool.h>

/* How many letters must be added, dropped, changed or swapped with the next to make `b` of `a`;
 * 99 when either is longer than 63 bytes. */
unsigned suggest_distance(const char *a, const char *b);

/* True when the two are so near that one is likely a slip for the other: within two edits, and
 * within a third of the word's length. */
bool suggest_is_near(const char *word, const char *known);

#endif
