/* notify: one datagram for each thing to say. */
#include "common/notify.h"
#include "common/clock.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* Twice as often as asked for: one that is late does no harm. */
static uint64_t notify_watchdog_ms(void)
{
	const char *every = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");

	if (!every || (pid && strtoul(pid, NULL, 10) != (unsigned long)getpid()))
		return 0;
	return strtoull(every, NULL, 10) / 2000;
}

void notify_open(struct notify *n)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	socklen_t len;

	*n = (struct notify){.fd = -1};
	if (!path || (path[0] != '/' && path[0] != '@') || strlen(path) >= sizeof(at.sun_path))
		return;
	memcpy(at.sun_path, path, strlen(path));
	len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path));
	if (path[0] == '@') /* the abstract namespace */
		at.sun_path[0] = '\0';
	n->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (n->fd >= 0 && connect(n->fd, (struct sockaddr *)&at, len) < 0)
		notify_close(n);
	if (n->fd >= 0)
		n->watchdog_ms = notify_watchdog_ms();
}

void notify_close(struct notify *n)
{
	if (n->fd >= 0)
		(void)close(n->fd); /* nothing is buffered in it */
	n->fd = -1;
}

/* Best effort: a manager that does not listen is no reason to stop serving. */
static void notify_send(const struct notify *n, const char *text)
{
	if (n->fd >= 0)
		(void)send(n->fd, text, strlen(text), MSG_NOSIGNAL);
}

void notify_ready(const struct notify *n)
{
	notify_send(n, "READY=1");
}

void notify_reloading(const struct notify *n)
{
	char text[80];

	/* systemd 253 and later want to know that this is newer than what they asked for. */
	(void)snprintf(text, sizeof(text), "RELOADING=1\nMONOTONIC_USEC=%llu",
		       (unsigned long long)clock_us());
	notify_send(n, text);
}

void notify_alive(const struct notify *n)
{
	notify_send(n, "WATCHDOG=1");
}

void notify_stopping(const struct notify *n, uint64_t within_ms)
{
	char text[80];

	(void)snprintf(text, sizeof(text), "STOPPING=1\nEXTEND_TIMEOUT_USEC=%llu",
		       (unsigned long long)within_ms * 1000);
	notify_send(n, text);
}

void notify_main(const struct notify *n, pid_t pid)
{
	char text[40];

	(void)snprintf(text, sizeof(text), "MAINPID=%ld", (long)pid);
	notify_send(n, text);
}
