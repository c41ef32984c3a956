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

#endif
