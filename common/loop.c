/*
 * loop: epoll_wait, then the events, then the timers, then the tasks.
 *
 * The mailbox is a lock-free stack that the loop takes whole and turns round.
 */
#include "common/loop.h"
#include "common/clock.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { LOOP_BATCH = 256, LOOP_WAIT_MOST_MS = 60000 };

struct loop {
	int epoll;
	struct loop_fd wake; /* an eventfd */
	uint64_t now_us;
	struct wheel wheel;
	struct loop_task *tasks, **tasks_end;
	/* The events of this turn; `data.ptr` of dropped ones is NULL. */
	struct epoll_event batch[LOOP_BATCH];
	int batch_len, batch_at;
	_Atomic(struct loop_message *) mailbox; /* any thread */
	atomic_bool stopping;			/* any thread */
	/* Written by the loop, read by any thread. The window is the one that began at
	 * window_us; what stands behind `before` is of the one before it. */
	atomic_uint_fast64_t turns, busy_us, longest_us, longest_before_us;
	atomic_uint_fast64_t window_us, window_busy_us, busy_before_us;
};

static void loop_wake(struct loop *loop)
{
	uint64_t one = 1;

	if (write(loop->wake.fd, &one, sizeof(one)) < 0)
		return; /* EAGAIN only: a wake-up is pending already */
}

static void loop_on_wake(struct loop_fd *lfd, unsigned events)
{
	uint64_t count;

	(void)events; /* always readable */
	if (read(lfd->fd, &count, sizeof(count)) < 0)
		return; /* EAGAIN only */
}

static void loop_deliver(struct loop *loop)
{
	struct loop_message *taken, *in_order = NULL;

	if (!atomic_load_explicit(&loop->mailbox, memory_order_relaxed))
		return;
	taken = atomic_exchange_explicit(&loop->mailbox, NULL, memory_order_acquire);
	while (taken) {
		struct loop_message *next = taken->next;

		taken->next = in_order;
		in_order = taken;
		taken = next;
	}
	while (in_order) {
		struct loop_message *message = in_order;

		in_order = message->next;
		message->deliver(message);
	}
}

void loop_post(struct loop *loop, struct loop_message *message)
{
	struct loop_message *head = atomic_load_explicit(&loop->mailbox, memory_order_relaxed);

	do
		message->next = head;
	while (!atomic_compare_exchange_weak_explicit(&loop->mailbox, &head, message,
						      memory_order_release, memory_order_relaxed));
	if (!head)
		loop_wake(loop);
}

struct loop *loop_new(struct err *e)
{
	struct loop *loop = calloc(1, sizeof(*loop));

	if (!loop) {
		(void)err_set(e, "event loop: out of memory");
		return NULL;
	}
	loop->epoll = epoll_create1(EPOLL_CLOEXEC);
	loop->wake = (struct loop_fd){.fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC),
				      .on_event = loop_on_wake};
	if (loop->epoll < 0 || loop->wake.fd < 0 || loop_watch(loop, &loop->wake, true) < 0) {
		(void)err_set(e, "event loop: %s", strerror(errno));
		loop_free(&loop);
		return NULL;
	}
	loop->tasks_end = &loop->tasks;
	loop->now_us = clock_us();
	atomic_store(&loop->window_us, loop->now_us);
	wheel_init(&loop->wheel, loop->now_us / 1000);
	return loop;
}

void loop_free(struct loop **loop)
{
	struct loop *l = *loop;

	if (!l)
		return;
	loop_deliver(l);
	if (l->wake.fd >= 0)
		(void)close(l->wake.fd); /* nothing to lose */
	if (l->epoll >= 0)
		(void)close(l->epoll);
	free(l);
	*loop = NULL;
}

static int loop_add(struct loop *loop, struct loop_fd *lfd, unsigned events)
{
	struct epoll_event ev = {.events = events, .data.ptr = lfd};

	if (epoll_ctl(loop->epoll, EPOLL_CTL_ADD, lfd->fd, &ev) < 0)
		return -1;
	lfd->watched = true;
	return 0;
}

int loop_watch(struct loop *loop, struct loop_fd *lfd, bool level)
{
	return loop_add(loop, lfd,
			level ? (unsigned)EPOLLIN
			      : (unsigned)EPOLLIN | EPOLLOUT | EPOLLRDHUP | (unsigned)EPOLLET);
}

int loop_watch_listening(struct loop *loop, struct loop_fd *lfd)
{
	return loop_add(loop, lfd, (unsigned)EPOLLIN | EPOLLEXCLUSIVE);
}

void loop_unwatch(struct loop *loop, struct loop_fd *lfd)
{
	if (!lfd->watched)
		return;
	lfd->watched = false;
	(void)epoll_ctl(loop->epoll, EPOLL_CTL_DEL, lfd->fd, NULL); /* it is ours: can't fail */
	for (int i = loop->batch_at; i < loop->batch_len; i++)
		if (loop->batch[i].data.ptr == lfd)
			loop->batch[i].data.ptr = NULL;
}

void loop_defer(struct loop *loop, struct loop_task *task)
{
	if (task->link)
		return;
	task->next = NULL;
	task->link = loop->tasks_end;
	*loop->tasks_end = task;
	loop->tasks_end = &task->next;
}

void loop_undefer(struct loop *loop, struct loop_task *task)
{
	if (!task->link)
		return;
	*task->link = task->next;
	if (task->next)
		task->next->link = task->link;
	else if (loop->tasks_end == &task->next)
		loop->tasks_end = task->link;
	task->link = NULL;
}

