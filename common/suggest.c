/* suggest: optimal string alignment distance over three rows. */
#include "common/suggest.h"

#include <string.h>

static char suggest_lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static unsigned suggest_min(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

unsigned suggest_distance(const char *a, const char *b)
{
	unsigned rows[3][SUGGEST_NAME_MAX + 1], *before = rows[0], *above = rows[1], *row = rows[2];
	size_t a_len = strnlen(a, SUGGEST_NAME_MAX + 1), b_len = strnlen(b, SUGGEST_NAME_MAX + 1);
	size_t apart = a_len > b_len ? a_len - b_len : b_len - a_len;

	if (apart > SUGGEST_EDITS_MAX || a_len > SUGGEST_NAME_MAX || b_len > SUGGEST_NAME_MAX)
		return SUGGEST_EDITS_MAX + 1;
	for (unsigned j = 0; j <= b_len; j++)
		above[j] = j;
	for (unsigned i = 1; i <= a_len; i++) {
		char c = suggest_lower(a[i - 1]);
		unsigned *spare = before, least = i;

		row[0] = i;
		for (unsigned j = 1; j <= b_len; j++) {
			char d = suggest_lower(b[j - 1]);

			row[j] = suggest_min(above[j], row[j - 1]) + 1;
			row[j] = suggest_min(row[j], above[j - 1] + (c != d));
			if (i > 1 && j > 1 && c == suggest_lower(b[j - 2]) &&
			    d == suggest_lower(a[i - 2]))
				row[j] = suggest_min(row[j], before[j - 2] + 1);
			least = suggest_min(least, row[j]);
		}
		if (least > SUGGEST_EDITS_MAX) /* rows never sink below their best again */
			return SUGGEST_EDITS_MAX + 1;
		before = above;
		above = row;
		row = spare;
	}
	return suggest_min(above[b_len], SUGGEST_EDITS_MAX + 1);
}

static bool suggest_is_so_near(const char *a, const char *b, unsigned distance)
{
	size_t a_len = strlen(a), b_len = strlen(b), len = a_len > b_len ? a_len : b_len;

	return distance <= SUGGEST_EDITS_MAX && len > 2 * (size_t)distance && strcmp(a, b) != 0;
}

bool suggest_is_near(const char *a, const char *b)
{
	return suggest_is_so_near(a, b, suggest_distance(a, b));
}

void suggest_offer(struct suggest *s, const char *candidate)
{
	unsigned distance = suggest_distance(s->name, candidate);

	if (!suggest_is_so_near(s->name, candidate, distance) ||
	    (s->best && distance >= s->distance))
		return;
	s->best = candidate;
	s->distance = distance;
}
