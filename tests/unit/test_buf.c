/* buf: what is appended stays, a maximum holds, and a failure sticks until it is reset. */
#include "common/buf.h"
#include "tests/unit/unit.h"

#include <stdint.h>

START_TEST(appended_pieces_stand_one_after_the_other)
{
	struct buf b;

	buf_init(&b, 1000);
	ck_assert_int_eq(buf_puts(&b, "one "), 0);
	ck_assert_int_eq(buf_putc(&b, '2'), 0);
	ck_assert_int_eq(buf_printf(&b, " %s %d", "three", 4), 0);
	ck_assert_int_eq(buf_append(&b, "\0x", 2), 0);
	ck_assert_uint_eq(b.len, 15);
	ck_assert_mem_eq(b.data, "one 2 three 4\0x", 15);
	buf_fini(&b);
}
END_TEST

START_TEST(it_grows_up_to_its_maximum_and_not_beyond)
{
	char block[1000] = {0};
	struct buf b;

	buf_init(&b, 10000);
	for (int i = 0; i < 10; i++)
		ck_assert_int_eq(buf_append(&b, block, sizeof(block)), 0);
	ck_assert_int_eq(buf_putc(&b, 'x'), -1);
	ck_assert_uint_eq(b.len, 10000);
	buf_fini(&b);
}
END_TEST

START_TEST(a_failure_sticks_until_reset_and_leaves_what_was_there)
{
	struct buf b;

	buf_init(&b, 4);
	ck_assert_int_eq(buf_puts(&b, "abc"), 0);
	ck_assert_int_eq(buf_puts(&b, "de"), -1);
	ck_assert_int_eq(buf_puts(&b, "d"), -1);
	ck_assert_ptr_null(buf_str(&b));
	ck_assert_uint_eq(b.len, 3);
	ck_assert(b.full);
	buf_reset(&b);
	ck_assert(!b.full);
	ck_assert_int_eq(buf_puts(&b, "de"), 0);
	ck_assert_str_eq(buf_str(&b), "de");
	buf_fini(&b);
}
END_TEST

START_TEST(consuming_moves_the_rest_down)
{
	struct buf b;

	buf_init(&b, 100);
	(void)buf_puts(&b, "headbody");
	buf_consume(&b, 4);
	ck_assert_str_eq(buf_str(&b), "body");
	buf_consume(&b, 4);
	ck_assert_uint_eq(b.len, 0);
	buf_fini(&b);
}
END_TEST

START_TEST(a_size_near_the_largest_is_refused_not_wrapped_round)
{
	struct buf b;

	buf_init(&b, 100);
	(void)buf_puts(&b, "x");
	ck_assert_ptr_null(buf_reserve(&b, SIZE_MAX));
	ck_assert_uint_eq(b.len, 1);
	buf_fini(&b);
}
END_TEST

START_TEST(numbers_are_written_as_printf_would)
{
	static const uint64_t values[] = {0, 7, 10, 99, 100, 18446744073709551615u};
	struct buf b, same;

	buf_init(&b, 1000);
	buf_init(&same, 1000);
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		ck_assert_int_eq(buf_put_uint(&b, values[i]), 0);
		ck_assert_int_eq(buf_printf(&same, "%llu", (unsigned long long)values[i]), 0);
	}
	ck_assert_str_eq(buf_str(&b), buf_str(&same));
	buf_fini(&b);
	buf_fini(&same);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("buf");
	TCase *t = tcase_create("buf");

	tcase_add_test(t, numbers_are_written_as_printf_would);
	tcase_add_test(t, appended_pieces_stand_one_after_the_other);
	tcase_add_test(t, it_grows_up_to_its_maximum_and_not_beyond);
	tcase_add_test(t, a_failure_sticks_until_reset_and_leaves_what_was_there);
	tcase_add_test(t, consuming_moves_the_rest_down);
	tcase_add_test(t, a_size_near_the_largest_is_refused_not_wrapped_round);
	suite_add_tcase(s, t);
	return unit_run(s);
}
