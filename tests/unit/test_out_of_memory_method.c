/*
 * Out of memory in the registry: each allocation of each method's call fails
 * once, those of xmlrpc-c and of the writer's thread too. The call is answered
 * by a fault or a result, and the same call works the next time.
 */
#include "common/clock.h"
#include "registry/backup.h"
#include "registry/catalog.h"
#include "registry/consumer_catalog.h"
#include "registry/drain.h"
#include "registry/keeper.h"
#include "registry/method.h"
#include "registry/quotas.h"
#include "registry/writer.h"
#include "tests/unit/fail_malloc.h"
#include "tests/unit/store_stub.h"
#include "tests/unit/unit.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- A store in the place of the real one ---- */

int store_commit(struct store *store, const struct store_change *changes, size_t count,
		 uint64_t revision, uint64_t number, struct err *e)
{
	(void)changes;
	(void)count;
	(void)e;
	store->revision = revision;
	store->number = number;
	return 0;
}

/* ---- The registry ---- */

static struct store fake;
static struct registry r;

static void on_change(void *arg)
{
	(void)arg;
	keeper_changed(r.keeper);
}

static void start(void)
{
	struct catalog_limits limits = {.instances_max = 5000,
					.services_max = 5000,
					.tombstones_max = 2,
					.texts_max_bytes = 1 << 20};
	struct writer_options options = {.store = &fake, .on_change = on_change};
	struct err e = {0};

	method_init();
	fake = (struct store){0};
	memset(&r, 0, sizeof(r));
	r.catalog = catalog_new("00aa00aa00", 0, &limits, clock_ms());
	r.consumers = consumer_catalog_new(&(struct consumer_catalog_limits){100, 10}, 0);
	r.drain = drain_new();
	r.quotas = quotas_new(100);
	r.backup = backup_new(&fake);
	r.keeper = keeper_new(&r, 100, &e);
	options.catalog = r.catalog;
	options.consumers = r.consumers;
	r.writer = writer_start(&options, &e);
	ck_assert(r.catalog && r.consumers && r.drain && r.keeper && r.writer);
}

static void stop(void)
{
	keeper_stop(r.keeper);
	writer_stop(&r.writer);
	drain_stop(r.drain);
	keeper_free(&r.keeper);
	backup_free(&r.backup);
	drain_free(&r.drain);
	quotas_free(&r.quotas);
	catalog_free(&r.catalog);
	consumer_catalog_free(&r.consumers);
}

/* ---- Calls ---- */

struct asked {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	int times;
	int code;	  /* the fault's; 0: a result */
	bool unspeakable; /* there was no memory for the document */
	char text[256];
};

static void answered(struct call *call, xmlrpc_value *result, const struct err *fault)
{
	struct asked *asked = call->owner;
	struct buf text;

	pthread_mutex_lock(&asked->lock);
	buf_init(&text, 16 << 20);
	asked->unspeakable = method_serialize(call, result, fault, &text) < 0;
	buf_fini(&text);
	if (result)
		xmlrpc_DECREF(result);
	asked->code = fault ? fault->code : result || call->text.len ? 0 : -1;
	if (fault)
		memcpy(asked->text, fault->text, sizeof(asked->text) - 1);
	asked->times++;
	pthread_cond_broadcast(&asked->changed);
	pthread_mutex_unlock(&asked->lock);
}

struct ask {
	const char *body;
	struct asked asked;
};

/* Asserts nothing: memory may be out. */
static int ask(void *arg)
{
	struct ask *a = arg;
	struct call *call = call_new(&r);

	a->asked = (struct asked){.lock = PTHREAD_MUTEX_INITIALIZER,
				  .changed = PTHREAD_COND_INITIALIZER};
	if (!call) {
		a->asked.times = 1;
		a->asked.code = RPC_FAULT_STORE; /* as the door says */
		(void)snprintf(a->asked.text, sizeof(a->asked.text), "out of memory");
		return -1;
	}
	call->answered = answered;
	call->owner = &a->asked;
	call->nested = true; /* else a watch would wait */
	(void)snprintf(call->peer, sizeof(call->peer), "127.0.0.1");
	method_handle(call, a->body, strlen(a->body));
	pthread_mutex_lock(&a->asked.lock);
	while (!a->asked.times)
		pthread_cond_wait(&a->asked.changed, &a->asked.lock);
	pthread_mutex_unlock(&a->asked.lock);
	return a->asked.code || a->asked.unspeakable ? -1 : 0;
}

