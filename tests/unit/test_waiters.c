/* waiters: a burst of changes is one answer, soon, and nobody is woken for others. */
#include "registry/waiters.h"
#include "tests/unit/unit.h"

#include <stddef.h>

struct watcher {
	struct waiter waiter; /* first */
	unsigned woken;
};

static struct waiters *w;

static void start(void)
{
	w = waiters_new(1000);
	ck_assert_ptr_nonnull(w);
}

static void stop(void)
{
	waiters_flush(w);
	waiters_free(&w);
}

static void wake(struct waiter *waiter)
{
	((struct watcher *)(void *)waiter)->woken++;
}

static void add(struct watcher *watcher, const char *service, uint64_t deadline)
{
	*watcher = (struct watcher){.waiter = {.deadline_ms = deadline, .wake = wake}};
	ck_assert_int_eq(waiters_add(w, &watcher->waiter, service), 0);
}

START_TEST(without_a_change_it_is_woken_at_its_deadline)
{
	struct watcher a;

	add(&a, "", 5000);
	waiters_advance(w, 4999);
	ck_assert_uint_eq(a.woken, 0);
	waiters_advance(w, 5004);
	ck_assert_uint_eq(a.woken, 1);
	ck_assert_uint_eq(waiters_count(w), 0);
}
END_TEST

START_TEST(a_change_wakes_it_after_a_moment_of_quiet)
{
	struct watcher a;

	add(&a, "orders", 60000);
	waiters_changed(w, "orders", 2000);
	waiters_advance(w, 2000 + WAITERS_QUIET_MS - 1);
	ck_assert_uint_eq(a.woken, 0);
	waiters_advance(w, 2000 + WAITERS_QUIET_MS + 4);
	ck_assert_uint_eq(a.woken, 1);
}
END_TEST

START_TEST(a_burst_is_one_answer_that_is_never_very_late)
{
	struct watcher a;
	uint64_t at = 2000;

	add(&a, "", 60000);
	for (; !a.woken && at < 3000; at += 10) {
		waiters_changed(w, "orders", at);
		waiters_advance(w, at);
	}
	ck_assert_uint_ge(at, 2000 + WAITERS_LATE_MS);
	ck_assert_uint_le(at, 2000 + WAITERS_LATE_MS + 20);
}
END_TEST

START_TEST(a_watcher_of_one_service_sleeps_through_others)
{
	struct watcher one, other, all;

	add(&one, "orders", 60000);
	add(&other, "users", 60000);
	add(&all, "", 60000);
	waiters_changed(w, "orders", 2000);
	waiters_advance(w, 3000);
	ck_assert_uint_eq(one.woken, 1);
	ck_assert_uint_eq(other.woken, 0);
	ck_assert_uint_eq(all.woken, 1);
	waiters_changed(w, NULL, 4000);
	waiters_advance(w, 5000);
	ck_assert_uint_eq(other.woken, 1);
}
END_TEST

START_TEST(a_deadline_within_the_quiet_wins)
{
	struct watcher a;

	add(&a, "", 2010);
	waiters_changed(w, NULL, 2000);
	waiters_advance(w, 2014);
	ck_assert_uint_eq(a.woken, 1);
}
END_TEST

START_TEST(news_from_before_it_came_count_their_quiet_from_then)
{
	struct watcher a;

	add(&a, "", 60000);
	waiters_touch(w, &a.waiter, 1990, 2000);
	waiters_advance(w, 2008);
	ck_assert_uint_eq(a.woken, 0);
	waiters_advance(w, 2014);
	ck_assert_uint_eq(a.woken, 1);
}
END_TEST

START_TEST(flushing_wakes_all)
{
	struct watcher a[20];

	for (size_t i = 0; i < 20; i++)
		add(&a[i], i % 3 == 0 ? "" : i % 3 == 1 ? "orders" : "users", 60000);
	ck_assert_uint_eq(waiters_count(w), 20);
	waiters_flush(w);
	for (size_t i = 0; i < 20; i++)
		ck_assert_uint_eq(a[i].woken, 1);
	ck_assert_uint_eq(waiters_count(w), 0);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("waiters");
	TCase *t = tcase_create("waiters");

	tcase_add_checked_fixture(t, start, stop);
	tcase_add_test(t, without_a_change_it_is_woken_at_its_deadline);
	tcase_add_test(t, a_change_wakes_it_after_a_moment_of_quiet);
	tcase_add_test(t, a_burst_is_one_answer_that_is_never_very_late);
	tcase_add_test(t, a_watcher_of_one_service_sleeps_through_others);
	tcase_add_test(t, a_deadline_within_the_quiet_wins);
	tcase_add_test(t, news_from_before_it_came_count_their_quiet_from_then);
	tcase_add_test(t, flushing_wakes_all);
	suite_add_tcase(s, t);
	return unit_run(s);
}
