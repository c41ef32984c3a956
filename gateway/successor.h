/*
 * successor: the process that is to replace this one, started by it (SIGUSR2):
 * the same command line with --replace, from whatever program now lies at that
 * path. It stays in the same cgroup and sandbox, which is what systemd needs.
 *
 * Main's thread.
 */
#ifndef MICROREG_GATEWAY_SUCCESSOR_H
#define MICROREG_GATEWAY_SUCCESSOR_H

#include "common/loop.h"

#include <sys/types.h>

/* All zero: none yet. */
struct successor {
	struct loop *loop;
	struct loop_fd end; /* a pidfd; watched while it runs */
	pid_t pid;
};

/* Starts it, unless one is starting already. That it can't be started, or ends, is logged; this
 * process goes on. */
void successor_start(struct successor *s, struct loop *loop, char *const *argv);

/* It goes on by itself. Harmless when there is none. */
void successor_leave(struct successor *s);

#endif
