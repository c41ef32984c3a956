/*
 * forward_retry: what follows a failed attempt: another instance, the same
 * one after a pause, or giving up. Between forward.c and itself only.
 */
#ifndef MICROREG_GATEWAY_FORWARD_RETRY_H
#define MICROREG_GATEWAY_FORWARD_RETRY_H

#include "gateway/forward.h"

/* ---- of forward_retry.c ---- */

/* RFC 9110 9.2.2: may be sent again though it may have been done; POST and PATCH may not, unless
 * the settings say so. */
bool forward_is_repeatable(const struct forward *fwd);

/* The attempt failed and its connection is gone. */
void forward_failed(struct forward *fwd, enum upstream_failure failure, const char *reason);

/* A reply with this status came. True when another try is made instead of telling it. */
bool forward_retries_status(struct forward *fwd, unsigned status);

/* The time of this try, or of the pause before the next, is over. */
void forward_try_is_over(struct forward *fwd);

/* The retry, if this was one, no longer counts in the budget. */
void forward_retry_done(struct forward *fwd);

/* ---- of forward.c ---- */

void forward_try(struct forward *fwd, struct endpoint *ep);
void forward_arm(struct forward *fwd);
void forward_fail_soon(struct forward *fwd, enum forward_failure failure);

#endif
