/*
 * caller: the address a request comes from: the connection's, or, behind
 * proxies that the settings trust, the one that they tell (X-Forwarded-For,
 * else Forwarded, RFC 7239).
 *
 * The list is read from its end: each proxy appends whom it heard from, so an
 * address counts as long as the one that told it is trusted. What a client
 * writes itself stands before that and is never reached.
 */
#ifndef MICROREG_GATEWAY_CALLER_H
#define MICROREG_GATEWAY_CALLER_H

#include "gateway/http1_head.h"

#include <stdbool.h>
#include <stdint.h>

struct exchange;
struct settings_networks;

struct caller {
	struct span text;  /* as it was told; len 0: not looked for yet */
	uint8_t bytes[16]; /* IPv4 as ::ffff:a.b.c.d */
};

/* Found once per request. */
const struct caller *caller_of(struct exchange *x);

/* The address that the fields of `head` tell when the peer is trusted, or false: they tell none
 * that can be believed. */
bool caller_told(struct caller *caller, const struct http1_head *head,
		 const struct settings_networks *trusted);

/* True when the address is in one of the networks. */
bool caller_is_in(const struct caller *caller, const struct settings_networks *networks);

#endif
