/*
 * call: one XML-RPC call of a registry: built and parsed by xmlrpc-c, carried
 * by a carrier, on the addresses of the handle until one answers.
 */
#ifndef MICROREG_CLIENT_CALL_H
#define MICROREG_CLIENT_CALL_H

#include "client-lib/handle.h"

#include <xmlrpc-c/base.h>

enum {
	CALL_REPLY_SMALL = 1 << 20,
	CALL_REPLY_LARGE = 16 << 20, /* of lookups and watches */
};

struct call {
	const char *method;
	xmlrpc_value *param; /* borrowed; NULL: none */
	unsigned timeout_ms; /* for all addresses together */
	size_t reply_max;
};

/* Once per process, from microreg_open. */
int call_global_init(void);

/* `*result` is the caller's to decref. Any thread; waits at most call->timeout_ms. A fault of the
 * registry is FENCED (409), DENIED (401, 403) or FAULT. The text names the address. */
int call_run(struct microreg *m, const struct call *call, xmlrpc_value **result,
	     struct microreg_error *e);

/* The two halves, for the watch. The block is the caller's to XMLRPC_MEMBLOCK_FREE. */
xmlrpc_mem_block *call_write(const char *method, xmlrpc_value *param, struct microreg_error *e);
int call_read(const char *body, size_t len, size_t max, xmlrpc_value **result,
	      struct microreg_error *e);

/* A reply that is XML-RPC, but not what the method answers. */
int call_bad_reply(struct microreg *m, const char *reason, struct microreg_error *e);

/* True for errors that another address may not have. */
bool call_may_retry(const struct microreg_error *e);

/* The address with the text of an error. */
void call_name_address(const struct handle_address *address, struct microreg_error *e);

#endif
