/*
 * listen: opens a listening TCP socket, with errors that say what to do.
 */
#ifndef MICROREG_COMMON_LISTEN_H
#define MICROREG_COMMON_LISTEN_H

#include "common/err.h"

#include <stdbool.h>
#include <stdint.h>

enum { LISTEN_BACKLOG = 1024 };

/* `address` is an IPv4 or IPv6 literal without brackets; names are not looked up. Port 0: the
 * kernel chooses; *bound (may be NULL) tells. `shared`: several sockets may listen on the address
 * at once (SO_REUSEPORT), and the kernel spreads connections over them. Returns a non-blocking,
 * close-on-exec descriptor, or -1 with code DAEMON_EXIT_LISTEN and a text that names the address,
 * the reason and the remedy. */
int listen_open(const char *address, uint16_t port, bool shared, uint16_t *bound, struct err *e);

/* The port a TCP socket is bound to; 0: it is none. */
uint16_t listen_port(int fd);

/* Whether more sockets may listen on the same address (SO_REUSEPORT). */
bool listen_is_shared(int fd);

#endif
