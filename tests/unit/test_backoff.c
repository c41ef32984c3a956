/* backoff: any time up to a bound that doubles from 25 ms to ten times that. */
#include "gateway/backoff.h"
#include "tests/unit/unit.h"

enum { DRAWS = 100000 };

static const struct {
	unsigned retry;
	uint64_t bound_ms;
} bounds[] = {{1, 25}, {2, 50}, {3, 100}, {4, 200}, {5, 250}, {6, 250}, {9, 250}, {1000000, 250}};

/* splitmix64 from a fixed seed: the same numbers in each run. */
static uint64_t next(uint64_t *state)
{
	uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

START_TEST(each_time_up_to_the_bound_is_as_likely_as_any_other)
{
	uint64_t bound = bounds[_i].bound_ms, state = 1;
	unsigned counts[BACKOFF_MOST_MS + 1] = {0};
	unsigned even = DRAWS / (unsigned)(bound + 1);

	for (int i = 0; i < DRAWS; i++) {
		uint64_t ms = backoff_ms(bounds[_i].retry, next(&state));

		if (ms > bound)
			ck_abort_msg("%u ms, over %u", (unsigned)ms, (unsigned)bound);
		counts[ms]++;
	}
	/* Within six standard deviations of even, 0 and the bound too. */
	for (uint64_t ms = 0; ms <= bound; ms++) {
		unsigned off = counts[ms] > even ? counts[ms] - even : even - counts[ms];

		ck_assert_uint_le((uint64_t)off * off, UINT64_C(36) * even);
	}
}
END_TEST

int main(void)
{
	Suite *s = suite_create("backoff");
	TCase *t = tcase_create("backoff");

	tcase_add_loop_test(t, each_time_up_to_the_bound_is_as_likely_as_any_other, 0,
			    (int)(sizeof(bounds) / sizeof(bounds[0])));
	suite_add_tcase(s, t);
	return unit_run(s);
}
