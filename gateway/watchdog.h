/*
 * watchdog: tells the service manager that the gateway lives: main's loop and
 * every worker's. One that hangs keeps the word from being given, and the
 * manager starts the service anew.
 */
#ifndef MICROREG_GATEWAY_WATCHDOG_H
#define MICROREG_GATEWAY_WATCHDOG_H

#include "common/loop.h"
#include "common/notify.h"
#include "gateway/gateway.h"

#include <stdatomic.h>

struct watchdog {
	struct loop *loop;
	struct gateway *gateway;
	const struct notify *notify;
	struct wheel_timer timer;
	atomic_size_t owing; /* workers that have not answered the last call */
};

/* Does nothing when nobody asked for it. When the workers run; all must outlive it. */
void watchdog_start(struct watchdog *w, struct loop *loop, struct gateway *gateway,
		    const struct notify *notify);

#endif