static void check(void *arg, int result)
{
	struct ask *a = arg;

	(void)result;
	ck_assert_int_eq(a->asked.times, 1);
	/* Whatever fails, it is the registry's fault and not the caller's. */
	ck_assert_msg(a->asked.code == 0 || a->asked.code == RPC_FAULT_STORE, "%d: %s",
		      a->asked.code, a->asked.text);
	ck_assert(!a->asked.code || a->asked.text[0]);
}

#define STRING(name, value) "<member><name>" name "</name><value>" value "</value></member>"
#define INT(name, value)    STRING(name, "<int>" value "</int>")
#define STRUCT(members)	    "<value><struct>" members "</struct></value>"
#define ARRAY(items)	    "<array><data>" items "</data></array>"
#define PARAM(value)	    "<param>" value "</param>"
#define CALL(method, params)                                                                    \
	"<?xml version=\"1.0\"?><methodCall><methodName>" method "</methodName><params>" params \
	"</params></methodCall>"
#define INSTANCE STRING("service", "a") STRING("id", "x")
#define QUOTA \
	STRING("name", "plan") STRING("key", "ada") STRING("period", "2026-01-31") INT("quota", "9")
#define WHOLE                                                                                 \
	INSTANCE STRING("host", "10.0.0.1") INT("port", "80") INT("ttl_ms", "5000")           \
		STRING("zone", "z") STRING("tags", ARRAY("<value>t</value><value>u</value>")) \
			STRING("meta", "<struct>" STRING("k", "v") "</struct>")               \
				STRING("check", "<struct>" STRING("type", "tcp") "</struct>") \
					STRING("routes", ARRAY("<value>GET /a</value>"))
#define CONSUMER                                                                                \
	STRING("name", "ada")                                                                   \
	STRING("groups", ARRAY("<value>staff</value>"))                                         \
	STRING("limits", ARRAY(STRUCT(INT("rate", "5") INT("per_ms", "1000"))))                 \
	STRING("ip", "<struct>" STRING("deny", ARRAY("<value>10.0.0.0/8</value>")) "</struct>") \
	STRING("meta", "<struct>" STRING("k", "v") "</struct>")
#define ONE(method, struct_value)                      \
	"<value><struct>" STRING("methodName", method) \
		STRING("params", ARRAY(struct_value)) "</struct></value>"

