/* dial: the first address that answers wins, whatever the others do. */
#include "gateway/dial.h"
#include "tests/unit/unit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <unistd.h>

static struct loop *loop;
static struct resolver_address addresses[16];
static struct resolver_answer answer;
static uint16_t port; /* one on which 127.0.0.3 and ::1 listen, and 127.0.0.2 is full */
static int open_fds[8], open_count;
static int got, why;
static struct dial *dial;

static void add(const char *text)
{
	ck_assert(resolver_literal(text, &addresses[answer.count++]));
	answer.addresses = addresses;
}

static int bound(const char *text, int backlog)
{
	struct resolver_address address;
	struct sockaddr_storage to;
	socklen_t len;
	int fd, on = 1;

	ck_assert(resolver_literal(text, &address));
	len = resolver_sockaddr(&address, port, &to);
	fd = socket(address.family, SOCK_STREAM, 0);
	ck_assert_int_ge(fd, 0);
	if (address.family == AF_INET6)
		ck_assert_int_eq(setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)), 0);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&to, len), 0);
	if (!port) {
		ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&to, &len), 0);
		port = ntohs(((struct sockaddr_in *)&to)->sin_port);
	}
	ck_assert_int_eq(listen(fd, backlog), 0);
	open_fds[open_count++] = fd;
	return fd;
}

/* Listens and has no room: the kernel drops what else comes. */
static void bind_full(const char *text)
{
	struct sockaddr_storage to;
	socklen_t len = sizeof(to);

	ck_assert_int_eq(getsockname(bound(text, 0), (struct sockaddr *)&to, &len), 0);
	open_fds[open_count] = socket(AF_INET, SOCK_STREAM, 0);
	ck_assert_int_eq(connect(open_fds[open_count], (struct sockaddr *)&to, len), 0);
	open_count++;
}

static void setup(void)
{
	struct err e = {0};

	loop = loop_new(&e);
	ck_assert_ptr_nonnull(loop);
	answer = (struct resolver_answer){.count = 0};
	got = why = -2;
	port = 0;
	open_count = 0;
	(void)bound("127.0.0.3", 8);
	bind_full("127.0.0.2");
	(void)bound("::1", 8);
}

static void teardown(void)
{
	dial_stop(&dial);
	for (int i = 0; i < open_count; i++)
		(void)close(open_fds[i]);
	if (got >= 0)
		(void)close(got);
	loop_free(&loop);
}

static void on_done(void *owner, int fd, int reason)
{
	ck_assert_ptr_eq(owner, &dial);
	ck_assert_int_eq(got, -2); /* once */
	got = fd;
	why = reason;
	dial_stop(&dial);
	loop_stop(loop);
}

/* Where the connection leads; "" when there is none. */
static const char *dialled(void)
{
	static char text[INET6_ADDRSTRLEN];
	struct sockaddr_storage to;
	socklen_t len = sizeof(to);

	dial = dial_start(loop, &answer, port, on_done, &dial);
	ck_assert_ptr_nonnull(dial);
	ck_assert_int_eq(got, -2); /* never from within */
	loop_run(loop);
	if (got < 0)
		return "";
	ck_assert_int_eq(getpeername(got, (struct sockaddr *)&to, &len), 0);
	if (to.ss_family == AF_INET)
		return inet_ntop(AF_INET, &((struct sockaddr_in *)&to)->sin_addr, text,
				 sizeof(text));
	return inet_ntop(AF_INET6, &((struct sockaddr_in6 *)&to)->sin6_addr, text, sizeof(text));
}

static const struct {
	const char *addresses[6];
	const char *dialled;
} cases[] = {
	{{"127.0.0.3"}, "127.0.0.3"},
	{{"127.0.0.4", "127.0.0.3"}, "127.0.0.3"},		/* refused, then good */
	{{"127.0.0.2", "127.0.0.3"}, "127.0.0.3"},		/* silent, then good */
	{{"127.0.0.2", "127.0.0.2", "127.0.0.3"}, "127.0.0.3"}, /* twice silent */
	{{"127.0.0.2", "127.0.0.3", "::1"}, "::1"},		/* the families take turns */
	{{"127.0.0.2", "127.0.0.4", "::1"}, "::1"},
	{{"::1", "127.0.0.3"}, "::1"},
	{{"127.0.0.4", "127.0.0.5"}, ""},
};

START_TEST(the_first_that_answers_wins)
{
	for (const char *const *text = cases[_i].addresses; *text; text++)
		add(*text);
	ck_assert_str_eq(dialled(), cases[_i].dialled);
	ck_assert_int_eq(why, *cases[_i].dialled ? 0 : ECONNREFUSED);
}
END_TEST

START_TEST(no_more_than_some_are_tried)
{
	for (int i = 0; i < 15; i++)
		add("127.0.0.4");
	add("127.0.0.3");
	ck_assert_str_eq(dialled(), "");
}
END_TEST

static void stop_loop(struct loop_task *task)
{
	(void)task;
	loop_stop(loop);
}

START_TEST(a_dial_that_is_stopped_says_nothing)
{
	struct loop_task end = {.run = stop_loop};

	add("127.0.0.3");
	add("127.0.0.2");
	dial = dial_start(loop, &answer, port, on_done, &dial);
	ck_assert_ptr_nonnull(dial);
	dial_stop(&dial);
	dial_stop(&dial);
	loop_defer(loop, &end);
	loop_run(loop);
	ck_assert_int_eq(got, -2);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("dial");
	TCase *t = tcase_create("dial");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, the_first_that_answers_wins, 0, sizeof(cases) / sizeof(cases[0]));
	tcase_add_test(t, no_more_than_some_are_tried);
	tcase_add_test(t, a_dial_that_is_stopped_says_nothing);
	suite_add_tcase(s, t);
	return unit_run(s);
}
