/* splice: bytes go from one socket to the other, no more than asked for, and none is lost. */
#include "gateway/splice.h"
#include "tests/unit/unit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { UNIX, TCP, WAYS, BIG = 300 << 10 };

static struct loop *loop;
static struct splice_pool pool;
static struct stream from, to;
static int sender, reader; /* the peers' ends */
static char said[BIG], heard[BIG];

static void on_event(struct loop_fd *lfd, unsigned events)
{
	(void)lfd;
	(void)events;
}

static void connect_tcp(int fds[2])
{
	struct sockaddr_in at = {.sin_family = AF_INET};
	socklen_t len = sizeof(at);
	int listener = socket(AF_INET, SOCK_STREAM, 0);

	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	ck_assert_int_eq(bind(listener, (struct sockaddr *)&at, len), 0);
	ck_assert_int_eq(listen(listener, 1), 0);
	ck_assert_int_eq(getsockname(listener, (struct sockaddr *)&at, &len), 0);
	fds[0] = socket(AF_INET, SOCK_STREAM, 0);
	ck_assert_int_eq(connect(fds[0], (struct sockaddr *)&at, len), 0);
	fds[1] = accept(listener, NULL, NULL);
	ck_assert_int_ge(fds[1], 0);
	ck_assert_int_eq(close(listener), 0);
}

/* A stream that may be read and written, and its peer's end. */
static int open_pair(struct stream *s, int way)
{
	int fds[2], small = 16 << 10;

	if (way == TCP)
		connect_tcp(fds);
	else
		ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	ck_assert_int_eq(fcntl(fds[0], F_SETFL, O_NONBLOCK), 0);
	ck_assert_int_eq(setsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof(small)), 0);
	ck_assert_int_eq(stream_open(s, loop, fds[0], on_event), 0);
	stream_note(s, LOOP_READABLE | LOOP_WRITABLE);
	return fds[1];
}

static void begin(int way)
{
	struct err e = {0};

	(void)signal(SIGPIPE, SIG_IGN);
	loop = loop_new(&e);
	ck_assert_ptr_nonnull(loop);
	pool = (struct splice_pool){0};
	sender = open_pair(&from, way);
	reader = open_pair(&to, way);
	for (size_t i = 0; i < BIG; i++)
		said[i] = (char)(i * 7 + i / 251);
}

static void end(void)
{
	stream_close(&from);
	stream_close(&to);
	(void)close(sender);
	(void)close(reader);
	splice_pool_fini(&pool);
	ck_assert_uint_eq(pool.count, 0);
	loop_free(&loop);
}

static struct splice *open_one(void)
{
	struct splice *s = splice_open(&pool);

	ck_assert_ptr_nonnull(s);
	return s;
}

/* Until that many have come: TCP takes its time, even within one machine. */
static void fill(struct splice *s, uint64_t left, struct splice_move *move)
{
	do {
		stream_note(&from, LOOP_READABLE);
		*move = (struct splice_move){.left = left};
		ck_assert(splice_fill(&pool, s, &from, move));
	} while (move->result == STREAM_WAIT);
}

static void hear(size_t at, size_t len)
{
	ck_assert_int_eq(recv(reader, heard + at, len, MSG_WAITALL), (ssize_t)len);
}

START_TEST(what_is_said_arrives_and_what_follows_stays)
{
	size_t len = 5000, left = 3000, at = 0;
	struct splice *s;
	struct splice_move move;
	uint64_t sent = 0;

	begin(_i);
	s = open_one();
	ck_assert_int_eq(send(sender, said, len, 0), (ssize_t)len);
	while (left) {
		fill(s, left, &move);
		ck_assert_int_eq(move.result, STREAM_OK);
		ck_assert_uint_le(move.taken, left);
		ck_assert_uint_eq(s->held, move.taken);
		ck_assert_int_eq(splice_pour(s, &to, &sent), STREAM_OK);
		ck_assert_uint_eq(s->held, 0);
		hear(at, move.taken);
		at += move.taken;
		left -= move.taken;
	}
	ck_assert_mem_eq(heard, said, 3000);
	ck_assert_uint_eq(sent, 3000);
	ck_assert_uint_eq(to.written, 3000);
	ck_assert_int_eq(recv(from.lfd.fd, heard, len, MSG_WAITALL), 2000);
	ck_assert_mem_eq(heard, said + 3000, 2000);
	splice_close(&pool, &s);
	end();
}
END_TEST

