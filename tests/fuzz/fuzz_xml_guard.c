/*
 * fuzz_xml_guard: a document that the guard lets through costs xmlrpc-c little
 * memory and time, is no deeper and no larger than promised, holds only the
 * six standard types, and, written again, passes the guard again.
 */
#include "common/xml_guard.h"
#include "common/rpc.h"
#include "tests/fuzz/fuzz.h"

#include <sanitizer/allocator_interface.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>

enum {
	/* A value of xmlrpc-c is some 100 bytes, a member two of them, and the allocator's
	 * red zones as much again. */
	FUZZ_BYTES_PER_BYTE = 64,
	FUZZ_BYTES_SPARE = 64 << 10,
	FUZZ_CPU_MS_MAX = 1000,
};

static uint64_t cpu_ms(void)
{
	struct timespec t;

	FUZZ_HOLDS(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t) == 0);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static size_t walk(xmlrpc_value *value, unsigned depth);

static size_t walk_array(xmlrpc_value *value, unsigned depth)
{
	size_t count = 0;
	xmlrpc_env env;
	int n;

	xmlrpc_env_init(&env);
	n = xmlrpc_array_size(&env, value);
	for (int i = 0; i < n; i++) {
		xmlrpc_value *item = NULL;

		xmlrpc_array_read_item(&env, value, (unsigned)i, &item);
		FUZZ_HOLDS(!env.fault_occurred && item);
		count += walk(item, depth + 1);
		xmlrpc_DECREF(item);
	}
	xmlrpc_env_clean(&env);
	return count;
}

static size_t walk_struct(xmlrpc_value *value, unsigned depth)
{
	size_t count = 0;
	xmlrpc_env env;
	int n;

	xmlrpc_env_init(&env);
	n = xmlrpc_struct_size(&env, value);
	for (int i = 0; i < n; i++) {
		xmlrpc_value *name = NULL, *member = NULL, *found = NULL;

		xmlrpc_struct_read_member(&env, value, (unsigned)i, &name, &member);
		FUZZ_HOLDS(!env.fault_occurred);
		/* By its name it is found, so no other has the same. */
		xmlrpc_struct_find_value_v(&env, value, name, &found);
		FUZZ_HOLDS(!env.fault_occurred && found == member);
		count += walk(member, depth + 1);
		xmlrpc_DECREF(found);
		xmlrpc_DECREF(name);
		xmlrpc_DECREF(member);
	}
	xmlrpc_env_clean(&env);
	return count;
}

/* How many values there are. */
static size_t walk(xmlrpc_value *value, unsigned depth)
{
	FUZZ_HOLDS(depth <= XML_GUARD_DEPTH_MAX / 2);
	FUZZ_HOLDS(strcmp(rpc_type_name(value), "an extension type") != 0);
	if (xmlrpc_value_type(value) == XMLRPC_TYPE_ARRAY)
		return 1 + walk_array(value, depth);
	if (xmlrpc_value_type(value) == XMLRPC_TYPE_STRUCT)
		return 1 + walk_struct(value, depth);
	return 1;
}

/* `call`: the array of parameters; else a result. */
static void written_again_passes(xmlrpc_value *value, bool call)
{
	xmlrpc_mem_block *out;
	struct err e = {0};
	xmlrpc_env env;

	xmlrpc_env_init(&env);
	out = xmlrpc_mem_block_new(&env, 0);
	if (call)
		xmlrpc_serialize_call(&env, out, "m", value);
	else
		xmlrpc_serialize_response(&env, out, value);
	FUZZ_HOLDS(!env.fault_occurred);
	FUZZ_HOLDS(xml_guard_check(xmlrpc_mem_block_contents(out), xmlrpc_mem_block_size(out),
				   (size_t)2 * XML_GUARD_ELEMENTS_MAX, SIZE_MAX, &e) == 0);
	xmlrpc_mem_block_free(out);
	xmlrpc_env_clean(&env);
}

static void is_bounded(xmlrpc_value *value, size_t len, size_t bytes, uint64_t since_ms)
{
	FUZZ_HOLDS(cpu_ms() - since_ms < FUZZ_CPU_MS_MAX);
	FUZZ_HOLDS(bytes <= FUZZ_BYTES_SPARE + len * FUZZ_BYTES_PER_BYTE);
	FUZZ_HOLDS(walk(value, 0) <= XML_GUARD_ELEMENTS_MAX);
}

static void as_call(const char *body, size_t len)
{
	size_t before = __sanitizer_get_current_allocated_bytes();
	xmlrpc_value *params = NULL;
	const char *method = NULL;
	uint64_t since = cpu_ms();
	xmlrpc_env env;

	xmlrpc_env_init(&env);
	xmlrpc_parse_call(&env, body, len, &method, &params);
	if (!env.fault_occurred) {
		FUZZ_HOLDS(method && params);
		is_bounded(params, len, __sanitizer_get_current_allocated_bytes() - before, since);
		written_again_passes(params, true);
		xmlrpc_DECREF(params);
		free((void *)(uintptr_t)method);
	}
	xmlrpc_env_clean(&env);
}

static void as_response(const char *body, size_t len)
{
	size_t before = __sanitizer_get_current_allocated_bytes();
	xmlrpc_value *result = NULL;
	const char *text = NULL;
	uint64_t since = cpu_ms();
	xmlrpc_env env;
	int code;

	xmlrpc_env_init(&env);
	xmlrpc_parse_response2(&env, body, len, &result, &code, &text);
	if (!env.fault_occurred && result) {
		is_bounded(result, len, __sanitizer_get_current_allocated_bytes() - before, since);
		written_again_passes(result, false);
		xmlrpc_DECREF(result);
	} else if (!env.fault_occurred) {
		FUZZ_HOLDS(text);
		free((void *)(uintptr_t)text);
	}
	xmlrpc_env_clean(&env);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	const char *body = (const char *)data;
	size_t mark = xml_guard_mark(body, len);
	struct err e = {0};

	if (xml_guard_check(body, len, XML_GUARD_ELEMENTS_MAX, XML_GUARD_BYTES_MAX, &e)) {
		FUZZ_HOLDS(e.code && e.text[0]);
		return 0;
	}
	as_call(body + mark, len - mark);
	as_response(body + mark, len - mark);
	return 0;
}
