/*
 * doors: the listening sockets of all workers: one for each address and
 * worker, taken over from whoever had them before (systemd, or the gateway
 * that this one replaces), or opened. Made by the server before the workers.
 *
 * A socket that was taken over is never given up while there is an address
 * for it: what waits in its queue would be lost. With fewer workers than there
 * were sockets a worker has several of one address.
 */
#ifndef MICROREG_GATEWAY_DOORS_H
#define MICROREG_GATEWAY_DOORS_H

#include "common/err.h"
#include "gateway/settings.h"

struct inherited;
struct listener;

struct doors_address;

struct doors {
	const struct settings *settings;
	struct doors_address *addresses; /* as settings->listen */
};

/* Opens what is missing. The settings are borrowed as long as the listeners live. -1 with e->code
 * when an address can't be listened on. */
int doors_open(struct doors *doors, const struct settings *settings, struct inherited *inherited,
	       struct err *e);

/* The listeners of one worker of settings->workers, to be freed with free(3); *count of them. NULL:
 * out of memory. Once for each worker. */
struct listener *doors_take(struct doors *doors, unsigned worker, size_t *count);

/* Closes what no worker took. Harmless when doors_open failed. */
void doors_close(struct doors *doors);

#endif
