/* method: the table, and the way of a call through it. */
#include "registry/method.h"
#include "common/suggest.h"
#include "common/xml_guard.h"

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct method method_table[] = {
	{"registry.register", "struct,struct",
	 "Registers an instance: service, port; optional host, id, scheme, ttl_ms, weight, zone, "
	 "version, tags, meta, status, check{type tcp or http, path, status that an http check "
	 "takes for good (\"200-299,401\"; without it \"200-399\"), interval_ms, timeout_ms}, "
	 "routes. Answers id, lease, ttl_ms, heartbeat_ms, revision. It is on the disk when the "
	 "answer comes.",
	 method_register, METHOD_LATER | METHOD_WRITES, ACCESS_REGISTER, method_register_quick},
	{"registry.heartbeat", "struct,struct",
	 "Keeps a lease alive: service, id, lease; may carry the whole registration, which heals a "
	 "registry that lost it, and load (0-100). Answers known, lease, heartbeat_ms, revision.",
	 method_heartbeat, METHOD_LATER | METHOD_WRITES, ACCESS_REGISTER, method_heartbeat_quick},
	{"registry.heartbeats", "array,array",
	 "At most 250 heartbeats at once; answers an array of their results, in which one that "
	 "was refused is a struct of faultCode and faultString.",
	 method_heartbeats, METHOD_LATER | METHOD_WRITES, ACCESS_REGISTER, method_heartbeats_quick},
	{"registry.deregister", "struct,struct",
	 "Takes an instance out: service, id, lease; with wait_ms it answers once every watching "
	 "gateway has stopped using it. Answers existed, drained, revision, and while gateways "
	 "have not let go of it their names as waiting.",
	 method_deregister, METHOD_LATER | METHOD_WRITES, ACCESS_REGISTER, NULL},
	{"registry.set_status", "struct,struct",
	 "Sets the status of an instance: service, id, status, reason; lease (without it an "
	 "administrator's, which wins until it is set to up); wait_ms as deregister. Answers "
	 "drained, revision, waiting.",
	 method_set_status, METHOD_LATER | METHOD_WRITES, ACCESS_REGISTER, NULL},
	{"registry.lookup", "struct,struct",
	 "The instances of a service that are up: service; optional zone, version, tags, status[], "
	 "at (a revision or a time: as it was then, while the history is kept). Answers revision, "
	 "instances, held, and a reason when there is none.",
	 method_lookup, 0, ACCESS_READ, method_lookup_quick},
	{"registry.services", "struct,struct;struct",
	 "The services by name: optional prefix, limit (1-1000), after. Answers revision and "
	 "services[name, instances, up, revision].",
	 method_services, 0, ACCESS_READ, NULL},
	{"registry.watch", "struct,struct",
	 "Waits for changes after revision (\"\": tells everything): optional service, wait_ms "
	 "(at most 60000), watcher{name, kind}. Answers revision, reset, changes[service, "
	 "instances, reason, held], more.",
	 method_watch, METHOD_LATER, ACCESS_READ, NULL},
	{"registry.report", "struct,struct",
	 "A gateway tells what it uses: watcher, revision, instances[service, id, in_flight, "
	 "failures], or in its place or beside it quotas[name, key, period, used, quota] with "
	 "sender and sequence, "
	 "which grows with each report: one that comes again counts nothing. A token needs the "
	 "role gateway for quotas, read for the rest. Answers revision, and "
	 "gateways (how many are alive) and quotas[name, key, period, used, left, counted] of all "
	 "gateways together, on the disk by "
	 "then.",
	 method_report, METHOD_LATER, ACCESS_READ, NULL},
	{"registry.quota_list", "struct,struct;struct",
	 "What is used of quotas, the most first: optional name, key, limit (1-1000, default 100). "
	 "Answers quotas[name, key, period, used, left, quota].",
	 method_quota_list, 0, ACCESS_GATEWAY, NULL},
	{"registry.quota_reset", "struct,struct",
	 "Lets a caller start anew in the day and the month that run: name, key. Answers existed, "
	 "and used, which is forgotten.",
	 method_quota_reset, METHOD_LATER | METHOD_WRITES, ACCESS_ADMIN, NULL},
	{"registry.stats", "struct;struct,struct", "Counters of the registry.", method_stats, 0,
	 ACCESS_READ, NULL},
	{"registry.history", "struct,struct;struct",
	 "What happened, the newest last: optional service, since (a revision or a time: then the "
	 "oldest after it), limit (1-1000, default 100). Answers events[revision, time, event, "
	 "service, id, actor, detail]. Events: registered, restored, deregistered, status, "
	 "checked, expired, removed, fenced, held; told only to the roles gateway and admin: "
	 "quota_reset, and of consumers, whose name is the id, consumer_put, consumer_deleted, "
	 "key_made, key_revoked.",
	 method_history, 0, ACCESS_READ, NULL},
	{"registry.backup", "struct;struct,struct",
	 "Copies the database, consistently, into the data directory. Answers file.", method_backup,
	 METHOD_LATER | METHOD_WRITES, ACCESS_ADMIN, NULL},
	{"registry.consumer_put", "struct,struct",
	 "Makes a consumer of all gateways, or replaces what is known of it but for its keys: "
	 "name; optional id (default: the name), groups[], limits[{rate, per_ms, burst, algorithm, "
	 "concurrent, quota, per, by, name}, by default by consumer; a quota in each day or "
	 "month], ip{allow[], deny[]}, password_hash, "
	 "certificates[], meta. Answers name, id, existed, changed, revision.",
	 method_consumer_put, METHOD_LATER | METHOD_WRITES, ACCESS_ADMIN, NULL},
	{"registry.consumer_get", "struct,struct",
	 "What is known of a consumer: name. Of keys[] the id, label, created, expires; of a "
	 "password whether there is one.",
	 method_consumer_get, 0, ACCESS_ADMIN, NULL},
	{"registry.consumer_list", "struct,struct;struct",
	 "The consumers by name: optional prefix, limit (1-1000, default 100), after. Answers "
	 "consumers[] as consumer_get, more, revision.",
	 method_consumer_list, 0, ACCESS_ADMIN, NULL},
	{"registry.consumer_delete", "struct,struct",
	 "Takes a consumer out, with its keys: name. Answers existed, revision.",
	 method_consumer_delete, METHOD_LATER | METHOD_WRITES, ACCESS_ADMIN, NULL},
	{"registry.consumer_key_new", "struct,struct",
	 "Makes a key of a consumer: name; optional label, ttl_ms or expires (a time), grace_ms "
	 "(the keys that are there end then at the latest). Answers name, key (its id), secret, "
	 "expires, revision. The secret is told only now.",
	 method_consumer_key_new, METHOD_LATER | METHOD_WRITES, ACCESS_ADMIN, NULL},
	{"registry.consumer_key_revoke", "struct,struct",
	 "Ends a key at once: name, key. Answers existed, revision.", method_consumer_key_revoke,
	 METHOD_LATER | METHOD_WRITES, ACCESS_ADMIN, NULL},
	{"registry.consumer_watch", "struct,struct",
	 "For gateways: waits for changes of consumers after revision (\"\": tells everything): "
	 "optional wait_ms (at most 60000). Answers revision, reset, more, changes[], as "
	 "consumer_get with the hashes of keys and password, or name and deleted.",
	 method_consumer_watch, METHOD_LATER, ACCESS_GATEWAY, NULL},
	{"register", "int,string,string,int;int,string,string,int,int",
	 "Original MicroReg: name, host, port, status (1 running, 0 stopped, -1 error). Answers an "
	 "id, or false.",
	 legacy_register, METHOD_LATER | METHOD_WRITES, ACCESS_REGISTER, NULL},
	{"get_service_details", "array,string",
	 "Original MicroReg: [host, port] of one running instance in turn, or false.",
	 legacy_get_service_details, 0, ACCESS_READ, NULL},
	{"update_status", "boolean,string,int",
	 "Original MicroReg: sets the status of the caller's instances of that name.",
	 legacy_update_status, METHOD_LATER | METHOD_WRITES, ACCESS_REGISTER, NULL},
	{"unregister", "boolean,string",
	 "Original MicroReg: takes the caller's instances of that name out.", legacy_unregister,
	 METHOD_LATER | METHOD_WRITES, ACCESS_REGISTER, NULL},
	{"get_all_service_details", "string", "Original MicroReg: everything, as JSON.",
	 legacy_get_all_service_details, 0, ACCESS_READ, NULL},
	{"get_reg_count", "int", "Original MicroReg: how many instances are registered.",
	 legacy_get_reg_count, 0, ACCESS_READ, NULL},
	{"system.listMethods", "array", "The names of all methods.", system_list_methods, 0,
	 ACCESS_READ, NULL},
	{"system.methodSignature", "array,string",
	 "The signatures of a method: the type of its result, then those of its parameters.",
	 system_method_signature, 0, ACCESS_READ, NULL},
	{"system.methodHelp", "string,string", "What a method is for.", system_method_help, 0,
	 ACCESS_READ, NULL},
	{"system.multicall", "array,array",
	 "At most 100 calls {methodName, params} at once; answers an array of [result] or "
	 "{faultCode, faultString}. A watch among them does not wait. Together they list at most "
	 "5,000 instances and services.",
	 system_multicall, METHOD_LATER, ACCESS_READ, NULL},
	{NULL, NULL, NULL, NULL, 0, ACCESS_NOBODY, NULL},
};

