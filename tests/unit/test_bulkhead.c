/* bulkhead: places, the queue for them, and no wake-up lost between threads. */
#include "gateway/bulkhead.h"
#include "tests/unit/unit.h"

#include <pthread.h>

static struct bulkhead b;
static struct loop *loop;
static unsigned turns; /* taken by waiters, in whatever order */
static int order[8];

static void setup(void)
{
	struct err e;

	ck_assert_int_eq(bulkhead_init(&b), 0);
	loop = loop_new(&e);
	ck_assert_ptr_nonnull(loop);
	turns = 0;
}

static void teardown(void)
{
	loop_free(&loop);
	ck_assert_uint_eq(atomic_load(&b.in_flight), 0);
	ck_assert_uint_eq(atomic_load(&b.waiting), 0);
	bulkhead_fini(&b);
}

static void on_turn(void *arg)
{
	order[turns++] = *(int *)arg;
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

static enum bulkhead_result enter(unsigned most, unsigned queue, int *number,
				  struct bulkhead_waiter **waiter)
{
	struct bulkhead_limits limits = {most, queue};

	return bulkhead_enter(&b, &limits, loop, on_turn, number, waiter);
}

START_TEST(those_over_the_limit_wait_and_those_over_the_queue_do_not)
{
	struct bulkhead_waiter *first = NULL, *second = NULL, *third = NULL;
	int numbers[] = {1, 2, 3};

	ck_assert(bulkhead_try(&b, 1));
	ck_assert(!bulkhead_try(&b, 1));
	ck_assert_int_eq(enter(1, 2, &numbers[0], &first), BULKHEAD_WAITING);
	ck_assert_int_eq(enter(1, 2, &numbers[1], &second), BULKHEAD_WAITING);
	ck_assert_int_eq(enter(1, 2, &numbers[2], &third), BULKHEAD_FULL);
	ck_assert_ptr_null(third);
	turn_once();
	ck_assert_uint_eq(turns, 0);
	bulkhead_leave(&b, 1);
	turn_once();
	ck_assert_uint_eq(turns, 1);
	ck_assert_int_eq(order[0], 1);
	ck_assert_uint_eq(atomic_load(&b.in_flight), 1);
	bulkhead_leave(&b, 1);
	turn_once();
	ck_assert_int_eq(order[1], 2);
	bulkhead_leave(&b, 1);
}
END_TEST

START_TEST(who_comes_later_does_not_overtake_who_waits)
{
	struct bulkhead_waiter *waiter = NULL, *late = NULL;
	int numbers[] = {1, 2};

	ck_assert(bulkhead_try(&b, 1));
	ck_assert_int_eq(enter(1, 9, &numbers[0], &waiter), BULKHEAD_WAITING);
	ck_assert(!bulkhead_try(&b, 2)); /* there is room by another reading of the settings */
	ck_assert_int_eq(enter(2, 9, &numbers[1], &late), BULKHEAD_WAITING);
	turn_once();
	ck_assert_uint_eq(turns, 1);
	ck_assert_int_eq(order[0], 1);
	bulkhead_leave(&b, 2);
	turn_once();
	ck_assert_int_eq(order[1], 2);
	bulkhead_leave(&b, 2);
	bulkhead_leave(&b, 2);
}
END_TEST

START_TEST(who_is_cancelled_in_the_queue_is_passed_over)
{
	struct bulkhead_waiter *first = NULL, *second = NULL, *third = NULL;
	int numbers[] = {1, 2, 3};

	ck_assert(bulkhead_try(&b, 1));
	(void)enter(1, 9, &numbers[0], &first);
	(void)enter(1, 9, &numbers[1], &second);
	(void)enter(1, 9, &numbers[2], &third);
	bulkhead_cancel(&first);
	bulkhead_cancel(&third);
	ck_assert_ptr_null(first);
	ck_assert_uint_eq(atomic_load(&b.waiting), 1);
	bulkhead_leave(&b, 1);
	turn_once();
	ck_assert_uint_eq(turns, 1);
	ck_assert_int_eq(order[0], 2);
	bulkhead_leave(&b, 1);
}
END_TEST

START_TEST(a_place_on_its_way_to_who_was_cancelled_goes_to_the_next)
{
	struct bulkhead_waiter *first = NULL, *second = NULL;
	int numbers[] = {1, 2};

	ck_assert(bulkhead_try(&b, 1));
	(void)enter(1, 9, &numbers[0], &first);
	(void)enter(1, 9, &numbers[1], &second);
	bulkhead_leave(&b, 1);
	bulkhead_cancel(&first); /* its mail is under way */
	turn_once();
	turn_once();
	ck_assert_uint_eq(turns, 1);
	ck_assert_int_eq(order[0], 2);
	bulkhead_leave(&b, 1);
}
END_TEST

START_TEST(a_place_on_its_way_is_given_back_when_the_loop_ends)
{
	struct bulkhead_waiter *waiter = NULL;
	int number = 1;

	ck_assert(bulkhead_try(&b, 1));
	(void)enter(1, 9, &number, &waiter);
	bulkhead_leave(&b, 1);
	bulkhead_cancel(&waiter);
	loop_free(&loop);
	ck_assert_uint_eq(atomic_load(&b.in_flight), 0);
}
END_TEST

START_TEST(a_queue_of_length_zero_never_waits)
{
	struct bulkhead_waiter *waiter = NULL;
	int number = 1;

	ck_assert_int_eq(enter(1, 0, &number, &waiter), BULKHEAD_IN);
	ck_assert_int_eq(enter(1, 0, &number, &waiter), BULKHEAD_FULL);
	bulkhead_leave(&b, 1);
}
END_TEST

/* ---- Across threads ---- */

enum { THREADS = 4, ROUNDS = 20000, PLACES = 2 };

static atomic_uint inside, most_inside, served;

struct runner {
	struct loop *loop;
	struct bulkhead_waiter *waiter;
	unsigned left;
	unsigned cancels;
	struct loop_message start;
	struct loop_task again, leave;
};

static void runner_enter(struct runner *r);

static void runner_leave(struct loop_task *task)
{
	struct runner *r = (struct runner *)(void *)((char *)task - offsetof(struct runner, leave));

	(void)atomic_fetch_sub(&inside, 1);
	(void)atomic_fetch_add(&served, 1);
	bulkhead_leave(&b, PLACES);
	if (--r->left)
		loop_defer(r->loop, &r->again);
	else
		loop_stop(r->loop);
}

static void runner_in(struct runner *r)
{
	unsigned now = atomic_fetch_add(&inside, 1) + 1, most = atomic_load(&most_inside);

	while (now > most && !atomic_compare_exchange_weak(&most_inside, &most, now))
		;
	loop_defer(r->loop, &r->leave); /* so that others come meanwhile */
}

static void runner_on_turn(void *arg)
{
	struct runner *r = arg;

	r->waiter = NULL;
	runner_in(r);
}

static void runner_enter(struct runner *r)
{
	const struct bulkhead_limits limits = {PLACES, 100};

	switch (bulkhead_enter(&b, &limits, r->loop, runner_on_turn, r, &r->waiter)) {
	case BULKHEAD_IN:
		runner_in(r);
		return;
	case BULKHEAD_WAITING:
		if (++r->cancels % 7 == 0) { /* gives up, and comes again */
			bulkhead_cancel(&r->waiter);
			loop_defer(r->loop, &r->again);
		}
		return;
	case BULKHEAD_FULL:
		break;
	}
	ck_abort_msg("full with %d threads", THREADS);
}

static void runner_again(struct loop_task *task)
{
	runner_enter((struct runner *)(void *)((char *)task - offsetof(struct runner, again)));
}

static void runner_start(struct loop_message *message)
{
	runner_enter((struct runner *)(void *)((char *)message - offsetof(struct runner, start)));
}

static void *runner_run(void *arg)
{
	loop_run(((struct runner *)arg)->loop);
	return NULL;
}

START_TEST(no_wake_up_is_lost_between_threads)
{
	struct runner runners[THREADS];
	pthread_t threads[THREADS];
	struct err e;

	for (int i = 0; i < THREADS; i++) {
		runners[i] = (struct runner){.loop = loop_new(&e),
					     .left = ROUNDS,
					     .start.deliver = runner_start,
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
}
END_TEST

int main(void)
{
	Suite *s = suite_create("bulkhead");
	TCase *t = tcase_create("bulkhead");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, those_over_the_limit_wait_and_those_over_the_queue_do_not);
	tcase_add_test(t, who_comes_later_does_not_overtake_who_waits);
	tcase_add_test(t, who_is_cancelled_in_the_queue_is_passed_over);
	tcase_add_test(t, a_place_on_its_way_to_who_was_cancelled_goes_to_the_next);
	tcase_add_test(t, a_place_on_its_way_is_given_back_when_the_loop_ends);
	tcase_add_test(t, a_queue_of_length_zero_never_waits);
	tcase_add_test(t, no_wake_up_is_lost_between_threads);
	suite_add_tcase(s, t);
	return unit_run(s);
}
