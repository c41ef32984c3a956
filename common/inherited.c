/* inherited: sockets by the address they were opened for. */
#include "common/inherited.h"
#include "common/daemon.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	INHERITED_FIRST = 3, /* SD_LISTEN_FDS_START of sd_listen_fds(3) */
	INHERITED_MAX = 64 * 256,
};

struct inherited_socket {
	int fd;
	int family;
	unsigned char host[sizeof(struct in6_addr)];
	uint16_t port; /* as asked for */
};

static int inherited_parse(struct inherited_socket *s, const char *host, uint16_t port)
{
	*s = (struct inherited_socket){.fd = -1, .port = port};
	s->family = strchr(host, ':') ? AF_INET6 : AF_INET;
	return inet_pton(s->family, host, s->host) == 1 ? 0 : -1;
}

static bool inherited_listens(int fd)
{
	int type = 0, listening = 0;
	socklen_t len = sizeof(type);

	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) < 0 || type != SOCK_STREAM)
		return false;
	len = sizeof(listening);
	return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &len) == 0 && listening;
}

/* Both flags may be missing: systemd passes blocking sockets. */
static int inherited_set_flags(int fd)
{
	int status = fcntl(fd, F_GETFL);

	if (status < 0 || fcntl(fd, F_SETFL, status | O_NONBLOCK) < 0)
		return -1;
	return fcntl(fd, F_SETFD, FD_CLOEXEC);
}

int inherited_add(struct inherited *set, int fd, const char *host, uint16_t port, struct err *e)
{
	struct inherited_socket *items = NULL, one;

	if (inherited_parse(&one, host, port) < 0 || !inherited_listens(fd) ||
	    inherited_set_flags(fd) < 0) {
		(void)close(fd); /* of no use */
		return err_code(e, DAEMON_EXIT_LISTEN,
				"descriptor %d, passed for %s port %u, is no listening TCP socket",
				fd, host, port);
	}
	if (set->count < INHERITED_MAX)
		items = realloc(set->items, (set->count + 1) * sizeof(*items));
	if (!items) {
		(void)close(fd);
		return err_code(e, DAEMON_EXIT_SYSTEM, "inherited sockets: out of memory");
	}
	one.fd = fd;
	set->items = items;
	set->items[set->count++] = one;
	return 0;
}

static unsigned long inherited_number(const char *name)
{
	const char *text = getenv(name);

	return text ? strtoul(text, NULL, 10) : 0;
}

static int inherited_add_systemd(struct inherited *set, int fd, struct err *e)
{
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	} at = {0};
	socklen_t len = sizeof(at);
	char host[INET6_ADDRSTRLEN] = "";
	uint16_t port = 0;

	if (getsockname(fd, &at.any, &len) == 0 && at.any.sa_family == AF_INET) {
		(void)inet_ntop(AF_INET, &at.v4.sin_addr, host, sizeof(host)); /* it has room */
		port = ntohs(at.v4.sin_port);
	} else if (at.any.sa_family == AF_INET6) {
		(void)inet_ntop(AF_INET6, &at.v6.sin6_addr, host, sizeof(host));
		port = ntohs(at.v6.sin6_port);
	}
	return inherited_add(set, fd, host, port, e);
}

int inherited_from_systemd(struct inherited *set, struct err *e)
{
	unsigned long count = inherited_number("LISTEN_FDS");
	bool ours = inherited_number("LISTEN_PID") == (unsigned long)getpid();
	static const char *const names[] = {"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		(void)unsetenv(names[i]); /* fails for bad names only */
	if (!ours || count > INHERITED_MAX)
		return 0;
	for (unsigned long i = 0; i < count; i++)
		if (inherited_add_systemd(set, INHERITED_FIRST + (int)i, e) < 0)
			return -1;
	return 0;
}

int inherited_take(struct inherited *set, const char *host, uint16_t port)
{
	struct inherited_socket want;

	if (inherited_parse(&want, host, port) < 0)
		return -1;
	for (size_t i = 0; i < set->count; i++) {
		struct inherited_socket *s = &set->items[i];
		int fd = s->fd;

		if (fd < 0 || s->family != want.family || s->port != want.port ||
		    memcmp(s->host, want.host, sizeof(want.host)) != 0)
			continue;
		s->fd = -1;
		return fd;
	}
	return -1;
}

size_t inherited_close(struct inherited *set)
{
	size_t left = 0;

	for (size_t i = 0; i < set->count; i++) {
		if (set->items[i].fd < 0)
			continue;
		(void)close(set->items[i].fd); /* nothing to lose */
		left++;
	}
	free(set->items);
	*set = (struct inherited){0};
	return left;
}
