/* backoff: a bound that doubles, and a part of it. */
#include "gateway/backoff.h"

uint64_t backoff_ms(unsigned retry, uint64_t random)
{
	uint64_t most = BACKOFF_MS;

	while (retry-- > 1 && most < BACKOFF_MOST_MS)
		most *= 2;
	if (most > BACKOFF_MOST_MS)
		most = BACKOFF_MOST_MS;
	return random % (most + 1);
}
