/* stream: recv and send, with edges remembered. */
#include "gateway/stream.h"
#include "gateway/stream_tls.h"

#include <errno.h>
#include <linux/sockios.h>
#include <openssl/ssl.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

int stream_open(struct stream *s, struct loop *loop, int fd,
		void (*on_event)(struct loop_fd *lfd, unsigned events))
{
	*s = (struct stream){.lfd = {.fd = fd, .on_event = on_event}, .loop = loop};
	return loop_watch(loop, &s->lfd, false);
}

int stream_open_tls(struct stream *s, struct loop *loop, int fd, struct ssl_st *tls,
		    void (*on_event)(struct loop_fd *lfd, unsigned events))
{
	if (stream_open(s, loop, fd, on_event) < 0) {
		SSL_free(tls);
		return -1;
	}
	s->tls = tls;
	if (stream_tls_attach(s) == 0)
		return 0;
	loop_unwatch(loop, &s->lfd); /* the descriptor stays the caller's */
	SSL_free(tls);
	s->tls = NULL;
	errno = ENOMEM;
	return -1;
}

enum stream_result stream_handshake(struct stream *s)
{
	return s->tls ? stream_tls_handshake(s) : STREAM_OK;
}

void stream_close(struct stream *s)
{
	if (!s->lfd.watched)
		return;
	if (s->tls)
		stream_tls_free(s);
	loop_unwatch(s->loop, &s->lfd);
	(void)close(s->lfd.fd); /* nothing is buffered in it that close could lose */
	s->lfd.fd = -1;
}

void stream_reset(struct stream *s)
{
	struct linger now = {.l_onoff = 1};

	if (s->lfd.watched)
		(void)setsockopt(s->lfd.fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	stream_close(s);
}

uint64_t stream_delivered(const struct stream *s)
{
	int waiting = 0;

	if (ioctl(s->lfd.fd, SIOCOUTQ, &waiting) < 0 || waiting < 0 ||
	    (uint64_t)waiting > s->written)
		return s->written;
	return s->written - (uint64_t)waiting;
}

void stream_shutdown(struct stream *s)
{
	if (s->tls)
		stream_tls_shutdown(s);
	(void)shutdown(s->lfd.fd, SHUT_WR); /* a broken connection needs none */
}

void stream_note(struct stream *s, unsigned events)
{
	if (events & LOOP_READABLE)
		s->readable = true;
	if (events & LOOP_WRITABLE)
		s->writable = true;
	/* Under TLS a read may have waited for a write, or the other way round. */
	if (s->tls && (events & (LOOP_READABLE | LOOP_WRITABLE)))
		s->readable = s->writable = true;
	if (events & LOOP_HANGUP)
		s->hangup = s->readable = true;
	s->arrived |= (events & (LOOP_READABLE | LOOP_HANGUP)) != 0;
	s->drained |= (events & LOOP_WRITABLE) != 0;
}

enum stream_result stream_read(struct stream *s, struct buf *in, size_t room)
{
	char *to;
	ssize_t n;

	if (!s->readable)
		return STREAM_WAIT;
	to = buf_reserve(in, room);
	if (!to)
		return STREAM_BROKEN;
	if (s->tls)
		return stream_tls_read(s, in, to, room);
	do
		n = recv(s->lfd.fd, to, room, 0);
	while (n < 0 && errno == EINTR);
	if (n > 0) {
		in->len += (size_t)n;
		/* A short read has emptied the socket; a hang-up still has to be read. */
		if ((size_t)n < room && !s->hangup)
			s->readable = false;
		return STREAM_OK;
	}
	if (n == 0)
		return STREAM_END;
	if (errno != EAGAIN)
		return STREAM_BROKEN;
	s->readable = false;
	return STREAM_WAIT;
}

enum stream_result stream_write(struct stream *s, struct buf *out, size_t *at, uint64_t *sent)
{
	while (*at < out->len) {
		ssize_t n;

		if (!s->writable)
			return STREAM_WAIT;
		if (s->tls)
			return stream_tls_write(s, out, at, sent);
		n = send(s->lfd.fd, out->data + *at, out->len - *at,
			 s->more ? MSG_NOSIGNAL | MSG_MORE : MSG_NOSIGNAL);
		if (n >= 0) {
			*at += (size_t)n;
			*sent += (uint64_t)n;
			s->written += (uint64_t)n;
			continue;
		}
		if (errno == EINTR)
			continue;
		if (errno != EAGAIN)
			return STREAM_BROKEN;
		s->writable = false;
		return STREAM_WAIT;
	}
	buf_reset(out);
	*at = 0;
	return STREAM_OK;
}

bool stream_is_quiet(struct stream *s)
{
	char c;

	if (s->hangup || (s->readable && !(s->tls && stream_tls_is_quiet(s))))
		return false;
	return recv(s->lfd.fd, &c, 1, MSG_PEEK) < 0 && errno == EAGAIN;
}
