/*
 * origin: answers every request on keep-alive connections with the same 1 KiB,
 * 100 KiB for a path that begins with /big, an order of a shop for /order, its
 * customer for /user, the order by XML-RPC for /rpc, as cheaply as one thread can,
 * so that the bench measures what stands before it. It understands requests
 * without a body or with Content-Length, nothing else.
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

enum { BODY_BYTES = 1024, BIG_BYTES = 100 * 1024, HEAD_MAX = 64 << 10, EVENTS = 64 };

struct connection {
	int fd;
	size_t got;
	size_t skip; /* of a body */
	char head[HEAD_MAX + 1];
};

struct reply {
	char text[BIG_BYTES + 200];
	size_t len;
};

static struct reply small, big, order, user, rpc;

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
	int one = 1, room = 4 * BIG_BYTES; /* a whole reply, so that no send waits */

	if (!c)
		return;
	c->fd = accept(listener, NULL, NULL);
	if (c->fd < 0 || setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) < 0 ||
	    setsockopt(c->fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof(room)) < 0 ||
	    epoll_ctl(epoll, EPOLL_CTL_ADD, c->fd, &event) < 0) {
		if (c->fd >= 0)
			(void)close(c->fd);
		free(c);
	}
}

/* Drops what has come of a body. */
static void skip(struct connection *c)
{
	size_t n = c->skip < c->got ? c->skip : c->got;

	c->skip -= n;
	c->got -= n;
	memmove(c->head, c->head + n, c->got + 1);
}

static const struct reply *choose(const char *head)
{
	static const struct {
		const char *path;
		const struct reply *reply;
	} paths[] = {{" /big", &big}, {" /order", &order}, {" /user", &user}, {" /rpc", &rpc}};
	const char *path = strchr(head, ' ');

	for (size_t i = 0; path && i < sizeof(paths) / sizeof(paths[0]); i++)
		if (strncmp(path, paths[i].path, strlen(paths[i].path)) == 0)
			return paths[i].reply;
	return &small;
}

/* Answers each whole request that came; false when the connection is over. */
static bool answer(struct connection *c)
{
	ssize_t n = recv(c->fd, c->head + c->got, HEAD_MAX - c->got, 0);
	char *end, *field;

	if (n <= 0)
		return false;
	c->got += (size_t)n;
	c->head[c->got] = '\0';
	skip(c);
	while (!c->skip && (end = strstr(c->head, "\r\n\r\n"))) {
		const struct reply *reply = choose(c->head);

		field = strcasestr(c->head, "\r\ncontent-length:");
		c->skip = (size_t)(end + 4 - c->head);
		if (field && field < end)
			c->skip += strtoul(field + strlen("\r\ncontent-length:"), NULL, 10);
		if (send(c->fd, reply->text, reply->len, MSG_NOSIGNAL) != (ssize_t)reply->len)
			return false;
		skip(c);
	}
	return c->got < HEAD_MAX;
}

static void fill(struct reply *reply, int body_bytes)
{
	reply->len = (size_t)snprintf(reply->text, sizeof(reply->text),
				      "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
				      "Content-Length: %d\r\n\r\n%0*d",
				      body_bytes, body_bytes, 0);
}

static void fill_text(struct reply *reply, const char *type, const char *body)
{
	reply->len = (size_t)snprintf(reply->text, sizeof(reply->text),
				      "HTTP/1.1 200 OK\r\nContent-Type: %s\r\n"
				      "Content-Length: %zu\r\n\r\n%s",
				      type, strlen(body), body);
}

int main(void)
{
	int epoll = epoll_create1(0), listener = listen_anywhere();
	struct epoll_event events[EVENTS], accepting = {.events = EPOLLIN};

	if (epoll < 0 || listener < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &accepting) < 0)
		return perror("origin"), 1;
	fill(&small, BODY_BYTES);
	fill(&big, BIG_BYTES);
	fill_text(&order, "application/json",
		  "{\"id\": 1, \"description\": \"A study for two\", \"customerId\": 56, "
		  "\"lines\": [{\"description\": \"item 1\", \"price\": 3.5}, "
		  "{\"description\": \"item 2\", \"price\": 2.0}], \"total\": 5.5}");
	fill_text(&user, "application/json",
		  "{\"id\": 56, \"name\": \"Ada Lovelace\", \"city\": \"London\"}");
	fill_text(&rpc, "text/xml",
		  "<?xml version=\"1.0\"?><methodResponse><params><param><value><struct>"
		  "<member><name>id</name><value><int>1</int></value></member>"
		  "<member><name>description</name><value>A study for two</value></member>"
		  "<member><name>customerId</name><value><int>56</int></value></member>"
		  "<member><name>total</name><value><double>5.5</double></value></member>"
		  "</struct></value></param></params></methodResponse>");
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
