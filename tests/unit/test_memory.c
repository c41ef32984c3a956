/* memory: what bufs and arenas hold is counted, over threads. */
#include "common/arena.h"
#include "common/buf.h"
#include "common/memory.h"
#include "tests/unit/unit.h"

#include <pthread.h>
#include <stdlib.h>

START_TEST(a_buf_counts_until_its_end)
{
	uint64_t before = memory_held();
	struct buf b;

	buf_init(&b, 1 << 20);
	ck_assert_int_eq(buf_puts(&b, "text"), 0);
	ck_assert_uint_eq(memory_held(), before + b.cap);
	ck_assert_ptr_nonnull(buf_reserve(&b, 100000));
	ck_assert_uint_ge(memory_held(), before + 100000);
	ck_assert_uint_eq(memory_held(), before + b.cap);
	buf_reset(&b);
	ck_assert_uint_eq(memory_held(), before + b.cap);
	buf_fini(&b);
	ck_assert_uint_eq(memory_held(), before);
	buf_fini(&b);
	ck_assert_uint_eq(memory_held(), before);
}
END_TEST

START_TEST(what_is_released_is_somebody_elses)
{
	uint64_t before = memory_held();
	struct buf b;
	char *data;

	buf_init(&b, 1 << 20);
	ck_assert_int_eq(buf_puts(&b, "text"), 0);
	data = b.data;
	buf_release(&b);
	ck_assert_uint_eq(memory_held(), before);
	free(data);
}
END_TEST

START_TEST(an_arena_counts_until_its_end)
{
	uint64_t before = memory_held();
	struct arena a;

	arena_init(&a, 1 << 20);
	for (int i = 0; i < 100; i++)
		ck_assert_ptr_nonnull(arena_alloc(&a, 1000));
	ck_assert_uint_ge(memory_held(), before + 100000);
	arena_reset(&a);
	ck_assert_uint_eq(memory_held(), before);
	ck_assert_ptr_nonnull(arena_alloc(&a, 200000));
	arena_fini(&a);
	ck_assert_uint_eq(memory_held(), before);
}
END_TEST

static void *fill(void *arg)
{
	(void)buf_reserve(arg, 1000);
	return NULL;
}

START_TEST(what_another_thread_made_is_given_back_here)
{
	uint64_t before = memory_held();
	struct buf bufs[100];
	pthread_t thread;

	for (int i = 0; i < 100; i++) {
		buf_init(&bufs[i], 1 << 20);
		ck_assert_int_eq(pthread_create(&thread, NULL, fill, &bufs[i]), 0);
		ck_assert_int_eq(pthread_join(thread, NULL), 0);
	}
	ck_assert_uint_ge(memory_held(), before + 100000);
	for (int i = 0; i < 100; i++)
		buf_fini(&bufs[i]);
	ck_assert_uint_eq(memory_held(), before);
}
END_TEST

START_TEST(there_is_some)
{
	ck_assert_uint_gt(memory_available(), 1 << 20);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("memory");
	TCase *t = tcase_create("memory");

	tcase_add_test(t, a_buf_counts_until_its_end);
	tcase_add_test(t, what_is_released_is_somebody_elses);
	tcase_add_test(t, an_arena_counts_until_its_end);
	tcase_add_test(t, what_another_thread_made_is_given_back_here);
	tcase_add_test(t, there_is_some);
	suite_add_tcase(s, t);
	return unit_run(s);
}
