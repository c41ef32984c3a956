/*
 * rate: how many calls a second each caller may make. A table of fixed size:
 * whoever has been quiet longest makes room, which forgives at most a burst.
 */
#ifndef MICROREG_COMMON_RATE_H
#define MICROREG_COMMON_RATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rate;

struct rate *rate_new(void);
void rate_free(struct rate **rate);

/* One more call of `key` at `now_us`: may it be made, at most `a_second` in the long run and as
 * many at once? Any thread. */
bool rate_take(struct rate *rate, const void *key, size_t len, unsigned a_second, uint64_t now_us);

/* Would that refuse? Takes nothing. */
bool rate_is_spent(struct rate *rate, const void *key, size_t len, unsigned a_second,
		   uint64_t now_us);

#endif
