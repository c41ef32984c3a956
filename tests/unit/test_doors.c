/* doors: which worker gets which sockets. */
#include "common/inherited.h"
#include "common/listen.h"
#include "gateway/doors.h"
#include "gateway/listener.h"
#include "tests/unit/settings_case.h"
#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static struct doors doors;
static struct inherited inherited;
static size_t taken[8]; /* by worker */

static void read_settings(unsigned workers, uint16_t port)
{
	char text[200];

	(void)snprintf(text, sizeof(text),
		       "listen: ['127.0.0.1:%u']\nworkers: %u\n"
		       "routes: [{path: /, respond: {status: 204}}]\n",
		       port, workers);
	ck_assert_str_eq(settings_case_read(text), "");
}

/* Opens; the sockets of all workers together, each of which is on `port` if that is not 0. */
static size_t open_all(uint16_t port)
{
	struct err e;
	size_t all = 0;

	ck_assert_msg(doors_open(&doors, settings, &inherited, &e) == 0, "%s", e.text);
	for (unsigned w = 0; w < settings->workers; w++) {
		struct listener *listeners = doors_take(&doors, w, &taken[w]);

		ck_assert_ptr_nonnull(listeners);
		for (size_t i = 0; i < taken[w]; i++) {
			ck_assert(!port || listen_port(listeners[i].lfd.fd) == port);
			listener_close(&listeners[i]);
		}
		all += taken[w];
		free(listeners);
	}
	return all;
}

static uint16_t inherit(size_t count, bool shared)
{
	uint16_t port = 0;
	struct err e;
	int fd = -1;

	for (size_t i = 0; i < count; i++) {
		fd = shared || fd < 0 ? listen_open("127.0.0.1", port, shared, &port, &e) : dup(fd);
		ck_assert_int_ge(fd, 0);
		ck_assert_int_eq(inherited_add(&inherited, fd, "127.0.0.1", port, &e), 0);
	}
	return port;
}

static void teardown(void)
{
	doors_close(&doors);
	(void)inherited_close(&inherited);
	settings_case_teardown();
}

START_TEST(each_worker_gets_one_of_its_own)
{
	read_settings(3, 0);
	ck_assert_uint_eq(open_all(0), 3);
	ck_assert_uint_eq(taken[0], 1);
	ck_assert_uint_eq(taken[2], 1);
}
END_TEST

START_TEST(fewer_workers_than_sockets_serve_them_all)
{
	uint16_t port = inherit(5, true);

	read_settings(2, port);
	ck_assert_uint_eq(open_all(port), 5);
	ck_assert_uint_eq(taken[0], 3);
	ck_assert_uint_eq(taken[1], 2);
}
END_TEST

START_TEST(more_workers_than_sockets_get_new_ones)
{
	uint16_t port = inherit(2, true);

	read_settings(4, port);
	ck_assert_uint_eq(open_all(port), 4);
	ck_assert_uint_eq(taken[3], 1);
}
END_TEST

START_TEST(one_that_can_not_be_joined_is_shared)
{
	uint16_t port = inherit(1, false);

	read_settings(3, port);
	ck_assert_uint_eq(open_all(port), 3);
}
END_TEST

START_TEST(an_address_in_use_is_told)
{
	struct err e;
	uint16_t port;
	int fd = listen_open("127.0.0.1", 0, true, &port, &e);

	read_settings(1, port);
	ck_assert_int_eq(doors_open(&doors, settings, &inherited, &e), -1);
	(void)close(fd);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("doors");
	TCase *tests = tcase_create("doors");

	tcase_add_checked_fixture(tests, settings_case_setup, teardown);
	tcase_add_test(tests, each_worker_gets_one_of_its_own);
	tcase_add_test(tests, fewer_workers_than_sockets_serve_them_all);
	tcase_add_test(tests, more_workers_than_sockets_get_new_ones);
	tcase_add_test(tests, one_that_can_not_be_joined_is_shared);
	tcase_add_test(tests, an_address_in_use_is_told);
	suite_add_tcase(suite, tests);
	return unit_run(suite);
}
