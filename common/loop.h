/*
 * loop: one epoll loop: descriptors, timers, tasks, and a mailbox that other
 * threads may post to.
 *
 * One thread owns a loop and calls everything here but loop_post and
 * loop_stop. Callbacks run on that thread and must not block.
 */
#ifndef MICROREG_COMMON_LOOP_H
#define MICROREG_COMMON_LOOP_H

#include "common/err.h"
#include "common/wheel.h"

#include <stdbool.h>
#include <stdint.h>

struct loop;

enum loop_event {
	LOOP_READABLE = 1 << 0,
	LOOP_WRITABLE = 1 << 1,
	/* The peer has ended its side, or the connection is broken: read until the end shows. */
	LOOP_HANGUP = 1 << 2,
	/* Comes with HANGUP: the connection is broken, a reset say. Nothing can be sent any more;
	 * what had come before may still be read. */
	LOOP_BROKEN = 1 << 3,
};

/* A watched descriptor, part of its owner. */
struct loop_fd {
	int fd;
	void (*on_event)(struct loop_fd *lfd, unsigned events);
	bool watched;
};

/* Edge-triggered for reading and writing at once, so that a connection costs one epoll_ctl in
 * its life: the owner reads until a short read or EAGAIN. `level` watches reading only,
 * level-triggered. 0 or -1 with errno. */
int loop_watch(struct loop *loop, struct loop_fd *lfd, bool level);

/* For a listening socket: level-triggered, and of several loops or processes that watch the same
 * one not all are woken for one connection. */
int loop_watch_listening(struct loop *loop, struct loop_fd *lfd);

/* Call before close(2). Events of this turn that were not delivered yet are dropped, so the
 * owner may free the struct at once. Harmless when not watched. */
void loop_unwatch(struct loop *loop, struct loop_fd *lfd);

/* A task runs once, after the events of this turn. Deferring it twice runs it once; a task that
 * is deferred by a task runs in the next turn, which then comes at once. All zero but `run` is a
 * task that is not queued. */
struct loop_task {
	void (*run)(struct loop_task *task);
	struct loop_task *next, **link; /* link NULL: not queued */
};
void loop_defer(struct loop *loop, struct loop_task *task);
void loop_undefer(struct loop *loop, struct loop_task *task); /* harmless when not queued */

/* A message from another thread. It belongs to the loop until `deliver` is called with it on
 * the loop's thread, which then owns it. Posted messages arrive in order. */
struct loop_message {
	void (*deliver)(struct loop_message *message);
	struct loop_message *next;
};
void loop_post(struct loop *loop, struct loop_message *message); /* any thread; never fails */

/* Timers: see wheel.h. `in_ms` counts from loop_now_ms. */
void loop_timer_set(struct loop *loop, struct wheel_timer *timer, uint64_t in_ms);
void loop_timer_clear(struct loop *loop, struct wheel_timer *timer);

/* The time this turn began: one clock read a turn. */
uint64_t loop_now_ms(const struct loop *loop);
uint64_t loop_now_us(const struct loop *loop);

/* How busy a loop is. A turn is what it does between two waits; while one runs, everything else of
 * the loop waits. */
struct loop_load {
	uint64_t turns, busy_us; /* since the loop began */
	uint64_t longest_us;	 /* turn of the last LOOP_WINDOW_MS to twice that */
	unsigned permille;	 /* of the last whole LOOP_WINDOW_MS that was not waited */
};

enum { LOOP_WINDOW_MS = 10000 };

/* Any thread. */
void loop_load(const struct loop *loop, struct loop_load *load);

struct loop *loop_new(struct err *e);

/* Descriptors and timers are forgotten, undelivered messages are delivered. */
void loop_free(struct loop **loop);

/* Turns until loop_stop. May be called again. */
void loop_run(struct loop *loop);
void loop_stop(struct loop *loop); /* any thread, and signal-safe; takes effect after this turn */

#endif
