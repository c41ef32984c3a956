/* rpc_build: XML-RPC values, so that running out of memory half way is no crash. */
#include "common/rpc.h"

#include <stdlib.h>
#include <string.h>

enum {
	/* What the largest step takes: a value, its lock, its first block; a name is a value too.
	 */
	ROOM = 2048,
	ROOM_MEMBER = 128, /* a struct that grows copies its members to twice their room */
};

bool rpc_has_room(xmlrpc_env *env, size_t size)
{
	/* volatile: else compilers leave out what is freed unused */
	void *volatile room = NULL;

	if (env->fault_occurred)
		return false;
	room = malloc(ROOM + size);
	if (!room)
		xmlrpc_env_set_fault(env, XMLRPC_INTERNAL_ERROR, "out of memory");
	free(room);
	return room != NULL;
}

/* A maker's result; xmlrpc-c's return garbage with a fault. */
static xmlrpc_value *rpc_made(xmlrpc_env *env, xmlrpc_value *made)
{
	return env->fault_occurred ? NULL : made;
}

xmlrpc_value *rpc_new_struct(xmlrpc_env *env)
{
	return rpc_has_room(env, 0) ? rpc_made(env, xmlrpc_struct_new(env)) : NULL;
}

xmlrpc_value *rpc_new_array(xmlrpc_env *env)
{
	return rpc_has_room(env, 0) ? rpc_made(env, xmlrpc_array_new(env)) : NULL;
}

xmlrpc_value *rpc_new_string(xmlrpc_env *env, const char *text)
{
	return rpc_new_text(env, text, strlen(text));
}

xmlrpc_value *rpc_new_text(xmlrpc_env *env, const char *text, size_t len)
{
	return rpc_has_room(env, 2 * len) ? rpc_made(env, xmlrpc_string_new_lp(env, len, text))
					  : NULL;
}

xmlrpc_value *rpc_new_int(xmlrpc_env *env, int number)
{
	return rpc_has_room(env, 0) ? rpc_made(env, xmlrpc_int_new(env, number)) : NULL;
}

xmlrpc_value *rpc_new_bool(xmlrpc_env *env, bool yes)
{
	return rpc_has_room(env, 0) ? rpc_made(env, xmlrpc_bool_new(env, yes)) : NULL;
}

xmlrpc_value *rpc_built(xmlrpc_env *env, xmlrpc_value *value)
{
	if (!value || !env->fault_occurred)
		return value;
	xmlrpc_DECREF(value);
	return NULL;
}

void rpc_set_value(xmlrpc_env *env, xmlrpc_value *to, const char *name, xmlrpc_value *value)
{
	if (!value)
		return;
	if (!env->fault_occurred) {
		int count = xmlrpc_struct_size(env, to);

		if (rpc_has_room(env, count > 0 ? (size_t)count * ROOM_MEMBER : 0))
			xmlrpc_struct_set_value(env, to, name, value);
	}
	xmlrpc_DECREF(value);
}

void rpc_append(xmlrpc_env *env, xmlrpc_value *to, xmlrpc_value *value)
{
	if (!value)
		return;
	if (!env->fault_occurred)
		xmlrpc_array_append_item(env, to, value);
	xmlrpc_DECREF(value);
}

void rpc_set_string(xmlrpc_env *env, xmlrpc_value *to, const char *name, const char *text)
{
	rpc_set_value(env, to, name, rpc_new_string(env, text));
}

void rpc_set_int(xmlrpc_env *env, xmlrpc_value *to, const char *name, int number)
{
	rpc_set_value(env, to, name, rpc_new_int(env, number));
}

void rpc_set_bool(xmlrpc_env *env, xmlrpc_value *to, const char *name, bool yes)
{
	rpc_set_value(env, to, name, rpc_new_bool(env, yes));
}
