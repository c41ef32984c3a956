/* room: a queue for places that are counted elsewhere, and no wake-up lost between threads. */
#include "gateway/room.h"
#include "gateway/usage.h"
#include "tests/unit/unit.h"

#include <pthread.h>

static struct room room;
static struct usage usage;
static struct loop *loop;

/* One that waits, and what it does when it is called. */
struct guest {
	struct room_waiter *waiter;
	bool finds; /* a place, when it looks */
};

static struct guest guests[4];
static int order[16]; /* who was called */
static unsigned calls;

static void on_turn(void *arg)
{
	struct guest *guest = arg;

	order[calls++] = (int)(guest - guests);
	if (guest->finds)
		room_done(&guest->waiter);
	else
		room_again(guest->waiter);
}

static void setup(void)
{
	struct err e;

	ck_assert_int_eq(room_init(&room), 0);
	loop = loop_new(&e);
	ck_assert_ptr_nonnull(loop);
	calls = 0;
	for (int i = 0; i < 4; i++) {
		guests[i] = (struct guest){.finds = true};
		guests[i].waiter = room_wait(&room, 4, loop, on_turn, &guests[i]);
		ck_assert_ptr_nonnull(guests[i].waiter);
	}
}

static void teardown(void)
{
	for (int i = 0; i < 4; i++)
		room_cancel(&guests[i].waiter);
	loop_free(&loop);
	ck_assert(!room_is_awaited(&room));
	room_fini(&room);
}

static void stop_now(struct loop_message *message)
{
	(void)message;
	loop_stop(loop);
}

/* What was posted so far is delivered. */
static void turn_once(void)
{
	struct loop_message end = {.deliver = stop_now};

	loop_post(loop, &end);
	loop_run(loop);
}

static void turn(unsigned times)
{
	while (times--)
		turn_once();
}

START_TEST(each_call_is_for_whoever_waits_longest)
{
	for (int i = 0; i < 4; i++) {
		room_call(&room);
		turn(2);
		ck_assert_uint_eq(calls, (unsigned)i + 1);
		ck_assert_int_eq(order[i], i);
	}
	room_call(&room);
	turn(2);
	ck_assert_uint_eq(calls, 4);
	ck_assert(!room_is_awaited(&room));
}
END_TEST

START_TEST(two_calls_at_once_are_for_two)
{
	room_call(&room);
	room_call(&room);
	turn(2);
	ck_assert_uint_eq(calls, 2);
	ck_assert_int_eq(order[0] + order[1], 1);
}
END_TEST

START_TEST(the_queue_has_an_end)
{
	ck_assert_ptr_null(room_wait(&room, 4, loop, on_turn, NULL));
	ck_assert_ptr_null(room_wait(&room, 0, loop, on_turn, NULL));
}
END_TEST

START_TEST(who_finds_none_keeps_its_place_and_the_next_one_looks)
{
	guests[0].finds = false;
	room_call(&room);
	turn(3);
	ck_assert_uint_eq(calls, 2);
	ck_assert_int_eq(order[0], 0);
	ck_assert_int_eq(order[1], 1);
	guests[0].finds = true;
	room_call(&room);
	turn(2);
	ck_assert_int_eq(order[2], 0);
}
END_TEST

START_TEST(who_leaves_before_it_looks_has_the_next_one_called)
{
	room_call(&room);
	room_cancel(&guests[0].waiter); /* its mail is under way */
	ck_assert_ptr_null(guests[0].waiter);
	turn(3);
	ck_assert_uint_eq(calls, 1);
	ck_assert_int_eq(order[0], 1);
	room_cancel(&guests[2].waiter); /* in the queue */
	room_call(&room);
	turn(2);
	ck_assert_int_eq(order[1], 3);
}
END_TEST

START_TEST(an_instance_lets_begin_as_many_as_it_may)
{
	usage = (struct usage){0};
	ck_assert(usage_begin(&usage, 2));
	ck_assert(usage_has_room(&usage, 2));
	ck_assert(usage_begin(&usage, 2));
	ck_assert(!usage_has_room(&usage, 2));
	ck_assert(!usage_begin(&usage, 2));
	ck_assert(usage_begin(&usage, 0)); /* no limit */
	ck_assert(!usage_end(&usage));
	ck_assert(!usage_begin(&usage, 2));
	ck_assert(!usage_end(&usage));
	ck_assert(usage_begin(&usage, 2));
	ck_assert(usage_begin(NULL, 1)); /* without memory nothing is counted */
}
END_TEST

