/* hex: digits as printf writes them. */
#include "common/hex.h"
#include "tests/unit/unit.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void check(uint64_t value)
{
	char want[HEX_LEN + 1], got[HEX_LEN + 1] = "";

	(void)snprintf(want, sizeof(want), "%016" PRIx64, value);
	hex_print(value, got);
	ck_assert_str_eq(got, want);
}

START_TEST(digits_are_those_of_printf)
{
	srandom(7);
	check(0);
	check(UINT64_MAX);
	check(UINT64_C(0x0123456789abcdef));
	for (unsigned bit = 0; bit < 64; bit++)
		check((uint64_t)1 << bit);
	for (unsigned i = 0; i < 10000; i++)
		check((uint64_t)random() << 33 ^ (uint64_t)random() << 11 ^ (uint64_t)random());
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("hex");
	TCase *c = tcase_create("hex");

	tcase_add_test(c, digits_are_those_of_printf);
	suite_add_tcase(s, c);
	return s;
}

int main(void)
{
	return unit_run(suite());
}
