/* upstream_connect: sockets, names with several addresses, and TLS's handshake. */
#include "common/clock.h"
#include "gateway/dial.h"
#include "gateway/stats.h"
#include "gateway/tls_origin.h"
#include "gateway/upstream_parts.h"

#include "common/log.h"

#include <errno.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Between two lines of the log on one instance's TLS: it fails with every request. */
enum { UPSTREAM_TELL_MS = 10000 };

bool upstream_is_unsent(enum upstream_failure failure)
{
	return failure == UPSTREAM_CONNECT || failure >= UPSTREAM_CONNECT_TIMEOUT;
}

/* Takes the socket over; -1 with errno: closed. */
static int upstream_open(struct upstream *up, int fd)
{
	struct endpoint *ep = up->endpoint;
	SSL *tls = NULL;
	int opened = -1;

	errno = ENOMEM;
	if (!ep->https) {
		opened = stream_open(&up->stream, up->loop, fd, upstream_on_event);
	} else if (ep->tls) {
		tls = tls_origin_connect(ep->tls, ep->host, &ep->session);
		if (tls)
			opened = stream_open_tls(&up->stream, up->loop, fd, tls, upstream_on_event);
		up->tls = tls_origin_ref(ep->tls);
	}
	if (opened < 0) {
		int reason = errno;

		(void)close(fd);
		up->stream.lfd.fd = -1;
		errno = reason;
	}
	return opened;
}

/* ---- A name with several addresses ---- */

static void upstream_on_dialled(void *owner, int fd, int reason)
{
	struct upstream *up = owner;

	upstream_enter(up);
	dial_stop(&up->dial);
	if (fd < 0)
		upstream_fail(up, UPSTREAM_CONNECT, strerror(reason));
	else if (upstream_open(up, fd) < 0)
		upstream_fail(up, UPSTREAM_CONNECT, strerror(errno));
	/* Else: being watched, it is told at once that it can be written to. */
	upstream_leave(up);
}

static int upstream_start(struct upstream *up, const struct resolver_answer *answer)
{
	struct endpoint *ep = up->endpoint;
	const struct sockaddr *to = (const struct sockaddr *)&ep->address;
	socklen_t len = ep->address_len;
	struct sockaddr_storage only;
	int fd;

	if (answer && answer->count > 1) {
		up->dial = dial_start(up->loop, answer, ep->port, upstream_on_dialled, up);
		return up->dial ? 0 : -1;
	}
	if (answer) {
		len = resolver_sockaddr(&answer->addresses[0], ep->port, &only);
		to = (const struct sockaddr *)&only;
	}
	fd = dial_socket(to, len);
	return fd < 0 ? -1 : upstream_open(up, fd);
}

struct upstream *upstream_connect(struct loop *loop, struct stats_worker *stats,
				  struct endpoint *ep, const struct resolver_answer *answer,
				  unsigned timeout_ms)
{
	struct upstream *up = calloc(1, sizeof(*up));

	if (!up)
		return NULL;
	upstream_init(up, loop, stats, ep);
	if (upstream_start(up, answer) < 0) {
		int reason = errno;

		upstream_free(&up);
		errno = reason;
		return NULL;
	}
	upstream_set_timer(up, timeout_ms);
	return up;
}

/* ---- TLS ---- */

static void upstream_tell(const struct upstream *up, const char *reason, const char *remedy)
{
	struct endpoint *ep = up->endpoint;
	uint64_t now = loop_now_ms(up->loop);

	if (ep->told_ms && clock_since_ms(ep->told_ms, now) < UPSTREAM_TELL_MS)
		return;
	ep->told_ms = now;
	log_warn("instance %s (%s:%u): TLS: %s%s%s", ep->id, ep->host, (unsigned)ep->port, reason,
		 remedy ? "; " : "", remedy ? remedy : "");
}

void upstream_fail_tls(struct upstream *up)
{
	static const enum upstream_failure failures[] = {
		[TLS_FAULT_PROTOCOL] = UPSTREAM_TLS_PROTOCOL,
		[TLS_FAULT_CERTIFICATE] = UPSTREAM_TLS_CERTIFICATE,
		[TLS_FAULT_ALERT] = UPSTREAM_TLS_ALERT,
	};
	const char *reason, *remedy;
	enum tls_fault fault = tls_origin_fault(up->stream.tls, &reason, &remedy);

	/* What was agreed on with it may be what it no longer wants. */
	SSL_SESSION_free(up->endpoint->session);
	up->endpoint->session = NULL;
	upstream_tell(up, reason, remedy);
	upstream_fail(up, failures[fault], reason);
}

bool upstream_connecting(struct upstream *up, unsigned events)
{
	int error = 0;
	socklen_t len = sizeof(error);

	if (!up->reached) {
		if (getsockopt(up->stream.lfd.fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0)
			error = errno;
		if (error) {
			upstream_fail(up, UPSTREAM_CONNECT, strerror(error));
			return false;
		}
		if (!(events & LOOP_WRITABLE))
			return false;
		up->reached = true;
	}
	switch (stream_handshake(&up->stream)) {
	case STREAM_OK:
		return true;
	case STREAM_WAIT:
		return false;
	case STREAM_END:
	case STREAM_BROKEN:
		break;
	}
	upstream_fail_tls(up);
	return false;
}
