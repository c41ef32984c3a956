/* client_proxy: takes the PROXY protocol's header off a connection, before TLS and before HTTP. */
#include "gateway/client_parts.h"
#include "gateway/proxy_protocol.h"
#include "gateway/stats.h"
#include "gateway/worker.h"

#include <errno.h>

/* Looked at where it lies: what follows it is the handshake's, or the request's. */
bool client_read_proxy(struct client *c)
{
	uint8_t data[PROXY_PROTOCOL_MAX];
	int fd = c->stream.lfd.fd;
	ssize_t got = recv(fd, data, sizeof(data), MSG_PEEK | MSG_DONTWAIT);
	struct sockaddr_storage peer;
	size_t used;

	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	switch (got <= 0 ? PROXY_PROTOCOL_REFUSED
			 : proxy_protocol_read(data, (size_t)got, &used, &peer)) {
	case PROXY_PROTOCOL_MORE:
		return false; /* the rest makes another edge; the clock runs */
	case PROXY_PROTOCOL_REFUSED:
		stats_inc(c->worker->stats, STAT_REFUSED);
		client_abort(c);
		return false;
	case PROXY_PROTOCOL_DONE:
		break;
	}
	if (recv(fd, data, used, 0) != (ssize_t)used) { /* it lay there just now */
		client_abort(c);
		return false;
	}
	c->awaits_proxy = false;
	if (peer.ss_family != AF_UNSPEC)
		client_name_peer(c, &peer);
	return true;
}
