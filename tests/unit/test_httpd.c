/* httpd: requests are answered at once or later, from any thread, and a stop loses none. */
#include "common/daemon.h"
#include "common/httpd.h"
#include "tests/unit/unit.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MANY = 500, BODY_MAX = 1000 };

/* What the handler of a test does with paths: /now answers, /later waits in `waiting`. */
struct bench {
	struct httpd *httpd;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct httpd_request *waiting[MANY];
	unsigned waiting_count, calls;
};

static struct bench bench = {.lock = PTHREAD_MUTEX_INITIALIZER,
			     .changed = PTHREAD_COND_INITIALIZER};

static void bench_handle(void *arg, struct httpd_request *request)
{
	struct bench *b = arg;
	const char *path = httpd_path(request), *query = httpd_query(request, "q");
	const char *in = httpd_header(request, "x-in");
	char text[1200];
	size_t len;
	const char *body = httpd_body(request, &len);

	if (strcmp(path, "/none") == 0)
		return;
	if (strcmp(path, "/later") == 0 || strcmp(path, "/both") == 0)
		httpd_suspend(request);
	pthread_mutex_lock(&b->lock);
	b->calls++;
	if (strcmp(path, "/later") == 0) {
		b->waiting[b->waiting_count++] = request;
		request = NULL;
	}
	pthread_cond_broadcast(&b->changed);
	pthread_mutex_unlock(&b->lock);
	if (!request)
		return;
	ck_assert_int_eq(httpd_add_header(request, "X-Seen", in ? in : "-"), 0);
	ck_assert_int_eq(httpd_add_header(request, "X-Bad", "a\r\nb"), -1);
	ck_assert_int_eq(httpd_add_header(request, "X Bad", "a"), -1);
	ck_assert_int_eq(httpd_peer(request)->sa_family, AF_INET);
	(void)snprintf(text, sizeof(text), "%s %s %s %.*s", httpd_method(request), path,
		       query ? query : "-", (int)len, body);
	if (query && strcmp(query, "take") == 0)
		httpd_reply_take(request, 201, "text/plain", strdup(text), strlen(text));
	else
		httpd_reply(request, 200, "text/plain", text, strlen(text));
}

static void bench_start(unsigned threads)
{
	struct httpd_options o = {
		.address = "127.0.0.1",
		.threads = threads,
		.body_max_bytes = BODY_MAX,
		.connections_max = 2 * MANY,
		.idle_timeout_s = 30,
		.pool_bytes = 8 << 10,
		.handler = bench_handle,
		.arg = &bench,
	};
	struct err e = {0};

	bench.httpd = httpd_start(&o, &e);
	ck_assert_msg(bench.httpd != NULL, "%s", e.text);
}

static void bench_await(unsigned count)
{
	pthread_mutex_lock(&bench.lock);
	while (bench.waiting_count < count)
		pthread_cond_wait(&bench.changed, &bench.lock);
	pthread_mutex_unlock(&bench.lock);
}

static int dial(void)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(httpd_port(bench.httpd))};
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	ck_assert_int_eq(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
	return fd;
}

