/* loop: events, timers, tasks and mail come to their owner, in order, and not after they were
 * taken back. */
#include "common/loop.h"
#include "tests/unit/unit.h"

#include <pthread.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct probe {
	struct loop_task task;
	struct wheel_timer timer;
	struct loop_fd lfd;
	struct loop *loop;
	struct probe *victim; /* taken back from the callback */
	unsigned runs, *order, number, most;
};

#define probe_of(member, pointer) \
	((struct probe *)(void *)((char *)(pointer)-offsetof(struct probe, member)))

static void probe_run(struct probe *p)
{
	p->runs++;
	if (p->order)
		p->number = ++*p->order;
}

static void on_task(struct loop_task *task)
{
	struct probe *p = probe_of(task, task);

	probe_run(p);
	if (p->victim)
		loop_undefer(p->loop, &p->victim->task);
	if (p->runs < p->most)
		loop_defer(p->loop, &p->task);
	else
		loop_stop(p->loop);
}

static void on_time(struct wheel_timer *timer)
{
	struct probe *p = probe_of(timer, timer);

	probe_run(p);
	loop_stop(p->loop);
}

static void on_event(struct loop_fd *lfd, unsigned events)
{
	struct probe *p = probe_of(lfd, lfd);

	if (!(events & LOOP_READABLE))
		return;
	probe_run(p);
	if (p->victim)
		loop_unwatch(p->loop, &p->victim->lfd);
	loop_stop(p->loop);
}

static struct loop *new_loop(void)
{
	struct err e;
	struct loop *loop = loop_new(&e);

	ck_assert_msg(loop != NULL, "%s", e.text);
	return loop;
}

START_TEST(tasks_run_once_in_the_order_they_were_deferred)
{
	struct loop *loop = new_loop();
	unsigned order = 0;
	struct probe p[3];

	for (int i = 0; i < 3; i++) {
		p[i] = (struct probe){.task.run = on_task, .loop = loop, .order = &order};
		loop_defer(loop, &p[i].task);
		loop_defer(loop, &p[i].task);
	}
	loop_run(loop);
	for (unsigned i = 0; i < 3; i++) {
		ck_assert_uint_eq(p[i].runs, 1);
		ck_assert_uint_eq(p[i].number, i + 1);
	}
	loop_free(&loop);
}
END_TEST

START_TEST(a_task_may_take_back_another_first_or_last)
{
	struct loop *loop = new_loop();
	struct probe p[3];

	for (int i = 0; i < 3; i++)
		p[i] = (struct probe){.task.run = on_task, .loop = loop};
	p[0].victim = &p[2];
	for (int i = 0; i < 3; i++)
		loop_defer(loop, &p[i].task);
	loop_undefer(loop, &p[1].task);
	loop_run(loop);
	ck_assert_uint_eq(p[0].runs, 1);
	ck_assert_uint_eq(p[1].runs, 0);
	ck_assert_uint_eq(p[2].runs, 0);
	/* The list's end was taken back: it must take more. */
	loop_defer(loop, &p[1].task);
	loop_free(&loop);
}
END_TEST

START_TEST(a_task_that_defers_itself_does_not_keep_sockets_waiting)
{
	struct loop *loop = new_loop();
	struct probe busy = {.task.run = on_task, .loop = loop, .most = 1000000};
	struct probe sock = {.lfd.on_event = on_event, .loop = loop};
	int pair[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
	sock.lfd.fd = pair[0];
	ck_assert_int_eq(loop_watch(loop, &sock.lfd, false), 0);
	ck_assert_int_eq(write(pair[1], "x", 1), 1);
	loop_defer(loop, &busy.task);
	loop_run(loop);
	ck_assert_uint_eq(sock.runs, 1);
	ck_assert_uint_lt(busy.runs, 10);
	(void)close(pair[0]);
	(void)close(pair[1]);
	loop_free(&loop);
}
END_TEST

START_TEST(a_timer_stops_the_wait)
{
	struct loop *loop = new_loop();
	struct probe p = {.timer.on_time = on_time, .loop = loop};

	loop_timer_set(loop, &p.timer, 20);
	loop_run(loop);
	ck_assert_uint_eq(p.runs, 1);
	loop_free(&loop);
}
END_TEST

START_TEST(an_unwatched_descriptor_gets_no_event_of_the_same_turn)
{
	struct loop *loop = new_loop();
	struct probe p[2];
	int pairs[2][2];

	for (int i = 0; i < 2; i++) {
		ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pairs[i]), 0);
		p[i] = (struct probe){.lfd = {.fd = pairs[i][0], .on_event = on_event},
				      .loop = loop};
		ck_assert_int_eq(loop_watch(loop, &p[i].lfd, false), 0);
	}
	p[0].victim = &p[1];
	p[1].victim = &p[0];
	ck_assert_int_eq(write(pairs[0][1], "x", 1), 1);
	ck_assert_int_eq(write(pairs[1][1], "x", 1), 1);
	loop_run(loop);
	ck_assert_uint_eq(p[0].runs + p[1].runs, 1);
	for (int i = 0; i < 4; i++)
		(void)close(pairs[i / 2][i % 2]);
	loop_free(&loop);
}
END_TEST

enum { MAIL_THREADS = 4, MAIL_EACH = 20000 };

struct mail {
	struct loop_message message;
	unsigned thread, number;
	struct mailbox *to;
};

struct mailbox {
	struct loop *loop;
	unsigned next[MAIL_THREADS], total;
};

static void on_mail(struct loop_message *message)
{
	struct mail *m = (struct mail *)(void *)message;

	ck_assert_uint_eq(m->number, m->to->next[m->thread]);
	m->to->next[m->thread]++;
	if (++m->to->total == MAIL_THREADS * MAIL_EACH)
		loop_stop(m->to->loop);
	free(m);
}

struct sender {
	struct mailbox *to;
	unsigned thread;
};

static void *send_mail(void *arg)
{
	const struct sender *s = arg;

	for (unsigned i = 0; i < MAIL_EACH; i++) {
		struct mail *m = calloc(1, sizeof(*m));

		if (!m)
			return NULL;
		*m = (struct mail){{.deliver = on_mail}, s->thread, i, s->to};
		loop_post(s->to->loop, &m->message);
	}
	return NULL;
}

START_TEST(mail_of_several_threads_comes_whole_and_in_order)
{
	struct mailbox box = {.loop = new_loop()};
	struct sender senders[MAIL_THREADS];
	pthread_t threads[MAIL_THREADS];

	for (unsigned i = 0; i < MAIL_THREADS; i++) {
		senders[i] = (struct sender){&box, i};
		ck_assert_int_eq(pthread_create(&threads[i], NULL, send_mail, &senders[i]), 0);
	}
	loop_run(box.loop);
	for (unsigned i = 0; i < MAIL_THREADS; i++)
		ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
	ck_assert_uint_eq(box.total, MAIL_THREADS * MAIL_EACH);
	loop_free(&box.loop);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("loop");
	TCase *t = tcase_create("loop");

	tcase_add_test(t, tasks_run_once_in_the_order_they_were_deferred);
	tcase_add_test(t, a_task_may_take_back_another_first_or_last);
	tcase_add_test(t, a_task_that_defers_itself_does_not_keep_sockets_waiting);
	tcase_add_test(t, a_timer_stops_the_wait);
	tcase_add_test(t, an_unwatched_descriptor_gets_no_event_of_the_same_turn);
	tcase_add_test(t, mail_of_several_threads_comes_whole_and_in_order);
	suite_add_tcase(s, t);
	return unit_run(s);
}
