/*
 * method_system: system.listMethods, methodSignature, methodHelp, multicall.
 *
 * A multicall starts its calls in order. Writes run side by side, so that they
 * share transactions (the writer keeps the order of those that touch the same
 * instance); anything else waits for the writes before it, so that a lookup
 * sees them.
 */
#include "common/rpc_write.h"
#include "registry/method.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum {
	MULTICALL_MAX = 100,
	/* Instances and services in all answers together: 100 lookups of 1,000 instances each, in a
	 * call of 27 KB, took 570 MB. */
	MULTICALL_ROOM = 5000,
	SYSTEM_NAME_MAX = 80,
};

/* ---- What there is ---- */

void system_list_methods(struct call *call)
{
	xmlrpc_value *list;
	xmlrpc_env env;

	xmlrpc_env_init(&env);
	list = rpc_new_array(&env);
	for (const struct method *m = method_table; m->name; m++)
		rpc_append(&env, list, rpc_new_string(&env, m->name));
	call_answer_env(call, &env, list);
}

/* The method that the one parameter names, or NULL with the fault answered. */
static const struct method *system_method(struct call *call)
{
	xmlrpc_value *value = call_param(call, 0);
	const struct method *method = NULL;
	const char *name = NULL;
	xmlrpc_env env;

	xmlrpc_env_init(&env);
	if (value && call_param_count(call) == 1)
		xmlrpc_read_string(&env, value, &name);
	if (env.fault_occurred)
		name = NULL;
	else if (name)
		method = method_find(name);
	if (env.fault_code == XMLRPC_INTERNAL_ERROR)
		call_answer(call, NULL);
	else if (!name)
		call_fault(call, RPC_FAULT_PARAMS, "%s: takes one string, the name of a method",
			   call->method->name);
	else if (!method)
		call_fault(call, RPC_FAULT_PARAMS,
			   "%s: no method \"%.80s\"; system.listMethods names them all",
			   call->method->name, name);
	free((char *)(uintptr_t)name); /* xmlrpc-c's headers offer nothing else */
	xmlrpc_env_clean(&env);
	return method;
}

void system_method_help(struct call *call)
{
	const struct method *method = system_method(call);
	xmlrpc_env env;

	if (!method)
		return;
	xmlrpc_env_init(&env);
	call_answer_env(call, &env, rpc_new_string(&env, method->help));
}

void system_method_signature(struct call *call)
{
	const struct method *method = system_method(call);
	xmlrpc_value *all, *one;
	xmlrpc_env env;

	if (!method)
		return;
	xmlrpc_env_init(&env);
	all = rpc_new_array(&env);
	one = rpc_new_array(&env);
	for (const char *at = method->signatures;;) {
		size_t len = strcspn(at, ",;");

		rpc_append(&env, one, rpc_new_text(&env, at, len));
		at += len;
		if (*at == ',') {
			at++;
			continue;
		}
		rpc_append(&env, all, one);
		one = NULL;
		if (!*at++)
			break;
		one = rpc_new_array(&env);
	}
	if (one)
		xmlrpc_DECREF(one);
	call_answer_env(call, &env, all);
}

/* ---- Many at once ---- */

struct multicall;

struct multicall_item {
	struct multicall *of;
	struct buf value; /* the result, "<value>…</value>" */
	struct err fault; /* when there is none: its code is set */
};

struct multicall {
	struct call *call;
	pthread_mutex_t lock; /* guards the four below and the items' outcomes */
	size_t next, pending;
	bool stepping; /* some thread is in multicall_step */
	size_t room;   /* whoever steps takes of it: what lists answers at once */
	size_t count;
	struct multicall_item items[MULTICALL_MAX];
};

static void multicall_step(struct multicall *m);

/* Keeps the result as its bytes. False: no memory. */
static bool multicall_keep(struct buf *to, const struct call *call, xmlrpc_value *result)
{
	const char *value;
	size_t len;

	if (result)
		return method_serialize_value(result, to) == 0;
	value = rpc_write_value(&call->text, &len);
	return buf_append(to, value, len) == 0;
}

static void multicall_item_answered(struct call *call, xmlrpc_value *result,
				    const struct err *fault)
{
	struct multicall_item *item = call->owner;
	struct multicall *m = item->of;
	bool stepping;

	(void)pthread_mutex_lock(&m->lock);
	if (fault)
		item->fault = *fault;
	else if (!multicall_keep(&item->value, call, result))
		(void)err_code(&item->fault, RPC_FAULT_STORE, "the registry is out of memory");
	m->pending--;
	stepping = m->stepping;
	m->stepping = true;
	(void)pthread_mutex_unlock(&m->lock);
	if (result)
		xmlrpc_DECREF(result);
	/* Who steps may finish and free all of it, so this looks at nothing any more. */
	if (!stepping)
		multicall_step(m);
}

static void multicall_write(struct buf *to, struct multicall_item *item)
{
	if (item->fault.code) {
		method_clean(item->fault.text);
		rpc_write_struct(to);
		rpc_write_set_int(to, "faultCode", item->fault.code);
		rpc_write_set_string(to, "faultString", item->fault.text);
		rpc_write_struct_end(to);
		return;
	}
	rpc_write_array(to);
	(void)buf_append(to, item->value.data, item->value.len); /* shows in failed */
	rpc_write_array_end(to);
}

