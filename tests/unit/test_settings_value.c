/* settings_value: durations and sizes are read exactly, or refused with what to write. */
#include "common/settings_value.h"
#include "tests/unit/unit.h"

#include <string.h>

/* mistake NULL: fine. */
struct sample {
	const char *text, *mistake;
	uint64_t value;
};

static const struct sample durations[] = {
	{"250ms", NULL, 250},
	{"5s", NULL, 5000},
	{"10m", NULL, 600000},
	{"1h", NULL, 3600000},
	{"0", NULL, 0},
	{"0s", NULL, 0},
	{"007s", NULL, 7000},
	{"18446744073709551615ms", NULL, UINT64_MAX},
	{"5", "has no unit; write 5s or 5ms", 0},
	{"18446744073709551615s", "is no duration", 0},
	{"99999999999999999999ms", "is no duration", 0},
	{"1.5s", "is no duration", 0},
	{"1m30s", "is no duration", 0},
	{"5 s", "is no duration", 0},
	{" 5s", "is no duration", 0},
	{"-5s", "is no duration", 0},
	{"5S", "is no duration", 0},
	{"1d", "is no duration", 0},
	{"s", "is no duration", 0},
	{"", "is no duration", 0},
};

static const struct sample sizes[] = {
	{"123", NULL, 123},
	{"0", NULL, 0},
	{"64KiB", NULL, 65536},
	{"10MiB", NULL, 10485760},
	{"10MB", NULL, 10000000},
	{"1kB", NULL, 1000},
	{"1KB", NULL, 1000},
	{"2GiB", NULL, 2147483648},
	{"2GB", NULL, 2000000000},
	{"18446744073709551615", NULL, UINT64_MAX},
	{"17179869184GiB", "is no size", 0},
	{"10 MiB", "is no size", 0},
	{"10M", "is no size", 0},
	{"1.5MiB", "is no size", 0},
	{"-1", "is no size", 0},
	{"0x10", "is no size", 0},
	{"", "is no size", 0},
};

static const struct sample numbers[] = {
	{"0", NULL, 0},
	{"42", NULL, 42},
	{"18446744073709551615", NULL, UINT64_MAX},
	{"18446744073709551616", "no whole number", 0},
	{"-1", "no whole number", 0},
	{"+1", "no whole number", 0},
	{"1.0", "no whole number", 0},
	{"1e3", "no whole number", 0},
	{"", "no whole number", 0},
};

static void check(int (*read)(const char *, uint64_t *, struct err *), const struct sample *s)
{
	struct err e = {0};
	uint64_t value = 0;
	int result = read(s->text, &value, &e);

	if (s->mistake) {
		ck_assert_msg(result == -1, "%s", s->text);
		ck_assert_msg(strstr(e.text, s->mistake), "%s: %s", s->text, e.text);
		return;
	}
	ck_assert_msg(result == 0, "%s", e.text);
	ck_assert_msg(value == s->value, "%s", s->text);
}

START_TEST(a_duration_has_a_unit)
{
	check(settings_value_duration, &durations[_i]);
}
END_TEST

START_TEST(a_size_may_have_a_unit)
{
	check(settings_value_size, &sizes[_i]);
}
END_TEST

START_TEST(a_number_is_digits)
{
	check(settings_value_number, &numbers[_i]);
}
END_TEST

START_TEST(values_are_written_the_shortest_exact_way)
{
	char out[SETTINGS_VALUE_SIZE];

	settings_value_print_duration(0, out);
	ck_assert_str_eq(out, "0ms");
	settings_value_print_duration(1500, out);
	ck_assert_str_eq(out, "1500ms");
	settings_value_print_duration(90000, out);
	ck_assert_str_eq(out, "90s");
	settings_value_print_duration(86400000, out);
	ck_assert_str_eq(out, "24h");
	settings_value_print_size(0, out);
	ck_assert_str_eq(out, "0");
	settings_value_print_size(1536, out);
	ck_assert_str_eq(out, "1536");
	settings_value_print_size(10u << 20, out);
	ck_assert_str_eq(out, "10MiB");
	settings_value_print_size(10000000, out);
	ck_assert_str_eq(out, "10MB");
	settings_value_print_size(UINT64_MAX, out);
	ck_assert_str_eq(out, "18446744073709551615");
}
END_TEST

int main(void)
{
	Suite *s = suite_create("settings_value");
	TCase *t = tcase_create("settings_value");

	tcase_add_loop_test(t, a_duration_has_a_unit, 0,
			    (int)(sizeof(durations) / sizeof(durations[0])));
	tcase_add_loop_test(t, a_size_may_have_a_unit, 0, (int)(sizeof(sizes) / sizeof(sizes[0])));
	tcase_add_loop_test(t, a_number_is_digits, 0, (int)(sizeof(numbers) / sizeof(numbers[0])));
	tcase_add_test(t, values_are_written_the_shortest_exact_way);
	suite_add_tcase(s, t);
	return unit_run(s);
}
