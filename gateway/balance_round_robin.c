/*
 * balance_round_robin: smooth weighted turns, worked out once per change of
 * the set, so that a pick is one look into a list.
 *
 * An endpoint of weight w gets w places in a round from 0 to 1, the k-th at
 * (k + phase)/w; the places in the order of their times are the schedule. It
 * is Envoy's earliest-deadline-first scheduler, run ahead for one whole round.
 * Endpoints of the same weight share the phases from 0 to 1 among them, so
 * that four light ones come one by one between the turns of a heavy one.
 * Every worker computes the same list, so one shared turn serves them all.
 */
#include "gateway/balance.h"

#include <stdlib.h>

/* A longer round is scaled down; the smallest weights then get more than their share. */
enum { BALANCE_ROUND_MAX = 16384 };

struct balance_place {
	double time;
	uint16_t index;
};

/* An endpoint that takes part, and how many places it gets. */
struct balance_share {
	size_t places;
	uint16_t index;
};

static unsigned balance_gcd(unsigned a, unsigned b)
{
	while (b) {
		unsigned rest = a % b;

		a = b;
		b = rest;
	}
	return a;
}

static int balance_order_places(const void *a, const void *b)
{
	const struct balance_place *x = a, *y = b;

	if (x->time < y->time)
		return -1;
	if (x->time > y->time)
		return 1;
	return (x->index > y->index) - (x->index < y->index);
}

static int balance_order_shares(const void *a, const void *b)
{
	const struct balance_share *x = a, *y = b;

	if (x->places != y->places)
		return x->places < y->places ? -1 : 1;
	return (x->index > y->index) - (x->index < y->index);
}

/* Lists the picks with their places, after common factors and the maximum, those of the same number
 * together. *places is the length of the round. */
static void balance_shares(const struct endpoint_set *set, struct balance_share *shares,
			   size_t *places)
{
	unsigned gcd = 0;
	size_t sum = 0;

	for (size_t i = 0; i < set->pick_count; i++)
		gcd = balance_gcd(set->items[set->picks[i]]->share, gcd);
	for (size_t i = 0; i < set->pick_count; i++)
		sum += set->items[set->picks[i]]->share / gcd;
	*places = 0;
	for (size_t i = 0; i < set->pick_count; i++) {
		size_t n = set->items[set->picks[i]]->share / gcd;

		if (sum > BALANCE_ROUND_MAX)
			n = n * BALANCE_ROUND_MAX / sum;
		shares[i] = (struct balance_share){n ? n : 1, set->picks[i]};
		*places += n ? n : 1;
	}
	qsort(shares, set->pick_count, sizeof(*shares), balance_order_shares);
}

/* Fills in the places of a run of endpoints that have as many each. */
static size_t balance_place_group(const struct balance_share *group, size_t size,
				  struct balance_place *out)
{
	size_t len = 0;

	for (size_t i = 0; i < size; i++) {
		double phase = ((double)i + 0.5) / (double)size, n = (double)group[i].places;

		for (size_t k = 0; k < group[i].places; k++)
			out[len++] = (struct balance_place){.time = ((double)k + phase) / n,
							    .index = group[i].index};
	}
	return len;
}

int balance_round_robin_build(struct endpoint_set *set)
{
	struct balance_share *shares = calloc(set->pick_count + 1, sizeof(*shares));
	struct balance_place *places = NULL;
	uint16_t *schedule = NULL;
	size_t count = set->pick_count, total = 0, len = 0;

	if (!shares)
		return -1;
	balance_shares(set, shares, &total);
	places = calloc(total + 1, sizeof(*places));
	schedule = calloc(total + 1, sizeof(*schedule));
	if (!places || !schedule) {
		free(shares);
		free(places);
		free(schedule);
		return -1;
	}
	for (size_t i = 0, size; i < count; i += size) {
		for (size = 1; i + size < count && shares[i + size].places == shares[i].places;)
			size++;
		len += balance_place_group(shares + i, size, places + len);
	}
	qsort(places, len, sizeof(*places), balance_order_places);
	for (size_t i = 0; i < len; i++)
		schedule[i] = places[i].index;
	free(shares);
	free(places);
	free(set->schedule);
	set->schedule = schedule;
	set->schedule_len = len;
	return 0;
}
