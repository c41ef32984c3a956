/* suggest: Damerau's distance of two short words, row by row. */
#include "common/suggest.h"

#include <string.h>

enum { SUGGEST_LEN_MAX = 63, SUGGEST_FAR = 99 };

static unsigned suggest_min(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

unsigned suggest_distance(const char *a, const char *b)
{
	unsigned rows[3][SUGGEST_LEN_MAX + 1];
	size_t a_len = strlen(a), b_len = strlen(b);

	if (a_len > SUGGEST_LEN_MAX || b_len > SUGGEST_LEN_MAX)
		return SUGGEST_FAR;
	for (unsigned j = 0; j <= b_len; j++)
		rows[0][j] = j;
	for (size_t i = 1; i <= a_len; i++) {
		unsigned *now = rows[i % 3], *last = rows[(i + 2) % 3], *before = rows[(i + 1) % 3];

		now[0] = (unsigned)i;
		for (size_t j = 1; j <= b_len; j++) {
			unsigned change = last[j - 1] + (a[i - 1] != b[j - 1]);

			now[j] = suggest_min(change, suggest_min(last[j], now[j - 1]) + 1);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				now[j] = suggest_min(now[j], before[j - 2] + 1);
		}
	}
	return rows[a_len % 3][b_len];
}

bool suggest_is_near(const char *word, const char *known)
{
	unsigned distance = suggest_distance(word, known);

	return distance <= 2 && distance * 3 <= strlen(known);
}
