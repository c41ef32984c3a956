/*
 * inherited: listening TCP sockets that another process opened: systemd by
 * socket activation (sd_listen_fds(3)), or the gateway that this one replaces.
 * Whoever would listen on an address looks here first.
 *
 * One thread; at start.
 */
#ifndef MICROREG_COMMON_INHERITED_H
#define MICROREG_COMMON_INHERITED_H

#include "common/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct inherited_socket;

/* All zero: none. */
struct inherited {
	struct inherited_socket *items;
	size_t count;
};

/* Takes over a descriptor that was opened for `port` (0: any free one) of the IPv4 or IPv6 literal
 * `host`. -1 when it is no listening TCP socket, or there is no memory: then it is closed. */
int inherited_add(struct inherited *set, int fd, const char *host, uint16_t port, struct err *e);

/* Takes over what systemd passed to this very process, and clears its variables, so that programs
 * started later don't take the same numbers for theirs. -1 with code DAEMON_EXIT_LISTEN when one of
 * them is no listening TCP socket. Nothing passed is no error. */
int inherited_from_systemd(struct inherited *set, struct err *e);

/* The next socket for that address, as the settings write it; -1: none is left. Non-blocking,
 * close-on-exec, and the caller's. Others may hold the same socket: never shutdown(2) it. */
int inherited_take(struct inherited *set, const char *host, uint16_t port);

/* Closes those nobody took. How many they were. */
size_t inherited_close(struct inherited *set);

#endif
