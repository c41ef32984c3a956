/* rpc_instance: registrations, heartbeats and instances as XML-RPC structs, both ways. */
#include "common/route_claim.h"
#include "common/rpc.h"
#include "common/rpc_quick.h"
#include "common/status_ranges.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

/* A registration, a heartbeat or an instance as it comes off the wire. */
struct rpc_wire {
	const char *service, *id, *host, *scheme, *status, *zone, *version, *detail, *lease;
	int port, ttl_ms, weight, load;
	struct rpc_strings tags, routes;
	struct rpc_pairs meta;
	xmlrpc_value *check;
	bool port_given;
};

struct rpc_wire_check {
	const char *type, *path, *status;
	int interval_ms, timeout_ms;
};

static bool rpc_is_status(const char *text)
{
	return instance_status_parse(text) >= 0;
}

static bool rpc_is_check_type(const char *text)
{
	return strcmp(text, "tcp") == 0 || strcmp(text, "http") == 0;
}

static bool rpc_is_path(const char *text)
{
	return text[0] == '/' && instance_text_is_valid(text) && !strchr(text, ' ');
}

#define RPC_SERVICE_RULE "a name of at most 128 letters, digits, '.', '_' and '-'"
#define RPC_ID_RULE	 "an id of at most 128 letters, digits, '.', '_', '-' and ':'"
#define RPC_HOST_RULE	 "a host name or an address without a port, at most 255 bytes"
#define RPC_STATUS_RULE	 "\"up\", \"starting\", \"draining\", \"maintenance\" or \"down\""

#define WIRE(member) .name = #member, .offset = offsetof(struct rpc_wire, member)

/* What registrations and heartbeats share; in a heartbeat only service and id must be there. */
#define RPC_REGISTRATION_FIELDS(must_have_id, must_have_port)                                   \
	{WIRE(service),                                                                         \
	 .type = RPC_STRING,                                                                    \
	 .required = true,                                                                      \
	 .min = 1,                                                                              \
	 .max = INSTANCE_NAME_MAX,                                                              \
	 .is_valid = instance_service_is_valid,                                                 \
	 .allowed = RPC_SERVICE_RULE},                                                          \
		{WIRE(id),                                                                      \
		 .type = RPC_STRING,                                                            \
		 .required = (must_have_id),                                                    \
		 .min = 1,                                                                      \
		 .max = INSTANCE_NAME_MAX,                                                      \
		 .is_valid = instance_id_is_valid,                                              \
		 .allowed = RPC_ID_RULE},                                                       \
		{WIRE(port),                                                                    \
		 .type = RPC_INT,                                                               \
		 .required = (must_have_port),                                                  \
		 .min = 1,                                                                      \
		 .max = 65535,                                                                  \
		 .allowed = "a port, an int from 1 to 65535",                                   \
		 .given = RPC_GIVEN(struct rpc_wire, port_given)},                              \
		{WIRE(host),                                                                    \
		 .type = RPC_STRING,                                                            \
		 .min = 1,                                                                      \
		 .max = INSTANCE_HOST_MAX,                                                      \
		 .is_valid = instance_host_is_valid,                                            \
		 .allowed = RPC_HOST_RULE},                                                     \
		{WIRE(scheme),                                                                  \
		 .type = RPC_STRING,                                                            \
		 .min = 1,                                                                      \
		 .max = INSTANCE_SCHEME_MAX,                                                    \
		 .is_valid = instance_scheme_is_served,                                         \
		 .allowed = "\"http\" or \"https\""},                                           \
		{WIRE(ttl_ms), .type = RPC_INT, .min = INSTANCE_TTL_MIN_MS,                     \
		 .max = INSTANCE_TTL_MAX_MS,                                                    \
		 .allowed = "milliseconds, an int from 1000 to 3600000"},                       \
		{WIRE(weight), .type = RPC_INT, .min = 1, .max = INSTANCE_WEIGHT_MAX,           \
		 .allowed = "an int from 1 to 1000"},                                           \
		{WIRE(zone), .type = RPC_STRING, .max = INSTANCE_TEXT_MAX,                      \
		 .is_valid = instance_text_is_valid},                                           \
		{WIRE(version), .type = RPC_STRING, .max = INSTANCE_TEXT_MAX,                   \
		 .is_valid = instance_text_is_valid},                                           \
		{WIRE(tags), .type = RPC_STRINGS, .max = INSTANCE_TAGS_MAX,                     \
		 .is_valid = instance_text_is_valid},                                           \
		{WIRE(meta), .type = RPC_PAIRS, .max = INSTANCE_META_MAX,                       \
		 .is_valid = instance_text_is_valid},                                           \
		{WIRE(status), .type = RPC_STRING,	  .min = 1,                             \
		 .max = 16,    .is_valid = rpc_is_status, .allowed = RPC_STATUS_RULE},          \
		{WIRE(check), .type = RPC_STRUCT},                                              \
	{                                                                                       \
		WIRE(routes), .type = RPC_STRINGS, .max = INSTANCE_ROUTES_MAX,                  \
			      .item_max = INSTANCE_ROUTE_MAX, .is_valid = route_claim_is_valid, \
			      .allowed = ROUTE_CLAIM_RULE                                       \
	}

