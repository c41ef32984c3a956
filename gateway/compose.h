/*
 * compose: one request, many services: makes the calls of a composed route as
 * their values come, and joins what they answer.
 *
 *   the calls that wait for none start at once; each end starts those that it was waited for
 *   all ended    -> joined -> 200
 *   one failed that the answer can't do without -> the others are given up -> its status
 *
 * A composition belongs to an exchange and ends with it, whoever ends that.
 */
#ifndef MICROREG_GATEWAY_COMPOSE_H
#define MICROREG_GATEWAY_COMPOSE_H

#include "gateway/exchange.h"

struct compose;

/* Begins; the exchange's route is composed. It may be answered when this returns. */
void compose_start(struct exchange *x);

/* The request's body, as it comes; nothing is done with one that no call needs. May answer. */
void compose_body(struct compose *compose, struct span piece);
void compose_body_end(struct compose *compose);
/* The whole body can't come: nothing more is done, and the caller answers. Harmless with NULL. */
void compose_cancel(struct compose *compose);

/* Gives up what is under way and frees. Harmless with NULL; leaves NULL. */
void compose_free(struct compose **compose);

/* "order=200;12ms, customer=stale;3ms", for the log. In the exchange's arena; NULL when that is
 * spent. */
const char *compose_report(const struct compose *compose);

#endif
