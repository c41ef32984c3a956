/*
 * server: the running gateway: starts the workers, hands them new tables and
 * snapshots, and ends them. All of it on the main thread's loop.
 */
#ifndef MICROREG_GATEWAY_SERVER_H
#define MICROREG_GATEWAY_SERVER_H

#include "common/err.h"
#include "common/loop.h"
#include "gateway/gateway.h"
#include "gateway/reload.h"
#include "gateway/settings.h"
#include "gateway/table.h"

struct admin;

struct server {
	struct gateway gateway;
	struct loop *loop;
	struct loop_fd signals;
	struct reload reload;
	struct table *table; /* the newest */
	struct table *first; /* what the listeners' addresses lie in */
	struct admin *admin;
	const char *file;
	struct wheel_timer timer; /* of the drain */
	bool draining;		  /* asked to end; after drain_delay also not accepting */
	bool accepting;
	uint64_t drain_until_ms;
};

/* Takes the settings over, also when it fails: then e->code is what to exit with. Returns when
 * asked to stop by a signal. */
int server_run(struct server *server, const char *file, struct settings *settings, struct err *e);

#endif
