/* worker: a roster that no memory is left for is told to main, which posts it again. */
#include "common/log.h"
#include "common/loop.h"
#include "gateway/roster.h"
#include "gateway/settings.h"
#include "gateway/table.h"
#include "gateway/worker.h"
#include "tests/unit/fail_malloc.h"
#include "tests/unit/unit.h"

#include <stdlib.h>

static struct settings settings;
static struct table table = {.settings = &settings};
static struct worker w;

static void setup(void)
{
	struct err e = {0};

	atomic_init(&table.refs, 100); /* it is nobody's to free */
	w.loop = loop_new(&e);
	ck_assert_msg(w.loop != NULL, "%s", e.text);
	w.table = worker_table_alloc(&table);
	ck_assert_ptr_nonnull(w.table);
}

static void teardown(void)
{
	worker_table_unref(&w.table);
	loop_free(&w.loop);
}

static void stop(struct loop_message *message)
{
	(void)message;
	loop_stop(w.loop);
}

/* What was posted so far. */
static void deliver(void)
{
	static struct loop_message last = {.deliver = stop};

	loop_post(w.loop, &last);
	loop_run(w.loop);
}

static int take_roster(void *arg)
{
	const struct worker_table *before = w.table;

	(void)arg;
	if (worker_post_roster(&w, NULL) < 0)
		return -1;
	deliver();
	if (worker_lost_roster(&w))
		return w.table == before ? -1 : -2;
	return w.table != before ? 0 : -2;
}

static void check(void *arg, int r)
{
	(void)arg;
	ck_assert_int_ge(r, -1);
	ck_assert(!worker_lost_roster(&w)); /* told once */
}

START_TEST(a_roster_is_taken_over_or_said_to_be_lost)
{
	struct fail_malloc_count count = fail_malloc_each(take_roster, check, NULL);

	ck_assert_uint_gt(count.refused, 2); /* its mail, and what it is kept in */
}
END_TEST

int main(void)
{
	Suite *s = suite_create("worker");
	TCase *t = tcase_create("worker");

	log_set_level(LOG_ERROR);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, a_roster_is_taken_over_or_said_to_be_lost);
	suite_add_tcase(s, t);
	return unit_run(s);
}
