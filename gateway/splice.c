/* splice: pipes, and splice(2) with the edges of the streams remembered. */
#include "gateway/splice.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

enum {
	SPLICE_SPARE_MAX = 8,
	/* After a pipe could not be had: others need the descriptors, or the memory, more. */
	SPLICE_REFUSE = 256,
};

static void splice_free(struct splice_pool *pool, struct splice *s)
{
	(void)close(s->in); /* what it holds is lost on purpose */
	(void)close(s->out);
	free(s);
	pool->count--;
}

/* Over a limit of the user's (pipe-user-pages-soft) the kernel gives pipes of one or two pages,
 * with which copying is cheaper. */
static struct splice *splice_new(struct splice_pool *pool)
{
	struct splice *s = malloc(sizeof(*s));
	int fds[2];

	if (!s)
		return NULL;
	if (pipe2(fds, O_NONBLOCK | O_CLOEXEC) < 0) {
		free(s);
		return NULL;
	}
	*s = (struct splice){.out = fds[0], .in = fds[1]};
	pool->count++;
	if (fcntl(s->in, F_GETPIPE_SZ) >= SPLICE_PIPE)
		return s;
	splice_free(pool, s);
	return NULL;
}

struct splice *splice_open(struct splice_pool *pool)
{
	struct splice *s = pool->spare;

	if (pool->useless)
		return NULL;
	if (s) {
		pool->spare = s->next;
		pool->spare_count--;
		return s;
	}
	if (pool->count >= SPLICE_PIPES_MAX)
		return NULL;
	if (pool->refuse) {
		pool->refuse--;
		return NULL;
	}
	s = splice_new(pool);
	if (!s)
		pool->refuse = SPLICE_REFUSE;
	return s;
}

void splice_close(struct splice_pool *pool, struct splice **s)
{
	struct splice *gone = *s;

	*s = NULL;
	if (!gone)
		return;
	if (gone->held || pool->spare_count >= SPLICE_SPARE_MAX) {
		splice_free(pool, gone);
		return;
	}
	gone->next = pool->spare;
	pool->spare = gone;
	pool->spare_count++;
}

void splice_pool_fini(struct splice_pool *pool)
{
	while (pool->spare) {
		struct splice *s = pool->spare;

		pool->spare = s->next;
		splice_free(pool, s);
	}
	pool->spare_count = 0;
}

static ssize_t splice_some(int from, int to, size_t len)
{
	ssize_t n;

	do
		n = splice(from, NULL, to, NULL, len, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
	while (n < 0 && errno == EINTR);
	return n;
}

bool splice_fill(struct splice_pool *pool, struct splice *s, struct stream *from,
		 struct splice_move *move)
{
	ssize_t n;

	move->result = STREAM_WAIT;
	if (!from->readable)
		return true;
	n = splice_some(from->lfd.fd, s->in,
			move->left < SPLICE_HELD_MAX ? (size_t)move->left : SPLICE_HELD_MAX);
	if (n > 0) {
		s->held = (size_t)n;
		move->taken = (uint64_t)n;
		move->result = STREAM_OK;
		return true;
	}
	if (n == 0) {
		move->result = STREAM_END;
		return true;
	}
	switch (errno) {
	case EAGAIN:
		from->readable = false;
		return true;
	case EINVAL: /* such a socket can't, or a filter of system calls does not let us */
	case ENOSYS:
	case EPERM:
		pool->useless = true;
		return false;
	case ENOMEM:
		return false;
	default:
		move->result = STREAM_BROKEN;
		return true;
	}
}

/* No SPLICE_F_MORE: the end of what has come must not wait for what may come. */
enum stream_result splice_pour(struct splice *s, struct stream *to, uint64_t *sent)
{
	while (s->held) {
		ssize_t n;

		if (!to->writable)
			return STREAM_WAIT;
		n = splice_some(s->out, to->lfd.fd, s->held);
		if (n > 0) {
			s->held -= (size_t)n;
			*sent += (uint64_t)n;
			to->written += (uint64_t)n;
			continue;
		}
		if (n == 0 || errno != EAGAIN) /* nothing in it: that can't be */
			return STREAM_BROKEN;
		to->writable = false;
	}
	return STREAM_OK;
}
