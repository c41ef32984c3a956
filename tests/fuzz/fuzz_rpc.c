/*
 * fuzz_rpc: what the guard lets through is cheap to parse, and a registration
 * that was read, written again, reads back the same.
 */
#include "common/rpc.h"
#include "common/xml_guard.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

static void read_back(const struct instance *in)
{
	struct instance again;
	struct err e = {0};
	struct arena arena;
	xmlrpc_value *built;
	xmlrpc_env env;

	arena_init(&arena, XML_GUARD_BYTES_MAX);
	xmlrpc_env_init(&env);
	built = rpc_build_registration(&env, in);
	FUZZ_HOLDS(built);
	FUZZ_HOLDS(rpc_read_registration("again", built, &arena, &again, &e) == 0);
	FUZZ_HOLDS(strcmp(in->service, again.service) == 0 && strcmp(in->id, again.id) == 0);
	FUZZ_HOLDS(in->port == again.port && in->ttl_ms == again.ttl_ms);
	FUZZ_HOLDS(in->tag_count == again.tag_count && in->meta_count == again.meta_count);
	FUZZ_HOLDS(in->check == again.check && strcmp(in->check_path, again.check_path) == 0 &&
		   strcmp(in->check_status, again.check_status) == 0);
	xmlrpc_DECREF(built);
	xmlrpc_env_clean(&env);
	arena_fini(&arena);
}

static void read_param(xmlrpc_value *param)
{
	struct rpc_heartbeat beat;
	struct instance in;
	struct arena arena;
	struct err e = {0};

	arena_init(&arena, XML_GUARD_BYTES_MAX);
	if (rpc_read_registration("registry.register", param, &arena, &in, &e) == 0)
		read_back(&in);
	else
		FUZZ_HOLDS(e.code && e.text[0]);
	if (rpc_read_heartbeat("registry.heartbeat", param, &arena, &beat, &e) == 0)
		FUZZ_HOLDS(beat.instance.id[0] && beat.load >= -1 && beat.load <= 100);
	if (rpc_read_instance("instance", param, &arena, &in, &e) == 0)
		FUZZ_HOLDS(in.port && in.host[0]);
	arena_fini(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	const char *body = (const char *)data, *method = NULL;
	size_t mark = xml_guard_mark(body, len);
	xmlrpc_value *params = NULL, *first = NULL;
	struct err e = {0};
	xmlrpc_env env;

	if (xml_guard_check(body, len, XML_GUARD_ELEMENTS_MAX, XML_GUARD_BYTES_MAX, &e)) {
		FUZZ_HOLDS(e.code && e.text[0]);
		return 0;
	}
	xmlrpc_env_init(&env);
	xmlrpc_parse_call(&env, body + mark, len - mark, &method, &params);
	if (!env.fault_occurred) {
		if (xmlrpc_array_size(&env, params) > 0)
			xmlrpc_array_read_item(&env, params, 0, &first);
		if (first) {
			read_param(first);
			xmlrpc_DECREF(first);
		}
		xmlrpc_DECREF(params);
		free((void *)(uintptr_t)method);
	}
	xmlrpc_env_clean(&env);
	return 0;
}
