/*
 * respond_security: the fields of `security_headers`, in each answer that does
 * not say them itself. respond's only.
 */
#ifndef MICROREG_GATEWAY_RESPOND_SECURITY_H
#define MICROREG_GATEWAY_RESPOND_SECURITY_H

#include "gateway/exchange.h"

/* True when there are any for this answer, so that its fields have to be looked at. */
bool respond_has_security(const struct exchange *x);

/* A field that the answer has. */
void respond_security_saw(struct exchange *x, struct span name);

/* Those that it has not, nor that the route sets or removes. Errors stick in the buf. */
void respond_security_write(struct exchange *x, struct buf *out);

#endif
