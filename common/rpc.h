/*
 * rpc: what both ends of the XML-RPC interface must agree on: method names,
 * fault codes, and reading structs strictly with errors that teach. On
 * xmlrpc-c; documents from outside pass xml_guard first.
 */
#ifndef MICROREG_COMMON_RPC_H
#define MICROREG_COMMON_RPC_H

#include "common/arena.h"
#include "common/err.h"
#include "common/instance.h"

#include <stdbool.h>
#include <stddef.h>
#include <xmlrpc-c/base.h>

/* X(name, code, meaning). The negative ones are those of the "Specification for Fault Code
 * Interoperability" (2001). The table is the source of the reference page. */
#define RPC_FAULTS(X)                                                                          \
	X(PARSE, -32700, "what was sent is not XML, not UTF-8, or has a document type")        \
	X(CALL, -32600, "it is XML, but no XML-RPC call")                                      \
	X(METHOD, -32601, "there is no such method")                                           \
	X(PARAMS, -32602, "a parameter is wrong; the text names it and says what is allowed")  \
	X(LEGACY, 1, "an original MicroReg method was called wrongly")                         \
	X(ACCESS, 401, "who calls is not known")                                               \
	X(FORBIDDEN, 403, "who calls may not do this")                                         \
	X(UNKNOWN, 404, "there is no such instance or consumer")                               \
	X(FENCED, 409,                                                                         \
	  "a newer process has the instance's id, or another consumer has the id; or another " \
	  "service has a route of it: then the text begins with `routes[`, and it may be "     \
	  "tried again")                                                                       \
	X(TOO_LARGE, 413, "the call is larger than a limit")                                   \
	X(TOO_MANY, 429, "a limit on how many there may be is reached")                        \
	X(STORE, 503, "nothing was changed: the store refuses, or memory is short")

enum rpc_fault {
#define RPC_FAULT_ENUM(name, code, meaning) RPC_FAULT_##name = (code),
	RPC_FAULTS(RPC_FAULT_ENUM)
#undef RPC_FAULT_ENUM
};

/* ---- Reading a struct by a table ---- */

enum rpc_type {
	RPC_STRING,  /* const char *: NUL-terminated, in the arena; NUL inside is refused */
	RPC_INT,     /* int */
	RPC_BOOL,    /* bool */
	RPC_STRINGS, /* struct rpc_strings */
	RPC_PAIRS,   /* struct rpc_pairs: a struct of strings, sorted by name */
	RPC_STRUCT,  /* xmlrpc_value *: borrowed from the call, read by its own table */
	RPC_ARRAY,   /* xmlrpc_value *: likewise */
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
	size_t offset; /* of the member in the caller's struct; defaults are set before reading */
	/* Of an int its range; of a string its length in bytes; of strings, pairs, structs and
	 * arrays how many. max 0: INT_MAX for ints, else none beyond what the guard allows. */
	long min, max;
	long item_max;			    /* bytes of each of RPC_STRINGS; 0: INSTANCE_TEXT_MAX */
	bool (*is_valid)(const char *text); /* for a string, and each of several; NULL: any */
	const char *allowed;		    /* for people: "a port, 1 to 65535" */
	size_t given;			    /* 1 + offset of a bool set when it is there; 0: none */
};

#define RPC_GIVEN(type, member) (1 + offsetof(type, member))

/* Reads `value` into `out` by the table. -1 with code RPC_FAULT_PARAMS: not a struct, an unknown
 * member (the text suggests the nearest), a missing one, a wrong type, a value out of range, a NUL
 * in a string; the text names `where` (say "registry.register"), the member, the value and what is
 * allowed. RPC_FAULT_TOO_LARGE when the arena is
 * spent, RPC_FAULT_STORE when memory is. */
int rpc_read_struct(const char *where, xmlrpc_value *value, const struct rpc_field *fields,
		    size_t count, struct arena *arena, void *out, struct err *e);

/* The same for what a newer peer may have sent: unknown members are passed over. */
int rpc_read_reply(const char *where, xmlrpc_value *value, const struct rpc_field *fields,
		   size_t count, struct arena *arena, void *out, struct err *e);

/* The value's type for people: "a string". */
const char *rpc_type_name(xmlrpc_value *value);

/* ---- Instances ---- */

/* The struct of registry.register. Missing host, id, zone, version, check_path and check_status
 * stay "", the other members get their defaults. */
int rpc_read_registration(const char *where, xmlrpc_value *value, struct arena *arena,
			  struct instance *out, struct err *e);

/* The struct of registry.heartbeat, one of registry.heartbeats. */
struct rpc_heartbeat {
	/* Its service and id are always there; the rest only with `whole`: the beat then carries
	 * the whole registration (it has a port), so that a registry that lost it is healed. */
	struct instance instance;
	bool whole;
	const char *lease; /* "": none given */
	int load;	   /* 0 to 100; -1: not given */
};
int rpc_read_heartbeat(const char *where, xmlrpc_value *value, struct arena *arena,
		       struct rpc_heartbeat *out, struct err *e);

/* Reads the struct that lookups and watches answer, rpc_write_instance's; unknown members are
 * passed over, so that a newer registry can say more. */
int rpc_read_instance(const char *where, xmlrpc_value *value, struct arena *arena,
		      struct instance *out, struct err *e);

/* The registration as registry.register takes it, NULL with the env's fault set when out of memory;
 * the caller decrefs. Empty strings and zero numbers are left out; add lease and load to make a
 * heartbeat of it. */
xmlrpc_value *rpc_build_registration(xmlrpc_env *env, const struct instance *in);

/* xmlrpc-c 1.33 loses count of what it has made when memory runs out in the middle of making, and
 * frees what is none, even while it writes the text of that fault. So before each step of it there
 * must be as much as the step takes: 2 KiB and `size`. False with a fault when there is not, or the
 * env has one. What is below does this by itself. */
bool rpc_has_room(xmlrpc_env *env, size_t size);

/* Out of memory, xmlrpc-c's own makers set the env's fault and return what is no value, not NULL.
 * These return NULL then. */
xmlrpc_value *rpc_new_struct(xmlrpc_env *env);
xmlrpc_value *rpc_new_array(xmlrpc_env *env);
xmlrpc_value *rpc_new_string(xmlrpc_env *env, const char *text);
xmlrpc_value *rpc_new_text(xmlrpc_env *env, const char *text, size_t len);
xmlrpc_value *rpc_new_int(xmlrpc_env *env, int number);
xmlrpc_value *rpc_new_bool(xmlrpc_env *env, bool yes);

/* What was built with the env: `value`, or NULL, and `value` dropped, when a fault happened on the
 * way. NULL stays NULL. */
xmlrpc_value *rpc_built(xmlrpc_env *env, xmlrpc_value *value);

/* Sets a member; a no-op when the env has a fault already. */
void rpc_set_string(xmlrpc_env *env, xmlrpc_value *to, const char *name, const char *text);
void rpc_set_int(xmlrpc_env *env, xmlrpc_value *to, const char *name, int number);
void rpc_set_bool(xmlrpc_env *env, xmlrpc_value *to, const char *name, bool yes);
/* Takes `value`'s reference, also when it fails or the env has a fault already. A NULL value is a
 * no-op (its maker set the fault). */
void rpc_set_value(xmlrpc_env *env, xmlrpc_value *to, const char *name, xmlrpc_value *value);
/* Appends to an array, likewise. */
void rpc_append(xmlrpc_env *env, xmlrpc_value *to, xmlrpc_value *value);

#endif