const struct method *method_find(const char *name)
{
	for (const struct method *m = method_table; m->name; m++)
		if (strcmp(m->name, name) == 0)
			return m;
	return NULL;
}

/* The method that was meant, or NULL: one that is written nearly so, or the same without its
 * "registry.". */
static const char *method_near(const char *name)
{
	const char *near = NULL;
	unsigned best = UINT_MAX;

	for (const struct method *m = method_table; m->name; m++) {
		const char *dot = strchr(m->name, '.');
		unsigned distance = suggest_distance(name, m->name);

		if (dot && strcmp(dot + 1, name) == 0)
			return m->name;
		if (distance >= best || !suggest_is_near(name, m->name))
			continue;
		best = distance;
		near = m->name;
	}
	return near;
}

static const char *method_role_name(enum access_role role)
{
	for (const struct settings_name *n = access_roles; n->name; n++)
		if (n->value == (unsigned)role)
			return n->name;
	return "nobody";
}

void method_init(void)
{
	/* Its own limit is 512 KiB and global; the guard bounds what reaches it. */
	xmlrpc_limit_set(XMLRPC_XML_SIZE_LIMIT_ID, XML_GUARD_BYTES_MAX);
}

void method_print_reference(struct buf *out)
{
	(void)buf_puts(out, "| method | role | signatures | what it does |\n|---|---|---|---|\n");
	for (const struct method *m = method_table; m->name; m++)
		(void)buf_printf(out, "| `%s` | %s | `%s` | %s |\n", m->name,
				 method_role_name(m->role), m->signatures, m->help);
}

