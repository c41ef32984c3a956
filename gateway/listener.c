/* listener: socket, bind, listen, accept. */
#include "gateway/listener.h"
#include "common/daemon.h"
#include "common/log.h"
#include "gateway/client.h"
#include "gateway/worker.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

/* Accepted in one turn, so that connections that are open get theirs in between. */
enum { LISTENER_BATCH = 64, LISTENER_REST_MS = 100 };

static int listener_refused(const struct settings_address *address, int reason, struct err *e)
{
	const char *remedy = "check the address in `listen`";

	if (reason == EADDRINUSE)
		remedy = "another program has this port: stop it, or choose another in `listen`";
	else if (reason == EACCES)
		remedy = "ports below 1024 need root or CAP_NET_BIND_SERVICE";
	else if (reason == EADDRNOTAVAIL)
		remedy = "no interface of this machine has it";
	return err_code(e, DAEMON_EXIT_LISTEN, "can't listen on %s: %s; %s", address->text,
			strerror(reason), remedy);
}

static socklen_t listener_address(const struct settings_address *address, uint16_t port,
				  struct sockaddr_storage *out)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)out;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)out;

	memset(out, 0, sizeof(*out));
	if (inet_pton(AF_INET, address->host, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons(port);
		return sizeof(*v4);
	}
	if (inet_pton(AF_INET6, address->host, &v6->sin6_addr) == 1) {
		v6->sin6_family = AF_INET6;
		v6->sin6_port = htons(port);
		return sizeof(*v6);
	}
	return 0;
}

/* All options before bind. `probe` leaves SO_REUSEPORT off, so that a port of another gateway is
 * found taken instead of being shared with it. */
static int listener_bind(const struct sockaddr_storage *address, socklen_t len, bool probe)
{
	int fd = socket(address->ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int on = 1, reason;

	if (fd < 0)
		return -1;
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0 &&
	    (address->ss_family != AF_INET6 ||
	     setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) == 0) &&
	    (probe || setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) == 0) &&
	    bind(fd, (const struct sockaddr *)address, len) == 0 && listen(fd, SOMAXCONN) == 0)
		return fd;
	reason = errno;
	(void)close(fd);
	errno = reason;
	return -1;
}

static int listener_port(int fd, uint16_t *port)
{
	struct sockaddr_storage bound;
	socklen_t len = sizeof(bound);

	if (getsockname(fd, (struct sockaddr *)&bound, &len) < 0)
		return -1;
	*port = ntohs(bound.ss_family == AF_INET ? ((struct sockaddr_in *)&bound)->sin_port
						 : ((struct sockaddr_in6 *)&bound)->sin6_port);
	return 0;
}

int listener_open(struct listener *l, const struct settings_address *address, uint16_t *port,
		  struct err *e)
{
	struct sockaddr_storage at;
	socklen_t len = listener_address(address, *port, &at);
	int fd;

	*l = (struct listener){.lfd.fd = -1, .address = address};
	if (!len)
		return listener_refused(address, EADDRNOTAVAIL, e);
	fd = listener_bind(&at, len, false);
	if (fd < 0)
		return listener_refused(address, errno, e);
	if (listener_port(fd, port) < 0) {
		(void)close(fd);
		return listener_refused(address, errno, e);
	}
	l->lfd.fd = fd;
	return 0;
}

int listener_probe(const struct settings_address *address, struct err *e)
{
	struct sockaddr_storage at;
	socklen_t len = listener_address(address, address->port, &at);
	int fd;

	if (!len)
		return listener_refused(address, EADDRNOTAVAIL, e);
	fd = listener_bind(&at, len, true);
	if (fd < 0)
		return listener_refused(address, errno, e);
	(void)close(fd);
	return 0;
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

	if (loop_watch(worker_loop(l->worker), &l->lfd, true) < 0)
		loop_timer_set(worker_loop(l->worker), &l->timer, LISTENER_REST_MS);
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
	client_accept(l->worker, fd, &peer);
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
	l->worker = worker;
	l->lfd.on_event = listener_on_event;
	l->timer.on_time = listener_on_time;
	return loop_watch(worker_loop(worker), &l->lfd, true);
}

void listener_drain(struct listener *l)
{
	if (l->lfd.fd < 0)
		return;
	while (listener_accept(l))
		continue;
	listener_close(l);
}

void listener_close(struct listener *l)
{
	if (l->lfd.fd < 0)
		return;
	if (l->worker) {
		loop_unwatch(worker_loop(l->worker), &l->lfd);
		loop_timer_clear(worker_loop(l->worker), &l->timer);
	}
	(void)close(l->lfd.fd); /* a listening socket has nothing to lose */
	l->lfd.fd = -1;
}
