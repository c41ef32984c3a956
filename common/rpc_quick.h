/*
 * rpc_quick: reads a call straight from its bytes, when it is written as
 * clients write calls: a plain prolog, the standard elements without
 * attributes, ASCII without references. It reads what xmlrpc-c would, some
 * ten times faster, by the same tables.
 *
 * It never refuses: what it does not read it leaves to xml_guard and xmlrpc-c,
 * who accept it or say what is wrong. So every function answers false for
 * anything unusual, and nothing may have been done before the end was read.
 */
#ifndef MICROREG_COMMON_RPC_QUICK_H
#define MICROREG_COMMON_RPC_QUICK_H

#include "common/arena.h"
#include "common/rpc.h"

#include <stdbool.h>
#include <stddef.h>

struct rpc_quick {
	const char *at, *end;
	struct arena *arena; /* of the strings that are read */
	size_t elements;
};

enum { RPC_QUICK_NAME_MAX = 64 };

/* Up to the first parameter. The method's name goes to `name`. */
bool rpc_quick_open(struct rpc_quick *q, const char *body, size_t len, struct arena *arena,
		    char name[RPC_QUICK_NAME_MAX]);
/* After the only parameter: nothing else follows. */
bool rpc_quick_close(struct rpc_quick *q);

/* A struct by its table, as rpc_read_struct reads it; false also for RPC_STRUCT and RPC_ARRAY. */
bool rpc_quick_struct(struct rpc_quick *q, const struct rpc_field *fields, size_t count, void *out);

/* The beginning of an array; then, before each item, whether that was all. */
bool rpc_quick_array(struct rpc_quick *q);
bool rpc_quick_array_end(struct rpc_quick *q);

/* The structs of registry.register and registry.heartbeat: see rpc_read_registration. */
bool rpc_quick_registration(struct rpc_quick *q, struct instance *out);
bool rpc_quick_heartbeat(struct rpc_quick *q, struct rpc_heartbeat *out);

#endif