void method_print_faults(struct buf *out)
{
	(void)buf_puts(out, "| code | meaning |\n|---|---|\n");
#define METHOD_PRINT_FAULT(name, code, meaning) \
	(void)buf_puts(out, "| " #code " | " meaning " |\n");
	RPC_FAULTS(METHOD_PRINT_FAULT)
#undef METHOD_PRINT_FAULT
}

/* ---- A call ---- */

struct call *call_new(struct registry *registry)
{
	struct call *call = calloc(1, sizeof(*call));

	if (!call)
		return NULL;
	call->registry = registry;
	arena_init(&call->arena, CALL_ARENA_MAX);
	buf_init(&call->text, CALL_TEXT_MAX);
	return call;
}

static void call_finish(struct call *call, xmlrpc_value *result, const struct err *fault)
{
	if (fault)
		atomic_fetch_add_explicit(&call->registry->faults, 1, memory_order_relaxed);
	call->answered(call, result, fault);
	if (call->params)
		xmlrpc_DECREF(call->params);
	arena_fini(&call->arena);
	buf_fini(&call->text);
	shared_answer_unref(&call->shared);
	access_unref(&call->access);
	free(call);
}

void call_answer(struct call *call, xmlrpc_value *result)
{
	if (result)
		call_finish(call, result, NULL);
	else
		call_fault(call, RPC_FAULT_STORE, "the registry is out of memory");
}

void call_answer_text(struct call *call)
{
	if (!call->text.failed)
		call_finish(call, NULL, NULL);
	else
		call_fault(call, RPC_FAULT_STORE, "the registry is out of memory");
}

void call_answer_env(struct call *call, xmlrpc_env *env, xmlrpc_value *result)
{
	bool failed = env->fault_occurred;

	if (failed && result) {
		xmlrpc_DECREF(result);
		result = NULL;
	}
	xmlrpc_env_clean(env);
	call_answer(call, failed ? NULL : result);
}

void call_err(struct call *call, const struct err *e)
{
	struct err copy = *e; /* may lie in the call's arena */

	if (!copy.code)
		copy.code = RPC_FAULT_STORE;
	call_finish(call, NULL, &copy);
}

void call_fault(struct call *call, int code, const char *format, ...)
{
	struct err e = {.code = code};
	va_list args;

	va_start(args, format);
	(void)vsnprintf(e.text, sizeof(e.text), format, args); /* cut when too long */
	va_end(args);
	call_err(call, &e);
}

bool call_takes_room(struct call *call, size_t count)
{
	if (!call->room)
		return true;
	if (count > *call->room) {
		call_fault(call, RPC_FAULT_TOO_LARGE,
			   "%s: the answers of this multicall would be too large; call it alone",
			   call->method->name);
		return false;
	}
	*call->room -= count;
	return true;
}

void call_suspend(struct call *call)
{
	if (call->suspend)
		call->suspend(call);
}

bool call_has_role(const struct call *call, const char *what, enum access_role role, struct err *e)
{
	const struct access_token *token = call->token;

	if (!token || access_includes(token->role, role))
		return true;
	(void)err_code(e, RPC_FAULT_FORBIDDEN,
		       "%s: the token \"%s\" has the role %s; this needs %s", what, token->name,
		       method_role_name(token->role), method_role_name(role));
	return false;
}

bool call_begin(struct call *call)
{
	struct err e = {0};

	atomic_fetch_add_explicit(&call->registry->calls, 1, memory_order_relaxed);
	if (call_has_role(call, call->method->name, call->method->role, &e))
		return true;
	call_err(call, &e);
	return false;
}

bool call_may(const struct call *call, const char *service, bool leased, struct err *e)
{
	const struct access_token *token = call->token;

	if (!token || token->role == ACCESS_ADMIN)
		return true;
	if (!access_covers(token, service))
		(void)err_code(e, RPC_FAULT_FORBIDDEN,
			       "%s: the services of the token \"%s\" do not cover \"%s\"",
			       call->method->name, token->name, service);
	else if (!leased)
		(void)err_code(e, RPC_FAULT_FORBIDDEN,
			       "%s: lease is missing; without it only the role admin may change "
			       "what is registered",
			       call->method->name);
	else
		return true;
	return false;
}

void call_start(struct call *call, const char *name)
{
	const char *near;

	call->method = method_find(name);
	if (call->method) {
		if (call_begin(call))
			call->method->run(call);
		return;
	}
	near = method_near(name);
	if (near)
		call_fault(call, RPC_FAULT_METHOD, "no method \"%.80s\"; did you mean \"%s\"?",
			   name, near);
	else
		call_fault(call, RPC_FAULT_METHOD,
			   "no method \"%.80s\"; system.listMethods names them all", name);
}

/* ---- Parameters ---- */

size_t call_param_count(const struct call *call)
{
	xmlrpc_env env;
	int n;

	xmlrpc_env_init(&env);
	n = xmlrpc_array_size(&env, call->params);
	xmlrpc_env_clean(&env);
	return n > 0 ? (size_t)n : 0;
}

xmlrpc_value *call_param(const struct call *call, size_t index)
{
	xmlrpc_value *value = NULL;
	xmlrpc_env env;

	if (index >= call_param_count(call))
		return NULL;
	xmlrpc_env_init(&env);
	xmlrpc_array_read_item(&env, call->params, (unsigned)index, &value);
	if (env.fault_occurred)
		value = NULL;
	else
		xmlrpc_DECREF(value); /* the array keeps it */
	xmlrpc_env_clean(&env);
	return value;
}

xmlrpc_value *call_struct(struct call *call)
{
	if (call_param_count(call) == 1)
		return call_param(call, 0);
	call_fault(call, RPC_FAULT_PARAMS, "%s: takes one struct, not %zu parameters",
		   call->method->name, call_param_count(call));
	return NULL;
}

bool call_params(struct call *call, const struct rpc_field *fields, size_t count, void *out)
{
	xmlrpc_value *value = call_struct(call);
	struct err e = {0};

	if (!value)
		return false;
	if (rpc_read_struct(call->method->name, value, fields, count, &call->arena, out, &e) == 0)
		return true;
	call_err(call, &e);
	return false;
}

/* ---- The door ---- */

/* xmlrpc-c's codes are its own; callers see those of the interface. The guard has checked the
 * elements, so of a call only a value can still be wrong. */
static int method_fault_code(const xmlrpc_env *env, const char *body, size_t len)
{
	static const char call[] = "<methodCall";

	if (env->fault_code == XMLRPC_LIMIT_EXCEEDED_ERROR)
		return RPC_FAULT_TOO_LARGE;
	/* Its parser says "out of memory" with the code of a bad document. */
	if (env->fault_code == XMLRPC_INTERNAL_ERROR || strstr(env->fault_string, "memory"))
		return RPC_FAULT_STORE;
	return memmem(body, len, call, sizeof(call) - 1) ? RPC_FAULT_PARAMS : RPC_FAULT_CALL;
}

/* True when that was all; else nothing has happened. */
static bool method_handle_quick(struct call *call, const char *body, size_t len)
{
	char name[RPC_QUICK_NAME_MAX];
	struct rpc_quick in;

	if (call->nested || !rpc_quick_open(&in, body, len, &call->arena, name))
		return false;
	call->method = method_find(name);
	return call->method && call->method->quick && call->method->quick(call, &in);
}

void method_handle(struct call *call, const char *body, size_t len)
{
	const char *name = NULL;
	struct err e = {0};
	xmlrpc_env env;
	size_t mark;

	if (method_handle_quick(call, body, len))
		return;
	if (xml_guard_check(body, len, XML_GUARD_ELEMENTS_MAX, XML_GUARD_BYTES_MAX, &e) < 0) {
		call_err(call, &e);
		return;
	}
	mark = xml_guard_mark(body, len);
	xmlrpc_env_init(&env);
	xmlrpc_parse_call(&env, body + mark, len - mark, &name, &call->params);
	if (env.fault_occurred) {
		call->params = NULL;
		call_fault(call, method_fault_code(&env, body, len), "not a call of XML-RPC: %s",
			   env.fault_string);
	} else {
		call_start(call, name);
		free((char *)(uintptr_t)name); /* xmlrpc-c's headers offer nothing else */
	}
	xmlrpc_env_clean(&env);
}