static void multicall_finish(struct multicall *m)
{
	struct call *call = m->call;
	struct buf *to = &call->text;

	rpc_write_begin(to);
	rpc_write_array(to);
	for (size_t i = 0; i < m->count; i++) {
		multicall_write(to, &m->items[i]);
		buf_fini(&m->items[i].value);
	}
	rpc_write_array_end(to);
	rpc_write_end(to);
	(void)pthread_mutex_destroy(&m->lock);
	free(m);
	call_answer_text(call);
}

struct multicall_entry {
	const char *name;
	xmlrpc_value *params;
};

static const struct rpc_field multicall_fields[] = {
	{.name = "methodName",
	 .type = RPC_STRING,
	 .required = true,
	 .offset = offsetof(struct multicall_entry, name),
	 .min = 1,
	 .max = SYSTEM_NAME_MAX},
	{.name = "params",
	 .type = RPC_ARRAY,
	 .required = true,
	 .offset = offsetof(struct multicall_entry, params)},
};

/* Reads the call at `index`; -1 leaves its fault in the item. */
static int multicall_read(struct multicall *m, size_t index, struct multicall_entry *out)
{
	struct multicall_item *item = &m->items[index];
	xmlrpc_value *entry = NULL;
	xmlrpc_env env;
	int r;

	xmlrpc_env_init(&env);
	xmlrpc_array_read_item(&env, call_param(m->call, 0), (unsigned)index, &entry);
	if (env.fault_occurred) {
		r = err_code(&item->fault, RPC_FAULT_STORE, "the registry is out of memory");
	} else {
		r = rpc_read_struct("system.multicall", entry, multicall_fields, 2, &m->call->arena,
				    out, &item->fault);
		xmlrpc_DECREF(entry); /* the array keeps it */
	}
	xmlrpc_env_clean(&env);
	if (r == 0 && out->name && strcmp(out->name, "system.multicall") == 0)
		r = err_code(&item->fault, RPC_FAULT_PARAMS,
			     "system.multicall: can't be called within itself");
	return r;
}

static void multicall_start(struct multicall *m, size_t index, const struct multicall_entry *entry)
{
	struct call *call = call_new(m->call->registry);

	if (!call) {
		struct call dummy = {.owner = &m->items[index]};
		struct err e;

		(void)err_code(&e, RPC_FAULT_STORE, "the registry is out of memory");
		multicall_item_answered(&dummy, NULL, &e);
		return;
	}
	memcpy(call->peer, m->call->peer, sizeof(call->peer));
	call->token = m->call->token; /* which lives as long as the call around this one */
	call->params = entry->params;
	xmlrpc_INCREF(call->params);
	call->answered = multicall_item_answered;
	call->owner = &m->items[index];
	call->nested = true;
	call->room = &m->room;
	call_start(call, entry->name);
}

/* Starts what may start now. Exactly one thread is in here: the one that set `stepping`. */
static void multicall_step(struct multicall *m)
{
	for (;;) {
		struct multicall_entry entry = {0};
		const struct method *method = NULL;
		size_t index;
		bool bad, wait;

		(void)pthread_mutex_lock(&m->lock);
		index = m->next;
		bad = index < m->count && multicall_read(m, index, &entry) < 0;
		if (index < m->count && !bad)
			method = method_find(entry.name);
		wait = m->pending &&
		       (index == m->count || (!bad && !(method && method->flags & METHOD_WRITES)));
		if (wait)
			m->stepping = false; /* whoever answers next goes on */
		else if (index < m->count) {
			m->next++;
			m->pending += !bad;
		}
		(void)pthread_mutex_unlock(&m->lock);
		if (wait)
			return;
		if (index == m->count)
			break;
		if (!bad)
			multicall_start(m, index, &entry);
	}
	multicall_finish(m);
}

void system_multicall(struct call *call)
{
	xmlrpc_value *list = call_param(call, 0);
	struct multicall *m;
	xmlrpc_env env;
	int count;

	if (!list || call_param_count(call) != 1 || xmlrpc_value_type(list) != XMLRPC_TYPE_ARRAY) {
		call_fault(call, RPC_FAULT_PARAMS, "system.multicall: takes one array of calls");
		return;
	}
	xmlrpc_env_init(&env);
	count = xmlrpc_array_size(&env, list);
	xmlrpc_env_clean(&env);
	if (count < 0 || count > MULTICALL_MAX) {
		call_fault(call, RPC_FAULT_PARAMS, "system.multicall: %d calls; at most %d", count,
			   MULTICALL_MAX);
		return;
	}
	m = calloc(1, sizeof(*m));
	if (!m || pthread_mutex_init(&m->lock, NULL)) {
		free(m);
		call_fault(call, RPC_FAULT_STORE, "the registry is out of memory");
		return;
	}
	m->call = call;
	m->count = (size_t)count;
	m->stepping = true;
	m->room = MULTICALL_ROOM;
	for (size_t i = 0; i < m->count; i++) {
		m->items[i].of = m;
		buf_init(&m->items[i].value, CALL_TEXT_MAX);
	}
	call_suspend(call);
	multicall_step(m);
}
