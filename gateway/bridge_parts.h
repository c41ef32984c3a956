/*
 * bridge_parts: what the files of bridge share; nobody else includes this.
 * bridge.c runs the calls, bridge_params.c makes what they send.
 */
#ifndef MICROREG_GATEWAY_BRIDGE_PARTS_H
#define MICROREG_GATEWAY_BRIDGE_PARTS_H

#include "gateway/bridge.h"
#include "gateway/bridge_signature.h"
#include "gateway/call.h"
#include "gateway/settings.h"

struct bridge {
	struct exchange *x;
	const struct settings_bridge *settings;
	struct span body; /* the request's JSON, checked; len 0: none */
	struct call_base base;
	struct call call;
	bool called;				  /* `call` is in use */
	bool asks;				  /* it asks for the signature */
	struct buf request;			  /* XML */
	struct buf answer;			  /* JSON */
	const struct bridge_signature *signature; /* NULL: not needed, or not asked yet */
	uint64_t due_us;
};

/* ---- bridge_params.c ---- */

/* Writes the call into b->request. 0, or -1 with *reason for a 400, in the arena, which is NULL
 * when memory is spent. */
int bridge_write_call(struct bridge *b, const char **reason);
/* The same of the question for the method's signature. */
int bridge_write_question(struct bridge *b);

/* A parameter of the query that nothing is made of; NULL: each is known. In the arena. */
const char *bridge_unknown_query(struct bridge *b);

#endif
