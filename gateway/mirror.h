/*
 * mirror: copies of requests that go to another service beside their own, so
 * that it can be tried with real ones. Nobody waits for a copy, and its reply
 * is thrown away: whatever becomes of it, the client's answer is the same.
 *
 * A copy belongs to the worker, not to the client's connection.
 */
#ifndef MICROREG_GATEWAY_MIRROR_H
#define MICROREG_GATEWAY_MIRROR_H

#include "gateway/exchange.h"

struct mirror;

/* Copies the request if the route says so and it is this one's turn. Call once, when the head is
 * written and the whole body is held: a longer body is not copied, nor one whose reply came before
 * its end. Without memory, or with too many copies or bytes of theirs under way, there is none. */
void mirror_start(struct exchange *x);

/* Cuts the copies that are under way, at the worker's end. */
void mirror_free_all(struct worker *worker);

#endif
