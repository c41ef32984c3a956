/* snapshot: an immutable map that changes by making another. */
#include "client-lib/service.h"
#include "client-lib/snapshot.h"
#include "tests/unit/unit.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A service with `count` instances. */
static const struct microreg_service *make(const char *name, size_t count, const char *reason)
{
	static const char *const tags[] = {"blue", "green"};
	static const struct instance_pair meta[] = {{"k", "v"}, {"l", ""}};
	struct instance *instances = calloc(count ? count : 1, sizeof(*instances));
	const struct microreg_service *s;
	char(*ids)[32] = calloc(count ? count : 1, sizeof(*ids));

	ck_assert(instances && ids);
	for (size_t i = 0; i < count; i++) {
		(void)snprintf(ids[i], sizeof(ids[i]), "i%zu", i);
		instances[i] = (struct instance){.id = ids[i],
						 .host = "10.0.0.1",
						 .scheme = i ? "https" : "http",
						 .zone = "z",
						 .version = "1",
						 .detail = "",
						 .port = (uint16_t)(80 + i),
						 .weight = 1,
						 .status = INSTANCE_UP,
						 .tags = tags,
						 .tag_count = 2,
						 .meta = meta,
						 .meta_count = 2};
	}
	s = service_new(&(struct service_facts){.name = name,
						.revision = "7",
						.reason = reason,
						.instances = instances,
						.count = count});
	ck_assert_ptr_nonnull(s);
	/* The service has its own copy of everything. */
	memset(instances, 0xaa, count * sizeof(*instances));
	free(instances);
	free(ids);
	return s;
}

static void put(struct microreg_snapshot *s, const char *name, size_t count)
{
	const struct microreg_service *service = make(name, count, count ? "" : "all_expired");

	ck_assert_int_eq(snapshot_put(s, service), 0);
	microreg_service_unref(&service);
}

START_TEST(a_service_is_a_copy_of_its_facts)
{
	const struct microreg_service *s = make("orders", 2, "");

	ck_assert_str_eq(s->name, "orders");
	ck_assert_str_eq(s->revision, "7");
	ck_assert_uint_eq(s->count, 2);
	ck_assert_str_eq(s->instances[0].scheme, "http");
	ck_assert_str_eq(s->instances[1].id, "i1");
	ck_assert_str_eq(s->instances[1].scheme, "https");
	ck_assert_uint_eq(s->instances[1].port, 81);
	ck_assert_str_eq(s->instances[1].status, "up");
	ck_assert_str_eq(s->instances[1].tags[1], "green");
	ck_assert_str_eq(s->instances[1].meta[0].value, "v");
	microreg_service_unref(&s);
	ck_assert_ptr_null(s);
	microreg_service_unref(&s);
	microreg_service_unref(NULL);
}
END_TEST

START_TEST(a_held_service_is_the_same_but_for_that)
{
	const struct microreg_service *s = make("orders", 3, ""), *held = service_hold(s);

	ck_assert(held->held && !s->held);
	ck_assert_uint_eq(held->count, 3);
	ck_assert_str_eq(held->instances[2].meta[0].name, "k");
	ck_assert(!service_is_same(s, held));
	microreg_service_unref(&s);
	ck_assert_str_eq(held->instances[2].tags[0], "blue");
	microreg_service_unref(&held);
}
END_TEST

START_TEST(services_are_the_same_when_a_reader_sees_no_difference)
{
	const struct microreg_service *a = make("a", 2, ""), *b = make("a", 2, ""),
				      *c = make("a", 1, ""), *d = make("a", 0, "all_expired"),
				      *e = make("a", 0, "all_draining");

	ck_assert(service_is_same(a, b));
	ck_assert(!service_is_same(a, c));
	ck_assert(!service_is_same(d, e));
	microreg_service_unref(&a);
	microreg_service_unref(&b);
	microreg_service_unref(&c);
	microreg_service_unref(&d);
	microreg_service_unref(&e);
}
END_TEST

START_TEST(an_edit_leaves_the_snapshot_it_was_copied_from)
{
	struct microreg_snapshot *first = snapshot_new(), *second;
	const struct microreg_snapshot *a, *b;

	put(first, "orders", 1);
	put(first, "users", 1);
	second = snapshot_copy(first);
	put(second, "orders", 5);
	put(second, "stock", 1);
	ck_assert_int_eq(snapshot_drop(second, "users"), 0);
	ck_assert_int_eq(snapshot_drop(second, "nobody"), 0);
	a = first;
	b = second;
	ck_assert_uint_eq(microreg_snapshot_find(a, "orders")->count, 1);
	ck_assert_ptr_nonnull(microreg_snapshot_find(a, "users"));
	ck_assert_ptr_null(microreg_snapshot_find(a, "stock"));
	ck_assert_uint_eq(snapshot_count(a), 2);
	ck_assert_uint_eq(microreg_snapshot_find(b, "orders")->count, 5);
	ck_assert_ptr_null(microreg_snapshot_find(b, "users"));
	ck_assert_ptr_nonnull(microreg_snapshot_find(b, "stock"));
	ck_assert_uint_eq(snapshot_count(b), 2);
	microreg_snapshot_unref(&a);
	ck_assert_uint_eq(microreg_snapshot_find(b, "orders")->count, 5);
	microreg_snapshot_unref(&b);
	ck_assert_ptr_null(b);
	microreg_snapshot_unref(&b);
}
END_TEST

