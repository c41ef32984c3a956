/* probe_tls: a GnuTLS session that verifies nothing. */
#include "registry/probe_tls.h"

#include <arpa/inet.h>
#include <errno.h>
#include <gnutls/gnutls.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { PROBE_ROUNDS_MAX = 64 }; /* records without data; then it has failed by its timeout */

struct probe_tls {
	gnutls_session_t session;
	gnutls_certificate_credentials_t credentials;
};

void probe_tls_free(struct probe_tls **tls)
{
	struct probe_tls *t = *tls;

	*tls = NULL;
	if (!t)
		return;
	if (t->session)
		gnutls_deinit(t->session);
	if (t->credentials)
		gnutls_certificate_free_credentials(t->credentials);
	free(t);
}

/* RFC 6066 3: an address is not asked for. */
static bool probe_tls_is_name(const char *host)
{
	unsigned char bytes[16];

	return inet_pton(AF_INET, host, bytes) != 1 && inet_pton(AF_INET6, host, bytes) != 1;
}

struct probe_tls *probe_tls_new(const char *host, int fd)
{
	const unsigned flags = GNUTLS_CLIENT | GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL;
	struct probe_tls *t = calloc(1, sizeof(*t));

	if (!t || gnutls_init(&t->session, flags) < 0 ||
	    gnutls_certificate_allocate_credentials(&t->credentials) < 0 ||
	    gnutls_credentials_set(t->session, GNUTLS_CRD_CERTIFICATE, t->credentials) < 0 ||
	    gnutls_set_default_priority(t->session) < 0 ||
	    (probe_tls_is_name(host) &&
	     gnutls_server_name_set(t->session, GNUTLS_NAME_DNS, host, strlen(host)) < 0)) {
		probe_tls_free(&t);
		return NULL;
	}
	gnutls_transport_set_int(t->session, fd);
	return t;
}

static ssize_t probe_tls_result(ssize_t n)
{
	if (n >= 0)
		return n;
	errno = n == GNUTLS_E_AGAIN || n == GNUTLS_E_INTERRUPTED ? EAGAIN : EPROTO;
	return -1;
}

int probe_tls_shake_hands(struct probe_tls *t)
{
	int r;

	do
		r = gnutls_handshake(t->session);
	while (r < 0 && r != GNUTLS_E_AGAIN && !gnutls_error_is_fatal(r));
	return (int)probe_tls_result(r);
}

ssize_t probe_tls_send(struct probe_tls *t, const void *data, size_t len)
{
	return probe_tls_result(gnutls_record_send(t->session, data, len));
}

/* GnuTLS also says "again" after what is no data, a ticket say, whatever lies behind that. */
static bool probe_tls_has_more(const struct probe_tls *t)
{
	char c;

	return recv(gnutls_transport_get_int(t->session), &c, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
}

ssize_t probe_tls_recv(struct probe_tls *t, void *to, size_t room)
{
	unsigned rounds = 0;
	ssize_t n;

	do
		n = gnutls_record_recv(t->session, to, room);
	while (n < 0 && !gnutls_error_is_fatal((int)n) && probe_tls_has_more(t) &&
	       ++rounds < PROBE_ROUNDS_MAX);
	return probe_tls_result(n);
}
