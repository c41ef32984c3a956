/*
 * watchers: how long a change takes to reach each of many watchers.
 *
 *   watchers PORT COUNT
 *
 * COUNT connections watch one service of the registry at that port. Once all of
 * them wait, one more changes it. Prints the milliseconds from sending the
 * change to each watcher's answer as "P50 P99 MAX".
 */
#include "common/clock.h"

#include <poll.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { TEXT_MAX = 64 * 1024, COUNT_MAX = 100000, EVENTS = 512, PATIENCE_MS = 30000 };

#define CALL(method, members)                                                         \
	"<?xml version=\"1.0\"?><methodCall><methodName>" method "</methodName>"      \
	"<params><param><value><struct>" members "</struct></value></param></params>" \
	"</methodCall>"
#define TEXT(name, value) \
	"<member><name>" name "</name><value><string>" value "</string></value></member>"
#define INT(name, value) "<member><name>" name "</name><value><int>" value "</int></value></member>"

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static int dial(in_port_t port)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0)
		die("watchers: connect");
	return fd;
}

static void post(int fd, const char *body)
{
	char request[TEXT_MAX];
	int len = snprintf(request, sizeof(request),
			   "POST /RPC2 HTTP/1.1\r\nHost: x\r\nContent-Type: text/xml\r\n"
			   "Content-Length: %zu\r\n\r\n%s",
			   strlen(body), body);

	if (send(fd, request, (size_t)len, MSG_NOSIGNAL) != len)
		die("watchers: send");
}

/* An answer, which is small enough to come as one piece. */
static const char *answer(int fd)
{
	static char text[TEXT_MAX];
	ssize_t n = recv(fd, text, sizeof(text) - 1, 0);

	if (n <= 0)
		die("watchers: recv");
	text[n] = '\0';
	return text;
}

static void registers(int fd, unsigned port)
{
	char body[TEXT_MAX];

	(void)snprintf(body, sizeof(body),
		       CALL("registry.register",
			    TEXT("service", "watched") TEXT("host", "10.0.0.1")
				    INT("ttl_ms", "3600000") INT("port", "%u")),
		       port);
	post(fd, body);
}

/* The value of a member in an answer, up to the next tag. */
static const char *member(const char *text, const char *name)
{
	static char value[256];
	char start[64];
	const char *at;

	(void)snprintf(start, sizeof(start), "<name>%s</name>", name);
	at = strstr(text, start);
	at = at ? strstr(at, "<value>") : NULL;
	at = at ? strchr(at + strlen("<value>"), '>') : NULL;
	if (!at) {
		(void)fprintf(stderr, "watchers: no %s in: %s\n", name, text);
		exit(1);
	}
	(void)snprintf(value, sizeof(value), "%.*s", (int)strcspn(at + 1, "<"), at + 1);
	return value;
}

static void wait_waiting(int fd, unsigned count)
{
	for (;;) {
		post(fd, CALL("registry.stats", ""));
		if (strtoul(member(answer(fd), "watchers"), NULL, 10) >= count)
			return;
		(void)poll(NULL, 0, 10); /* others still connect */
	}
}

static double milliseconds(const uint64_t *took_us, unsigned at)
{
	return (double)took_us[at] / 1000;
}

static int compare(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static void collect(int epoll, const int *fds, uint64_t *took, unsigned count, uint64_t start)
{
	struct epoll_event events[EVENTS];
	static char trash[TEXT_MAX];
	unsigned seen = 0;

	while (seen < count) {
		int n = epoll_wait(epoll, events, EVENTS, PATIENCE_MS);
		uint64_t now = clock_us();

		if (n <= 0)
			die("watchers: some were never told");
		for (int i = 0; i < n; i++) {
			int fd = fds[events[i].data.u32];

			if (recv(fd, trash, sizeof(trash), 0) <= 0)
				die("watchers: recv");
			(void)epoll_ctl(epoll, EPOLL_CTL_DEL, fd, NULL); /* it was in it */
			took[seen++] = now - start;
		}
	}
}

int main(int argc, char **argv)
{
	unsigned count = argc == 3 ? (unsigned)strtoul(argv[2], NULL, 10) : 0;
	in_port_t port = argc == 3 ? (in_port_t)strtoul(argv[1], NULL, 10) : 0;
	uint64_t *took = calloc(COUNT_MAX, sizeof(*took)), start;
	int *fds = calloc(COUNT_MAX, sizeof(*fds)), epoll = epoll_create1(0), control;
	char body[TEXT_MAX];

	if (!port || !count || count > COUNT_MAX || !took || !fds || epoll < 0)
		return fprintf(stderr, "usage: watchers PORT COUNT\n"), 2;
	control = dial(port);
	registers(control, 1);
	(void)snprintf(body, sizeof(body),
		       CALL("registry.watch", TEXT("service", "watched") INT("wait_ms", "60000")
						      TEXT("revision", "%s")),
		       member(answer(control), "revision"));
	for (unsigned i = 0; i < count; i++) {
		struct epoll_event event = {.events = EPOLLIN, .data.u32 = i};

		fds[i] = dial(port);
		if (epoll_ctl(epoll, EPOLL_CTL_ADD, fds[i], &event) < 0)
			die("watchers: epoll_ctl");
		post(fds[i], body);
	}
	wait_waiting(control, count);
	start = clock_us();
	registers(control, 2);
	collect(epoll, fds, took, count, start);
	qsort(took, count, sizeof(*took), compare);
	(void)printf("%.1f %.1f %.1f\n", milliseconds(took, count / 2),
		     milliseconds(took, count - count / 100 - 1), milliseconds(took, count - 1));
	free(took);
	free(fds);
	return 0;
}
