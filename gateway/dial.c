/*
 * dial: a try for each address, begun one after the other.
 *
 *   try: off -> connecting -> connected (its socket is handed over, the others closed)
 *                    | failed: the next begins at once
 */
#include "gateway/dial.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <unistd.h>

struct dial_try {
	struct loop_fd lfd; /* fd -1: not begun, or over */
	struct dial *dial;
};

struct dial {
	struct loop *loop;
	void (*done)(void *owner, int fd, int reason);
	void *owner;
	struct wheel_timer timer; /* the next try begins */
	struct dial_try tries[DIAL_ADDRESSES_MAX];
	struct resolver_address addresses[DIAL_ADDRESSES_MAX];
	uint16_t port;
	size_t count, begun, open;
	int reason; /* why the last one failed */
};

int dial_socket(const struct sockaddr *address, socklen_t len)
{
	int fd = socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int on = 1;

	if (fd < 0)
		return -1;
	if (address->sa_family != AF_UNIX) /* slower without */
		(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (connect(fd, address, len) < 0 && errno != EINPROGRESS) {
		int reason = errno;

		(void)close(fd);
		errno = reason;
		return -1;
	}
	return fd;
}

/* RFC 8305 4: the family of the best address first, then in turn; within one the order stays. */
static void dial_sort(struct dial *d, const struct resolver_answer *to)
{
	size_t next[2] = {0, 0}; /* of the first address's family, and of the other */

	while (d->count < DIAL_ADDRESSES_MAX && (next[0] < to->count || next[1] < to->count)) {
		for (unsigned other = 0; other < 2 && d->count < DIAL_ADDRESSES_MAX; other++) {
			size_t i = next[other];

			while (i < to->count &&
			       (to->addresses[i].family != to->addresses[0].family) != other)
				i++;
			if (i < to->count)
				d->addresses[d->count++] = to->addresses[i];
			next[other] = i + 1;
		}
	}
}

static void dial_close(struct dial_try *try)
{
	if (try->lfd.fd < 0)
		return;
	loop_unwatch(try->dial->loop, &try->lfd);
	(void)close(try->lfd.fd); /* nothing was sent on it */
	try->lfd.fd = -1;
	try->dial->open--;
}

static void dial_on_event(struct loop_fd *lfd, unsigned events);

/* Begins with the next address that can be tried. False: there is none. */
static bool dial_next(struct dial *d)
{
	while (d->begun < d->count) {
		struct dial_try *try = &d->tries[d->begun];
		struct sockaddr_storage to;
		socklen_t len = resolver_sockaddr(&d->addresses[d->begun++], d->port, &to);

		try->lfd = (struct loop_fd){.fd = dial_socket((const struct sockaddr *)&to, len),
					    .on_event = dial_on_event};
		if (try->lfd.fd < 0) {
			d->reason = errno;
			continue;
		}
		d->open++;
		if (loop_watch(d->loop, &try->lfd, false) == 0) {
			if (d->begun < d->count)
				loop_timer_set(d->loop, &d->timer, DIAL_NEXT_MS);
			return true;
		}
		d->reason = errno;
		dial_close(try);
	}
	return false;
}

static void dial_stop_all(struct dial *d)
{
	loop_timer_clear(d->loop, &d->timer);
	for (size_t i = 0; i < d->begun; i++)
		dial_close(&d->tries[i]);
}

static void dial_on_time(struct wheel_timer *timer)
{
	struct dial *d = (struct dial *)(void *)((char *)timer - offsetof(struct dial, timer));

	if (!dial_next(d) && !d->open)
		d->done(d->owner, -1, d->reason);
}

static void dial_on_event(struct loop_fd *lfd, unsigned events)
{
	struct dial_try *try = (struct dial_try *)(void *)lfd;
	struct dial *d = try->dial;
	socklen_t len = sizeof(int);
	int reason = 0, fd = lfd->fd;

	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &reason, &len) < 0)
		reason = errno;
	if (!reason && !(events & LOOP_WRITABLE))
		return;
	if (reason) {
		d->reason = reason;
		dial_close(try);
		if (!dial_next(d) && !d->open)
			d->done(d->owner, -1, d->reason);
		return;
	}
	loop_unwatch(d->loop, &try->lfd);
	try->lfd.fd = -1;
	d->open--;
	dial_stop_all(d);
	d->done(d->owner, fd, 0);
}

struct dial *dial_start(struct loop *loop, const struct resolver_answer *to, uint16_t port,
			void (*done)(void *owner, int fd, int reason), void *owner)
{
	struct dial *d = calloc(1, sizeof(*d));

	if (!d)
		return NULL;
	d->loop = loop;
	d->port = port;
	d->done = done;
	d->owner = owner;
	d->timer.on_time = dial_on_time;
	for (size_t i = 0; i < DIAL_ADDRESSES_MAX; i++)
		d->tries[i] = (struct dial_try){.lfd.fd = -1, .dial = d};
	dial_sort(d, to);
	if (!dial_next(d)) {
		int reason = d->reason;

		dial_stop(&d);
		errno = reason;
	}
	return d;
}

void dial_stop(struct dial **dial)
{
	struct dial *d = *dial;

	*dial = NULL;
	if (!d)
		return;
	dial_stop_all(d);
	free(d);
}
