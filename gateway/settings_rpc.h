/*
 * settings_rpc: a route's `rpc` as structs: the XML-RPC methods that it offers,
 * and the request that each becomes. Lives in the settings' arena, immutable
 * once read.
 */
#ifndef MICROREG_GATEWAY_SETTINGS_RPC_H
#define MICROREG_GATEWAY_SETTINGS_RPC_H

#include "common/span.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct body_template;
struct template;

enum { SETTINGS_RPC_PARAMS_MAX = 32, SETTINGS_RPC_METHODS_MAX = 1000 };

/* The zero value takes and is anything. */
enum rpc_value_type {
	RPC_VALUE_ANY = 0,
	RPC_VALUE_INT,
	RPC_VALUE_BOOLEAN,
	RPC_VALUE_STRING,
	RPC_VALUE_DOUBLE,
	RPC_VALUE_TIME,
	RPC_VALUE_BASE64,
	RPC_VALUE_ARRAY,
	RPC_VALUE_STRUCT,
	RPC_VALUE_TYPE_COUNT,
};

/* "int", "dateTime.iso8601": as signatures name it; of ANY, which they don't know, "any". */
const char *rpc_value_type_name(enum rpc_value_type type);
/* True when a value of JSON that json_check has passed is of that type. */
bool rpc_value_is(enum rpc_value_type type, struct span json);

struct settings_rpc_param {
	const char *name;
	enum rpc_value_type type;
	struct span otherwise; /* JSON, when it is not sent; len 0: it has to be */
};

struct settings_rpc_method {
	const char *name;
	unsigned line;
	const char *call; /* as written: "GET /orders/{id}" */
	const char *http_method;
	const struct template *target;
	const struct body_template *body; /* NULL: none */
	const struct settings_rpc_param *params;
	size_t param_count, required; /* the first of them have no default */
	enum rpc_value_type returns;
	const char *help;
};

struct settings_rpc {
	const struct settings_rpc_method *methods; /* none: the route offers none */
	size_t method_count;
	bool extensions;      /* nil and i8 */
	uint64_t reply_bytes; /* 1MiB, of all replies to one request */
};

#endif
