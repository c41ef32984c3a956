/*
 * server_parts: what server's files share; nobody else includes this.
 * server.c starts and finishes, server_reload.c takes new settings over,
 * server_end.c drains, at a signal or for a successor.
 */
#ifndef MICROREG_GATEWAY_SERVER_PARTS_H
#define MICROREG_GATEWAY_SERVER_PARTS_H

#include "gateway/server.h"

#include <stddef.h>

/* The server that a part of it belongs to. */
#define server_of(member, pointer) \
	((struct server *)(void *)((char *)(pointer)-offsetof(struct server, member)))

/* Reads the settings again; with mistakes in them nothing changes. For reload_start. */
void server_reload(void *server);

/* Goes on accepting for drain_delay, then drains and stops. Asked twice it stops at once. */
void server_end(struct server *s);

/* Opens the door for a gateway that replaces this one, where the settings and the system let it. */
void server_open_handover(struct server *s);

/* The drain's timer. */
void server_on_time(struct wheel_timer *timer);

#endif
