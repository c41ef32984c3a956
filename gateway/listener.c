/* listener: accepts, and rests when it must. */
#include "gateway/listener.h"
#include "common/listen.h"
#include "common/log.h"
#include "gateway/client.h"
#include "gateway/tls.h"
#include "gateway/worker.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <unistd.h>

/* Accepted in one turn, so that connections that are open get theirs in between. */
enum { LISTENER_BATCH = 64, LISTENER_REST_MS = 100 };

void listener_init(struct listener *l, const struct settings_address *address, int fd)
{
	*l = (struct listener){.address = address, .lfd.fd = fd};
}

/* Without a descriptor for it the connection stays in the kernel's queue, and so would the event:
 * the socket is left alone for a moment, until others have ended. */
static void listener_rest(struct listener *l)
{
	log_warn("out of descriptors: not accepting on %s for %d ms; raise the limit of open files "
		 "(ulimit -n, LimitNOFILE=) or lower limits.connections",
		 l->address->text, LISTENER_REST_MS);
	loop_unwatch(worker_loop(l->worker), &l->lfd);
	loop_timer_set(worker_loop(l->worker), &l->timer, LISTENER_REST_MS);
}

static void listener_on_time(struct wheel_timer *timer)
{
	struct listener *l =
		(struct listener *)(void *)((char *)timer - offsetof(struct listener, timer));

	if (loop_watch_listening(worker_loop(l->worker), &l->lfd) < 0)
		loop_timer_set(worker_loop(l->worker), &l->timer, LISTENER_REST_MS);
}

struct tls_door *listener_door(struct listener *l)
{
	struct tls_door *door = table_door(l->worker->table->table, l->address);

	if (door && door != l->door) {
		tls_door_unref(&l->door);
		l->door = tls_door_ref(door);
	}
	return l->door;
}

static bool listener_accept(struct listener *l)
{
	struct sockaddr_storage peer;
	socklen_t len = sizeof(peer);
	int fd = accept4(l->lfd.fd, (struct sockaddr *)&peer, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd < 0 && l->lfd.watched && errno != EAGAIN && errno != EINTR && errno != ECONNABORTED)
		listener_rest(l);
	if (fd < 0)
		return l->lfd.watched && (errno == EINTR || errno == ECONNABORTED);
	client_accept(l, fd, &peer);
	return true;
}

static void listener_on_event(struct loop_fd *lfd, unsigned events)
{
	struct listener *l =
		(struct listener *)(void *)((char *)lfd - offsetof(struct listener, lfd));

	(void)events; /* watched for reading only */
	for (int i = 0; i < LISTENER_BATCH; i++)
		if (!listener_accept(l))
			return;
}

int listener_start(struct listener *l, struct worker *worker)
{
	int on = 1;

	/* Each accepted socket has it from here; slower without. */
	(void)setsockopt(l->lfd.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	l->worker = worker;
	l->lfd.on_event = listener_on_event;
	l->timer.on_time = listener_on_time;
	(void)listener_door(l); /* held before the first client comes */
	return loop_watch_listening(worker_loop(worker), &l->lfd);
}

void listener_drain(struct listener *l)
{
	if (l->lfd.fd < 0)
		return;
	/* No more than there can be: another process may go on accepting on the same socket. */
	for (int i = 0; i < LISTEN_BACKLOG && listener_accept(l); i++)
		continue;
	listener_close(l);
}

void listener_close(struct listener *l)
{
	tls_door_unref(&l->door);
	if (l->lfd.fd < 0)
		return;
	if (l->worker) {
		loop_unwatch(worker_loop(l->worker), &l->lfd);
		loop_timer_clear(worker_loop(l->worker), &l->timer);
	}
	(void)close(l->lfd.fd); /* a listening socket has nothing to lose */
	l->lfd.fd = -1;
}
