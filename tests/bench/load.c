/*
 * load: sends one request over and over on keep-alive connections and counts
 * the replies, so that the bench needs no tool that may not be installed.
 *
 *   load PORT CONNECTIONS SECONDS < REQUEST
 *
 * prints "REPLIES ERRORS SECONDS". Each connection has one request under way;
 * a reply other than 200, one with "<fault>" in it, or a close, is an error.
 * Replies need Content-Length. "@@@@@@@@" in the request becomes a number that
 * is another one each time.
 */
#include "common/clock.h"

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

enum {
	REQUEST_MAX = 256 * 1024,
	REPLY_MAX = 256 * 1024,
	CONNECTIONS_MAX = 1024,
	NUMBER_DIGITS = 8,
};

struct connection {
	int fd;
	size_t got;
	char reply[REPLY_MAX + 1];
};

static char request[REQUEST_MAX];
static size_t request_len;
static unsigned long replies, errors, number;
static char *number_at; /* in the request, or NULL */

static unsigned long parse(const char *text, unsigned long max)
{
	char *end;
	unsigned long value = strtoul(text, &end, 10);

	if (*end || end == text || value == 0 || value > max) {
		(void)fprintf(stderr, "load: %s is not a number from 1 to %lu\n", text, max);
		exit(2);
	}
	return value;
}

static bool send_request(struct connection *c)
{
	char digits[32];

	c->got = 0;
	if (number_at) {
		(void)snprintf(digits, sizeof(digits), "%0*lu", NUMBER_DIGITS,
			       ++number % 100000000);
		memcpy(number_at, digits, NUMBER_DIGITS);
	}
	return send(c->fd, request, request_len, MSG_NOSIGNAL) == (ssize_t)request_len;
}

static bool connect_to(struct connection *c, in_port_t port, int epoll)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
	int one = 1;

	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	c->fd = socket(AF_INET, SOCK_STREAM, 0);
	return c->fd >= 0 && connect(c->fd, (struct sockaddr *)&to, sizeof(to)) == 0 &&
	       setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) == 0 &&
	       epoll_ctl(epoll, EPOLL_CTL_ADD, c->fd, &event) == 0 && send_request(c);
}

/* How long the whole reply is; 0 while its head has not come. */
static size_t reply_length(struct connection *c)
{
	const char *end, *field;

	c->reply[c->got] = '\0';
	end = strstr(c->reply, "\r\n\r\n");
	if (!end)
		return 0;
	field = strcasestr(c->reply, "\r\ncontent-length:");
	if (!field || field > end)
		return 0;
	return (size_t)(end + 4 - c->reply) +
	       strtoul(field + strlen("\r\ncontent-length:"), NULL, 10);
}

/* Reads what came; false when the connection is of no more use. */
static bool take(struct connection *c)
{
	ssize_t n = recv(c->fd, c->reply + c->got, REPLY_MAX - c->got, MSG_DONTWAIT);
	size_t length;

	if (n <= 0)
		return false;
	c->got += (size_t)n;
	length = reply_length(c);
	if (length == 0 || c->got < length)
		return c->got < REPLY_MAX;
	if (c->got > length || strncmp(c->reply, "HTTP/1.1 200", 12) != 0 ||
	    strstr(c->reply, "<fault>"))
		errors++;
	else
		replies++;
	return send_request(c);
}

int main(int argc, char **argv)
{
	struct epoll_event events[CONNECTIONS_MAX];
	struct connection *connections;
	unsigned long count;
	uint64_t start, end;
	int epoll = epoll_create1(0);
	in_port_t port;

	if (argc != 4)
		return fprintf(stderr, "usage: load PORT CONNECTIONS SECONDS < REQUEST\n"), 2;
	port = (in_port_t)parse(argv[1], 65535);
	count = parse(argv[2], CONNECTIONS_MAX);
	connections = calloc(count, sizeof(*connections));
	request_len = fread(request, 1, sizeof(request), stdin);
	number_at = memmem(request, request_len, "@@@@@@@@", NUMBER_DIGITS);
	if (!connections || epoll < 0)
		return perror("load"), 1;
	start = clock_us();
	end = start + parse(argv[3], 3600) * 1000000;
	for (unsigned long i = 0; i < count; i++)
		if (!connect_to(&connections[i], port, epoll))
			return perror("load: connect"), 1;
	while (clock_us() < end) {
		int n = epoll_wait(epoll, events, CONNECTIONS_MAX, 100);

		for (int i = 0; i < n; i++) {
			struct connection *c = events[i].data.ptr;

			if (take(c))
				continue;
			errors++;
			(void)close(c->fd);
			if (!connect_to(c, port, epoll))
				return perror("load: connect again"), 1;
		}
	}
	(void)printf("%lu %lu %.3f\n", replies, errors, (double)(clock_us() - start) / 1e6);
	free(connections);
	return 0;
}
