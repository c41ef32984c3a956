/*
 * bulkhead: an atomic count of places, and behind a lock the queue.
 *
 * No wake-up is lost: who gives a place back first counts it as free and then
 * looks for a queue; who joins the queue first shows itself there and then looks
 * for a free place. Both in one order for all threads (seq_cst), so that at
 * least one of the two sees the other.
 */
#include "gateway/bulkhead.h"

#include <stdlib.h>

/*
 *   QUEUED --a place gets free--> CALLED (mail to its loop) --delivered--> gone, `turn`
 *     |                              |
 *     +- cancelled -> gone           +- cancelled: the delivery gives the place back
 */
enum bulkhead_state { BULKHEAD_QUEUED = 0, BULKHEAD_CALLED };

struct bulkhead_waiter {
	struct loop_message message; /* first: what is delivered is this */
	struct bulkhead *bulkhead;
	struct loop *loop;
	enum bulkhead_state state; /* guarded by the lock, like the links */
	struct bulkhead_waiter *next, **link;
	void (*turn)(void *arg); /* NULL: cancelled; of the loop's thread, like the rest */
	void *arg;
	unsigned most;
};

int bulkhead_init(struct bulkhead *b)
{
	*b = (struct bulkhead){.tail = &b->head};
	return pthread_mutex_init(&b->lock, NULL) ? -1 : 0;
}

void bulkhead_fini(struct bulkhead *b)
{
	(void)pthread_mutex_destroy(&b->lock); /* nobody holds it any more */
}

static void bulkhead_lock(struct bulkhead *b)
{
	(void)pthread_mutex_lock(&b->lock); /* can't fail: a plain mutex */
}

static void bulkhead_unlock(struct bulkhead *b)
{
	(void)pthread_mutex_unlock(&b->lock); /* as above */
}

static bool bulkhead_take(struct bulkhead *b, unsigned most)
{
	unsigned taken = atomic_load_explicit(&b->in_flight, memory_order_seq_cst);

	while (taken < most)
		if (atomic_compare_exchange_weak_explicit(&b->in_flight, &taken, taken + 1,
							  memory_order_seq_cst,
							  memory_order_seq_cst))
			return true;
	return false;
}

bool bulkhead_try(struct bulkhead *b, unsigned most)
{
	return !atomic_load_explicit(&b->waiting, memory_order_relaxed) && bulkhead_take(b, most);
}

/* ---- The queue ---- */

static void bulkhead_unlink_locked(struct bulkhead *b, struct bulkhead_waiter *w)
{
	*w->link = w->next;
	if (w->next)
		w->next->link = w->link;
	else
		b->tail = w->link;
	w->next = NULL;
	w->link = NULL;
	(void)atomic_fetch_sub_explicit(&b->waiting, 1, memory_order_seq_cst);
}

static void bulkhead_append_locked(struct bulkhead *b, struct bulkhead_waiter *w)
{
	w->link = b->tail;
	*b->tail = w;
	b->tail = &w->next;
	(void)atomic_fetch_add_explicit(&b->waiting, 1, memory_order_seq_cst);
}

/* Takes free places for those in front: the list of whom to call, in order. */
static struct bulkhead_waiter *bulkhead_call_locked(struct bulkhead *b, unsigned most)
{
	struct bulkhead_waiter *called = NULL, **end = &called;

	while (b->head && bulkhead_take(b, most)) {
		struct bulkhead_waiter *w = b->head;

		bulkhead_unlink_locked(b, w);
		w->state = BULKHEAD_CALLED;
		*end = w;
		end = &w->next;
	}
	return called;
}

/* Without the lock: each belongs to its loop from its post on. */
static void bulkhead_post(struct bulkhead_waiter *called)
{
	while (called) {
		struct bulkhead_waiter *next = called->next;

		loop_post(called->loop, &called->message);
		called = next;
	}
}

static void bulkhead_serve(struct bulkhead *b, unsigned most)
{
	struct bulkhead_waiter *called;

	bulkhead_lock(b);
	called = bulkhead_call_locked(b, most);
	bulkhead_unlock(b);
	bulkhead_post(called);
}

static void bulkhead_deliver(struct loop_message *message)
{
	struct bulkhead_waiter *w = (struct bulkhead_waiter *)(void *)message;
	void (*turn)(void *arg) = w->turn;
	struct bulkhead *b = w->bulkhead;
	void *arg = w->arg;
	unsigned most = w->most;

	free(w);
	if (turn)
		turn(arg);
	else
		bulkhead_leave(b, most);
}

static struct bulkhead_waiter *bulkhead_waiter_new(struct bulkhead *b, struct loop *loop,
						   void (*turn)(void *arg), void *arg,
						   unsigned most)
{
	struct bulkhead_waiter *w = malloc(sizeof(*w));

	if (w)
		*w = (struct bulkhead_waiter){.message.deliver = bulkhead_deliver,
					      .bulkhead = b,
					      .loop = loop,
					      .turn = turn,
					      .arg = arg,
					      .most = most};
	return w;
}

enum bulkhead_result bulkhead_enter(struct bulkhead *b, const struct bulkhead_limits *limits,
				    struct loop *loop, void (*turn)(void *arg), void *arg,
				    struct bulkhead_waiter **waiter)
{
	struct bulkhead_waiter *w, *called;

	if (bulkhead_try(b, limits->in_flight))
		return BULKHEAD_IN;
	if (atomic_load_explicit(&b->waiting, memory_order_relaxed) >= limits->waiting)
		return BULKHEAD_FULL;
	w = bulkhead_waiter_new(b, loop, turn, arg, limits->in_flight);
	if (!w)
		return BULKHEAD_FULL;
	bulkhead_lock(b);
	if (atomic_load_explicit(&b->waiting, memory_order_relaxed) >= limits->waiting) {
		bulkhead_unlock(b);
		free(w);
		return BULKHEAD_FULL;
	}
	bulkhead_append_locked(b, w);
	*waiter = w;
	called = bulkhead_call_locked(b, limits->in_flight);
	bulkhead_unlock(b);
	bulkhead_post(called);
	return BULKHEAD_WAITING;
}

void bulkhead_cancel(struct bulkhead_waiter **waiter)
{
	struct bulkhead_waiter *w = *waiter;
	bool queued;

	*waiter = NULL;
	if (!w)
		return;
	bulkhead_lock(w->bulkhead);
	queued = w->state == BULKHEAD_QUEUED;
	if (queued)
		bulkhead_unlink_locked(w->bulkhead, w);
	bulkhead_unlock(w->bulkhead);
	if (queued)
		free(w);
	else
		w->turn = NULL; /* its mail is under way */
}

void bulkhead_call(struct bulkhead *b, unsigned most)
{
	if (atomic_load_explicit(&b->waiting, memory_order_seq_cst))
		bulkhead_serve(b, most);
}

void bulkhead_leave(struct bulkhead *b, unsigned most)
{
	(void)atomic_fetch_sub_explicit(&b->in_flight, 1, memory_order_seq_cst);
	bulkhead_call(b, most);
}