START_TEST(nothing_to_read_is_known_until_the_next_event)
{
	struct splice *s;
	struct splice_move move = {.left = 100};

	begin(_i);
	s = open_one();
	ck_assert(splice_fill(&pool, s, &from, &move));
	ck_assert_int_eq(move.result, STREAM_WAIT);
	ck_assert(!from.readable);
	ck_assert_int_eq(send(sender, "x", 1, 0), 1);
	ck_assert(splice_fill(&pool, s, &from, &move));
	ck_assert_int_eq(move.result, STREAM_WAIT);
	fill(s, 100, &move);
	ck_assert_int_eq(move.result, STREAM_OK);
	ck_assert_uint_eq(move.taken, 1);
	splice_close(&pool, &s);
	end();
}
END_TEST

START_TEST(a_slow_reader_gets_all_of_it_in_pieces)
{
	struct splice *s;
	struct splice_move move;
	size_t given = 0, got = 0;
	uint64_t sent = 0;
	unsigned waits = 0;

	begin(_i);
	s = open_one();
	while (got < BIG) {
		if (given < BIG) { /* as much as goes in */
			ssize_t n = send(sender, said + given, BIG - given, MSG_DONTWAIT);

			ck_assert(n > 0 || errno == EAGAIN);
			given += n > 0 ? (size_t)n : 0;
		}
		if (!s->held && sent < BIG)
			fill(s, BIG - sent, &move);
		ck_assert_uint_le(s->held, SPLICE_HELD_MAX);
		if (splice_pour(s, &to, &sent) == STREAM_OK && sent < BIG)
			continue;
		waits += s->held > 0;
		ck_assert(!s->held || !to.writable);
		hear(got, sent - got);
		got = sent;
		stream_note(&to, LOOP_WRITABLE);
	}
	ck_assert_mem_eq(heard, said, BIG);
	ck_assert_uint_gt(waits, 0);
	splice_close(&pool, &s);
	end();
}
END_TEST

START_TEST(the_end_comes_behind_the_last_byte)
{
	struct splice *s;
	struct splice_move move;
	uint64_t sent = 0;

	begin(_i);
	s = open_one();
	ck_assert_int_eq(send(sender, said, 10, 0), 10);
	ck_assert_int_eq(shutdown(sender, SHUT_WR), 0);
	fill(s, 100, &move);
	ck_assert_uint_eq(move.taken, 10);
	ck_assert_int_eq(splice_pour(s, &to, &sent), STREAM_OK);
	fill(s, 90, &move);
	ck_assert_int_eq(move.result, STREAM_END);
	ck_assert_uint_eq(move.taken, 0);
	splice_close(&pool, &s);
	end();
}
END_TEST

START_TEST(a_reset_is_no_end)
{
	struct linger now = {.l_onoff = 1};
	struct splice *s;
	struct splice_move move;

	begin(TCP);
	s = open_one();
	ck_assert_int_eq(setsockopt(sender, SOL_SOCKET, SO_LINGER, &now, sizeof(now)), 0);
	ck_assert_int_eq(close(sender), 0);
	fill(s, 100, &move);
	ck_assert_int_eq(move.result, STREAM_BROKEN);
	splice_close(&pool, &s);
	end();
}
END_TEST

