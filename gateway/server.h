/*
 * server: the running gateway: starts the workers, hands them new tables and
 * snapshots, and ends them. All of it on the main thread's loop.
 */
#ifndef MICROREG_GATEWAY_SERVER_H
#define MICROREG_GATEWAY_SERVER_H

#include "common/err.h"
#include "common/loop.h"
#include "common/notify.h"
#include "gateway/doors.h"
#include "gateway/gateway.h"
#include "gateway/handover.h"
#include "gateway/reload.h"
#include "gateway/settings.h"
#include "gateway/successor.h"
#include "gateway/table.h"
#include "gateway/takeover.h"
#include "gateway/watchdog.h"

struct admin;
struct microreg_snapshot;

struct server_options {
	struct reload_file file; /* the settings', which were read after it was marked */
	char *const *argv;	 /* how to start this program again; NULL-terminated */
	bool replace;		 /* the sockets of a running gateway are taken over, and it ends */
};

struct server {
	struct gateway gateway;
	const struct server_options *options;
	struct loop *loop;
	struct loop_fd signals;
	struct reload reload;
	struct table *table; /* the newest */
	struct table *first; /* what the listeners' addresses lie in */
	struct admin *admin;
	struct notify notify;
	struct watchdog watchdog;
	struct doors doors;	  /* at start only */
	struct takeover takeover; /* at start only: from the gateway before */
	struct handover handover; /* to the gateway after */
	struct handover_owner handover_owner;
	struct successor successor;		     /* that one, when we started it */
	struct wheel_timer timer;		     /* of the drain */
	struct wheel_timer waiting;		     /* for the registry's first answer */
	struct wheel_timer audit;		     /* writes what was counted */
	struct wheel_timer claims;		     /* looks at the routes of registrations */
	const struct microreg_snapshot *claims_seen; /* a reference: what was looked at last */
	uint64_t claims_digest;			     /* of those in effect */
	struct wheel_timer roster;		     /* looks at the registry's consumers */
	uint64_t roster_seen;			     /* the version of those in effect */
	size_t roster_left_out;			     /* what the log told of them last */
	bool roster_due;			     /* not everybody has them: no memory */
	bool draining;	   /* asked to end; after drain_delay also not accepting */
	bool tunnels_over; /* the drain has come to them */
	bool replaced;	   /* another gateway serves by now */
	bool accepting;
	uint64_t drain_until_ms;
};

/* Takes the settings over, also when it fails: then e->code is what to exit with. Returns when
 * asked to stop by a signal, or by the gateway that replaces this one. */
int server_run(struct server *server, const struct server_options *options,
	       struct settings *settings, struct err *e);

#endif
