/*
 * pipeline: the life of a request, step by step. client.c calls in with what
 * came; respond.c is called with what goes out.
 *
 * Any function here may end the client's connection (client->dead).
 */
#ifndef MICROREG_GATEWAY_PIPELINE_H
#define MICROREG_GATEWAY_PIPELINE_H

#include "gateway/exchange.h"
#include "gateway/problem.h"

/* A whole head came, in x->request. */
void pipeline_start(struct exchange *x);

/* From the loop: the filter that the request waited in may go on. */
void pipeline_resume(struct exchange *x);

/* What came is no request. The connection ends after the answer. */
void pipeline_refuse(struct exchange *x, enum problem problem, const char *reason);

/* Asks the service, when nothing that is kept does. May answer. */
void pipeline_forward(struct exchange *x);

/* To whoever may have it: all policies have let it pass. */
void pipeline_serve(struct exchange *x);

/* A body that the route wants to look at first: false while it is gathered, or when it was refused;
 * then pipeline_serve is called again, and pipeline_feed sends it on as the instance takes it. */
bool pipeline_checks_body(struct exchange *x);
void pipeline_feed(struct exchange *x);

/* The request's body, as it comes. */
bool pipeline_takes_body(const struct exchange *x);
void pipeline_body(struct exchange *x, struct span piece);
void pipeline_body_end(struct exchange *x);
void pipeline_body_refused(struct exchange *x, const char *reason);
void pipeline_body_timed_out(struct exchange *x);

/* Of a reply to which nothing is done on its way: from the instance's socket to the client's. See
 * forward_sink's on_move. */
bool pipeline_move(struct forward *fwd, struct stream *from, struct splice_move *move);

/* Once, when the reply has been written or the client has gone. */
void pipeline_log(struct exchange *x);

#endif
