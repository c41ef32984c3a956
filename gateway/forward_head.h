/*
 * forward_head: the head of a request as it goes to an instance: what the
 * client sent, less what is between it and us, plus what we know.
 */
#ifndef MICROREG_GATEWAY_FORWARD_HEAD_H
#define MICROREG_GATEWAY_FORWARD_HEAD_H

#include "common/buf.h"
#include "gateway/exchange.h"

/* Writes request line, fields, framing and the empty line. Errors stick in the buf. */
void forward_head_write(struct exchange *x, struct buf *out);
/* What was written is to go to that service (into settings.services) instead of the exchange's: a
 * signature is for one. */
void forward_head_readdress(struct exchange *x, size_t service, struct buf *head);

/* What the service is told of how the client came, when that is not plain "http"; else len 0. What
 * it answers may differ by it: a redirect to https does. */
struct span forward_head_secure(const struct exchange *x);

/* ---- For calls of the gateway's own ---- */

/* False: the field is between the client and us, or is written anew. `trusted`: the client is a
 * proxy that may speak for others. */
bool forward_head_passes(const struct http1_field *field, bool trusted);

/* The fields that tell who the client is, which way the request came, and its id. */
void forward_head_write_about(struct exchange *x, struct buf *out, bool trusted);

#endif
