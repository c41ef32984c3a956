/*
 * bridge: a request as a call of an XML-RPC method, and its result as JSON.
 *
 *   body? -> signature? -> parameters -> the call -> JSON, or the fault as a problem
 *
 * The call goes the way of a part of a composed route: resolve, balance, retry
 * (as a POST: only when nothing was sent), breaker, backup.
 */
#ifndef MICROREG_GATEWAY_BRIDGE_H
#define MICROREG_GATEWAY_BRIDGE_H

#include "gateway/exchange.h"

struct bridge;

/* Begins; the exchange's route is a bridge. It may be answered when this returns. */
void bridge_start(struct exchange *x);

/* Gives up what is under way and frees. Harmless with NULL; leaves NULL. */
void bridge_free(struct bridge **bridge);

#endif