static const struct rpc_field rpc_registration_fields[] = {
	RPC_REGISTRATION_FIELDS(false, true),
};

static const struct rpc_field rpc_heartbeat_fields[] = {
	RPC_REGISTRATION_FIELDS(true, false),
	{WIRE(lease), .type = RPC_STRING, .max = INSTANCE_NAME_MAX,
	 .is_valid = instance_text_is_valid},
	{WIRE(load), .type = RPC_INT, .max = 100, .allowed = "an int from 0 to 100"},
};

static const struct rpc_field rpc_check_fields[] = {
	{.name = "type",
	 .type = RPC_STRING,
	 .required = true,
	 .offset = offsetof(struct rpc_wire_check, type),
	 .max = 16,
	 .is_valid = rpc_is_check_type,
	 .allowed = "\"tcp\" or \"http\""},
	{.name = "path",
	 .type = RPC_STRING,
	 .offset = offsetof(struct rpc_wire_check, path),
	 .min = 1,
	 .max = INSTANCE_VALUE_MAX,
	 .is_valid = rpc_is_path,
	 .allowed = "a path that begins with '/'"},
	{.name = "status",
	 .type = RPC_STRING,
	 .offset = offsetof(struct rpc_wire_check, status),
	 .min = 1,
	 .max = INSTANCE_CHECK_STATUS_MAX,
	 .is_valid = status_ranges_are_valid,
	 .allowed =
		 "a string of statuses from 200 to 599 and ranges of them, like \"200-299,401\""},
	{.name = "interval_ms",
	 .type = RPC_INT,
	 .offset = offsetof(struct rpc_wire_check, interval_ms),
	 .min = INSTANCE_CHECK_MIN_MS,
	 .max = INSTANCE_CHECK_MAX_MS},
	{.name = "timeout_ms",
	 .type = RPC_INT,
	 .offset = offsetof(struct rpc_wire_check, timeout_ms),
	 .min = INSTANCE_CHECK_MIN_MS,
	 .max = INSTANCE_CHECK_MAX_MS},
};

/* Lookups and watches answer these. What the registry took in it gives out, so the checks are for
 * the reader's safety only. */
static const struct rpc_field rpc_instance_fields[] = {
	{WIRE(id), .type = RPC_STRING, .required = true, .min = 1, .max = INSTANCE_NAME_MAX,
	 .is_valid = instance_id_is_valid, .allowed = RPC_ID_RULE},
	{WIRE(host), .type = RPC_STRING, .required = true, .min = 1, .max = INSTANCE_HOST_MAX,
	 .is_valid = instance_host_is_valid, .allowed = RPC_HOST_RULE},
	{WIRE(port), .type = RPC_INT, .required = true, .min = 1, .max = 65535},
	{WIRE(scheme), .type = RPC_STRING, .min = 1, .max = INSTANCE_SCHEME_MAX,
	 .is_valid = instance_scheme_is_valid},
	{WIRE(status), .type = RPC_STRING, .min = 1, .max = INSTANCE_TEXT_MAX},
	{WIRE(weight), .type = RPC_INT, .min = 1, .max = INSTANCE_WEIGHT_MAX},
	{WIRE(zone), .type = RPC_STRING, .max = INSTANCE_TEXT_MAX},
	{WIRE(version), .type = RPC_STRING, .max = INSTANCE_TEXT_MAX},
	{WIRE(detail), .type = RPC_STRING, .max = INSTANCE_VALUE_MAX},
	{WIRE(tags), .type = RPC_STRINGS, .max = INSTANCE_TAGS_MAX},
	{WIRE(meta), .type = RPC_PAIRS, .max = INSTANCE_META_MAX},
	{WIRE(routes), .type = RPC_STRINGS, .max = INSTANCE_ROUTES_MAX,
	 .item_max = INSTANCE_ROUTE_MAX},
};

