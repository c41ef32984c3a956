/* pace: heartbeats when the registry wants them, retries ever later. */
#include "client-lib/pace.h"
#include "tests/unit/unit.h"

static const struct answer_case {
	const char *name;
	uint64_t next_ms, ttl_ms, due_in;
} answer_cases[] = {
	{"the next beat is when the registry says", 10000, 30000, 10000},
	{"even if that is odd", 12345, 30000, 12345},
	{"a beat at once would be a storm: a third of the ttl", 0, 30000, 10000},
	{"so would be one in a millisecond", 1, 3000, 1000},
	{"a beat after the end is too late: a third of the ttl", 30000, 30000, 10000},
	{"whatever the number", UINT64_MAX, 1000, 333},
	{"a ttl that is none makes no storm either", 1, 1, 50},
};

START_TEST(answers_set_the_next_beat)
{
	const struct answer_case *c = &answer_cases[_i];
	struct pace p = {.failures = 7};

	pace_answered(&p, 1000, c->next_ms, c->ttl_ms);
	ck_assert_msg(p.due_ms == 1000 + c->due_in, "%s: %llu", c->name,
		      (unsigned long long)p.due_ms);
	ck_assert_uint_eq(p.failures, 0);
	ck_assert(pace_is_held(&p, 1000 + c->ttl_ms - 1, c->ttl_ms));
	ck_assert(!pace_is_held(&p, 1000 + c->ttl_ms, c->ttl_ms));
}
END_TEST

START_TEST(failures_wait_longer_each_time_up_to_the_most)
{
	static const uint64_t most[] = {100, 200, 400, 800, 1600, 3200, 5000, 5000, 5000};

	for (int high = 0; high < 2; high++) {
		struct pace p = {0};

		for (unsigned i = 0; i < sizeof(most) / sizeof(most[0]); i++) {
			uint64_t spread = most[i] - most[i] / 2;

			pace_failed(&p, 9000, PACE_MOST_MS, high ? spread : 0);
			ck_assert_uint_eq(p.due_ms, 9000 + most[i] / 2 + (high ? spread : 0));
		}
	}
}
END_TEST

START_TEST(a_year_of_failures_overflows_nothing)
{
	struct pace p = {0};

	for (unsigned i = 0; i < 100000; i++) {
		pace_failed(&p, 1, PACE_MOST_MS, i);
		ck_assert_uint_le(p.due_ms, 1 + PACE_MOST_MS);
		ck_assert_uint_ge(p.due_ms, 1);
	}
	p.failures = UINT32_MAX;
	pace_failed(&p, 1, PACE_MOST_MS, 0);
	ck_assert_uint_le(p.due_ms, 1 + PACE_MOST_MS);
}
END_TEST

START_TEST(a_short_lease_is_tried_again_before_it_ends)
{
	struct pace p = {0};

	for (unsigned i = 0; i < 20; i++)
		pace_failed(&p, 0, 333, pace_random());
	ck_assert_uint_le(p.due_ms, 333);
}
END_TEST

START_TEST(random_numbers_differ)
{
	ck_assert_uint_ne(pace_random(), pace_random());
}
END_TEST

int main(void)
{
	Suite *s = suite_create("pace");
	TCase *t = tcase_create("pace");

	tcase_add_loop_test(t, answers_set_the_next_beat, 0,
			    (int)(sizeof(answer_cases) / sizeof(answer_cases[0])));
	tcase_add_test(t, failures_wait_longer_each_time_up_to_the_most);
	tcase_add_test(t, a_year_of_failures_overflows_nothing);
	tcase_add_test(t, a_short_lease_is_tried_again_before_it_ends);
	tcase_add_test(t, random_numbers_differ);
	suite_add_tcase(s, t);
	return unit_run(s);
}
