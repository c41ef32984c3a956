/*
 * balance: which instance a request goes to. balance.c narrows the set down to
 * the instances that may be picked; each algorithm, in a file of its own,
 * builds its list of them and picks.
 */
#ifndef MICROREG_GATEWAY_BALANCE_H
#define MICROREG_GATEWAY_BALANCE_H

#include "gateway/endpoint.h"
#include "gateway/http1_head.h"
#include "gateway/settings.h"

/* The endpoints that this request was sent to already; each is held. */
struct balance_tried {
	struct endpoint **items;
	size_t count;
};

/* An endpoint that was not tried yet and has room (see set->per_instance), borrowed, or NULL. First
 * those of the gateway's zone, then those of others; those that are ejected come only when no other
 * one is there, not when others are full (semantics: panic): a bad guess beats a sure 503.
 *
 * `number` is this request's, the same for all its tries: its turn for round robin, the hash of
 * its key for hash, else a random one. So the retries of one request do not disturb the turns of
 * others. */
struct endpoint *balance_pick(const struct endpoint_set *set, const struct balance_tried *tried,
			      uint64_t number);

/* True when one that was not tried is up, be it full: there is something to wait for. */
bool balance_is_one_left(const struct endpoint_set *set, const struct balance_tried *tried);

/* Call after the set, the health of its endpoints or its options changed. -1: no memory, and the
 * lists stay as they were. */
int balance_build(struct endpoint_set *set, uint64_t now_ms);

/* The endpoint is new or back: slow start begins for it. The caller builds then. */
void balance_warm(const struct endpoint_set *set, struct endpoint *ep, uint64_t now_ms);

/* Gives endpoints in slow start their next share when it is time. Cheap when there are none. */
void balance_review(struct endpoint_set *set, uint64_t now_ms);

/* The hash of what the settings say requests are told apart by. False when the request has no such
 * thing: no such header or cookie. `client` is its address as a text. The same in every gateway. */
bool balance_key(const struct settings_balance *by, const struct http1_head *head, struct span path,
		 struct span client, uint64_t *key);

/* The value of a cookie, in any Cookie field (RFC 6265 4.2), borrowed. False: there is none. */
bool balance_cookie(const struct http1_head *head, const char *name, struct span *value);

/* ---- The algorithms ---- */

struct balance_algorithm {
	const char *name;
	/* Makes what pick needs of set->picks, in set->schedule. -1: no memory, nothing changed.
	 * NULL: it needs nothing. */
	int (*build)(struct endpoint_set *set);
	/* One of set->picks that is free, or NULL. */
	struct endpoint *(*pick)(const struct endpoint_set *set, const struct balance_tried *tried,
				 uint64_t number);
};

/* By enum settings_balance_kind. */
extern const struct balance_algorithm balance_algorithms[BALANCE_KIND_COUNT];

bool balance_was_tried(const struct balance_tried *tried, const struct endpoint *ep);

/* It was not tried, and has room. */
bool balance_is_free(const struct endpoint_set *set, const struct balance_tried *tried,
		     const struct endpoint *ep);

/* The first endpoint of set->schedule that is free, from the place `number` on, around. */
struct endpoint *balance_pick_scheduled(const struct endpoint_set *set,
					const struct balance_tried *tried, uint64_t number);

/* Lists the picks in turn, each as often as its share says and spread out evenly ("smooth", as
 * nginx and Envoy do). For random, too: a random place of the same list. */
int balance_round_robin_build(struct endpoint_set *set);

/* Consistent: a list of fixed length in which an endpoint stands as often as its weight says, at
 * places that hardly move when others come and go. */
int balance_hash_build(struct endpoint_set *set);

/* The better of two random ones by (in flight + 1)/share, in flight being the whole gateway's. */
struct endpoint *balance_least_request_pick(const struct endpoint_set *set,
					    const struct balance_tried *tried, uint64_t number);

#endif
