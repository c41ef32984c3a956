/*
 * tls_tickets: the keys that session tickets are sealed with, one set for the
 * process, so that a reload does not end every session. A key seals for an
 * hour and opens for two more; then what was sealed with it is lost to
 * everybody, also to whoever recorded it (RFC 5077 5.5). Any thread.
 */
#ifndef MICROREG_GATEWAY_TLS_TICKETS_H
#define MICROREG_GATEWAY_TLS_TICKETS_H

#include <openssl/ssl.h>
#include <stdint.h>

enum { TLS_TICKETS_TURN_MS = 3600 * 1000, TLS_TICKETS_KEYS = 3 };

/* Has a server's context use them. -1: without random bytes. */
int tls_tickets_use(SSL_CTX *context);

/* Makes a new key the one that seals, and forgets the oldest, when it is time. -1 as above. */
int tls_tickets_turn(uint64_t now_ms);

#endif
