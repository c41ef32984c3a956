/*
 * settings_bridge: a route's `xmlrpc` as structs: the method that its requests
 * call, and what each parameter is made of. Lives in the settings' arena,
 * immutable once read.
 */
#ifndef MICROREG_GATEWAY_SETTINGS_BRIDGE_H
#define MICROREG_GATEWAY_SETTINGS_BRIDGE_H

#include "common/rpc_json.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct template;

enum { SETTINGS_PARAMS_MAX = 64, SETTINGS_PARAM_DEPTH_MAX = 8 };

enum settings_param_kind { PARAM_VALUE = 0, PARAM_STRUCT, PARAM_ARRAY };

struct settings_param {
	const char *name; /* of a member of a struct; else NULL */
	enum settings_param_kind kind;
	const struct settings_param *items; /* of STRUCT and ARRAY */
	size_t count;
	/* Of VALUE: */
	const struct template *value;
	enum rpc_json_type type;
	bool typed;	       /* else the method's signature says its type */
	const char *otherwise; /* in the place of a value that is missing; NULL: a 400 */
};

struct settings_bridge {
	const char *method; /* NULL: the route is no bridge */
	const char *path;   /* on the service: "/RPC2" */
	const struct settings_param *params;
	size_t count;
	uint64_t reply_bytes; /* 1MiB */
	bool takes_body;      /* one of them is made of the request's body */
	bool asks_signature;  /* the type of one of them is the service's to say */
};

#endif
