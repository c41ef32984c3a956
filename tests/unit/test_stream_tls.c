/* stream_tls: what TLS says on its own is neither data nor an end, and has a limit. */
#include "gateway/stream.h"
#include "gateway/tls_context.h"
#include "tests/unit/unit.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <sys/socket.h>
#include <unistd.h>

static struct loop *loop;
static SSL_CTX *ours, *theirs;
static struct stream stream; /* the server */
static SSL *peer;	     /* the client, over a blocking socket */
static int peer_fd;
static struct buf in;

static void on_event(struct loop_fd *lfd, unsigned events)
{
	(void)lfd;
	(void)events;
}

static void certify(SSL_CTX *context)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *x = X509_new();

	ck_assert_ptr_nonnull(key);
	ck_assert_int_eq(ASN1_INTEGER_set(X509_get_serialNumber(x), 1), 1);
	ck_assert_ptr_nonnull(X509_gmtime_adj(X509_getm_notBefore(x), 0));
	ck_assert_ptr_nonnull(X509_gmtime_adj(X509_getm_notAfter(x), 3600));
	ck_assert_int_eq(X509_set_pubkey(x, key), 1);
	ck_assert_int_gt(X509_sign(x, key, EVP_sha256()), 0);
	ck_assert_int_eq(SSL_CTX_use_certificate(context, x), 1);
	ck_assert_int_eq(SSL_CTX_use_PrivateKey(context, key), 1);
	X509_free(x);
	EVP_PKEY_free(key);
}

/* The server reads once; an event came before if anything is there. */
static enum stream_result take(void)
{
	stream_note(&stream, LOOP_READABLE | LOOP_WRITABLE);
	return stream_read(&stream, &in, 32 << 10);
}

static void shake_hands(void)
{
	int flags = fcntl(peer_fd, F_GETFL);

	ck_assert_int_eq(fcntl(peer_fd, F_SETFL, flags | O_NONBLOCK), 0);
	while (SSL_connect(peer) != 1)
		ck_assert_int_eq(take(), STREAM_WAIT);
	ck_assert_int_eq(take(), STREAM_WAIT); /* the client's last words */
	ck_assert_int_eq(fcntl(peer_fd, F_SETFL, flags), 0);
}

static void setup(void)
{
	struct err e = {0};
	int fds[2];

	loop = loop_new(&e);
	ours = tls_context_new(TLS_server_method(), &e);
	theirs = SSL_CTX_new(TLS_client_method());
	ck_assert(loop && ours && theirs);
	certify(ours);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	ck_assert_int_eq(fcntl(fds[0], F_SETFL, O_NONBLOCK), 0);
	ck_assert_int_eq(stream_open_tls(&stream, loop, fds[0], SSL_new(ours), on_event), 0);
	SSL_set_accept_state(stream.tls);
	peer_fd = fds[1];
	peer = SSL_new(theirs);
	ck_assert_int_eq(SSL_set_fd(peer, peer_fd), 1);
	buf_init(&in, 1 << 20);
	shake_hands();
}

static void teardown(void)
{
	stream_close(&stream);
	SSL_free(peer);
	(void)close(peer_fd);
	SSL_CTX_free(ours);
	SSL_CTX_free(theirs);
	buf_fini(&in);
	loop_free(&loop);
}

static void say(const char *text)
{
	ck_assert_int_eq(SSL_write(peer, text, (int)strlen(text)), (int)strlen(text));
}

static void renew_keys(void)
{
	ck_assert_int_eq(SSL_key_update(peer, SSL_KEY_UPDATE_NOT_REQUESTED), 1);
	ck_assert_int_eq(SSL_do_handshake(peer), 1);
}

START_TEST(a_read_that_emptied_the_socket_knows_it)
{
	say("hello");
	ck_assert_int_eq(take(), STREAM_OK);
	ck_assert_mem_eq(in.data, "hello", 5);
	ck_assert(!stream.readable);
	ck_assert(stream_is_quiet(&stream));
}
END_TEST

START_TEST(new_keys_are_no_data_and_no_end)
{
	say("one");
	renew_keys();
	say("two");
	while (in.len < 6)
		ck_assert_int_eq(take(), STREAM_OK);
	ck_assert_mem_eq(in.data, "onetwo", 6);
	renew_keys();
	stream_note(&stream, LOOP_READABLE);
	ck_assert(stream_is_quiet(&stream));
	say("three");
	stream_note(&stream, LOOP_READABLE);
	ck_assert(!stream_is_quiet(&stream));
	ck_assert_int_eq(take(), STREAM_OK);
	ck_assert_mem_eq(in.data, "onetwothree", 11);
}
END_TEST

START_TEST(new_keys_without_end_break_the_connection)
{
	enum stream_result r = STREAM_WAIT;

	for (int i = 0; i < 100000 && r == STREAM_WAIT; i++) {
		for (int k = 0; k < 64; k++)
			renew_keys();
		r = take();
	}
	ck_assert_int_eq(r, STREAM_BROKEN);
}
END_TEST

START_TEST(an_end_is_one_only_when_it_is_said)
{
	say("all");
	if (_i)
		ck_assert_int_ge(SSL_shutdown(peer), 0);
	ck_assert_int_eq(shutdown(peer_fd, SHUT_WR), 0);
	ck_assert_int_eq(take(), STREAM_OK);
	ck_assert_int_eq(take(), _i ? STREAM_END : STREAM_BROKEN);
}
END_TEST

START_TEST(what_is_written_comes_whole_and_is_counted)
{
	struct buf out;
	uint64_t sent = 0;
	size_t at = 0, got = 0;
	char piece[4096];

	buf_init(&out, 4 << 20);
	for (int i = 0; i < 500; i++)
		ck_assert_int_eq(buf_append(&out, "0123456789abcdef", 16), 0);
	stream_note(&stream, LOOP_WRITABLE);
	ck_assert_int_eq(stream_write(&stream, &out, &at, &sent), STREAM_OK);
	ck_assert_uint_eq(sent, 8000);
	ck_assert_uint_gt(stream.written, 8000); /* with the records' heads */
	while (got < 8000) {
		int n = SSL_read(peer, piece, sizeof(piece));

		ck_assert_int_gt(n, 0);
		got += (size_t)n;
	}
	buf_fini(&out);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("stream_tls");
	TCase *tcase = tcase_create("tls");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, a_read_that_emptied_the_socket_knows_it);
	tcase_add_test(tcase, new_keys_are_no_data_and_no_end);
	tcase_add_test(tcase, new_keys_without_end_break_the_connection);
	tcase_add_loop_test(tcase, an_end_is_one_only_when_it_is_said, 0, 2);
	tcase_add_test(tcase, what_is_written_comes_whole_and_is_counted);
	suite_add_tcase(s, tcase);
	return unit_run(s);
}
