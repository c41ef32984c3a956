/*
 * tls_context: what TLS at the door and to the instances have in common: which
 * versions, how bytes go, and how files are read. For tls and tls_origin.
 */
#ifndef MICROREG_GATEWAY_TLS_CONTEXT_H
#define MICROREG_GATEWAY_TLS_CONTEXT_H

#include "common/err.h"

#include <openssl/ssl.h>

struct settings_certificate;

/* TLS 1.2 and newer, no renegotiation, no compression. NULL: the error says why. */
SSL_CTX *tls_context_new(const SSL_METHOD *method, struct err *e);

/* A certificate with those that lead to its root, and its key. Never asks for a passphrase. */
int tls_context_load_pair(SSL_CTX *context, const struct settings_certificate *pair, struct err *e);

/* OpenSSL's newest reason, as static text; empties its list. */
const char *tls_context_reason(void);

#endif
