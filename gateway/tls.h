/*
 * tls: TLS at the door, on OpenSSL 3: certificates and what is agreed on. The
 * bytes are stream's.
 *
 * TLS 1.2 with forward secrecy and authenticated encryption, and TLS 1.3; no
 * renegotiation, no compression (Mozilla's "intermediate" of 2023).
 */
#ifndef MICROREG_GATEWAY_TLS_H
#define MICROREG_GATEWAY_TLS_H

#include "common/err.h"
#include "gateway/settings.h"

#include <openssl/ssl.h>

/* The certificates of one listening address. Immutable and counted: its table holds it, and so does
 * each connection, which may ask it for a certificate after a reload. Any thread. */
struct tls_door;

/* Reads the files. NULL when one can't be read or used: the text names the file, the reason and
 * what to do. */
struct tls_door *tls_door_new(const struct settings_tls *settings, struct err *e);
struct tls_door *tls_door_ref(struct tls_door *door);
void tls_door_unref(struct tls_door **door); /* harmless with NULL */

/* The server's side of one connection, for stream_open_tls. NULL: out of memory. */
SSL *tls_door_accept(struct tls_door *door);

/* What its door says to be answered in Strict-Transport-Security (RFC 6797); NULL: nothing. */
const char *tls_door_hsts(const SSL *ssl);

#endif
