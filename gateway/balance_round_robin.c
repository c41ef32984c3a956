/*
 * balance_round_robin: smooth weighted turns, worked out once per change of
 * the set, so that a pick is one look into a list.
 *
 * An endpoint of weight w gets w places, the k-th at virtual time (k + 1/2)/w;
 * the places in the order of their times are the schedule. It is Envoy's
 * earliest-deadline-first scheduler, run ahead for one whole round. Every
 * worker computes the same list, so one shared turn serves them all.
 */
#include "gateway/balance.h"

#include <stdlib.h>
#include <string.h>

/* A longer round is scaled down; the smallest weights then get more than their share. */
enum { BALANCE_ROUND_MAX = 16384 };

struct balance_place {
	double time;
	uint16_t index;
};

static bool balance_is_usable(const struct endpoint *ep)
{
	return ep->up && !ep->ejected_until_ms;
}

static unsigned balance_gcd(unsigned a, unsigned b)
{
	while (b) {
		unsigned rest = a % b;

		a = b;
		b = rest;
	}
	return a;
}

static int balance_order(const void *a, const void *b)
{
	const struct balance_place *x = a, *y = b;

	if (x->time < y->time)
		return -1;
	if (x->time > y->time)
		return 1;
	return (x->index > y->index) - (x->index < y->index);
}

/* The places of one endpoint in a round, after common factors and the maximum. */
static size_t balance_places(const struct endpoint *ep, unsigned gcd, size_t sum)
{
	size_t n = ep->weight / gcd;

	if (sum > BALANCE_ROUND_MAX)
		n = n * BALANCE_ROUND_MAX / sum;
	return n ? n : 1;
}

int balance_round_robin_build(struct endpoint_set *set)
{
	unsigned gcd = 0;
	size_t sum = 0, len = 0;
	struct balance_place *places;
	uint16_t *schedule;

	for (size_t i = 0; i < set->count; i++)
		if (balance_is_usable(set->items[i]))
			gcd = balance_gcd(set->items[i]->weight, gcd);
	for (size_t i = 0; i < set->count; i++)
		if (balance_is_usable(set->items[i]))
			sum += set->items[i]->weight / gcd;
	for (size_t i = 0; i < set->count; i++)
		if (balance_is_usable(set->items[i]))
			len += balance_places(set->items[i], gcd, sum);
	places = calloc(len + 1, sizeof(*places));
	schedule = calloc(len + 1, sizeof(*schedule));
	if (!places || !schedule) {
		free(places);
		free(schedule);
		return -1;
	}
	len = 0;
	for (size_t i = 0; i < set->count; i++) {
		size_t n;

		if (!balance_is_usable(set->items[i]))
			continue;
		n = balance_places(set->items[i], gcd, sum);
		for (size_t k = 0; k < n; k++)
			places[len++] = (struct balance_place){
				.time = ((double)k + 0.5) / (double)n, .index = (uint16_t)i};
	}
	qsort(places, len, sizeof(*places), balance_order);
	for (size_t i = 0; i < len; i++)
		schedule[i] = places[i].index;
	free(places);
	free(set->schedule);
	set->schedule = schedule;
	set->schedule_len = len;
	return 0;
}

static bool balance_was_tried(const struct balance_tried *tried, const struct endpoint *ep)
{
	for (size_t i = 0; i < tried->count; i++)
		if (tried->items[i] == ep)
			return true;
	return false;
}

struct endpoint *balance_pick(const struct endpoint_set *set, const struct balance_tried *tried,
			      uint64_t turn)
{
	for (size_t n = 0; n < set->schedule_len; n++) {
		struct endpoint *ep = set->items[set->schedule[(turn + n) % set->schedule_len]];

		if (!balance_was_tried(tried, ep))
			return ep;
	}
	/* Everything usable was tried, or nothing is usable: those taken out. */
	for (size_t n = 0; n < set->count; n++) {
		struct endpoint *ep = set->items[(turn + n) % set->count];

		if (ep->up && !balance_was_tried(tried, ep))
			return ep;
	}
	return NULL;
}