static const char *const bodies[] = {
	CALL("registry.register", PARAM(STRUCT(WHOLE))),
	CALL("registry.register", PARAM(STRUCT(STRING("service", "a") INT("port", "80")))),
	CALL("registry.heartbeat", PARAM(STRUCT(INSTANCE INT("load", "5")))),
	CALL("registry.heartbeats", PARAM("<value>" ARRAY(STRUCT(INSTANCE) STRUCT(
					    STRING("service", "b") STRING("id", "y"))) "</value>")),
	CALL("registry.set_status", PARAM(STRUCT(INSTANCE STRING("status", "up")))),
	CALL("registry.lookup", PARAM(STRUCT(STRING("service", "a")))),
	CALL("registry.lookup", PARAM(STRUCT(STRING("service", "none")))),
	CALL("registry.services", PARAM(STRUCT(STRING("prefix", "a") INT("limit", "5")))),
	CALL("registry.watch", PARAM(STRUCT(STRING("revision", "") STRING(
				       "watcher", "<struct>" STRING("name", "g")
							  STRING("kind", "gateway") "</struct>")))),
	CALL("registry.report",
	     PARAM(STRUCT(STRING("watcher", "<struct>" STRING("name", "g")
						    STRING("kind", "gateway") "</struct>")
				  STRING("revision", "00aa00aa00.1")
					  STRING("instances",
						 ARRAY(STRUCT(INSTANCE INT("in_flight", "1"))))))),
	CALL("registry.report",
	     PARAM(STRUCT(STRING("watcher", "<struct>" STRING("name", "g") "</struct>") STRING(
		     "revision", "") STRING("sender", "s") INT("sequence", "1") STRING("instances",
										       ARRAY(""))
				  STRING("quotas", ARRAY(STRUCT(QUOTA INT("used", "1"))))))),
	CALL("registry.quota_list", ""),
	CALL("registry.quota_reset", PARAM(STRUCT(STRING("name", "plan") STRING("key", "ada")))),
	CALL("registry.stats", ""),
	CALL("register", PARAM("<value>l</value>") PARAM("<value>http://10.0.0.2</value>")
				 PARAM("<value>8080</value>")),
	CALL("get_service_details", PARAM("<value>a</value>")),
	CALL("update_status", PARAM("<value>l</value>") PARAM("<value><int>1</int></value>")),
	CALL("unregister", PARAM("<value>l</value>")), CALL("get_all_service_details", ""),
	CALL("get_reg_count", ""), CALL("system.listMethods", ""),
	CALL("system.methodSignature", PARAM("<value>register</value>")),
	CALL("system.methodHelp", PARAM("<value>register</value>")),
	CALL("system.multicall",
	     PARAM("<value>" ARRAY(ONE("registry.lookup", STRUCT(STRING("service", "a"))) ONE(
		     "registry.heartbeat", STRUCT(INSTANCE)) ONE("get_reg_count", "")) "</value>")),
	CALL("registry.deregister", PARAM(STRUCT(INSTANCE))),
	CALL("registry.consumer_put", PARAM(STRUCT(CONSUMER))),
	CALL("registry.consumer_get", PARAM(STRUCT(STRING("name", "ada")))),
	CALL("registry.consumer_list", PARAM(STRUCT(STRING("prefix", "a")))),
	/* One that ends soon, so that there is always room for the next. */
	CALL("registry.consumer_key_new",
	     PARAM(STRUCT(STRING("name", "ada") STRING("label", "l") INT("ttl_ms", "1")))),
	CALL("registry.consumer_key_revoke",
	     PARAM(STRUCT(STRING("name", "ada") STRING("key", "k00000000")))),
	CALL("registry.consumer_watch", PARAM(STRUCT(STRING("revision", "")))),
	CALL("registry.consumer_delete", PARAM(STRUCT(STRING("name", "bob")))),
	CALL("registry.backup", ""), /* the last: it starts a thread */
};

static void once(const char *body)
{
	struct ask a = {.body = body};

	ck_assert_msg(ask(&a) == 0, "%d: %s", a.asked.code, a.asked.text);
}

START_TEST(every_method_survives_every_failed_allocation)
{
	struct ask a = {.body = bodies[_i]};
	struct fail_malloc_count count;

	once(bodies[0]); /* there is something to find */
	once(CALL("registry.consumer_put", PARAM(STRUCT(CONSUMER))));
	once(CALL("registry.consumer_put", PARAM(STRUCT(STRING("name", "bob")))));
	count = fail_malloc_each(ask, check, &a);
	ck_assert_uint_gt(count.refused, 0);
	once(bodies[0]);
	once(bodies[5]);
	once(bodies[_i]);
}
END_TEST

START_TEST(a_call_that_is_refused_is_refused_without_memory_too)
{
	struct ask a = {
		.body = CALL("registry.lookup", PARAM("<value><int>99999999999</int></value>"))};

	once(bodies[0]); /* its threads are there: sanitizers can't start one without memory */
	for (int on = 0; on < 2; on++) {
		for (size_t nth = 1, met = 1; met; nth++) {
			int refused;

			fail_malloc_arm(nth, on);
			refused = ask(&a);
			met = fail_malloc_disarm();
			ck_assert_int_eq(refused, -1);
			ck_assert(met || a.asked.code == RPC_FAULT_PARAMS);
		}
	}
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("out_of_memory_method");
	TCase *t = tcase_create("method");

	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, start, stop);
	tcase_add_loop_test(t, every_method_survives_every_failed_allocation, 0,
			    (int)(sizeof(bodies) / sizeof(bodies[0])) -
				    !fail_malloc_spares_threads());
	tcase_add_test(t, a_call_that_is_refused_is_refused_without_memory_too);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	return unit_run(suite());
}
