/* health: who waits for room hears of an instance that is let back in. */
#include "gateway/health.h"
#include "gateway/service.h"
#include "tests/unit/balance_case.h"
#include "tests/unit/unit.h"

static struct service service;
static struct endpoint_set set;
static struct room_waiter *waiter;
static struct loop *loop;
static unsigned calls;

static void on_turn(void *arg)
{
	(void)arg;
	calls++;
	room_again(waiter);
}

static void stop_now(struct loop_message *message)
{
	(void)message;
	loop_stop(loop);
}

/* How often it was called, all in all. */
static unsigned calls_so_far(void)
{
	struct loop_message end = {.deliver = stop_now};

	loop_post(loop, &end);
	loop_run(loop);
	return calls;
}

/* Two instances, the first of which is ejected at 1 s, and one that waits. */
static void setup(void)
{
	struct err e;

	calls = 0;
	ck_assert_int_eq(room_init(&service.room), 0);
	loop = loop_new(&e);
	ck_assert_ptr_nonnull(loop);
	balance_case_fill(&set, NULL, 2);
	set.service = &service;
	for (unsigned i = 0; i < HEALTH_FAILURES; i++)
		health_failed(&set, set.items[0], 1000);
	ck_assert_uint_eq(set.ejected, 1);
	waiter = room_wait(&service.room, 1, loop, on_turn, NULL);
	ck_assert_ptr_nonnull(waiter);
}

static void teardown(void)
{
	room_cancel(&waiter);
	set.service = NULL;
	endpoint_set_fini(&set);
	loop_free(&loop);
	room_fini(&service.room);
}

START_TEST(an_ejection_that_is_over_calls_who_waits)
{
	health_review(&set, 30999);
	ck_assert_uint_eq(calls_so_far(), 0);
	health_review(&set, 31000);
	ck_assert_uint_eq(calls_so_far(), 1);
	health_review(&set, 31001); /* nobody came */
	ck_assert_uint_eq(calls_so_far(), 1);
}
END_TEST

START_TEST(one_that_is_restored_calls_who_waits)
{
	health_restore(&set, set.items[0]->id, 2000);
	ck_assert_uint_eq(set.ejected, 0);
	ck_assert_uint_eq(calls_so_far(), 1);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("health");
	TCase *t = tcase_create("health");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, an_ejection_that_is_over_calls_who_waits);
	tcase_add_test(t, one_that_is_restored_calls_who_waits);
	suite_add_tcase(s, t);
	return unit_run(s);
}
