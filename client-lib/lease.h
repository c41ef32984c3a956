/*
 * lease: what the library knows of an instance that it keeps registered, for
 * the two files that do it: lease (the calls a program makes) and lease_beat
 * (the thread).
 *
 * While `busy` one thread calls the registry for the lease, and no other
 * does: a heartbeat that overtook a deregistration would bring the instance
 * back.
 */
#ifndef MICROREG_CLIENT_LEASE_H
#define MICROREG_CLIENT_LEASE_H

#include "client-lib/call.h"
#include "client-lib/handle.h"
#include "client-lib/pace.h"
#include "common/arena.h"
#include "common/instance.h"

#include <stdatomic.h>

struct microreg_lease {
	struct microreg *registry;
	struct arena arena; /* what `me` points into */
	struct instance me; /* constant but for the status, which the busy thread sets */
	char id[INSTANCE_NAME_MAX + 1];
	atomic_int load; /* -1: the program has not said */

	/* Guarded by the handle's lock; token and ttl_ms by being busy. */
	struct pace pace;
	char token[INSTANCE_NAME_MAX + 1]; /* proves that we are the newest process of this id */
	unsigned ttl_ms;
	bool busy, fenced, lost; /* lost: the registry does not know it */
	bool warned;		 /* of its loss */
	struct microreg_lease *next, **link;
};

/* What registry.register and registry.heartbeat answer. */
struct lease_reply {
	bool known;
	char id[INSTANCE_NAME_MAX + 1], lease[INSTANCE_NAME_MAX + 1]; /* "": not in it */
	int ttl_ms;						      /* 0: not in it */
	int heartbeat_ms;
};

/* Reads an answer; `where` names the method. */
int lease_read_reply(struct microreg *m, const char *where, xmlrpc_value *value,
		     struct lease_reply *out, struct microreg_error *e);

/* Makes the registering call and takes over what it answers. The lease is busy or not yet known to
 * other threads. */
int lease_register(struct microreg_lease *lease, unsigned timeout_ms, struct microreg_error *e);

/* Starts the heartbeat thread unless it runs. With the lock. */
int lease_start_thread_locked(struct microreg *m, struct microreg_error *e);

#endif
