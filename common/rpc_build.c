/* rpc_build: XML-RPC values, so that running out of memory half way is no crash. */
#include "common/rpc.h"

/* A maker's result; xmlrpc-c's return garbage with a fault. */
static xmlrpc_value *rpc_made(xmlrpc_env *env, xmlrpc_value *made)
{
	return env->fault_occurred ? NULL : made;
}

xmlrpc_value *rpc_new_struct(xmlrpc_env *env)
{
	return env->fault_occurred ? NULL : rpc_made(env, xmlrpc_struct_new(env));
}

xmlrpc_value *rpc_new_array(xmlrpc_env *env)
{
	return env->fault_occurred ? NULL : rpc_made(env, xmlrpc_array_new(env));
}

xmlrpc_value *rpc_new_string(xmlrpc_env *env, const char *text)
{
	return env->fault_occurred ? NULL : rpc_made(env, xmlrpc_string_new(env, text));
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
	if (!value || env->fault_occurred)
		return;
	xmlrpc_struct_set_value(env, to, name, value);
	xmlrpc_DECREF(value);
}

void rpc_append(xmlrpc_env *env, xmlrpc_value *to, xmlrpc_value *value)
{
	if (!value || env->fault_occurred)
		return;
	xmlrpc_array_append_item(env, to, value);
	xmlrpc_DECREF(value);
}

void rpc_set_string(xmlrpc_env *env, xmlrpc_value *to, const char *name, const char *text)
{
	rpc_set_value(env, to, name, rpc_new_string(env, text));
}

void rpc_set_int(xmlrpc_env *env, xmlrpc_value *to, const char *name, int number)
{
	if (!env->fault_occurred)
		rpc_set_value(env, to, name, xmlrpc_int_new(env, number));
}

void rpc_set_bool(xmlrpc_env *env, xmlrpc_value *to, const char *name, bool yes)
{
	if (!env->fault_occurred)
		rpc_set_value(env, to, name, xmlrpc_bool_new(env, yes));
}