/* ---- Across threads ---- */

enum { THREADS = 4, ROUNDS = 20000, PLACES = 2 };

static atomic_uint inside, most_inside, served, finished;

struct runner {
	struct loop *loop;
	struct room_waiter *waiter;
	unsigned left;
	unsigned cancels;
	struct loop_message start, stop;
	struct loop_task again, leave;
};

static struct runner runners[THREADS];

static void runner_leave(struct loop_task *task)
{
	struct runner *r = (struct runner *)(void *)((char *)task - offsetof(struct runner, leave));

	(void)atomic_fetch_sub(&inside, 1);
	(void)atomic_fetch_add(&served, 1);
	(void)usage_end(&usage);
	room_call(&room);
	if (--r->left)
		loop_defer(r->loop, &r->again);
	else if (atomic_fetch_add(&finished, 1) + 1 == THREADS)
		for (int i = 0; i < THREADS; i++)
			loop_post(runners[i].loop, &runners[i].stop);
}

static void runner_in(struct runner *r)
{
	unsigned now = atomic_fetch_add(&inside, 1) + 1, most = atomic_load(&most_inside);

	while (now > most && !atomic_compare_exchange_weak(&most_inside, &most, now))
		;
	loop_defer(r->loop, &r->leave); /* so that others come meanwhile */
}

static void runner_call_next(void)
{
	if (usage_has_room(&usage, PLACES))
		room_call(&room);
}

static void runner_on_turn(void *arg)
{
	struct runner *r = arg;
	bool in = usage_begin(&usage, PLACES);

	if (in)
		room_done(&r->waiter);
	else
		room_again(r->waiter);
	runner_call_next();
	if (in)
		runner_in(r);
}

static void runner_enter(struct runner *r)
{
	if (!room_is_awaited(&room) && usage_begin(&usage, PLACES)) {
		runner_in(r);
		return;
	}
	r->waiter = room_wait(&room, 100, r->loop, runner_on_turn, r);
	ck_assert_ptr_nonnull(r->waiter);
	runner_call_next();
	if (++r->cancels % 7 == 0) { /* gives up, and comes again */
		room_cancel(&r->waiter);
		loop_defer(r->loop, &r->again);
	}
}

static void runner_again(struct loop_task *task)
{
	runner_enter((struct runner *)(void *)((char *)task - offsetof(struct runner, again)));
}

static void runner_start(struct loop_message *message)
{
	runner_enter((struct runner *)(void *)((char *)message - offsetof(struct runner, start)));
}

static void runner_stop(struct loop_message *message)
{
	struct runner *r =
		(struct runner *)(void *)((char *)message - offsetof(struct runner, stop));

	loop_stop(r->loop);
}

static void *runner_run(void *arg)
{
	loop_run(((struct runner *)arg)->loop);
	return NULL;
}

START_TEST(no_wake_up_is_lost_between_threads)
{
	pthread_t threads[THREADS];
	struct err e;

	teardown();
	ck_assert_int_eq(room_init(&room), 0);
	usage = (struct usage){0};
	for (int i = 0; i < THREADS; i++) {
		runners[i] = (struct runner){.loop = loop_new(&e),
					     .left = ROUNDS,
					     .start.deliver = runner_start,
					     .stop.deliver = runner_stop,
					     .again.run = runner_again,
					     .leave.run = runner_leave};
		ck_assert_ptr_nonnull(runners[i].loop);
		loop_post(runners[i].loop, &runners[i].start);
	}
	for (int i = 0; i < THREADS; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, runner_run, &runners[i]), 0);
	for (int i = 0; i < THREADS; i++)
		ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
	for (int i = 0; i < THREADS; i++)
		loop_free(&runners[i].loop);
	ck_assert_uint_eq(served, THREADS * ROUNDS);
	ck_assert_uint_le(most_inside, PLACES);
	loop = loop_new(&e);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("room");
	TCase *t = tcase_create("room");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, each_call_is_for_whoever_waits_longest);
	tcase_add_test(t, two_calls_at_once_are_for_two);
	tcase_add_test(t, the_queue_has_an_end);
	tcase_add_test(t, who_finds_none_keeps_its_place_and_the_next_one_looks);
	tcase_add_test(t, who_leaves_before_it_looks_has_the_next_one_called);
	tcase_add_test(t, an_instance_lets_begin_as_many_as_it_may);
	tcase_add_test(t, no_wake_up_is_lost_between_threads);
	suite_add_tcase(s, t);
	return unit_run(s);
}
