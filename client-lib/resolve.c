/* resolve: lists from the snapshot, and lookups at the registry. */
#include "client-lib/call.h"
#include "client-lib/handle.h"
#include "client-lib/service.h"
#include "client-lib/snapshot.h"
#include "common/arena.h"
#include "common/err.h"
#include "common/rpc.h"

#include <string.h>

enum {
	RESOLVE_ARENA_MAX = 256 << 20, /* a reply of 16 MiB holds no more */
	RESOLVE_REASON_MAX = 1024,
};

const struct microreg_service *microreg_resolve(struct microreg *registry, const char *service)
{
	const struct microreg_service *found;

	if (!registry || !service)
		return NULL;
	(void)pthread_mutex_lock(&registry->lock);
	found = microreg_service_ref(microreg_snapshot_find(registry->snapshot, service));
	(void)pthread_mutex_unlock(&registry->lock);
	return found;
}

const struct microreg_snapshot *microreg_snapshot_ref(struct microreg *registry)
{
	const struct microreg_snapshot *snapshot;

	if (!registry)
		return NULL;
	(void)pthread_mutex_lock(&registry->lock);
	snapshot = snapshot_share(registry->snapshot);
	(void)pthread_mutex_unlock(&registry->lock);
	return snapshot;
}

/* ---- Lookup ---- */

struct resolve_reply {
	const char *revision, *reason;
	bool held;
	xmlrpc_value *instances;
};

static const struct rpc_field resolve_fields[] = {
	{.name = "revision",
	 .type = RPC_STRING,
	 .offset = offsetof(struct resolve_reply, revision),
	 .max = INSTANCE_TEXT_MAX},
	{.name = "reason",
	 .type = RPC_STRING,
	 .offset = offsetof(struct resolve_reply, reason),
	 .max = RESOLVE_REASON_MAX},
	{.name = "held", .type = RPC_BOOL, .offset = offsetof(struct resolve_reply, held)},
	{.name = "instances",
	 .type = RPC_ARRAY,
	 .required = true,
	 .offset = offsetof(struct resolve_reply, instances)},
};

static const struct microreg_service *resolve_build(const char *name, xmlrpc_value *result,
						    struct arena *arena, struct err *reason)
{
	struct resolve_reply reply = {.revision = "", .reason = ""};
	const struct microreg_service *service = NULL;
	struct instance *instances;
	xmlrpc_env env;
	int count, failed = 0;

	if (rpc_read_reply("registry.lookup", result, resolve_fields,
			   sizeof(resolve_fields) / sizeof(resolve_fields[0]), arena, &reply,
			   reason))
		return NULL;
	xmlrpc_env_init(&env);
	count = xmlrpc_array_size(&env, reply.instances);
	instances = arena_alloc(arena, (size_t)count * sizeof(*instances));
	(void)err_set(reason, "out of memory");
	for (int i = 0; instances && i < count && !failed; i++) {
		xmlrpc_value *item = NULL;

		xmlrpc_array_read_item(&env, reply.instances, (unsigned)i, &item);
		failed = !item ||
			 rpc_read_instance("registry.lookup", item, arena, &instances[i], reason);
		if (item)
			xmlrpc_DECREF(item);
	}
	if (instances && !failed)
		service = service_new(&(struct service_facts){.name = name,
							      .revision = reply.revision,
							      .reason = reply.reason,
							      .held = reply.held,
							      .instances = instances,
							      .count = (size_t)count});
	xmlrpc_env_clean(&env);
	return service;
}

static void resolve_set_strings(xmlrpc_env *env, xmlrpc_value *to, const char *name,
				const char *const *items, size_t count)
{
	xmlrpc_value *array;

	if (!count || env->fault_occurred)
		return;
	array = rpc_new_array(env);
	for (size_t i = 0; i < count && !env->fault_occurred; i++)
		rpc_append(env, array, rpc_new_string(env, items[i] ? items[i] : ""));
	rpc_set_value(env, to, name, rpc_built(env, array));
}

/* The struct when it could be built, else NULL. */
static xmlrpc_value *resolve_built(xmlrpc_env *env, xmlrpc_value *built)
{
	built = rpc_built(env, built);
	xmlrpc_env_clean(env);
	return built;
}

static xmlrpc_value *resolve_build_query(const struct microreg_query *query)
{
	xmlrpc_value *param;
	xmlrpc_env env;

	xmlrpc_env_init(&env);
	param = rpc_new_struct(&env);
	rpc_set_string(&env, param, "service", query->service);
	if (query->zone)
		rpc_set_string(&env, param, "zone", query->zone);
	if (query->version)
		rpc_set_string(&env, param, "version", query->version);
	resolve_set_strings(&env, param, "tags", query->tags, query->tag_count);
	resolve_set_strings(&env, param, "status", query->status, query->status_count);
	return resolve_built(&env, param);
}

const struct microreg_service *microreg_lookup(struct microreg *registry,
					       const struct microreg_query *query,
					       struct microreg_error *error)
{
	const struct microreg_service *service = NULL;
	xmlrpc_value *param, *result = NULL;
	struct err reason = {0};
	struct arena arena;

	error_clear(error);
	if (!registry || !query || !query->service || !instance_service_is_valid(query->service)) {
		(void)error_set(error, MICROREG_BAD_ARGUMENT, "registry, query or its service: %s",
				registry && query && query->service ? "not the name of a service"
								    : "NULL");
		return NULL;
	}
	param = resolve_build_query(query);
	if (!param) {
		(void)error_memory(error);
		return NULL;
	}
	if (!call_run(registry,
		      &(struct call){.method = "registry.lookup",
				     .param = param,
				     .timeout_ms = registry->timeout_ms,
				     .reply_max = CALL_REPLY_LARGE},
		      &result, error)) {
		arena_init(&arena, RESOLVE_ARENA_MAX);
		service = resolve_build(query->service, result, &arena, &reason);
		if (!service)
			(void)call_bad_reply(registry, reason.text, error);
		arena_fini(&arena);
		xmlrpc_DECREF(result);
	}
	xmlrpc_DECREF(param);
	return service;
}
