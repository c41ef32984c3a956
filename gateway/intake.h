/*
 * intake: the body of a request, gathered whole before the request goes on:
 * for steps that make something else of it. Its bound is the route's.
 */
#ifndef MICROREG_GATEWAY_INTAKE_H
#define MICROREG_GATEWAY_INTAKE_H

#include "common/span.h"

struct exchange;
struct intake;

/* Calls `on_whole` when the body is there, which may be at once; the body stays until the exchange
 * ends. Answers with a problem, and never calls, when it can't be held. */
void intake_start(struct exchange *x, void (*on_whole)(struct exchange *x, struct span body));

/* The pipeline's: a piece, and the end. */
void intake_add(struct exchange *x, struct span piece);
void intake_end(struct exchange *x);

/* Harmless with NULL; leaves NULL. */
void intake_free(struct intake **intake);

#endif