START_TEST(an_empty_snapshot_has_nothing)
{
	struct microreg_snapshot *s = snapshot_new();
	const struct microreg_snapshot *drop = s;
	size_t at = 0;

	ck_assert_ptr_null(microreg_snapshot_find(s, "a"));
	ck_assert_ptr_null(microreg_snapshot_next(s, &at));
	ck_assert_ptr_null(microreg_snapshot_next(s, &at));
	ck_assert_ptr_null(microreg_snapshot_find(NULL, "a"));
	at = 0;
	ck_assert_ptr_null(microreg_snapshot_next(NULL, &at));
	microreg_snapshot_unref(&drop);
}
END_TEST

START_TEST(a_hundred_thousand_services_are_found_walked_and_dropped)
{
	enum { N = 100000 };
	struct microreg_snapshot *s = snapshot_new(), *edit;
	const struct microreg_snapshot *drop = s, *edited;
	const struct microreg_service *service;
	unsigned char *seen = calloc(N, 1);
	size_t at = 0, walked = 0, bytes;
	char name[32];

	ck_assert_ptr_nonnull(seen);
	for (int i = 0; i < N; i++) {
		(void)snprintf(name, sizeof(name), "s%d", i);
		put(s, name, (size_t)(i % 3));
	}
	ck_assert_uint_eq(snapshot_count(s), N);
	while ((service = microreg_snapshot_next(s, &at)) != NULL) {
		unsigned long i = strtoul(service->name + 1, NULL, 10);

		ck_assert_uint_lt(i, N);
		ck_assert_uint_eq(service->count, i % 3);
		ck_assert_uint_eq(seen[i], 0);
		seen[i] = 1;
		walked++;
	}
	ck_assert_uint_eq(walked, N);
	bytes = snapshot_bytes(s);
	edit = snapshot_copy(s);
	put(edit, "s77", 9);
	edited = edit;
	ck_assert_uint_gt(snapshot_bytes(edited), bytes);
	microreg_snapshot_unref(&edited);
	for (int i = 0; i < N; i++) {
		(void)snprintf(name, sizeof(name), "s%d", i);
		ck_assert_uint_eq(microreg_snapshot_find(s, name)->count, (size_t)(i % 3));
		ck_assert_int_eq(snapshot_drop(s, name), 0);
	}
	ck_assert_uint_eq(snapshot_count(s), 0);
	ck_assert_uint_eq(snapshot_bytes(s), 0);
	microreg_snapshot_unref(&drop);
	free(seen);
}
END_TEST

struct readers {
	pthread_mutex_t lock;
	const struct microreg_snapshot *current; /* under lock */
	atomic_bool stop;
};

static void *read_all_the_time(void *arg)
{
	struct readers *r = arg;

	while (!atomic_load(&r->stop)) {
		const struct microreg_snapshot *s;
		const struct microreg_service *a, *b;

		(void)pthread_mutex_lock(&r->lock);
		s = snapshot_share(r->current);
		(void)pthread_mutex_unlock(&r->lock);
		a = microreg_snapshot_find(s, "a");
		b = microreg_snapshot_find(s, "b");
		/* The writer keeps the two alike within a snapshot. */
		if (a->count != b->count)
			return arg;
		microreg_snapshot_unref(&s);
	}
	return NULL;
}

START_TEST(readers_of_any_thread_see_whole_snapshots)
{
	struct readers r = {.lock = PTHREAD_MUTEX_INITIALIZER};
	struct microreg_snapshot *first = snapshot_new();
	pthread_t threads[4];
	void *broken;

	put(first, "a", 0);
	put(first, "b", 0);
	r.current = first;
	for (int i = 0; i < 4; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, read_all_the_time, &r), 0);
	for (size_t i = 0; i < 2000; i++) {
		struct microreg_snapshot *next = snapshot_copy(r.current);
		const struct microreg_snapshot *old = r.current;

		put(next, "a", i % 5);
		put(next, "b", i % 5);
		(void)pthread_mutex_lock(&r.lock);
		r.current = next;
		(void)pthread_mutex_unlock(&r.lock);
		microreg_snapshot_unref(&old);
	}
	atomic_store(&r.stop, true);
	for (int i = 0; i < 4; i++) {
		ck_assert_int_eq(pthread_join(threads[i], &broken), 0);
		ck_assert_ptr_null(broken);
	}
	microreg_snapshot_unref(&r.current);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("snapshot");
	TCase *t = tcase_create("snapshot");

	tcase_set_timeout(t, 60);
	tcase_add_test(t, a_service_is_a_copy_of_its_facts);
	tcase_add_test(t, a_held_service_is_the_same_but_for_that);
	tcase_add_test(t, services_are_the_same_when_a_reader_sees_no_difference);
	tcase_add_test(t, an_edit_leaves_the_snapshot_it_was_copied_from);
	tcase_add_test(t, an_empty_snapshot_has_nothing);
	tcase_add_test(t, a_hundred_thousand_services_are_found_walked_and_dropped);
	tcase_add_test(t, readers_of_any_thread_see_whole_snapshots);
	suite_add_tcase(s, t);
	return unit_run(s);
}
