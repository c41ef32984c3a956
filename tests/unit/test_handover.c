/* handover and takeover: both ends, in one process with two threads. */
#include "common/listen.h"
#include "gateway/handover.h"
#include "gateway/takeover.h"
#include "tests/unit/settings_case.h"
#include "tests/unit/unit.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SOCKETS = 300 }; /* more than one message holds */

static struct loop *loop;
static struct handover handover;
static struct settings_address address = {.host = "127.0.0.1"};
static int door = -1;
static const char *refusal;
static pid_t heir;
static char folder[] = "/tmp/test_handover.XXXXXX";
static char path[64];

static bool socket_at(void *arg, size_t index, struct handover_socket *out)
{
	(void)arg;
	out->kind = index == SOCKETS ? "admin" : "listen";
	out->address = &address;
	out->fd = door;
	return index <= SOCKETS;
}

static void heir_is_ready(void *arg, pid_t pid)
{
	(void)arg;
	heir = pid;
	loop_stop(loop);
}

static const char *refuse(void *arg)
{
	(void)arg;
	return refusal;
}

static const struct handover_owner owner = {
	.socket_at = socket_at, .heir_is_ready = heir_is_ready, .refusal = refuse};

static void setup(void)
{
	char text[200];
	struct err e;

	settings_case_setup();
	loop = loop_new(&e);
	ck_assert_ptr_nonnull(mkdtemp(folder));
	(void)snprintf(path, sizeof(path), "%s/door", folder);
	(void)snprintf(text, sizeof(text),
		       "listen: ['127.0.0.1:0']\nhandover: %s\n"
		       "routes: [{path: /, respond: {status: 204}}]\n",
		       path);
	ck_assert_str_eq(settings_case_read(text), "");
	door = listen_open("127.0.0.1", 0, true, &address.port, &e);
	address.port = 0; /* as the settings have it */
	ck_assert_int_ge(door, 0);
	ck_assert_msg(handover_open(&handover, loop, &owner, path, &e) == 0, "%s", e.text);
}

static void teardown(void)
{
	handover_close(&handover);
	(void)close(door);
	loop_free(&loop);
	(void)unlink(path);
	(void)rmdir(folder);
	settings_case_teardown();
}

static void *serve(void *arg)
{
	loop_run(loop);
	return arg;
}

START_TEST(all_sockets_come_over_and_the_old_one_is_told)
{
	struct takeover t;
	struct err e;
	pthread_t thread;
	size_t count = 0;
	int fd;

	ck_assert_int_eq(pthread_create(&thread, NULL, serve, NULL), 0);
	ck_assert_msg(takeover_begin(&t, settings, &e) == 0, "%s", e.text);
	ck_assert_int_ge(t.fd, 0);
	while ((fd = inherited_take(&t.doors, "127.0.0.1", 0)) >= 0) {
		ck_assert_uint_eq(listen_port(fd), listen_port(door));
		(void)close(fd);
		count++;
	}
	ck_assert_uint_eq(count, SOCKETS);
	fd = inherited_take(&t.admin, "127.0.0.1", 0);
	ck_assert_int_ge(fd, 0);
	(void)close(fd);
	ck_assert_int_eq(heir, 0);
	takeover_finish(&t);
	(void)pthread_join(thread, NULL);
	ck_assert_int_eq(heir, getpid());
	takeover_close(&t);
	ck_assert_int_eq(access(path, F_OK), -1); /* nobody else put a door there */
}
END_TEST

START_TEST(a_refusal_says_why)
{
	struct takeover t;
	struct err e;
	pthread_t thread;

	refusal = "refused: not today";
	ck_assert_int_eq(pthread_create(&thread, NULL, serve, NULL), 0);
	ck_assert_int_eq(takeover_begin(&t, settings, &e), -1);
	ck_assert_msg(strstr(e.text, "not today") != NULL, "%s", e.text);
	loop_stop(loop);
	(void)pthread_join(thread, NULL);
}
END_TEST

