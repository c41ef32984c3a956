/*
 * listener: a listening socket of one worker. All workers have one for each
 * address (SO_REUSEPORT), and the kernel spreads connections over them.
 */
#ifndef MICROREG_GATEWAY_LISTENER_H
#define MICROREG_GATEWAY_LISTENER_H

#include "common/err.h"
#include "common/loop.h"
#include "gateway/settings.h"

#include <sys/socket.h>

struct tls_door;
struct worker;

struct listener {
	struct loop_fd lfd;	  /* fd -1: closed */
	struct wheel_timer timer; /* accept again: it ran out of descriptors */
	struct worker *worker;
	const struct settings_address *address;
	struct tls_door *door; /* held; NULL: plain */
};

/* Takes a listening, non-blocking socket over. The address is borrowed. */
void listener_init(struct listener *l, const struct settings_address *address, int fd);

/* Accepts from now on, into client_accept of the worker. */
int listener_start(struct listener *l, struct worker *worker);

/* What TLS is spoken by now; NULL: none. A door that had TLS never becomes plain, whatever a reload
 * says of its address. Borrowed. */
struct tls_door *listener_door(struct listener *l);

/* Takes what is still in the kernel's queue, then closes: those clients have been told that they
 * are connected. */
void listener_drain(struct listener *l);
void listener_close(struct listener *l);

#endif
