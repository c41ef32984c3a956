/*
 * notify: tells the service manager how we are: the protocol of sd_notify(3),
 * which systemd keeps stable for those who speak it themselves. Without
 * NOTIFY_SOCKET in the environment nothing is sent.
 *
 * Any thread, after notify_open.
 */
#ifndef MICROREG_COMMON_NOTIFY_H
#define MICROREG_COMMON_NOTIFY_H

#include <stdint.h>
#include <sys/types.h>

struct notify {
	int fd;		      /* connected; -1: nobody listens */
	uint64_t watchdog_ms; /* how often at least to say that we live; 0: nobody asks */
};

/* Reads NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID. Something wrong with them is no error: the
 * daemon runs without. */
void notify_open(struct notify *notify);
void notify_close(struct notify *notify);

void notify_ready(const struct notify *notify); /* also the end of a reload */
void notify_reloading(const struct notify *notify);
void notify_alive(const struct notify *notify); /* for the watchdog */

/* We end, and may need up to `within_ms` for it. */
void notify_stopping(const struct notify *notify, uint64_t within_ms);

/* That process is the service's main one from now on; what this one says no longer counts. */
void notify_main(const struct notify *notify, pid_t pid);

#endif
