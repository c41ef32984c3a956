/*
 * balance_sticky: clients that come back to the same instance, by a cookie.
 *
 * Its value is a keyed hash of the instance's id: it says nothing of where that
 * is to who does not have the key, and every gateway with the same settings
 * knows it, before and after a restart.
 */
#ifndef MICROREG_GATEWAY_BALANCE_STICKY_H
#define MICROREG_GATEWAY_BALANCE_STICKY_H

#include "gateway/endpoint.h"
#include "gateway/http1_head.h"

enum { BALANCE_STICKY_SIZE = 17 }; /* of a value as text, with its NUL */

/* The hash key of one service. */
void balance_sticky_key(const struct settings_sticky *sticky, const char *service, uint8_t key[16]);

/* Lists what the instances of the set are called in cookies, for the functions below; when the set
 * was built anew. -1: no memory. */
int balance_sticky_build(struct endpoint_set *set);

/* What the request's cookie says. False: it has none, or none of ours. */
bool balance_sticky_read(const struct settings_sticky *sticky, const struct http1_head *head,
			 uint64_t *value);

/* The instance with that value, borrowed, if requests may go to it now; else NULL. */
struct endpoint *balance_sticky_find(const struct endpoint_set *set, uint64_t value);

/* What an instance is called. */
uint64_t balance_sticky_value(const struct endpoint_set *set, const struct endpoint *ep);

#endif
