/*
 * method: XML-RPC calls: from the body of a request to its answer, through
 * one table of methods. The same table answers system.listMethods and prints
 * the reference.
 *
 * A method answers at once or later, from any thread, exactly once. The call
 * and all that lies in its arena are gone then.
 */
#ifndef MICROREG_REGISTRY_METHOD_H
#define MICROREG_REGISTRY_METHOD_H

#include "common/arena.h"
#include "common/buf.h"
#include "common/err.h"
#include "common/rpc.h"
#include "common/rpc_quick.h"
#include "registry/access.h"
#include "registry/registry.h"
#include "registry/shared_answer.h"

#include <netinet/in.h>
#include <xmlrpc-c/base.h>

enum { CALL_ARENA_MAX = 8 << 20, CALL_TEXT_MAX = 256 << 20 };

struct call;

enum method_flag {
	METHOD_LATER = 1 << 0,	/* may answer later */
	METHOD_WRITES = 1 << 1, /* in a multicall it need not wait for writes before it */
};

struct method {
	const char *name;
	const char *signatures; /* "result,parameter,…", several separated by ';' */
	const char *help;
	void (*run)(struct call *call);
	unsigned flags;
	enum access_role role; /* who may call it; which services' is for the method to ask */
	/* For methods that are called very often, else NULL: reads the parameters from the call's
	 * bytes. True: it has run as `run` would; false: nothing has happened, `run` must. */
	bool (*quick)(struct call *call, struct rpc_quick *in);
};

struct call {
	struct registry *registry;
	const struct method *method;
	xmlrpc_value *params; /* an array; owned */
	struct arena arena;
	char peer[INET6_ADDRSTRLEN];	  /* the caller's address */
	const struct access_token *token; /* the caller's; NULL: there is no access control */
	struct access *access;		  /* holds the token; the call's reference */
	struct buf text;	      /* the document of the answer, where the method writes one */
	struct shared_answer *shared; /* owned; in the place of `text` where others get it too */
	/* Takes `result`; else `fault` says why there is none; else the answer is `shared` or, when
	 * that is NULL, `text`, whose memory may be taken. The call is freed afterwards. */
	void (*answered)(struct call *call, xmlrpc_value *result, const struct err *fault);
	void (*suspend)(struct call *call); /* NULL: nothing to do */
	void *owner;			    /* the two functions' own */
	bool nested;			    /* within system.multicall */
	size_t *room; /* of a nested one: what all answers together may list */
};

const struct method *method_find(const char *name);
/* The table, in the order of the reference; ends with a NULL name. */
extern const struct method method_table[];

/* A call without parameters yet. NULL when out of memory. */
struct call *call_new(struct registry *registry);

/* Runs it: `method` NULL is a fault. */
void call_start(struct call *call, const char *name);

/* Has the caller this role, or one that includes it? If not, `e` is the fault, about `what`. */
bool call_has_role(const struct call *call, const char *what, enum access_role role, struct err *e);

/* Counts a call and asks whether its caller may make it, before it runs. False, with the fault
 * answered, when not. */
bool call_begin(struct call *call);

/* May the caller change instances of this service? With `leased` only those whose lease it shows,
 * otherwise any: that is for administrators. If not, `e` is the fault. */
bool call_may(const struct call *call, const char *service, bool leased, struct err *e);

/* The name of the caller's token, or NULL. */
static inline const char *call_actor(const struct call *call)
{
	return call->token ? call->token->name : NULL;
}

/* Says that the answer comes later; on the thread that runs the method, before the call is handed
 * on. */
void call_suspend(struct call *call);

/* Answers with `result`, whose reference is taken; NULL: out of memory. */
void call_answer(struct call *call, xmlrpc_value *result);
/* Answers with call->shared, on the keeper's thread, or when that is NULL with call->text: a
 * document between rpc_write_begin and rpc_write_end. */
void call_answer_text(struct call *call);
/* The same after building under `env`: its fault is answered when it has one. Cleans `env`. */
void call_answer_env(struct call *call, xmlrpc_env *env, xmlrpc_value *result);
void call_fault(struct call *call, int code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void call_err(struct call *call, const struct err *e);

/* What a search of the history takes of a multicall's room, whatever it finds: it reads all that is
 * kept, a hundred thousand events, while heartbeats wait. */
enum { CALL_ROOM_OF_SEARCH = 1000 };

/* Before an answer that lists `count` instances or services. False, with the fault answered, when
 * that is more than the answers of a multicall may list together. */
bool call_takes_room(struct call *call, size_t count);

/* ---- Parameters ---- */

size_t call_param_count(const struct call *call);
/* Borrowed; NULL when there are fewer. */
xmlrpc_value *call_param(const struct call *call, size_t index);

/* Reads the one struct that a method takes. On false the fault is answered. */
bool call_params(struct call *call, const struct rpc_field *fields, size_t count, void *out);
/* The one struct, or NULL with the fault answered. */
xmlrpc_value *call_struct(struct call *call);

/* ---- The door ---- */

/* Handles the body of a request; `call` is new, its `answered` set. Parses, checks, runs. */
void method_handle(struct call *call, const char *body, size_t len);

/* The document of an answer, as `answered` got it; `out` is reset. -1 when out of memory. */
int method_serialize(const struct call *call, xmlrpc_value *result, const struct err *fault,
		     struct buf *out);
/* The same of a value alone, "<value>…</value>". */
int method_serialize_value(xmlrpc_value *value, struct buf *out);

/* Makes the text of a fault fit for XML: it holds no control characters, and one that was cut may
 * end within a character. */
void method_clean(char *text);

/* Once, before threads: raises xmlrpc-c's own limit to the guard's. */
void method_init(void);

/* The reference, as Markdown. */
void method_print_reference(struct buf *out);
/* The same of the fault codes. */
void method_print_faults(struct buf *out);

/* ---- The methods, by file ---- */

void method_register(struct call *call);
void method_heartbeat(struct call *call);
void method_heartbeats(struct call *call);
void method_deregister(struct call *call);
void method_set_status(struct call *call);
void method_backup(struct call *call);

bool method_register_quick(struct call *call, struct rpc_quick *in);
bool method_heartbeat_quick(struct call *call, struct rpc_quick *in);
bool method_heartbeats_quick(struct call *call, struct rpc_quick *in);

void method_lookup(struct call *call);
bool method_lookup_quick(struct call *call, struct rpc_quick *in);
void method_services(struct call *call);
void method_stats(struct call *call);
void method_history(struct call *call);

void method_watch(struct call *call);
void method_report(struct call *call);
void method_quota_list(struct call *call);
void method_quota_reset(struct call *call);

void method_consumer_put(struct call *call);
void method_consumer_get(struct call *call);
void method_consumer_list(struct call *call);
void method_consumer_delete(struct call *call);
void method_consumer_key_new(struct call *call);
void method_consumer_key_revoke(struct call *call);
void method_consumer_watch(struct call *call);

void legacy_register(struct call *call);
void legacy_get_service_details(struct call *call);
void legacy_update_status(struct call *call);
void legacy_unregister(struct call *call);
void legacy_get_all_service_details(struct call *call);
void legacy_get_reg_count(struct call *call);

void system_list_methods(struct call *call);
void system_method_signature(struct call *call);
void system_method_help(struct call *call);
void system_multicall(struct call *call);

#endif
