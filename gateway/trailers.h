/*
 * trailers: the trailer fields of bodies in chunks (RFC 9110 6.5, RFC 9112 7.1.2)
 * that a route with `trailers: pass` passes on: those of a client's request to
 * the instance, those of an instance's reply to the client.
 *
 * Only where both the message that came and the one that leaves are in chunks,
 * and the body is passed on as it comes: what is gathered, transformed or kept
 * loses its trailers, as RFC 9110 6.5.1 lets it. What http1_body refuses in a
 * trailer is a malformed message as ever.
 */
#ifndef MICROREG_GATEWAY_TRAILERS_H
#define MICROREG_GATEWAY_TRAILERS_H

#include "gateway/exchange.h"

struct trailers;

enum { TRAILERS_MAX = 64 }; /* of a message; more are left out */

/* The request is about to be forwarded, with its body as it comes: x->trailers is there from now
 * on if its route passes them. Without memory they are dropped, here and below. */
void trailers_begin(struct exchange *x);

/* All of the request's body came: what passes is the forward's. Harmless when none passes. */
void trailers_end_request(struct exchange *x);

/* Writes the fields of the request's head that are about trailers. Errors stick in the buf, here
 * and below. The service is told that they are welcome (TE) only if the client has said so, for
 * which we speak (RFC 9110 10.1.4). One that has not said so gets them all the same: whoever reads
 * chunks can read, and drop, what follows them (RFC 9112 7.1). */
void trailers_write_request(const struct exchange *x, struct buf *out);

/* The reply's head came and leaves framed in chunks: writes the field about its trailers, and keeps
 * them as they come. */
void trailers_begin_reply(struct exchange *x, const struct http1_head *head, struct buf *out);

/* All of the reply came: writes the lines of what passes. */
void trailers_write_reply(const struct exchange *x, struct buf *out);

/* Harmless with NULL; leaves NULL. */
void trailers_free(struct trailers **trailers);

#endif
