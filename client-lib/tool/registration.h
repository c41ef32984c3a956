/*
 * registration: what the options of `register` and `run` say of an instance.
 */
#ifndef MICROREG_TOOL_REGISTRATION_H
#define MICROREG_TOOL_REGISTRATION_H

#include "client-lib/tool/tool.h"

/* The options that tell of an instance. */
#define REGISTRATION_OPTIONS                                                                     \
	(TOOL_ACCEPTS(PORT) | TOOL_ACCEPTS(HOST) | TOOL_ACCEPTS(ID) | TOOL_ACCEPTS(SCHEME) |     \
	 TOOL_ACCEPTS(TTL) | TOOL_ACCEPTS(WEIGHT) | TOOL_ACCEPTS(ZONE) | TOOL_ACCEPTS(VERSION) | \
	 TOOL_ACCEPTS(TAG) | TOOL_ACCEPTS(META) | TOOL_ACCEPTS(ROUTE) | TOOL_ACCEPTS(STATUS) |   \
	 TOOL_ACCEPTS(CHECK) | TOOL_ACCEPTS(CHECK_INTERVAL) | TOOL_ACCEPTS(CHECK_TIMEOUT) |      \
	 TOOL_ACCEPTS(CHECK_STATUS))

/* Fills `me` from the options; its texts are the command line's and the arena's. `check` is what
 * stands for a --check that was not given; NULL: none. TOOL_OK, or the exit code and it has been
 * said. */
int registration_read(struct tool *tool, const char *service, const char *check,
		      struct microreg_registration *me);

#endif
