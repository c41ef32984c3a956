/*
 * origin: answers every request on keep-alive connections with the same 1 KiB,
 * as cheaply as one thread can, so that the bench measures what stands before
 * it. It understands requests without a body, nothing else.
 *
 *   origin     prints "listening on 127.0.0.1:PORT"
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BODY_BYTES = 1024, HEAD_MAX = 8192, EVENTS = 64 };

struct connection {
	int fd;
	size_t got;
	char head[HEAD_MAX + 1];
};

static char reply[BODY_BYTES + 200];
static size_t reply_len;

static int listen_anywhere(void)
{
	struct sockaddr_in at = {.sin_family = AF_INET};
	socklen_t len = sizeof(at);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd < 0 || bind(fd, (struct sockaddr *)&at, len) < 0 || listen(fd, 512) < 0 ||
	    getsockname(fd, (struct sockaddr *)&at, &len) < 0)
		return -1;
	(void)printf("listening on 127.0.0.1:%u\n", ntohs(at.sin_port));
	(void)fflush(stdout);
	return fd;
}

static void accept_one(int listener, int epoll)
{
	struct connection *c = calloc(1, sizeof(*c));
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
	int one = 1;

	if (!c)
		return;
	c->fd = accept(listener, NULL, NULL);
	if (c->fd < 0 || setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) < 0 ||
	    epoll_ctl(epoll, EPOLL_CTL_ADD, c->fd, &event) < 0) {
		if (c->fd >= 0)
			(void)close(c->fd);
		free(c);
	}
}

/* Answers each whole head that came; false when the connection is over. */
static bool answer(struct connection *c)
{
	ssize_t n = recv(c->fd, c->head + c->got, HEAD_MAX - c->got, 0);
	char *end;

	if (n <= 0)
		return false;
	c->got += (size_t)n;
	c->head[c->got] = '\0';
	while ((end = strstr(c->head, "\r\n\r\n"))) {
		size_t used = (size_t)(end + 4 - c->head);

		if (send(c->fd, reply, reply_len, MSG_NOSIGNAL) != (ssize_t)reply_len)
			return false;
		c->got -= used;
		memmove(c->head, c->head + used, c->got + 1);
	}
	return c->got < HEAD_MAX;
}

int main(void)
{
	int epoll = epoll_create1(0), listener = listen_anywhere();
	struct epoll_event events[EVENTS], accepting = {.events = EPOLLIN};

	if (epoll < 0 || listener < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &accepting) < 0)
		return perror("origin"), 1;
	reply_len = (size_t)snprintf(reply, sizeof(reply),
				     "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
				     "Content-Length: %d\r\n\r\n%0*d",
				     BODY_BYTES, BODY_BYTES, 0);
	for (;;) {
		int n = epoll_wait(epoll, events, EVENTS, -1);

		for (int i = 0; i < n; i++) {
			struct connection *c = events[i].data.ptr;

			if (!c) {
				accept_one(listener, epoll);
			} else if (!answer(c)) {
				(void)close(c->fd);
				free(c);
			}
		}
	}
}
