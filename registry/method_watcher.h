/* method_watcher: who watches and reports, as calls name it. For method_*.c only. */
#ifndef MICROREG_REGISTRY_METHOD_WATCHER_H
#define MICROREG_REGISTRY_METHOD_WATCHER_H

#include "registry/method.h"

struct watcher {
	const char *name, *kind;
};

/* Reads the struct `watcher` of a call; `kind` is "client" unless it says. As rpc_read_struct. */
int watcher_read(const char *where, xmlrpc_value *value, struct arena *arena, struct watcher *out,
		 struct err *e);

#endif
