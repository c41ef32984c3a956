/*
 * probe_tls: TLS of a check of an https instance, on GnuTLS. A check asks
 * whether it serves, not who it is: any certificate will do, as gateways look
 * at it themselves. For the checker's thread.
 */
#ifndef MICROREG_REGISTRY_PROBE_TLS_H
#define MICROREG_REGISTRY_PROBE_TLS_H

#include <stddef.h>
#include <sys/types.h>

struct probe_tls;

/* Over a connected, non-blocking socket, which stays the caller's. NULL: out of memory. */
struct probe_tls *probe_tls_new(const char *host, int fd);
void probe_tls_free(struct probe_tls **tls); /* says nothing to the peer */

/* -1 with errno: EAGAIN while it goes on, something else when it failed. */
int probe_tls_shake_hands(struct probe_tls *tls);

/* As send(2) and recv(2). */
ssize_t probe_tls_send(struct probe_tls *tls, const void *data, size_t len);
ssize_t probe_tls_recv(struct probe_tls *tls, void *to, size_t room);

#endif
