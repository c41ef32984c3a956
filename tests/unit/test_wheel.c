/* wheel: timers fire once, in time, never early, whatever level they lie on. */
#include "common/wheel.h"
#include "tests/unit/unit.h"

#include <stddef.h>
#include <stdlib.h>

struct probe {
	struct wheel_timer timer;
	unsigned fired;
	struct wheel *rearm; /* set again from its own callback */
	struct probe *kills; /* cleared from the callback */
};

static void probe_fire(struct wheel_timer *timer)
{
	struct probe *p = (struct probe *)((char *)timer - offsetof(struct probe, timer));

	p->fired++;
	if (p->rearm)
		wheel_set(p->rearm, &p->timer, 0);
	if (p->kills)
		wheel_clear(p->kills->rearm, &p->kills->timer);
}

static const uint64_t delays[] = {0, 1, 4, 255, 256, 257, 1023, 16384, 16385, 1048576, 70000000};

START_TEST(fires_once_within_a_tick_and_never_early)
{
	uint64_t start = 123457, at = start + delays[_i];
	struct probe p = {.timer.on_time = probe_fire};
	struct wheel w;

	wheel_init(&w, start);
	wheel_set(&w, &p.timer, at);
	for (uint64_t now = start; now < at;) {
		uint64_t step = wheel_wait_ms(&w, now, 1000000);

		wheel_advance(&w, now);
		ck_assert_uint_eq(p.fired, 0);
		now += step ? step : 1;
		if (now >= at)
			break;
	}
	wheel_advance(&w, at - (at > start));
	ck_assert_uint_eq(p.fired, 0 + (at == start && at % WHEEL_TICK_MS == 0));
	wheel_advance(&w, at + WHEEL_TICK_MS);
	ck_assert_uint_eq(p.fired, 1);
	ck_assert_uint_eq(w.count, 0);
	wheel_advance(&w, at + 1000000);
	ck_assert_uint_eq(p.fired, 1);
}
END_TEST

/* The time to wait ends before the tick of each timer does. */
static void wait_reaches_no_timer(struct wheel *w, const struct probe *p, unsigned count,
				  uint64_t now)
{
	uint64_t until = now + wheel_wait_ms(w, now, 1000000), first = UINT64_MAX;

	for (unsigned i = 0; i < count; i++)
		if (wheel_is_set(&p[i].timer) && p[i].timer.at_tick < first)
			first = p[i].timer.at_tick;
	ck_assert_uint_le(until / WHEEL_TICK_MS, first);
}

START_TEST(agrees_with_a_sorted_list_over_random_sets_moves_and_clears)
{
	enum { N = 500 };
	struct probe p[N] = {0};
	uint64_t at[N] = {0}, now = 999;
	struct wheel w;

	srandom(7);
	wheel_init(&w, now);
	for (unsigned i = 0; i < N; i++)
		p[i].timer.on_time = probe_fire;
	for (unsigned round = 0; round < 20000; round++) {
		unsigned i = (unsigned)random() % N;

		if (random() % 4 == 0) {
			wheel_clear(&w, &p[i].timer);
		} else {
			at[i] = now + (uint64_t)random() % (random() % 8 ? 3000u : 3000000u);
			wheel_set(&w, &p[i].timer, at[i]);
		}
		now += (uint64_t)random() % 40;
		for (unsigned k = 0; k < N; k++)
			p[k].fired = wheel_is_set(&p[k].timer) ? 0 : 9;
		wheel_advance(&w, now);
		wait_reaches_no_timer(&w, p, N, now);
		for (unsigned k = 0; k < N; k++) {
			if (p[k].fired == 9)
				continue;
			if (p[k].fired)
				ck_assert_uint_ge(now, at[k]);
			else
				ck_assert_uint_lt(now, at[k] + WHEEL_TICK_MS);
		}
	}
}
END_TEST

START_TEST(a_timer_set_again_by_its_callback_does_not_hold_the_wheel)
{
	struct wheel w;
	struct probe p = {.timer.on_time = probe_fire, .rearm = &w};

	wheel_init(&w, 0);
	wheel_set(&w, &p.timer, 8);
	wheel_advance(&w, 8);
	ck_assert_uint_eq(p.fired, 1);
	ck_assert(wheel_is_set(&p.timer));
}
END_TEST

START_TEST(a_callback_may_clear_another_timer_of_the_same_tick)
{
	struct wheel w;
	struct probe a = {.timer.on_time = probe_fire}, b = {.timer.on_time = probe_fire};

	a.rearm = NULL;
	wheel_init(&w, 0);
	b.rearm = &w;
	a.kills = &b;
	wheel_set(&w, &b.timer, 8);
	wheel_set(&w, &a.timer, 8); /* the newest of a slot fires first */
	wheel_advance(&w, 8);
	ck_assert_uint_eq(a.fired, 1);
	ck_assert_uint_eq(b.fired, 0);
	ck_assert_uint_eq(w.count, 0);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("wheel");
	TCase *t = tcase_create("wheel");

	tcase_add_loop_test(t, fires_once_within_a_tick_and_never_early, 0,
			    (int)(sizeof(delays) / sizeof(delays[0])));
	tcase_add_test(t, agrees_with_a_sorted_list_over_random_sets_moves_and_clears);
	tcase_add_test(t, a_timer_set_again_by_its_callback_does_not_hold_the_wheel);
	tcase_add_test(t, a_callback_may_clear_another_timer_of_the_same_tick);
	suite_add_tcase(s, t);
	return unit_run(s);
}