START_TEST(a_reader_that_is_gone_breaks_and_what_is_held_goes_with_its_pipe)
{
	struct splice *s;
	struct splice_move move;
	uint64_t sent = 0;

	begin(UNIX);
	s = open_one();
	ck_assert_int_eq(send(sender, said, 10, 0), 10);
	fill(s, 10, &move);
	ck_assert_int_eq(close(reader), 0);
	ck_assert_int_eq(splice_pour(s, &to, &sent), STREAM_BROKEN);
	ck_assert_uint_eq(sent, 0);
	splice_close(&pool, &s);
	ck_assert_ptr_null(s);
	ck_assert_uint_eq(pool.count, 0);
	end();
}
END_TEST

START_TEST(an_empty_pipe_is_used_again)
{
	struct splice *s, *first;

	begin(UNIX);
	first = s = open_one();
	splice_close(&pool, &s);
	ck_assert_ptr_null(s);
	splice_close(&pool, &s); /* harmless */
	ck_assert_uint_eq(pool.count, 1);
	s = open_one();
	ck_assert_ptr_eq(s, first);
	splice_close(&pool, &s);
	end();
}
END_TEST

START_TEST(there_are_no_more_than_so_many)
{
	static struct splice *all[SPLICE_PIPES_MAX];

	begin(UNIX);
	for (unsigned i = 0; i < SPLICE_PIPES_MAX; i++)
		all[i] = open_one();
	ck_assert_ptr_null(splice_open(&pool));
	for (unsigned i = 0; i < SPLICE_PIPES_MAX; i++)
		splice_close(&pool, &all[i]);
	ck_assert_uint_lt(pool.count, SPLICE_PIPES_MAX);
	end();
}
END_TEST

START_TEST(without_descriptors_there_is_none_for_a_while)
{
	struct rlimit before, none;
	struct splice *s = NULL;

	begin(UNIX);
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
	none = before;
	none.rlim_cur = 0;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
	ck_assert_ptr_null(splice_open(&pool));
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &before), 0);
	ck_assert_ptr_null(splice_open(&pool));
	ck_assert_uint_eq(pool.count, 0);
	for (unsigned i = 0; i < 10000 && !s; i++)
		s = splice_open(&pool);
	ck_assert_ptr_nonnull(s);
	splice_close(&pool, &s);
	end();
}
END_TEST

START_TEST(what_the_kernel_can_not_move_is_asked_once)
{
	struct stream odd;
	struct splice *s;
	struct splice_move move = {.left = 100};

	begin(UNIX);
	s = open_one();
	ck_assert_int_eq(stream_open(&odd, loop, eventfd(0, EFD_NONBLOCK), on_event), 0);
	stream_note(&odd, LOOP_READABLE);
	ck_assert(!splice_fill(&pool, s, &odd, &move));
	ck_assert_uint_eq(move.taken, 0);
	splice_close(&pool, &s);
	ck_assert_ptr_null(splice_open(&pool));
	stream_close(&odd);
	end();
}
END_TEST

int main(void)
{
	Suite *s = suite_create("splice");
	TCase *t = tcase_create("splice");

	tcase_add_loop_test(t, what_is_said_arrives_and_what_follows_stays, 0, WAYS);
	tcase_add_loop_test(t, nothing_to_read_is_known_until_the_next_event, 0, WAYS);
	tcase_add_loop_test(t, a_slow_reader_gets_all_of_it_in_pieces, 0, WAYS);
	tcase_add_loop_test(t, the_end_comes_behind_the_last_byte, 0, WAYS);
	tcase_add_test(t, a_reset_is_no_end);
	tcase_add_test(t, a_reader_that_is_gone_breaks_and_what_is_held_goes_with_its_pipe);
	tcase_add_test(t, an_empty_pipe_is_used_again);
	tcase_add_test(t, there_are_no_more_than_so_many);
	tcase_add_test(t, without_descriptors_there_is_none_for_a_while);
	tcase_add_test(t, what_the_kernel_can_not_move_is_asked_once);
	suite_add_tcase(s, t);
	return unit_run(s);
}
