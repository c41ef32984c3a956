/*
 * handover: the door through which the gateway that replaces this one gets the
 * listening sockets: a Unix socket (SOCK_SEQPACKET) that only this user can
 * reach. The other end is takeover.
 *
 *   new                         old
 *    | -- "… 1 take" ----------> |
 *    | <- sockets, SCM_RIGHTS -- |   lines "listen HOST PORT", "admin HOST PORT"
 *    | <- "end" ---------------- |   both accept
 *    | -- "ready" -------------> |   owner->heir_is_ready: it stops accepting
 *    | <- "done" --------------- |
 *
 * or "refused REASON". Until "ready" the old one goes on as if nothing had
 * happened, and an end of the connection is all it takes to forget the new
 * one. Main's thread.
 */
#ifndef MICROREG_GATEWAY_HANDOVER_H
#define MICROREG_GATEWAY_HANDOVER_H

#include "common/err.h"
#include "common/loop.h"
#include "gateway/settings.h"

#include <sys/types.h>
#include <sys/un.h>

#define HANDOVER_TAKE  "microreg-gateway 1 take"
#define HANDOVER_READY "ready"
#define HANDOVER_DONE  "done"
#define HANDOVER_END   "end"

enum {
	HANDOVER_PATH_SIZE = sizeof(((struct sockaddr_un *)0)->sun_path),
	HANDOVER_BATCH = 128,	      /* descriptors of a message; the kernel allows 253 */
	HANDOVER_TEXT_MAX = 16 << 10, /* of a message */
};

struct handover_socket {
	const char *kind; /* "listen" or "admin" */
	const struct settings_address *address;
	int fd;
};

struct handover_owner {
	/* The sockets to hand over, one after the other; false: there is no such number. */
	bool (*socket_at)(void *arg, size_t index, struct handover_socket *out);
	/* The other one serves now. Its process, as the kernel says; 0: not known. */
	void (*heir_is_ready)(void *arg, pid_t heir);
	/* Why nobody may take over now; NULL: one may. */
	const char *(*refusal)(void *arg);
	void *arg;
};

struct handover {
	struct loop *loop;
	const struct handover_owner *owner;
	struct loop_fd door, peer; /* fd -1: none */
	pid_t peer_pid;
	bool gave;    /* the peer has the sockets */
	dev_t device; /* the socket's file, to know it by */
	ino_t inode;
	char path[HANDOVER_PATH_SIZE]; /* empty: not open */
};

/* Where the door is: `handover` of the settings, else in the runtime directory, named by an address
 * of `listen`. False when there is none: `off`, or no directory that is safe from others. */
bool handover_path(const struct settings *settings, size_t listen, char path[HANDOVER_PATH_SIZE]);

/* Opens the door in place of another gateway's that is being replaced, or of one that died. The
 * loop and the owner must outlive it. -1: then there will be no replacing this process. */
int handover_open(struct handover *h, struct loop *loop, const struct handover_owner *owner,
		  const char *path, struct err *e);

/* Closes the door and, if it still is the one at its path, removes it. Harmless when not open. */
void handover_close(struct handover *h);

/* Whether the process at the other end of a connected Unix socket is of this user. *pid (may be
 * NULL) is its number. */
bool handover_is_ours(int fd, pid_t *pid);

#endif