/* Those that are queued now; what they queue waits for the next turn, so that sockets get theirs
 * in between. A task may be undeferred by another, so they are counted by a mark at the end. */
static void loop_run_tasks(struct loop *loop)
{
	struct loop_task mark = {0};

	if (!loop->tasks)
		return;
	loop_defer(loop, &mark);
	while (loop->tasks != &mark) {
		struct loop_task *task = loop->tasks;

		loop_undefer(loop, task);
		task->run(task);
	}
	loop_undefer(loop, &mark);
}

void loop_timer_set(struct loop *loop, struct wheel_timer *timer, uint64_t in_ms)
{
	wheel_set(&loop->wheel, timer, loop->now_us / 1000 + in_ms);
}

void loop_timer_clear(struct loop *loop, struct wheel_timer *timer)
{
	wheel_clear(&loop->wheel, timer);
}

uint64_t loop_now_ms(const struct loop *loop)
{
	return loop->now_us / 1000;
}

uint64_t loop_now_us(const struct loop *loop)
{
	return loop->now_us;
}

static unsigned loop_events(uint32_t bits)
{
	unsigned events = 0;

	if (bits & EPOLLIN)
		events |= LOOP_READABLE;
	if (bits & EPOLLOUT)
		events |= LOOP_WRITABLE;
	if (bits & (EPOLLRDHUP | EPOLLHUP | EPOLLERR))
		events |= LOOP_HANGUP;
	if (bits & EPOLLERR)
		events |= LOOP_BROKEN;
	return events;
}

/* ---- How busy it is ---- */

#define LOOP_WINDOW_US ((uint64_t)LOOP_WINDOW_MS * 1000)

static uint64_t loop_get(const atomic_uint_fast64_t *value)
{
	return atomic_load_explicit(value, memory_order_relaxed);
}

static void loop_put(atomic_uint_fast64_t *value, uint64_t to)
{
	atomic_store_explicit(value, to, memory_order_relaxed);
}

/* A window that the loop slept through had nothing in it. */
static void loop_next_window(struct loop *loop, uint64_t now_us)
{
	uint64_t passed = now_us - loop_get(&loop->window_us);
	bool slept = passed >= 2 * LOOP_WINDOW_US;

	loop_put(&loop->busy_before_us, slept ? 0 : loop_get(&loop->window_busy_us));
	loop_put(&loop->longest_before_us, slept ? 0 : loop_get(&loop->longest_us));
	loop_put(&loop->window_busy_us, 0);
	loop_put(&loop->longest_us, 0);
	loop_put(&loop->window_us, now_us - passed % LOOP_WINDOW_US);
}

static void loop_count_turn(struct loop *loop)
{
	uint64_t now_us = clock_us(), took = now_us - loop->now_us;

	if (loop->now_us - loop_get(&loop->window_us) >= LOOP_WINDOW_US)
		loop_next_window(loop, loop->now_us);
	loop_put(&loop->turns, loop_get(&loop->turns) + 1);
	loop_put(&loop->busy_us, loop_get(&loop->busy_us) + took);
	loop_put(&loop->window_busy_us, loop_get(&loop->window_busy_us) + took);
	if (took > loop_get(&loop->longest_us))
		loop_put(&loop->longest_us, took);
}

void loop_load(const struct loop *loop, struct loop_load *load)
{
	/* Before the clock: another thread's turn may begin a window meanwhile. */
	uint64_t window_us = loop_get(&loop->window_us), passed = clock_us() - window_us;
	uint64_t now = loop_get(&loop->longest_us), before = loop_get(&loop->longest_before_us);
	uint64_t busy = loop_get(&loop->busy_before_us);

	if (passed >= 2 * LOOP_WINDOW_US) { /* it waits all the time */
		now = before = busy = 0;
	} else if (passed >= LOOP_WINDOW_US) {
		before = 0;
		busy = loop_get(&loop->window_busy_us);
	}
	*load = (struct loop_load){.turns = loop_get(&loop->turns),
				   .busy_us = loop_get(&loop->busy_us),
				   .longest_us = now > before ? now : before,
				   .permille = (unsigned)(busy * 1000 / LOOP_WINDOW_US)};
	if (load->permille > 1000) /* a turn that is longer than a window */
		load->permille = 1000;
}

static void loop_turn(struct loop *loop)
{
	uint64_t most = loop->tasks ? 0 : LOOP_WAIT_MOST_MS;
	uint64_t wait = wheel_wait_ms(&loop->wheel, loop->now_us / 1000, most);
	int n = epoll_wait(loop->epoll, loop->batch, LOOP_BATCH, (int)wait);

	loop->now_us = clock_us();
	loop->batch_len = n > 0 ? n : 0;
	for (loop->batch_at = 0; loop->batch_at < loop->batch_len;) {
		struct epoll_event *ev = &loop->batch[loop->batch_at++];
		struct loop_fd *lfd = ev->data.ptr;

		if (lfd)
			lfd->on_event(lfd, loop_events(ev->events));
	}
	loop->batch_len = 0;
	loop_deliver(loop);
	wheel_advance(&loop->wheel, loop->now_us / 1000);
	loop_run_tasks(loop);
	loop_count_turn(loop);
}

void loop_run(struct loop *loop)
{
	while (!atomic_load_explicit(&loop->stopping, memory_order_relaxed))
		loop_turn(loop);
	atomic_store_explicit(&loop->stopping, false, memory_order_relaxed);
}

void loop_stop(struct loop *loop)
{
	atomic_store_explicit(&loop->stopping, true, memory_order_relaxed);
	loop_wake(loop);
}
