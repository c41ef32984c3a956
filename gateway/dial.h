/*
 * dial: connects to the first of several addresses that answers, as RFC 8305
 * ("Happy Eyeballs") has it: families in turn, the next address after 250 ms
 * or as soon as one fails, and the others are given up when one is there.
 * It has no deadline of its own. One thread.
 */
#ifndef MICROREG_GATEWAY_DIAL_H
#define MICROREG_GATEWAY_DIAL_H

#include "common/loop.h"
#include "gateway/resolver.h"

enum {
	DIAL_ADDRESSES_MAX = 8, /* the others are left out */
	DIAL_NEXT_MS = 250,	/* RFC 8305 8: Connection Attempt Delay */
};

struct dial;

/* A socket that connects, without blocking: TCP with TCP_NODELAY, or a Unix socket. -1 with
 * errno. */
int dial_socket(const struct sockaddr *address, socklen_t len);

/* Starts. `done` is called once, from the loop, never from within this call: with a connected
 * socket, which is the callee's, or with -1 and the reason of the last failure. The dial is over
 * then; dial_stop frees it. NULL with errno: no address can even be tried, or no memory. */
struct dial *dial_start(struct loop *loop, const struct resolver_answer *to, uint16_t port,
			void (*done)(void *owner, int fd, int reason), void *owner);

/* Gives up what is under way and frees. Harmless with NULL; also from `done`. */
void dial_stop(struct dial **dial);

#endif
