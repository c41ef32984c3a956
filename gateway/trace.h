/*
 * trace: W3C Trace Context: takes part in a trace that the client began, or
 * begins one.
 */
#ifndef MICROREG_GATEWAY_TRACE_H
#define MICROREG_GATEWAY_TRACE_H

#include "common/buf.h"
#include "gateway/exchange.h"

/* Writes traceparent for an instance: the trace's id stays, the parent's is ours. An invalid one
 * starts a new trace and drops tracestate (Trace Context, 3.2.2 and 3.3). */
void trace_write(struct exchange *x, struct buf *out);

/* The same trace again, from what trace_write has written, with another parent. */
void trace_write_again(struct exchange *x, struct span written, struct buf *out);

#endif
