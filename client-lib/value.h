/* value: xmlrpc-c's values in the public shape. */
#ifndef MICROREG_CLIENT_VALUE_H
#define MICROREG_CLIENT_VALUE_H

#include "client-lib/microreg.h"
#include "common/arena.h"

#include <xmlrpc-c/base.h>

/* Reads a value into the arena. -1 with *reason, for people. */
int value_read(struct arena *arena, xmlrpc_value *from, struct microreg_value *to,
	       const char **reason);

#endif
