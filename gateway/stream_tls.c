/*
 * stream_tls: SSL_read and SSL_write, with their wishes turned into edges.
 *
 * OpenSSL reads and writes by a BIO over the stream instead of its own over a
 * socket: it knows from the edges when a recv(2) could only say EAGAIN.
 */
#include "gateway/stream_tls.h"

#include <errno.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <sys/socket.h>

/* So much may come without a byte of data in it. One record is at most 16 KiB; new keys for every
 * 27 bytes cost more than any data. */
enum { STREAM_FRUITLESS_MAX = 64 << 10 };

/* ---- The BIO ---- */

static int stream_bio_read(BIO *bio, char *to, int room)
{
	struct stream *s = BIO_get_data(bio);
	ssize_t n;

	BIO_clear_retry_flags(bio);
	if (!s->arrived) {
		BIO_set_retry_read(bio);
		return -1;
	}
	do
		n = recv(s->lfd.fd, to, (size_t)room, 0);
	while (n < 0 && errno == EINTR);
	if (n > 0) {
		/* As stream_read has it. */
		if (n < room && !s->hangup)
			s->arrived = false;
		s->fruitless += (size_t)n;
	} else if (n == 0) {
		s->ended = true;
	} else if (errno == EAGAIN) {
		s->arrived = false;
		BIO_set_retry_read(bio);
	}
	return (int)n;
}

static int stream_bio_write(BIO *bio, const char *from, int len)
{
	struct stream *s = BIO_get_data(bio);
	ssize_t n;

	BIO_clear_retry_flags(bio);
	if (!s->drained) {
		BIO_set_retry_write(bio);
		return -1;
	}
	do
		n = send(s->lfd.fd, from, (size_t)len, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	if (n >= 0) {
		s->written += (uint64_t)n;
	} else if (errno == EAGAIN) {
		s->drained = false;
		BIO_set_retry_write(bio);
	}
	return (int)n;
}

static long stream_bio_ctrl(BIO *bio, int command, long number, void *pointer)
{
	const struct stream *s = BIO_get_data(bio);

	(void)number;
	(void)pointer;
	if (command == BIO_CTRL_EOF)
		return s->ended;
	return command == BIO_CTRL_FLUSH; /* nothing is held back */
}

static pthread_once_t stream_bio_once = PTHREAD_ONCE_INIT;
static BIO_METHOD *stream_bio_method; /* written once, before anybody reads it */

static void stream_bio_init(void)
{
	BIO_METHOD *method =
		BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "microreg stream");

	if (!method)
		return;
	(void)BIO_meth_set_read(method, stream_bio_read); /* these always return 1 */
	(void)BIO_meth_set_write(method, stream_bio_write);
	(void)BIO_meth_set_ctrl(method, stream_bio_ctrl);
	stream_bio_method = method;
}

int stream_tls_attach(struct stream *s)
{
	BIO *bio;

	(void)pthread_once(&stream_bio_once, stream_bio_init); /* can't fail */
	bio = stream_bio_method ? BIO_new(stream_bio_method) : NULL;
	if (!bio) {
		ERR_clear_error();
		return -1;
	}
	BIO_set_data(bio, s);
	BIO_set_init(bio, 1);
	SSL_set_bio(s->tls, bio, bio);
	return 0;
}

void stream_tls_free(struct stream *s)
{
	/* A connection that ended without a word is no reason to forget its session. */
	SSL_set_shutdown(s->tls, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
	SSL_free(s->tls);
	s->tls = NULL;
}

/* ---- Reading and writing ---- */

/* What a call that gave nothing means. Whichever direction it waits for, the next event of either
 * kind makes both be tried again (stream_note). */
static enum stream_result stream_tls_result(struct stream *s, int result, bool *flag)
{
	switch (SSL_get_error(s->tls, result)) {
	case SSL_ERROR_WANT_READ:
	case SSL_ERROR_WANT_WRITE:
		*flag = false;
		return STREAM_WAIT;
	case SSL_ERROR_ZERO_RETURN:
		return STREAM_END;
	default:
		return STREAM_BROKEN;
	}
}

/* After a read that gave nothing: whether what came was no data, and more may be there. Without
 * SSL_MODE_AUTO_RETRY OpenSSL comes back after such a record, so that they can be counted. */
static bool stream_tls_reads_on(struct stream *s, int result)
{
	if (!SSL_is_init_finished(s->tls))
		s->fruitless = 0;
	return s->arrived && SSL_get_error(s->tls, result) == SSL_ERROR_WANT_READ &&
	       s->fruitless <= STREAM_FRUITLESS_MAX;
}

static enum stream_result stream_tls_nothing(struct stream *s, int result)
{
	enum stream_result r = stream_tls_result(s, result, &s->readable);

	return r == STREAM_WAIT && s->fruitless > STREAM_FRUITLESS_MAX ? STREAM_BROKEN : r;
}

enum stream_result stream_tls_read(struct stream *s, struct buf *in, char *to, size_t room)
{
	size_t n = 0;
	int result;

	do {
		ERR_clear_error(); /* what others left would be taken for ours */
		result = SSL_read_ex(s->tls, to, room, &n);
	} while (result <= 0 && stream_tls_reads_on(s, result));
	if (result <= 0)
		return stream_tls_nothing(s, result);
	in->len += n;
	s->fruitless = 0;
	s->readable = s->arrived || SSL_has_pending(s->tls);
	return STREAM_OK;
}

bool stream_tls_is_quiet(struct stream *s)
{
	size_t n = 0;
	int result;
	char c;

	do {
		ERR_clear_error();
		result = SSL_peek_ex(s->tls, &c, 1, &n);
	} while (result <= 0 && stream_tls_reads_on(s, result));
	return result <= 0 && stream_tls_nothing(s, result) == STREAM_WAIT;
}

enum stream_result stream_tls_write(struct stream *s, struct buf *out, size_t *at, uint64_t *sent)
{
	while (*at < out->len) {
		size_t n = 0;
		int result;

		ERR_clear_error();
		result = SSL_write_ex(s->tls, out->data + *at, out->len - *at, &n);
		if (result <= 0)
			return stream_tls_result(s, result, &s->writable);
		*at += n;
		*sent += n;
	}
	buf_reset(out);
	*at = 0;
	return STREAM_OK;
}

enum stream_result stream_tls_handshake(struct stream *s)
{
	int result;

	ERR_clear_error();
	result = SSL_do_handshake(s->tls);
	return result == 1 ? STREAM_OK : stream_tls_result(s, result, &s->writable);
}

void stream_tls_shutdown(struct stream *s)
{
	ERR_clear_error();
	if (SSL_is_init_finished(s->tls))
		(void)SSL_shutdown(s->tls); /* 0: the peer's own end is not waited for */
	ERR_clear_error();
}
