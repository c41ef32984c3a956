/* inherited: what is taken, by which address, and what is refused. */
#include "common/inherited.h"
#include "common/daemon.h"
#include "common/listen.h"
#include "tests/unit/unit.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static struct inherited set;
static struct err e;

static int open_door(const char *address, uint16_t *port)
{
	int fd = listen_open(address, 0, false, port, &e);

	ck_assert_msg(fd >= 0, "%s", e.text);
	return fd;
}

static void teardown(void)
{
	(void)inherited_close(&set);
}

START_TEST(each_is_taken_once_by_its_address)
{
	uint16_t port;
	int first = open_door("127.0.0.1", &port), second = dup(first);

	ck_assert_int_eq(inherited_add(&set, first, "127.0.0.1", port, &e), 0);
	ck_assert_int_eq(inherited_add(&set, second, "127.0.0.1", port, &e), 0);
	ck_assert_int_eq(inherited_take(&set, "127.0.0.2", port), -1);
	ck_assert_int_eq(inherited_take(&set, "::1", port), -1);
	ck_assert_int_eq(inherited_take(&set, "127.0.0.1", 0), -1);
	ck_assert_int_eq(inherited_take(&set, "not an address", port), -1);
	ck_assert_int_eq(inherited_take(&set, "127.0.0.1", port), first);
	ck_assert_int_eq(inherited_take(&set, "127.0.0.1", port), second);
	ck_assert_int_eq(inherited_take(&set, "127.0.0.1", port), -1);
	ck_assert_uint_eq(inherited_close(&set), 0);
	(void)close(first);
	(void)close(second);
}
END_TEST

START_TEST(one_asked_for_with_any_port_is_found_so)
{
	uint16_t port;
	int fd = open_door("127.0.0.1", &port);

	ck_assert_int_eq(inherited_add(&set, fd, "127.0.0.1", 0, &e), 0);
	ck_assert_int_eq(inherited_take(&set, "127.0.0.1", port), -1);
	ck_assert_int_eq(inherited_take(&set, "127.0.0.1", 0), fd);
	(void)close(fd);
}
END_TEST

START_TEST(ipv6_is_compared_as_an_address_not_as_text)
{
	uint16_t port;
	int fd = open_door("::1", &port);

	ck_assert_int_eq(inherited_add(&set, fd, "0:0::1", port, &e), 0);
	ck_assert_int_eq(inherited_take(&set, "::1", port), fd);
	(void)close(fd);
}
END_TEST

START_TEST(flags_are_set_that_the_opener_did_not_set)
{
	uint16_t port;
	int fd = open_door("127.0.0.1", &port);

	ck_assert_int_eq(fcntl(fd, F_SETFL, 0), 0);
	ck_assert_int_eq(fcntl(fd, F_SETFD, 0), 0);
	ck_assert_int_eq(inherited_add(&set, fd, "127.0.0.1", port, &e), 0);
	ck_assert_int_ne(fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
	ck_assert_int_ne(fcntl(fd, F_GETFD) & FD_CLOEXEC, 0);
}
END_TEST

START_TEST(what_does_not_listen_is_refused_and_closed)
{
	int fds[] = {socket(AF_INET, SOCK_STREAM, 0), socket(AF_INET, SOCK_DGRAM, 0),
		     open("/dev/null", O_RDONLY)};

	for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++) {
		e = (struct err){0};
		ck_assert_int_eq(inherited_add(&set, fds[i], "127.0.0.1", 1, &e), -1);
		ck_assert_int_eq(e.code, DAEMON_EXIT_LISTEN);
		ck_assert_int_eq(fcntl(fds[i], F_GETFD), -1);
	}
}
END_TEST

START_TEST(what_nobody_took_is_closed_and_counted)
{
	uint16_t port;
	int fd = open_door("127.0.0.1", &port);

	ck_assert_int_eq(inherited_add(&set, fd, "127.0.0.1", port, &e), 0);
	ck_assert_uint_eq(inherited_close(&set), 1);
	ck_assert_int_eq(fcntl(fd, F_GETFD), -1);
}
END_TEST

static void set_listen(const char *pid, const char *fds)
{
	ck_assert_int_eq(setenv("LISTEN_PID", pid, 1), 0);
	ck_assert_int_eq(setenv("LISTEN_FDS", fds, 1), 0);
}

START_TEST(what_systemd_passed_to_another_process_is_not_ours)
{
	set_listen("1", "1");
	ck_assert_int_eq(inherited_from_systemd(&set, &e), 0);
	ck_assert_uint_eq(set.count, 0);
	ck_assert_ptr_null(getenv("LISTEN_FDS"));
}
END_TEST

START_TEST(what_systemd_passed_to_this_one_is_found_by_its_address)
{
	char pid[20];
	uint16_t port;
	int fd = open_door("::1", &port), checks = fcntl(3, F_DUPFD_CLOEXEC, 10);

	(void)snprintf(pid, sizeof(pid), "%d", (int)getpid());
	set_listen(pid, "1");
	(void)dup2(fd, 3);
	fd = inherited_from_systemd(&set, &e) < 0 ? -1 : inherited_take(&set, "::1", port);
	if (checks >= 0)
		(void)dup2(checks, 3); /* where Check reports to */
	ck_assert_int_eq(fd, 3);
	ck_assert_ptr_null(getenv("LISTEN_PID"));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("inherited");
	TCase *tests = tcase_create("inherited");

	tcase_add_checked_fixture(tests, NULL, teardown);
	tcase_add_test(tests, each_is_taken_once_by_its_address);
	tcase_add_test(tests, one_asked_for_with_any_port_is_found_so);
	tcase_add_test(tests, ipv6_is_compared_as_an_address_not_as_text);
	tcase_add_test(tests, flags_are_set_that_the_opener_did_not_set);
	tcase_add_test(tests, what_does_not_listen_is_refused_and_closed);
	tcase_add_test(tests, what_nobody_took_is_closed_and_counted);
	tcase_add_test(tests, what_systemd_passed_to_another_process_is_not_ours);
	tcase_add_test(tests, what_systemd_passed_to_this_one_is_found_by_its_address);
	suite_add_tcase(suite, tests);
	return unit_run(suite);
}
