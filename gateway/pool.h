/*
 * pool: the idle connections of an endpoint, newest first, so that the oldest
 * can grow old and be closed. A worker's own.
 */
#ifndef MICROREG_GATEWAY_POOL_H
#define MICROREG_GATEWAY_POOL_H

#include "gateway/endpoint.h"

#include <stdbool.h>

/* The newest idle connection that is still good, taken out of the pool; NULL when there is none.
 * With `look`, each is looked at for an end first (one system call): for requests that must not
 * be sent twice. */
struct upstream *pool_take(struct endpoint *ep, bool look);

/* Puts a connection that is between two requests into the pool of its endpoint, for at most
 * `idle_ms`, or closes it when the pool is full or the endpoint no longer listed. */
void pool_put(struct upstream *up, uint64_t idle_ms);

/* Takes a connection out, because it ended or its time is over. */
void pool_remove(struct upstream *up);

void pool_close_idle(struct endpoint *ep);

#endif
