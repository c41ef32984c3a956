/*
 * forward_retry: what follows a failed attempt: another instance, the same
 * one after a pause, or giving up. Also what the files of forward call of each
 * other; nobody else includes this.
 */
#ifndef MICROREG_GATEWAY_FORWARD_RETRY_H
#define MICROREG_GATEWAY_FORWARD_RETRY_H

#include "gateway/forward.h"

enum { FORWARD_HELD_MAX = 64 << 10 }; /* of a request's body, for another try */

/* ---- of forward_retry.c ---- */

/* RFC 9110 9.2.2: may be sent again though it may have been done; POST and PATCH may not, unless
 * the settings say so. */
bool forward_is_repeatable(const struct forward *fwd);

/* The attempt failed and its connection is gone. */
void forward_failed(struct forward *fwd, enum upstream_failure failure, const char *reason);

/* A reply with this status came. True when another try is made instead of telling it. */
bool forward_retries_status(struct forward *fwd, unsigned status);

/* The request was given whole: its time, and this try's, begins. */
void forward_await_reply(struct forward *fwd);

/* The time of this try, or of the pause before the next, is over. */
void forward_try_is_over(struct forward *fwd);

/* Every instance was tried: the same ones again, after a pause that no two requests share. */
void forward_back_off(struct forward *fwd);

/* No instance counts as tried any more. */
void forward_forget(struct forward *fwd);

/* The endpoint counts as tried. */
void forward_remember(struct forward *fwd, struct endpoint *ep);

/* At most `budget` per cent of the active requests may be retries, so that retries do not bury a
 * service that is already slow. */
bool forward_budget_allows(const struct forward *fwd);
/* This is one of them. */
void forward_budget_take(struct forward *fwd);

/* The retry, if this was one, no longer counts in the budget. */
void forward_retry_done(struct forward *fwd);

/* ---- of forward_blame.c ---- */

/* The request is not whole, or the reply could not go on, because of the client, and long enough
 * that the instance may have given up because of that. */
bool forward_waited_for_client(const struct forward *fwd);

/* The attempt failed in such a way: it does not count against the instance. */
bool forward_excuses(const struct forward *fwd, enum upstream_failure failure);

/* At the request's deadline: whoever is being asked got only what others had left of its time. That
 * it did not reply does not count against it. */
bool forward_came_late(const struct forward *fwd);

/* ---- of forward_connect.c ---- */

/* Gets a connection to `ep`, from the pool or new, and sends. A place there was taken for it. */
void forward_try(struct forward *fwd, struct endpoint *ep);

/* Likewise to where it was sent last, over a new connection. */
void forward_try_fresh(struct forward *fwd);

/* fwd->query's. */
void forward_on_address(struct resolver_query *query, const struct resolver_answer *answer);

/* The attempt at the endpoint is over: it no longer counts in what is under way there, and who
 * waits for room is called. */
void forward_unuse(struct forward *fwd);

/* ---- of forward_queue.c ---- */

/* Takes a place at the service and makes the first try, or waits for the place. */
void forward_enter(struct forward *fwd);

/* max_wait is over. */
void forward_waited_too_long(struct forward *fwd);

/* Gives the place back, or waits no more. Harmless without either. */
void forward_leave(struct forward *fwd);

/* ---- of forward_room.c ---- */

/* An instance for it, borrowed, at which a place is taken (usage_begin), or NULL. */
struct endpoint *forward_pick(struct forward *fwd, const struct balance_tried *tried);

/* Goes to an instance that was not tried yet, or waits for one to have room: then it comes to a try
 * or to a failure later. False: there is none. */
bool forward_go(struct forward *fwd);

/* max_wait is over in that, or an ejection is. */
void forward_waited_for_room(struct forward *fwd);

/* ---- of forward_hedge.c ---- */

/* Decides when a second request is sent, if one is at all. Its set is known. */
void forward_hedge_plan(struct forward *fwd);

/* That time has come: sends it, if there is an instance for it and the retry budget allows. */
void forward_hedge_start(struct forward *fwd);

/* The first attempt has failed. True: the second one goes on in its place; else it is dropped. */
bool forward_hedge_takes_over(struct forward *fwd);

/* A head came: how long that took. */
void forward_hedge_measure(struct forward *fwd);

/* Gives the second one up. Harmless without one. */
void forward_hedge_drop(struct forward *fwd);

/* ---- of forward_body.c ---- */

/* A piece of the request's body, framed as it goes out; -1: no memory. And its end. */
int forward_write_body(struct upstream *up, bool chunked, const char *at, size_t len);
void forward_write_end(struct forward *fwd);

/* ---- of forward.c ---- */

/* Goes on with the final head of a reply. */
void forward_take_head(struct forward *fwd, const struct http1_head *head);

/* The connection is there: sends what there is of the request. */
void forward_send(struct forward *fwd);
void forward_arm(struct forward *fwd);
/* Whether what flows is held up by nobody at the instance's side. */
bool forward_is_moving(struct forward *fwd);
/* Something flowed. */
void forward_touch(struct forward *fwd);
void forward_fail_soon(struct forward *fwd, enum forward_failure failure);

#endif
