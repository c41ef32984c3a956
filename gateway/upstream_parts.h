/*
 * upstream_parts: between upstream.c and upstream_connect.c: what happens on a
 * connection, and how it comes to be.
 */
#ifndef MICROREG_GATEWAY_UPSTREAM_PARTS_H
#define MICROREG_GATEWAY_UPSTREAM_PARTS_H

#include "gateway/upstream.h"

#define upstream_of(member, pointer) \
	((struct upstream *)(void *)((char *)(pointer)-offsetof(struct upstream, member)))

/* Of upstream.c: fills what a new connection has; its callbacks; takes it from its owner and tells
 * why. */
void upstream_init(struct upstream *up, struct loop *loop, struct stats_worker *stats,
		   struct endpoint *ep);
void upstream_on_event(struct loop_fd *lfd, unsigned events);
void upstream_enter(struct upstream *up);
void upstream_leave(struct upstream *up);
void upstream_fail(struct upstream *up, enum upstream_failure failure, const char *reason);

/* An event while it connects. True: it is there now, the handshake of TLS too. False: it is not
 * yet, or it failed and may be gone. */
bool upstream_connecting(struct upstream *up, unsigned events);

/* Of upstream_keep.c. RFC 9112 9.3 and the customary Keep-Alive: timeout=N. We go a second before
 * the origin does. */
uint64_t upstream_keep_ms(const struct upstream *up, const struct http1_head *head);

/* TLS broke: tells the log and the owner. */
void upstream_fail_tls(struct upstream *up);

#endif
