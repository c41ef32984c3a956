/* arena: allocations are apart, aligned, bounded, and all gone after a reset. */
#include "common/arena.h"
#include "tests/unit/unit.h"

#include <stdalign.h>
#include <stdint.h>
#include <string.h>

START_TEST(allocations_do_not_overlap_and_are_aligned)
{
	struct arena a;
	char *blocks[200];

	arena_init(&a, 1 << 20);
	for (size_t i = 0; i < 200; i++) {
		blocks[i] = arena_alloc(&a, i * 7 + 1);
		ck_assert_ptr_nonnull(blocks[i]);
		ck_assert_uint_eq((uintptr_t)blocks[i] % alignof(max_align_t), 0);
		memset(blocks[i], (int)i, i * 7 + 1);
	}
	for (size_t i = 0; i < 200; i++)
		for (size_t k = 0; k < i * 7 + 1; k++)
			ck_assert_int_eq(blocks[i][k], (char)i);
	arena_fini(&a);
}
END_TEST

START_TEST(the_maximum_holds_for_one_and_for_all)
{
	struct arena a;

	arena_init(&a, 10000);
	ck_assert_ptr_null(arena_alloc(&a, 10001));
	ck_assert_ptr_null(arena_alloc(&a, SIZE_MAX));
	ck_assert_ptr_nonnull(arena_alloc(&a, 5000));
	ck_assert_ptr_nonnull(arena_alloc(&a, 4000));
	ck_assert_ptr_null(arena_alloc(&a, 4000));
	arena_fini(&a);
}
END_TEST

START_TEST(a_reset_gives_the_memory_back_for_use)
{
	struct arena a;
	void *first;

	arena_init(&a, 1 << 20);
	first = arena_alloc(&a, 100);
	arena_reset(&a);
	ck_assert_ptr_eq(arena_alloc(&a, 100), first);
	ck_assert_ptr_nonnull(arena_alloc(&a, 100000));
	arena_reset(&a);
	ck_assert_uint_eq(a.total, 0); /* large chunks are not kept by an idle owner */
	arena_fini(&a);
}
END_TEST

START_TEST(texts_are_copied_and_terminated)
{
	struct arena a;

	arena_init(&a, 1 << 20);
	ck_assert_str_eq(arena_strndup(&a, "abcdef", 3), "abc");
	ck_assert_str_eq(arena_strndup(&a, NULL, 0), "");
	ck_assert_str_eq(arena_printf(&a, "%d-%s", 7, "x"), "7-x");
	arena_fini(&a);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("arena");
	TCase *t = tcase_create("arena");

	tcase_add_test(t, allocations_do_not_overlap_and_are_aligned);
	tcase_add_test(t, the_maximum_holds_for_one_and_for_all);
	tcase_add_test(t, a_reset_gives_the_memory_back_for_use);
	tcase_add_test(t, texts_are_copied_and_terminated);
	suite_add_tcase(s, t);
	return unit_run(s);
}
