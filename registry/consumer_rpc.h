/*
 * consumer_rpc: consumers as XML-RPC structs: what registry.consumer_put takes,
 * what people are answered, and what gateways are told.
 */
#ifndef MICROREG_REGISTRY_CONSUMER_RPC_H
#define MICROREG_REGISTRY_CONSUMER_RPC_H

#include "common/buf.h"
#include "registry/consumer.h"

/* Reads the struct into a draft without keys, whose strings are the arena's. -1 with a fault. */
int consumer_rpc_read(const char *where, xmlrpc_value *value, struct arena *arena,
		      struct consumer *draft, struct err *e);

/* Writes the struct; `hashes`: for gateways, with the hashes of keys and password, else with what
 * people may see. `revision` is its text. Failures stick in the buf. */
void consumer_rpc_write(struct buf *to, const struct consumer *consumer, const char *revision,
			bool hashes);

#endif
