/*
 * rpc_door_parts: what the files of rpc_door share; nobody else includes this.
 * rpc_door.c runs the calls, rpc_door_request.c makes requests of them,
 * rpc_door_result.c results of the answers, rpc_door_system.c is system.*.
 */
#ifndef MICROREG_GATEWAY_RPC_DOOR_PARTS_H
#define MICROREG_GATEWAY_RPC_DOOR_PARTS_H

#include "common/json_walk.h"
#include "common/rpc.h"
#include "common/wheel.h"
#include "gateway/inner.h"
#include "gateway/rpc_door.h"
#include "gateway/settings.h"

enum { RPC_DOOR_CALLS_MAX = 100 };

struct rpc_door {
	struct exchange *x;
	const struct settings_rpc *settings;
	struct wheel_timer timer;
	struct inner inner;
	struct buf name, params; /* of the call that came: JSON, a list */
	struct buf request;	 /* target and body of what one becomes */
	struct buf answer;	 /* XML */
	size_t left;		 /* bytes of replies that may still come */
	/* Of a multicall: */
	bool many;
	bool suggested; /* for one mistyped name a name that is near was looked for */
	struct json_iter calls;
	/* The call at hand: */
	const struct settings_rpc_method *method; /* NULL: one of system.* */
	struct span values[SETTINGS_RPC_PARAMS_MAX];
	size_t mark; /* where its value begins in `answer` */
	bool failed; /* then its fault, whose code may be 0 */
	struct err fault;
};

/* A fault of the call at hand, whose value is dropped. */
void rpc_door_fault(struct rpc_door *door, int code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* The method of that name; NULL: there is none. */
const struct settings_rpc_method *rpc_door_find(const struct rpc_door *door, struct span name);

/* ---- rpc_door_request.c ---- */

/* Makes the request of door->method with these parameters (JSON, a list). -1 after a fault. */
int rpc_door_request(struct rpc_door *door, struct span params, struct inner_request *request);

/* ---- rpc_door_result.c ---- */

/* Appends the value that the inner reply is, or leaves a fault. */
void rpc_door_result(struct rpc_door *door);

/* ---- rpc_door_system.c ---- */

/* Appends the value of a method of system.* but multicall, or leaves a fault. False: there is none
 * of that name. */
bool rpc_door_system(struct rpc_door *door, struct span name, struct span params);

#endif
