/*
 * server_timing: the Server-Timing field (W3C), in which browsers' tools show
 * where the time of an answer went. Durations only: no names of services, no
 * addresses.
 */
#ifndef MICROREG_GATEWAY_SERVER_TIMING_H
#define MICROREG_GATEWAY_SERVER_TIMING_H

#include "common/buf.h"

struct exchange;

/* Writes the line when the route wants it: what is known as the head is written. `queue`: waiting
 * for a place at the service; `resolve`: its host's name; `connect`: with TLS; `ttfb`: from the
 * first try to the reply's head; `total`: since the request's head came. Milliseconds; what there
 * was none of is left out. Failures stick in the buf. */
void server_timing_write(const struct exchange *x, struct buf *out);

#endif
