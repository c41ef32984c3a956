/*
 * filter: what a request has to pass between its route and its service: one
 * policy each, in a fixed order. The table in filter.c is that order.
 *
 * A filter lets pass, or answers, or waits: for a thread that hashes, a
 * service that is asked. It then returns to the loop, and is run again when
 * filter_resume is called; what it found meanwhile it keeps in the exchange.
 */
#ifndef MICROREG_GATEWAY_FILTER_H
#define MICROREG_GATEWAY_FILTER_H

#include "gateway/exchange.h"
#include "gateway/problem.h"

enum filter_result {
	FILTER_PASS = 0,
	FILTER_ANSWERED, /* the exchange and its client may be gone */
	FILTER_WAITS,	 /* x->unwait is set */
};

/* Runs the policies of the exchange's route, from where it stands. PASS: all let it pass. Call it
 * only when the route has any (policy.set). */
enum filter_result filter_run(struct exchange *x);

/* From the loop: what a filter waits for has come. The exchange may be gone after it. */
void filter_resume(struct exchange *x);

/* Nobody waits any more. Harmless when nobody does. */
void filter_cancel(struct exchange *x);

/* Refuses: counts it for the policy that is running. `reason` is for the log, never for the client:
 * static text or in the arena. `fields` are lines for the answer, or NULL. */
enum filter_result filter_deny(struct exchange *x, enum problem problem, const char *reason,
			       const char *fields);

/* Counts it as refused by the policy that is running, for an answer of another kind. */
void filter_count_denied(struct exchange *x, const char *reason);

/* The policies, in filter_*.c. */
enum filter_result filter_ip_run(struct exchange *x);
enum filter_result filter_check_run(struct exchange *x);
enum filter_result filter_cors_run(struct exchange *x);
enum filter_result filter_auth_run(struct exchange *x);
enum filter_result filter_allow_run(struct exchange *x);
enum filter_result filter_limit_run(struct exchange *x);

/* What the limits say, as fields of the answer. Errors stick in the buf. */
void filter_limit_write(struct exchange *x, struct buf *out);
/* The exchange ends: what counts requests at once counts it no more. */
void filter_limit_release(struct exchange *x);

#endif
