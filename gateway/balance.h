/*
 * balance: which instance a request goes to. One algorithm a file; this is
 * what they share.
 */
#ifndef MICROREG_GATEWAY_BALANCE_H
#define MICROREG_GATEWAY_BALANCE_H

#include "gateway/endpoint.h"

/* The endpoints that this request was sent to already; each is held. */
struct balance_tried {
	struct endpoint **items;
	size_t count;
};

/* An endpoint that was not tried yet, borrowed, or NULL. Those that are ejected come only when no
 * other one is there (semantics: panic): a bad guess beats a sure 503. `turn` is this request's:
 * taken from the service at its first try, so that the retries of one request do not disturb the
 * turns of others. */
struct endpoint *balance_pick(const struct endpoint_set *set, const struct balance_tried *tried,
			      uint64_t turn);

/* ---- round robin ---- */

/* Lists the usable endpoints in turn, each as often as its weight says and spread out evenly
 * ("smooth", as nginx and Envoy do). Call after the set or its health changed. -1: no memory, and
 * the schedule stays as it was. */
int balance_round_robin_build(struct endpoint_set *set);

#endif
