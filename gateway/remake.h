/*
 * remake: replies that become something else on their way to the client: by the
 * route's `reply.body`, by a view, by the fields that the client selects.
 *
 *   head -> gathered -> transformed -> answered      a reply of the service
 *           found ----> transformed -> answered      a kept one
 *   head -> passes                                   one that it is not done to
 *
 * The cache keeps what the service sent; what is made of it is made for each
 * answer. So one kept reply serves all views and selections, and is asked about
 * by the service's own validators. Clients' conditions and ranges are about what
 * they get: they are not passed on, ranges are not looked at, and If-None-Match
 * is compared with the tag of what was made. The service is asked for a body
 * without a content coding.
 *
 * A HEAD, and a reply without a body, pass without the fields that are about the
 * service's body.
 */
#ifndef MICROREG_GATEWAY_REMAKE_H
#define MICROREG_GATEWAY_REMAKE_H

#include "gateway/cache.h"
#include "gateway/cache_status.h"
#include "gateway/exchange.h"

struct remake;

/* Sets x->remake when this request's reply is to become something else, and changes the request to
 * that. Before the route's templates change it. False: answered, since the selection is malformed.
 */
bool remake_begin(struct exchange *x);

/* The head of the service's reply. False: it can't be used, which is answered. */
bool remake_head(struct exchange *x, const struct http1_head *head);
/* True while the reply is gathered: its pieces and its end come here. */
bool remake_gathers(const struct exchange *x);
void remake_add(struct exchange *x, struct span piece);
void remake_end(struct exchange *x);

/* The reply that is gathered was cut short: of it the client has nothing yet. Answers. */
void remake_cut(struct exchange *x);

/* Answers with what is made of x->kept, now or from the loop. */
void remake_kept(struct exchange *x, const struct cache_status *status);

/* Whoever answers now does it alone: nothing is gathered or made any more. Harmless with NULL. */
void remake_cancel(struct remake *r);
/* The same, and frees; leaves NULL. */
void remake_free(struct remake **r);

/* ---- For respond ---- */

/* True when a field of the service's is not for the client, since another body is. */
bool remake_drops(const struct remake *r, struct span name);
/* What the service's Content-Type is replaced by; NULL: it stays. */
const char *remake_type(const struct remake *r);
/* True when the client's conditions say that it has what bears this tag (RFC 9110 13.1.2). */
bool remake_is_known(const struct exchange *x, const char *tag);

#endif
