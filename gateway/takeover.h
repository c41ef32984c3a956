/*
 * takeover: --replace: gets the listening sockets of the gateway that runs, and
 * tells it when it may go. The other end is handover, which has the protocol.
 *
 * Main's thread; everything blocks, a few seconds at most.
 */
#ifndef MICROREG_GATEWAY_TAKEOVER_H
#define MICROREG_GATEWAY_TAKEOVER_H

#include "common/err.h"
#include "common/inherited.h"
#include "gateway/settings.h"

struct takeover {
	int fd; /* -1: nobody is being replaced */
	struct inherited doors, admin;
};

/* Looks for a running gateway by the settings' addresses, and gets its sockets. 0 also when there
 * is none (fd is -1). -1 with e->code when there is one that can't be replaced; it goes on. */
int takeover_begin(struct takeover *t, const struct settings *settings, struct err *e);

/* This gateway serves: the other one stops accepting before this returns, or has died. */
void takeover_finish(struct takeover *t);

/* Ends what is not finished: the other one goes on. Closes what nobody took. */
void takeover_close(struct takeover *t);

#endif