static void say(int fd, const char *text)
{
	ck_assert_int_eq(send(fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
}

/* Reads until the server closes, or until `until` was read. */
static const char *hear(int fd, const char *until)
{
	static char text[20000];
	size_t n = 0;

	while (n + 1 < sizeof(text)) {
		ssize_t got = recv(fd, text + n, sizeof(text) - 1 - n, 0);

		if (got <= 0)
			break;
		n += (size_t)got;
		text[n] = '\0';
		if (until && strstr(text, until))
			break;
	}
	text[n] = '\0';
	return text;
}

#define ck_says(text, part) \
	ck_assert_msg(strstr(text, part) != NULL, "no \"%s\" in \"%s\"", part, text)

START_TEST(a_handler_answers_at_once)
{
	const char *text;
	int fd;

	bench_start(_i ? 2 : 1);
	fd = dial();
	say(fd,
	    "POST /now?q=take HTTP/1.1\r\nHost: a\r\nX-In: in\r\nContent-Length: 4\r\n\r\nbody");
	text = hear(fd, "take body");
	ck_says(text, "HTTP/1.1 201 ");
	ck_says(text, "X-Seen: in\r\n");
	ck_says(text, "Content-Type: text/plain\r\n");
	ck_says(text, "POST /now take body");
	say(fd, "HEAD /now HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
	text = hear(fd, NULL);
	ck_says(text, "HTTP/1.1 200 ");
	ck_says(text, "Content-Length: 12\r\n");
	ck_assert_ptr_null(strstr(text, "HEAD /now"));
	(void)close(fd);
	httpd_stop(&bench.httpd);
	ck_assert_ptr_null(bench.httpd);
}
END_TEST

START_TEST(a_handler_may_suspend_and_answer_in_one_go)
{
	int fd;

	bench_start(1);
	fd = dial();
	say(fd, "GET /both HTTP/1.1\r\nHost: a\r\n\r\n");
	ck_says(hear(fd, "/both -"), "HTTP/1.1 200 ");
	(void)close(fd);
	httpd_stop(&bench.httpd);
}
END_TEST

START_TEST(a_handler_that_forgets_to_answer_is_a_500)
{
	int fd;

	bench_start(1);
	fd = dial();
	say(fd, "GET /none HTTP/1.1\r\nHost: a\r\n\r\n");
	ck_says(hear(fd, "}"), "HTTP/1.1 500 ");
	(void)close(fd);
	httpd_stop(&bench.httpd);
}
END_TEST

static void *answer_all(void *arg)
{
	(void)arg;
	for (unsigned i = 0; i < MANY; i++) {
		bench_await(i + 1);
		httpd_reply(bench.waiting[i], 200, "text/plain", "later!", 6);
	}
	return NULL;
}

START_TEST(five_hundred_suspended_requests_are_answered_by_another_thread)
{
	int fd[MANY];
	pthread_t thread;

	bench_start(2);
	ck_assert_int_eq(pthread_create(&thread, NULL, answer_all, NULL), 0);
	for (unsigned i = 0; i < MANY; i++) {
		fd[i] = dial();
		say(fd[i], "GET /later HTTP/1.1\r\nHost: a\r\n\r\n");
	}
	for (unsigned i = 0; i < MANY; i++) {
		ck_says(hear(fd[i], "later!"), "HTTP/1.1 200 ");
		(void)close(fd[i]);
	}
	pthread_join(thread, NULL);
	ck_assert_uint_eq(bench.calls, MANY);
	httpd_stop(&bench.httpd);
}
END_TEST

/* Some are gone by then, and the body with the last of them. */
START_TEST(one_body_answers_many)
{
	struct httpd_shared *shared = httpd_shared_new("text/plain", "all of you", 10);
	int fd[MANY];

	ck_assert_ptr_nonnull(shared);
	bench_start(2);
	for (unsigned i = 0; i < MANY; i++) {
		fd[i] = dial();
		say(fd[i], "GET /later HTTP/1.1\r\nHost: a\r\n\r\n");
	}
	bench_await(MANY);
	for (unsigned i = 0; i < MANY; i += 10)
		(void)close(fd[i]);
	for (unsigned i = 0; i < MANY; i++)
		httpd_reply_shared(bench.waiting[i], 200, shared);
	httpd_shared_unref(&shared);
	for (unsigned i = 0; i < MANY; i++) {
		if (i % 10 == 0)
			continue;
		ck_says(hear(fd[i], "all of you"), "Content-Type: text/plain");
		(void)close(fd[i]);
	}
	httpd_stop(&bench.httpd);
}
END_TEST

START_TEST(a_head_that_is_too_long_is_refused)
{
	char head[12000];
	int fd;

	bench_start(1);
	(void)snprintf(head, sizeof(head), "GET /now HTTP/1.1\r\nHost: a\r\nX-In: %03000d\r\n\r\n",
		       7);
	fd = dial();
	say(fd, head);
	ck_says(hear(fd, "0007"), "HTTP/1.1 200 ");
	(void)close(fd);
	(void)snprintf(head, sizeof(head), "GET /now HTTP/1.1\r\nHost: a\r\nX-In: %09000d\r\n\r\n",
		       7);
	fd = dial();
	say(fd, head);
	ck_says(hear(fd, NULL), "HTTP/1.1 4");
	(void)close(fd);
	httpd_stop(&bench.httpd);
}
END_TEST

START_TEST(a_stop_answers_what_is_suspended_with_503)
{
	int fd[MANY], idle;

	bench_start(_i ? 2 : 1);
	idle = dial();
	for (unsigned i = 0; i < MANY; i++) {
		fd[i] = dial();
		say(fd[i], "GET /later HTTP/1.1\r\nHost: a\r\n\r\n");
	}
	bench_await(MANY);
	(void)close(fd[0]); /* a client that left while suspended */
	httpd_stop(&bench.httpd);
	for (unsigned i = 1; i < MANY; i++) {
		ck_says(hear(fd[i], NULL), "HTTP/1.1 503 ");
		(void)close(fd[i]);
	}
	ck_assert_str_eq(hear(idle, NULL), "");
	(void)close(idle);
}
END_TEST

static const struct {
	const char *name, *head;
	size_t send;
	unsigned status;
} bodies[] = {
	{"a body of just the maximum is taken", "Content-Length: 1000\r\n\r\n", 1000, 200},
	{"one byte more is a 413", "Content-Length: 1001\r\n\r\n", 1001, 413},
	{"one that is far too long is refused by its length alone",
	 "Content-Length: 99999999999\r\n\r\n", 0, 413},
	{"one over 64 bits as well", "Content-Length: 99999999999999999999999\r\n\r\n", 0, 413},
	{"one that waits for leave is refused before it is sent",
	 "Expect: 100-continue\r\nContent-Length: 5000\r\n\r\n", 0, 413},
	{"a sender that is still sending sees the 413", "Content-Length: 3000000\r\n\r\n", 3000000,
	 413},
};

START_TEST(a_body_over_the_maximum_is_refused)
{
	char want[32], *body = malloc(bodies[_i].send + 1);
	const char *text;
	int fd;

	memset(body, 'x', bodies[_i].send);
	body[bodies[_i].send] = '\0';
	bench_start(1);
	fd = dial();
	say(fd, "POST /now HTTP/1.1\r\nHost: a\r\nConnection: close\r\n");
	say(fd, bodies[_i].head);
	say(fd, body);
	text = hear(fd, NULL);
	(void)snprintf(want, sizeof(want), "HTTP/1.1 %u ", bodies[_i].status);
	ck_assert_msg(strstr(text, want) == text || (bodies[_i].status == 413 &&
						     strncmp(text, "HTTP/1.1 400 ", 13) == 0 &&
						     strstr(bodies[_i].name, "64 bits")),
		      "%s: %s", bodies[_i].name, text);
	ck_assert_uint_eq(bench.calls, bodies[_i].status == 200);
	(void)close(fd);
	httpd_stop(&bench.httpd);
	free(body);
}
END_TEST

START_TEST(a_chunked_body_over_the_maximum_is_a_413)
{
	int fd;

	bench_start(1);
	fd = dial();
	say(fd, "POST /now HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n"
		"Connection: close\r\n\r\n");
	for (unsigned i = 0; i < 100; i++)
		say(fd, "14\r\n01234567890123456789\r\n");
	say(fd, "0\r\n\r\n");
	ck_says(hear(fd, NULL), "HTTP/1.1 413 ");
	ck_assert_uint_eq(bench.calls, 0);
	(void)close(fd);
	httpd_stop(&bench.httpd);
}
END_TEST

START_TEST(an_address_in_use_is_said_so)
{
	struct httpd_options o = {.address = "127.0.0.1", .threads = 1, .connections_max = 10};
	struct err e = {0};

	bench_start(1);
	o.port = httpd_port(bench.httpd);
	ck_assert_ptr_null(httpd_start(&o, &e));
	ck_assert_int_eq(e.code, DAEMON_EXIT_LISTEN);
	ck_says(e.text, "can't listen on 127.0.0.1:");
	ck_says(e.text, "in use");
	o.address = "localhost";
	ck_assert_ptr_null(httpd_start(&o, &e));
	ck_assert_int_eq(e.code, DAEMON_EXIT_LISTEN);
	ck_says(e.text, "localhost");
	o.address = "192.0.2.1";
	ck_assert_ptr_null(httpd_start(&o, &e));
	ck_says(e.text, "no such address");
	httpd_stop(&bench.httpd);
}
END_TEST

START_TEST(after_quiesce_new_connections_are_refused_and_open_ones_go_on)
{
	struct sockaddr_in to = {.sin_family = AF_INET};
	int fd, other;

	bench_start(2);
	fd = dial();
	say(fd, "GET /now HTTP/1.1\r\nHost: a\r\n\r\n");
	ck_says(hear(fd, "GET /now -"), "HTTP/1.1 200 ");
	httpd_quiesce(bench.httpd);
	to.sin_port = htons(httpd_port(bench.httpd));
	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	other = socket(AF_INET, SOCK_STREAM, 0);
	ck_assert_int_eq(connect(other, (struct sockaddr *)&to, sizeof(to)), -1);
	say(fd, "GET /now HTTP/1.1\r\nHost: a\r\n\r\n");
	ck_says(hear(fd, "GET /now -"), "HTTP/1.1 200 ");
	(void)close(fd);
	(void)close(other);
	httpd_stop(&bench.httpd);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("httpd");
	TCase *t = tcase_create("httpd");

	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, a_handler_answers_at_once, 0, 2);
	tcase_add_test(t, a_handler_may_suspend_and_answer_in_one_go);
	tcase_add_test(t, a_handler_that_forgets_to_answer_is_a_500);
	tcase_add_test(t, five_hundred_suspended_requests_are_answered_by_another_thread);
	tcase_add_test(t, one_body_answers_many);
	tcase_add_test(t, a_head_that_is_too_long_is_refused);
	tcase_add_loop_test(t, a_stop_answers_what_is_suspended_with_503, 0, 2);
	tcase_add_loop_test(t, a_body_over_the_maximum_is_refused, 0,
			    (int)(sizeof(bodies) / sizeof(bodies[0])));
	tcase_add_test(t, a_chunked_body_over_the_maximum_is_a_413);
	tcase_add_test(t, an_address_in_use_is_said_so);
	tcase_add_test(t, after_quiesce_new_connections_are_refused_and_open_ones_go_on);
	suite_add_tcase(s, t);
	return unit_run(s);
}
