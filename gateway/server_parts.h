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
void server_reload(void *arg);

/* Puts settings in effect, which it takes over, also when it fails. */
int server_take_over(struct server *s, struct settings *settings, struct err *e);

/* Opens what the logs are written to. -1: one of them goes on where it was. */
int server_apply_logs(struct server *s, const struct settings_log *settings, struct err *e);

/* ---- server_claims.c ---- */

/* Adds the routes of registrations, as the registry tells them now, to settings that were read. */
int server_add_claims(struct server *s, struct settings *settings, struct err *e);
/* Puts them in effect now and as they change. When the loop and the workers are there. */
void server_watch_claims(struct server *s);
void server_unwatch_claims(struct server *s); /* before the library goes */

/* ---- server_roster.c ---- */

/* Puts the registry's consumers in effect, as the library knows them now, beside those of the
 * newest table. -1: out of memory, those before stay; it is tried again (server_watch_roster). */
int server_renew_roster(struct server *s);
/* As they change. When the loop and the workers are there. */
void server_watch_roster(struct server *s);

/* ---- server_end.c ---- */

/* Goes on accepting for drain_delay, then drains and stops. Asked twice it stops at once. */
void server_end(struct server *s);

/* Opens the door for a gateway that replaces this one, where the settings and the system let it. */
void server_open_handover(struct server *s);

/* The drain's timer. */
void server_on_time(struct wheel_timer *timer);

#endif
