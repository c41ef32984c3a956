/* listen: a listening socket, or why there is none. */
#include "common/listen.h"
#include "common/daemon.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct listen_address {
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	} u;
	socklen_t len;
};

static int listen_parse(const char *address, uint16_t port, struct listen_address *out)
{
	memset(out, 0, sizeof(*out));
	if (inet_pton(AF_INET, address, &out->u.v4.sin_addr) == 1) {
		out->u.v4.sin_family = AF_INET;
		out->u.v4.sin_port = htons(port);
		out->len = sizeof(out->u.v4);
		return 0;
	}
	if (inet_pton(AF_INET6, address, &out->u.v6.sin6_addr) == 1) {
		out->u.v6.sin6_family = AF_INET6;
		out->u.v6.sin6_port = htons(port);
		out->len = sizeof(out->u.v6);
		return 0;
	}
	return -1;
}

static const char *listen_remedy(int error)
{
	switch (error) {
	case EADDRINUSE:
		return "it is in use: stop the other process or choose another port";
	case EADDRNOTAVAIL:
		return "this machine has no such address: use one of its own, or 127.0.0.1";
	case EACCES:
		return "ports below 1024 need root or CAP_NET_BIND_SERVICE: choose a higher one";
	case EAFNOSUPPORT:
		return "this machine has no IPv6: use an IPv4 address";
	default:
		return strerror(error);
	}
}

static int listen_prepare(int fd, bool v6, bool shared)
{
	int one = 1;

	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)))
		return -1;
	if (shared && setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one)))
		return -1;
	/* So that 0.0.0.0 and [::] can stand beside each other. */
	return v6 ? setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one)) : 0;
}

int listen_open(const char *address, uint16_t port, bool shared, uint16_t *bound, struct err *e)
{
	bool v6 = strchr(address, ':') != NULL;
	struct listen_address at;
	int fd, error;

	if (listen_parse(address, port, &at))
		return err_code(
			e, DAEMON_EXIT_LISTEN,
			"can't listen on \"%s\": write an IPv4 or IPv6 address, names are not "
			"looked up",
			address);
	fd = socket(at.u.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0 || listen_prepare(fd, v6, shared) || bind(fd, &at.u.any, at.len) ||
	    listen(fd, LISTEN_BACKLOG) || getsockname(fd, &at.u.any, &at.len))
		goto fail;
	if (bound)
		*bound = ntohs(v6 ? at.u.v6.sin6_port : at.u.v4.sin_port);
	return fd;
fail:
	error = errno;
	if (fd >= 0)
		(void)close(fd);
	return err_code(e, DAEMON_EXIT_LISTEN, "can't listen on %s%s%s:%u: %s", v6 ? "[" : "",
			address, v6 ? "]" : "", port, listen_remedy(error));
}

uint16_t listen_port(int fd)
{
	struct listen_address at = {.len = sizeof(at.u)};

	if (getsockname(fd, &at.u.any, &at.len) < 0)
		return 0;
	return ntohs(at.u.any.sa_family == AF_INET6 ? at.u.v6.sin6_port : at.u.v4.sin_port);
}

bool listen_is_shared(int fd)
{
	int on = 0;
	socklen_t len = sizeof(on);

	return getsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, &len) == 0 && on;
}
