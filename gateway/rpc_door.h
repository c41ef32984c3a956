/*
 * rpc_door: XML-RPC in front of REST: a call that comes by POST becomes a request
 * to the gateway itself (inner.h), whose answer becomes the result, or a fault.
 * The other way round is bridge.
 *
 *   the body is whole -> guarded -> read -> each call: system.* at once, others one after the
 *   other as requests -> a document -> 200
 *
 * Faults are answered with 200, too; 401, 403 and 429 are those of the route
 * that offers the methods.
 */
#ifndef MICROREG_GATEWAY_RPC_DOOR_H
#define MICROREG_GATEWAY_RPC_DOOR_H

struct exchange;
struct rpc_door;

/* Begins; the exchange's route offers methods. It may be answered when this returns. */
void rpc_door_start(struct exchange *x);

/* Gives up what is under way and frees. Harmless with NULL; leaves NULL. */
void rpc_door_free(struct rpc_door **door);

#endif