START_TEST(nobody_there_is_no_mistake)
{
	struct takeover t;
	struct err e;

	handover_close(&handover);
	ck_assert_int_eq(takeover_begin(&t, settings, &e), 0);
	ck_assert_int_eq(t.fd, -1);
	takeover_close(&t);
}
END_TEST

START_TEST(a_door_left_by_one_that_died_is_replaced)
{
	struct handover next;
	struct err e;

	ck_assert_int_eq(handover_open(&next, loop, &owner, path, &e), 0);
	handover_close(&handover); /* leaves the other one's */
	ck_assert_int_eq(access(path, F_OK), 0);
	handover_close(&next);
	ck_assert_int_eq(access(path, F_OK), -1);
}
END_TEST

START_TEST(a_door_that_can_not_be_made_is_told)
{
	struct handover next;
	struct err e;
	char nowhere[HANDOVER_PATH_SIZE + 20];

	(void)snprintf(nowhere, sizeof(nowhere), "%s/no/such/folder", folder);
	ck_assert_int_eq(handover_open(&next, loop, &owner, nowhere, &e), -1);
	ck_assert_msg(strstr(e.text, "No such file") != NULL, "%s", e.text);
	memset(nowhere, 'x', sizeof(nowhere) - 1);
	nowhere[sizeof(nowhere) - 1] = '\0';
	ck_assert_int_eq(handover_open(&next, loop, &owner, nowhere, &e), -1);
}
END_TEST

START_TEST(the_path_is_off_given_or_by_the_address)
{
	char found[HANDOVER_PATH_SIZE];

	ck_assert(handover_path(settings, 0, found));
	ck_assert_str_eq(found, path);
	ck_assert_str_eq(settings_case_read("handover: off\nlisten: ['127.0.0.1:8080']\n"
					    "routes: [{path: /, respond: {status: 204}}]\n"),
			 "");
	ck_assert(!handover_path(settings, 0, found));
	ck_assert_str_eq(settings_case_read("listen: ['127.0.0.1:8080', '127.0.0.1:0']\n"
					    "routes: [{path: /, respond: {status: 204}}]\n"),
			 "");
	ck_assert_int_eq(setenv("RUNTIME_DIRECTORY", folder, 1), 0);
	ck_assert(handover_path(settings, 0, found));
	ck_assert_ptr_nonnull(strstr(found, "/gateway-127.0.0.1-8080.sock"));
	ck_assert_int_eq(strncmp(found, folder, strlen(folder)), 0);
	ck_assert(!handover_path(settings, 1, found)); /* any free port names nobody */
}
END_TEST

START_TEST(a_folder_others_can_write_to_is_not_used)
{
	char found[HANDOVER_PATH_SIZE];

	ck_assert_str_eq(settings_case_read("listen: ['127.0.0.1:8080']\n"
					    "routes: [{path: /, respond: {status: 204}}]\n"),
			 "");
	ck_assert_int_eq(setenv("RUNTIME_DIRECTORY", folder, 1), 0);
	ck_assert_int_eq(chmod(folder, 0777), 0);
	if (handover_path(settings, 0, found)) /* the next choice may do */
		ck_assert_int_ne(strncmp(found, folder, strlen(folder)), 0);
	ck_assert_int_eq(chmod(folder, 0700), 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("handover");
	TCase *tests = tcase_create("handover");

	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_add_test(tests, all_sockets_come_over_and_the_old_one_is_told);
	tcase_add_test(tests, a_refusal_says_why);
	tcase_add_test(tests, nobody_there_is_no_mistake);
	tcase_add_test(tests, a_door_left_by_one_that_died_is_replaced);
	tcase_add_test(tests, a_door_that_can_not_be_made_is_told);
	tcase_add_test(tests, the_path_is_off_given_or_by_the_address);
	tcase_add_test(tests, a_folder_others_can_write_to_is_not_used);
	suite_add_tcase(suite, tests);
	return unit_run(suite);
}
