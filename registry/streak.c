/* streak: a table by number. */
#include "registry/streak.h"
#include "common/siphash.h"

#include <stdlib.h>
#include <string.h>

#define HASH_FUNCTION(key, len, hash) ((hash) = (unsigned)siphash_process((key), (len)))
#define HASH_KEYCMP(a, b, len)	      memcmp((a), (b), (len))
#include <uthash.h>

struct streak {
	UT_hash_handle hh;
	uint64_t number;
	unsigned count;
	uint64_t until_ms;
};

static struct streak *streak_of(struct streak **all, uint64_t number)
{
	struct streak *s, *found;

	HASH_FIND(hh, *all, &number, sizeof(number), s);
	if (s)
		return s;
	s = calloc(1, sizeof(*s));
	if (!s)
		return NULL;
	s->number = number;
	HASH_ADD(hh, *all, number, sizeof(number), s);
	HASH_FIND(hh, *all, &number, sizeof(number), found);
	if (found)
		return s;
	free(s);
	return NULL;
}

unsigned streak_add(struct streak **all, uint64_t number, uint64_t until_ms)
{
	struct streak *s = streak_of(all, number);

	if (!s)
		return 0;
	s->until_ms = until_ms;
	return ++s->count;
}

void streak_forget(struct streak **all, uint64_t number)
{
	struct streak *s;

	HASH_FIND(hh, *all, &number, sizeof(number), s);
	if (!s)
		return;
	HASH_DEL(*all, s);
	free(s);
}

void streak_prune(struct streak **all, uint64_t now_ms)
{
	struct streak *s, *next;

	HASH_ITER(hh, *all, s, next)
	{
		if (s->until_ms > now_ms)
			continue;
		HASH_DEL(*all, s);
		free(s);
	}
}
