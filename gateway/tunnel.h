/*
 * tunnel: what an upgraded connection is after the instance's 101: two streams
 * joined, in which nothing is read but bytes.
 *
 * Each direction holds one piece of at most TUNNEL_READ: more is not read
 * before that has gone out, so a slow reader slows its sender down. The end of
 * one side is passed on to the other, which may go on sending.
 *
 *   OPEN --the sender ended--> ENDED --what was held has gone out--> DONE
 *     |                                                               ^
 *     +--the receiver is gone, or the sender broke off----------------+
 *
 * When both directions are done the tunnel is over. All is for the worker's
 * own thread.
 */
#ifndef MICROREG_GATEWAY_TUNNEL_H
#define MICROREG_GATEWAY_TUNNEL_H

#include <stdbool.h>

struct exchange;
struct tunnel;
struct worker;

/* Takes one of the places that limits.tunnels gives; exchange_free gives it back. False: none is
 * left. */
bool tunnel_reserve(struct exchange *x);
void tunnel_unreserve(struct exchange *x); /* harmless without */

/* The instance agreed, and the client's 101 is written: from now on the exchange's connections are
 * the tunnel's, until it ends the client's. May end it at once. */
void tunnel_start(struct exchange *x);

/* The client's connection has an event. Between client_enter and client_leave. */
void tunnel_on_client(struct exchange *x);

/* Ends it in good order: what was read goes out, then both sides are ended. */
void tunnel_drain(struct exchange *x);

/* The same for all of a worker's. */
void tunnel_drain_all(struct worker *worker);

/* Lets go of the connections. Harmless without a tunnel. */
void tunnel_stop(struct exchange *x);

#endif
