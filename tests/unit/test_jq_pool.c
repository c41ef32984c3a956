/* jq_pool: what becomes of jobs that wait when no helper can be started any more. This program is
 * its own helper, which answers nothing. */
#include "gateway/jq_pool.h"
#include "gateway/jq_wire.h"
#include "tests/unit/unit.h"

#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum { HELPER_ENDS = 1, HELPER_HANGS = 2 }; /* told by the memory that it may have */

static struct loop *loop;
static struct jq_pool *pool;
static struct jq_job jobs[3];
static struct buf out;
static unsigned done;
static struct rlimit files;

static void on_done(struct jq_job *job)
{
	(void)job;
	if (++done == 2)
		loop_stop(loop);
}

static void setup(void)
{
	struct err e;

	loop = loop_new(&e);
	ck_assert_ptr_nonnull(loop);
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &files), 0);
	pool = jq_pool_new(loop);
	ck_assert_ptr_nonnull(pool);
	buf_init(&out, 1000);
}

static void teardown(void)
{
	jq_pool_free(&pool);
	loop_free(&loop);
	buf_fini(&out);
	/* Whoever looks for leaks at the end opens files. */
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &files), 0);
}

static int run(struct jq_job *job, uint64_t memory)
{
	struct jq_limits limits = {.helpers = 1, .cpu_ms = 1000, .memory = memory};

	*job = (struct jq_job){.on_done = on_done, .out = &out};
	return jq_pool_run(pool, &limits, job, ".", NULL, NULL, 0);
}

/* One that a helper is at, and two that wait for it. */
static void run_three(uint64_t memory)
{
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(run(&jobs[i], memory), 0);
}

/* No descriptor is to be had, so no helper can be started. */
static void exhaust(void)
{
	struct rlimit none = {.rlim_cur = 0, .rlim_max = files.rlim_max};

	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
}

START_TEST(jobs_that_wait_fail_when_the_last_helper_dies)
{
	run_three(HELPER_ENDS);
	jq_pool_cancel(&jobs[2]);
	exhaust();
	loop_run(loop);
	ck_assert_int_eq(jobs[0].result, JQ_TOO_LONG);
	ck_assert_int_eq(jobs[1].result, JQ_NO_HELPER);
	ck_assert_int_eq(run(&jobs[2], HELPER_ENDS), -1);
}
END_TEST

START_TEST(jobs_that_wait_fail_when_the_last_helper_is_killed)
{
	run_three(HELPER_HANGS);
	exhaust();
	jq_pool_cancel(&jobs[0]);
	ck_assert_uint_eq(done, 0); /* never from within a call */
	loop_run(loop);
	ck_assert_int_eq(jobs[1].result, JQ_NO_HELPER);
	ck_assert_int_eq(jobs[2].result, JQ_NO_HELPER);
}
END_TEST

START_TEST(a_pool_ends_before_it_has_told_those_that_were_cancelled)
{
	run_three(HELPER_HANGS);
	exhaust();
	for (int i = 0; i < 3; i++)
		jq_pool_cancel(&jobs[i]);
	jq_pool_free(&pool);
	ck_assert_uint_eq(done, 0);
}
END_TEST

static int helper(const char *memory)
{
	char some[256];
	ssize_t n;

	do
		n = read(0, some, sizeof(some));
	while (n > 0 && strcmp(memory, "1") != 0);
	return 0;
}

int main(int argc, char **argv)
{
	Suite *s = suite_create("jq_pool");
	TCase *t = tcase_create("jq_pool");

	if (argc == 3 && strcmp(argv[1], JQ_HELPER_OPTION) == 0)
		return helper(argv[2]);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, jobs_that_wait_fail_when_the_last_helper_dies);
	tcase_add_test(t, jobs_that_wait_fail_when_the_last_helper_is_killed);
	tcase_add_test(t, a_pool_ends_before_it_has_told_those_that_were_cancelled);
	suite_add_tcase(s, t);
	return unit_run(s);
}
