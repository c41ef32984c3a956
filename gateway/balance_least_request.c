/*
 * balance_least_request: the better of two random picks ("power of two
 * choices", Mitzenmacher 2001): nearly as good as the best of all, without
 * every gateway running to the same one.
 */
#include "gateway/balance.h"
#include "gateway/usage.h"

/* The first free pick from `at` on, around, that is not `other`. NULL: there is none. */
static struct endpoint *balance_first_free(const struct endpoint_set *set,
					   const struct balance_tried *tried, size_t at,
					   const struct endpoint *other)
{
	for (size_t n = 0; n < set->pick_count; n++) {
		struct endpoint *ep = set->items[set->picks[at]];

		if (ep != other && balance_is_free(set, tried, ep))
			return ep;
		at = at + 1 < set->pick_count ? at + 1 : 0;
	}
	return NULL;
}

static uint64_t balance_in_flight(const struct endpoint *ep)
{
	return ep->usage ? atomic_load_explicit(&ep->usage->in_flight, memory_order_relaxed) : 0;
}

struct endpoint *balance_least_request_pick(const struct endpoint_set *set,
					    const struct balance_tried *tried, uint64_t number)
{
	uint64_t low = (uint32_t)number, high = number >> 32;
	struct endpoint *a, *b;
	size_t i, k;

	if (!set->pick_count)
		return NULL;
	i = (size_t)(low * set->pick_count >> 32);
	k = (size_t)(high * (set->pick_count - 1) >> 32);
	k += k >= i; /* two different ones, each pair as often as any other */
	a = balance_first_free(set, tried, i, NULL);
	b = balance_first_free(set, tried, k < set->pick_count ? k : 0, a);
	if (!a || !b)
		return a;
	return (balance_in_flight(a) + 1) * b->share <= (balance_in_flight(b) + 1) * a->share ? a
											      : b;
}
