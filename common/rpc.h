/*
 * rpc: what both ends of the XML-RPC interface must agree on: method names,
 * fault codes, and reading structs strictly with errors that teach. On
 * xmlrpc-c; documents from outside pass xml_guard first.
 */
#ifndef MICROREG_COMMON_RPC_H
#define MICROREG_COMMON_RPC_H

#include "common/arena.h"
#include "common/buf.h"
#include "common/err.h"
#include "common/instance.h"

#include <stdbool.h>
#include <stddef.h>
#include <xmlrpc-c/base.h>

/* The codes of design and of the "Specification for Fault Code Interoperability" (2001). */
enum rpc_fault {
	RPC_FAULT_PARSE = -32700,
	RPC_FAULT_CALL = -32600,
	RPC_FAULT_METHOD = -32601,
	RPC_FAULT_PARAMS = -32602,
	RPC_FAULT_LEGACY = 1,
	RPC_FAULT_ACCESS = 401,
	RPC_FAULT_FORBIDDEN = 403,
	RPC_FAULT_UNKNOWN = 404,
	RPC_FAULT_FENCED = 409,
	RPC_FAULT_TOO_LARGE = 413,
	RPC_FAULT_TOO_MANY = 429,
	RPC_FAULT_STORE = 503,
};

/* ---- Reading a struct by a table ---- */

enum rpc_type {
	RPC_STRING,	   /* const char *: NUL-terminated, in the arena; NUL inside is refused */
	RPC_INT,	   /* int */
	RPC_BOOL,	   /* bool */
	RPC_STRINGS,	   /* struct rpc_strings */
	RPC_PAIRS,	   /* struct rpc_pairs: a struct of strings, sorted by name */
	RPC_STRUCT,	   /* xmlrpc_value *: borrowed from the call, read by its own table */
	RPC_ARRAY,	   /* xmlrpc_value *: likewise */
};

struct rpc_strings {
	const char *const *items;
	size_t count;
};

struct rpc_pairs {
	const struct instance_pair *items;
	size_t count;
};

struct rpc_field {
	const char *name;
	enum rpc_type type;
	bool required;
	size_t offset;	/* of the member in the caller's struct; defaults are set before reading */
	long min, max;	/* of an int; of a string its length; of strings and pairs their count */
	bool (*is_valid)(const char *text); /* for strings (and each of several); NULL: any */
	const char *allowed; /* for people: "a port, 1 to 65535" */
	size_t given;	/* offset of a bool set when the member is there; 0: none (so put such
			   bools anywhere but first) */
};

/* Reads `value` into `out` by the table. -1 with code RPC_FAULT_PARAMS: not a struct, an unknown
 * member (the text suggests the nearest), a wrong type, a value out of range; the text names
 * `where` (say "registry.register"), the member, the value and what is allowed. */
int rpc_read_struct(const char *where, xmlrpc_value *value, const struct rpc_field *fields,
		    size_t count, struct arena *arena, void *out, struct err *e);

/* ---- Instances ---- */

/* The members of a registration (registry.register; also what a heartbeat may carry). `extra`
 * holds what the caller's method has beyond them. Missing host and id stay "". */
int rpc_read_registration(const char *where, xmlrpc_value *value, struct arena *arena,
			  struct instance *out, struct err *e);

/* The struct that lookups and watches answer. NULL when out of memory. The caller decrefs. */
xmlrpc_value *rpc_build_instance(xmlrpc_env *env, const struct instance *in);

/* Reads what rpc_build_instance built; unknown members are passed over, so that a newer registry
 * can say more. */
int rpc_read_instance(const char *where, xmlrpc_value *value, struct arena *arena,
		      struct instance *out, struct err *e);

/* The registration as registry.register takes it. */
xmlrpc_value *rpc_build_registration(xmlrpc_env *env, const struct instance *in);

#endif