#define RPC_COUNT(fields) (sizeof(fields) / sizeof((fields)[0]))

static const struct rpc_wire rpc_wire_defaults = {
	.service = "",
	.id = "",
	.host = "",
	.scheme = "http",
	.status = "up",
	.zone = "",
	.version = "",
	.detail = "",
	.lease = "",
	.ttl_ms = INSTANCE_TTL_DEFAULT_MS,
	.weight = INSTANCE_WEIGHT_DEFAULT,
	.load = -1,
};

static void rpc_from_wire(const struct rpc_wire *wire, struct instance *out)
{
	int status = instance_status_parse(wire->status);

	*out = (struct instance){
		.service = wire->service,
		.id = wire->id,
		.host = wire->host,
		.scheme = wire->scheme,
		.zone = wire->zone,
		.version = wire->version,
		.detail = wire->detail,
		.port = (uint16_t)wire->port,
		.weight = (unsigned)wire->weight,
		.ttl_ms = (unsigned)wire->ttl_ms,
		/* A status of a newer registry gets no requests. */
		.status = status < 0 ? INSTANCE_DOWN : (enum instance_status)status,
		.tags = wire->tags.items,
		.tag_count = wire->tags.count,
		.meta = wire->meta.items,
		.meta_count = wire->meta.count,
		.check_path = "",
		.check_status = "",
		.routes = wire->routes.items,
		.route_count = wire->routes.count,
	};
}

static int rpc_read_check(const char *where, xmlrpc_value *value, struct arena *arena,
			  struct instance *out, struct err *e)
{
	struct rpc_wire_check check = {.path = "", .status = ""};
	char inside[128];

	(void)snprintf(inside, sizeof(inside), "%s: check", where);
	if (rpc_read_struct(inside, value, rpc_check_fields, RPC_COUNT(rpc_check_fields), arena,
			    &check, e))
		return -1;
	out->check = strcmp(check.type, "http") == 0 ? INSTANCE_CHECK_HTTP : INSTANCE_CHECK_TCP;
	if (out->check == INSTANCE_CHECK_TCP && check.path[0])
		return err_code(e, RPC_FAULT_PARAMS, "%s: path: a tcp check has none", inside);
	if (out->check == INSTANCE_CHECK_TCP && check.status[0])
		return err_code(e, RPC_FAULT_PARAMS, "%s: status: a tcp check has none", inside);
	out->check_path = check.path;
	out->check_status = check.status;
	out->check_interval_ms = (unsigned)check.interval_ms;
	out->check_timeout_ms = (unsigned)check.timeout_ms;
	return 0;
}

int rpc_read_registration(const char *where, xmlrpc_value *value, struct arena *arena,
			  struct instance *out, struct err *e)
{
	struct rpc_wire wire = rpc_wire_defaults;

	if (rpc_read_struct(where, value, rpc_registration_fields,
			    RPC_COUNT(rpc_registration_fields), arena, &wire, e))
		return -1;
	rpc_from_wire(&wire, out);
	return wire.check ? rpc_read_check(where, wire.check, arena, out, e) : 0;
}

int rpc_read_heartbeat(const char *where, xmlrpc_value *value, struct arena *arena,
		       struct rpc_heartbeat *out, struct err *e)
{
	struct rpc_wire wire = rpc_wire_defaults;

	if (rpc_read_struct(where, value, rpc_heartbeat_fields, RPC_COUNT(rpc_heartbeat_fields),
			    arena, &wire, e))
		return -1;
	rpc_from_wire(&wire, &out->instance);
	out->whole = wire.port_given;
	out->lease = wire.lease;
	out->load = wire.load;
	return wire.check ? rpc_read_check(where, wire.check, arena, &out->instance, e) : 0;
}

