/*
 * tls_origin: TLS to the instances of a service, on OpenSSL 3: whom to trust,
 * what to show, and sessions to take up again. The bytes are stream's.
 */
#ifndef MICROREG_GATEWAY_TLS_ORIGIN_H
#define MICROREG_GATEWAY_TLS_ORIGIN_H

#include "common/err.h"
#include "gateway/settings.h"

#include <openssl/ssl.h>
#include <stdbool.h>

/* What one reading of a service's `tls` comes to. Immutable and counted: tables hold it, workers'
 * sets, and connections. Any thread. */
struct tls_origin;

/* Reads the files. NULL when one can't be read or used: the text names the file, the reason and
 * what to do. */
struct tls_origin *tls_origin_new(const struct settings_origin_tls *settings, struct err *e);
struct tls_origin *tls_origin_ref(struct tls_origin *origin);
void tls_origin_unref(struct tls_origin **origin); /* harmless with NULL */

/* True when both trust, show and check the same: a connection or a session that one made is good
 * for the other. NULL is the same as NULL only. */
bool tls_origin_is_same(const struct tls_origin *a, const struct tls_origin *b);

/* The client's side of one connection to `host` (a name, or an address without brackets), for
 * stream_open_tls. Takes the session in *session up, if there is one, and puts a newer one there
 * (the old one is freed) as long as the SSL lives. NULL: out of memory. */
SSL *tls_origin_connect(struct tls_origin *origin, const char *host, SSL_SESSION **session);

/* RFC 9209 2.3.22 to 2.3.24. */
enum tls_fault {
	TLS_FAULT_PROTOCOL = 0, /* no TLS, or none that both speak */
	TLS_FAULT_CERTIFICATE,	/* the instance's can't be trusted, or is another's */
	TLS_FAULT_ALERT,	/* the instance refuses */
};

/* Why a connection broke, from its SSL and OpenSSL's list, which is emptied. *reason and *remedy
 * are static text; the remedy may be NULL. */
enum tls_fault tls_origin_fault(const SSL *ssl, const char **reason, const char **remedy);

/* True when OpenSSL's newest reason is that the peer refuses what our side of a handshake said:
 * with TLS 1.3 that comes after our side is done, and what was sent with it is not looked at. */
bool tls_origin_is_refusal(void);

#endif
