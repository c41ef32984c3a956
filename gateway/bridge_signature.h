/*
 * bridge_signature: what the methods of routes that call XML-RPC take, as
 * their services tell it (system.methodSignature): learned once, by whichever
 * worker asks first, and kept as long as the table.
 */
#ifndef MICROREG_GATEWAY_BRIDGE_SIGNATURE_H
#define MICROREG_GATEWAY_BRIDGE_SIGNATURE_H

#include "gateway/settings_bridge.h"

struct bridge_signatures;

struct bridge_signature {
	unsigned count;				  /* of the parameters it tells of; 0: none */
	unsigned char types[SETTINGS_PARAMS_MAX]; /* enum rpc_json_type */
};

/* One for each route. NULL: no memory. */
struct bridge_signatures *bridge_signatures_new(size_t count);
void bridge_signatures_free(struct bridge_signatures **all);

/* Of the `i`th route. NULL: nobody has asked yet. Any thread. */
const struct bridge_signature *bridge_signature_find(const struct bridge_signatures *all, size_t i);

/* Keeps what the reply, JSON, says of a call with `count` parameters; a service that says nothing
 * (`reply` empty, or something else) gets strings. NULL: no memory. Any thread; who comes second
 * gets the first's. */
const struct bridge_signature *bridge_signature_learn(struct bridge_signatures *all, size_t i,
						      struct span reply, size_t count);

#endif
