/*
 * room: a queue behind a lock, whose members stay in it until they are served.
 *
 * No wake-up is lost: who gives a place back first counts it as free and then
 * looks for a queue; who joins the queue first shows itself there and then looks
 * for a free place. Both in one order for all threads (seq_cst), so that at
 * least one of the two sees the other.
 */
#include "gateway/room.h"

#include <stdlib.h>

/*
 *   QUEUED --room_call--> CALLED (mail to its loop) --delivered--> TURN --room_done--> gone
 *     |  ^                  |                                       | |
 *     |  +------------------|------------- room_again --------------+ |
 *     +- cancelled -> gone  +- cancelled: the delivery calls the next +- cancelled: so does this
 */
enum room_state { ROOM_QUEUED = 0, ROOM_CALLED, ROOM_TURN };

struct room_waiter {
	struct loop_message message; /* first: what is delivered is this */
	struct room *room;
	struct loop *loop;
	enum room_state state; /* guarded by the lock, like the links */
	struct room_waiter *next, **link;
	void (*turn)(void *arg); /* NULL: cancelled; of the loop's thread, like the rest */
	void *arg;
};

int room_init(struct room *room)
{
	*room = (struct room){.tail = &room->head};
	return pthread_mutex_init(&room->lock, NULL) ? -1 : 0;
}

void room_fini(struct room *room)
{
	(void)pthread_mutex_destroy(&room->lock); /* nobody holds it any more */
}

static void room_lock(struct room *room)
{
	(void)pthread_mutex_lock(&room->lock); /* can't fail: a plain mutex */
}

static void room_unlock(struct room *room)
{
	(void)pthread_mutex_unlock(&room->lock); /* as above */
}

bool room_is_awaited(const struct room *room)
{
	return atomic_load_explicit(&room->waiting, memory_order_seq_cst) != 0;
}

static void room_unlink_locked(struct room *room, struct room_waiter *w)
{
	*w->link = w->next;
	if (w->next)
		w->next->link = w->link;
	else
		room->tail = w->link;
	(void)atomic_fetch_sub_explicit(&room->waiting, 1, memory_order_seq_cst);
}

/* The first from `w` on that was not called yet, or NULL. The caller posts to it. */
static struct room_waiter *room_call_locked(struct room_waiter *w)
{
	while (w && w->state != ROOM_QUEUED)
		w = w->next;
	if (w)
		w->state = ROOM_CALLED;
	return w;
}

static void room_post(struct room_waiter *called)
{
	if (called)
		loop_post(called->loop, &called->message);
}

void room_call(struct room *room)
{
	struct room_waiter *called;

	if (!room_is_awaited(room))
		return;
	room_lock(room);
	called = room_call_locked(room->head);
	room_unlock(room);
	room_post(called);
}

static void room_deliver(struct loop_message *message)
{
	struct room_waiter *w = (struct room_waiter *)(void *)message;
	struct room *room = w->room;

	if (!w->turn) { /* out of the queue already */
		free(w);
		room_call(room);
		return;
	}
	room_lock(room);
	w->state = ROOM_TURN;
	room_unlock(room);
	w->turn(w->arg);
}

struct room_waiter *room_wait(struct room *room, unsigned most, struct loop *loop,
			      void (*turn)(void *arg), void *arg)
{
	struct room_waiter *w = malloc(sizeof(*w));

	if (!w)
		return NULL;
	*w = (struct room_waiter){.message.deliver = room_deliver,
				  .room = room,
				  .loop = loop,
				  .turn = turn,
				  .arg = arg};
	room_lock(room);
	if (atomic_load_explicit(&room->waiting, memory_order_relaxed) >= most) {
		room_unlock(room);
		free(w);
		return NULL;
	}
	w->link = room->tail;
	*room->tail = w;
	room->tail = &w->next;
	(void)atomic_fetch_add_explicit(&room->waiting, 1, memory_order_seq_cst);
	room_unlock(room);
	return w;
}

void room_done(struct room_waiter **waiter)
{
	struct room_waiter *w = *waiter;
	struct room *room = w->room;

	*waiter = NULL;
	room_lock(room);
	room_unlink_locked(room, w);
	room_unlock(room);
	free(w);
}

void room_again(struct room_waiter *w)
{
	struct room_waiter *called;

	room_lock(w->room);
	w->state = ROOM_QUEUED;
	called = room_call_locked(w->next);
	room_unlock(w->room);
	room_post(called);
}

void room_cancel(struct room_waiter **waiter)
{
	struct room_waiter *w = *waiter;
	struct room *room;
	enum room_state state;

	*waiter = NULL;
	if (!w)
		return;
	room = w->room;
	room_lock(room);
	state = w->state;
	room_unlink_locked(room, w);
	room_unlock(room);
	if (state == ROOM_CALLED) {
		w->turn = NULL; /* its mail is under way */
		return;
	}
	free(w);
	if (state == ROOM_TURN)
		room_call(room);
}
