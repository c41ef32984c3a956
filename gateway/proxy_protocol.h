/*
 * proxy_protocol: what a load balancer says of a connection before its first
 * byte: the PROXY protocol, versions 1 (text) and 2 (binary), of HAProxy. No
 * sockets in it.
 */
#ifndef MICROREG_GATEWAY_PROXY_PROTOCOL_H
#define MICROREG_GATEWAY_PROXY_PROTOCOL_H

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

enum proxy_protocol_result { PROXY_PROTOCOL_MORE, PROXY_PROTOCOL_DONE, PROXY_PROTOCOL_REFUSED };

enum { PROXY_PROTOCOL_MAX = 2048 }; /* with its extensions, which are passed over */

/* `data` is the connection from its first byte on. DONE: *used is the header's length; *peer is
 * the client's address, or has the family AF_UNSPEC when the balancer speaks for itself or does
 * not know. */
enum proxy_protocol_result proxy_protocol_read(const uint8_t *data, size_t len, size_t *used,
					       struct sockaddr_storage *peer);

#endif