bool rpc_quick_registration(struct rpc_quick *q, struct instance *out)
{
	struct rpc_wire wire = rpc_wire_defaults;

	if (!rpc_quick_struct(q, rpc_registration_fields, RPC_COUNT(rpc_registration_fields),
			      &wire))
		return false;
	rpc_from_wire(&wire, out);
	return true;
}

bool rpc_quick_heartbeat(struct rpc_quick *q, struct rpc_heartbeat *out)
{
	struct rpc_wire wire = rpc_wire_defaults;

	if (!rpc_quick_struct(q, rpc_heartbeat_fields, RPC_COUNT(rpc_heartbeat_fields), &wire))
		return false;
	rpc_from_wire(&wire, &out->instance);
	out->whole = wire.port_given;
	out->lease = wire.lease;
	out->load = wire.load;
	return true;
}

int rpc_read_instance(const char *where, xmlrpc_value *value, struct arena *arena,
		      struct instance *out, struct err *e)
{
	struct rpc_wire wire = rpc_wire_defaults;

	if (rpc_read_reply(where, value, rpc_instance_fields, RPC_COUNT(rpc_instance_fields), arena,
			   &wire, e))
		return -1;
	rpc_from_wire(&wire, out);
	return 0;
}

static void rpc_set_strings(xmlrpc_env *env, xmlrpc_value *to, const char *name,
			    const char *const *items, size_t count)
{
	xmlrpc_value *array;

	if (env->fault_occurred)
		return;
	array = rpc_new_array(env);
	for (size_t i = 0; i < count && !env->fault_occurred; i++)
		rpc_append(env, array, rpc_new_string(env, items[i]));
	rpc_set_value(env, to, name, rpc_built(env, array));
}

static void rpc_set_pairs(xmlrpc_env *env, xmlrpc_value *to, const char *name,
			  const struct instance_pair *pairs, size_t count)
{
	xmlrpc_value *members;

	if (env->fault_occurred)
		return;
	members = rpc_new_struct(env);
	for (size_t i = 0; i < count && !env->fault_occurred; i++)
		rpc_set_string(env, members, pairs[i].name, pairs[i].value);
	rpc_set_value(env, to, name, rpc_built(env, members));
}

static void rpc_set_given(xmlrpc_env *env, xmlrpc_value *to, const char *name, const char *text)
{
	if (text[0])
		rpc_set_string(env, to, name, text);
}

static void rpc_set_check(xmlrpc_env *env, xmlrpc_value *to, const struct instance *in)
{
	xmlrpc_value *check;

	if (env->fault_occurred || in->check == INSTANCE_CHECK_NONE)
		return;
	check = rpc_new_struct(env);
	rpc_set_string(env, check, "type", in->check == INSTANCE_CHECK_HTTP ? "http" : "tcp");
	rpc_set_given(env, check, "path", in->check_path);
	rpc_set_given(env, check, "status", in->check_status);
	if (in->check_interval_ms)
		rpc_set_int(env, check, "interval_ms", (int)in->check_interval_ms);
	if (in->check_timeout_ms)
		rpc_set_int(env, check, "timeout_ms", (int)in->check_timeout_ms);
	rpc_set_value(env, to, "check", rpc_built(env, check));
}

xmlrpc_value *rpc_build_registration(xmlrpc_env *env, const struct instance *in)
{
	xmlrpc_value *to = rpc_new_struct(env);

	rpc_set_string(env, to, "service", in->service);
	rpc_set_given(env, to, "id", in->id);
	rpc_set_int(env, to, "port", in->port);
	rpc_set_given(env, to, "host", in->host);
	rpc_set_given(env, to, "scheme", in->scheme);
	rpc_set_string(env, to, "status", instance_status_name(in->status));
	rpc_set_given(env, to, "zone", in->zone);
	rpc_set_given(env, to, "version", in->version);
	if (in->ttl_ms)
		rpc_set_int(env, to, "ttl_ms", (int)in->ttl_ms);
	if (in->weight)
		rpc_set_int(env, to, "weight", (int)in->weight);
	if (in->tag_count)
		rpc_set_strings(env, to, "tags", in->tags, in->tag_count);
	if (in->meta_count)
		rpc_set_pairs(env, to, "meta", in->meta, in->meta_count);
	if (in->route_count)
		rpc_set_strings(env, to, "routes", in->routes, in->route_count);
	rpc_set_check(env, to, in);
	return rpc_built(env, to);
}
