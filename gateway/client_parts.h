/*
 * client_parts: what the files of client call of each other; nobody else
 * includes this. client.c opens, finishes and keeps time;
 * client_read.c reads, client_write.c writes.
 */
#ifndef MICROREG_GATEWAY_CLIENT_PARTS_H
#define MICROREG_GATEWAY_CLIENT_PARTS_H

#include "gateway/client.h"
#include "gateway/settings.h"

enum {
	CLIENT_READ = 16 << 10,
	CLIENT_IN_MAX = 3 << 20, /* over every head's limit */
	/* Read ahead of the exchange at hand, at most; the rest waits in the kernel. */
	CLIENT_AHEAD = 32 << 10,
	CLIENT_LINGER_BYTES = 1 << 20,
	/* A body nobody wants is read to its end up to here, to keep the connection. */
	CLIENT_DISCARD_MAX = 64 << 10,
};

/* The client that a part of it belongs to. */
#define client_of(member, pointer) \
	((struct client *)(void *)((char *)(pointer)-offsetof(struct client, member)))

/* ---- of client.c ---- */

const struct settings_limits *client_limits(const struct client *c);
struct loop *client_loop(const struct client *c);
void client_set_state(struct client *c, enum client_state state);

/* Sets the timer to when this state, or the peer's slowness, has lasted too long. */
void client_arm(struct client *c);

/* It has ended its side, and waits for an answer, or has gone: the clock for that starts. */
void client_await_end(struct client *c);

/* A body begins to come: the clock for it starts. */
void client_await_body(struct client *c);

/* Goes on when what must be sent has been sent and what must be read has been read. */
void client_try_finish(struct client *c);

/* Whose connection it is. */
void client_name_peer(struct client *c, const struct sockaddr_storage *peer);

/* ---- of client_write.c ---- */

/* The connection is gone under us: logs what it was about and frees. */
void client_broken(struct client *c);

/* Something of a reply is still to be sent. */
bool client_has_output(const struct client *c);

/* Something is waited for to go out, or not: its clock starts, moves or stops. */
void client_update_going(struct client *c);

/* ---- of client_proxy.c ---- */

/* False: the header has not come whole, or the connection has ended over it. */
bool client_read_proxy(struct client *c);

/* ---- of client_read.c ---- */

void client_on_event(struct loop_fd *lfd, unsigned events);
void client_on_task(struct loop_task *task);

/* Answers something that is no request, and ends after it. */
void client_refuse(struct client *c, unsigned status, const char *reason);

#endif
