/*
 * method: calls as XML in, answers as XML out, over a whole registry but for
 * its HTTP door.
 */
#include "common/clock.h"
#include "registry/catalog.h"
#include "registry/consumer_catalog.h"
#include "registry/drain.h"
#include "registry/keeper.h"
#include "registry/method.h"
#include "registry/quotas.h"
#include "registry/store.h"
#include "registry/writer.h"
#include "tests/unit/unit.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char dir[64];
static struct registry r;
static struct store *store;
static struct buf answer; /* of the last call */
static const char *peer = "127.0.0.1";

static void on_change(void *arg)
{
	(void)arg;
	keeper_changed(r.keeper);
}

static void start(void)
{
	struct catalog_limits limits = {.instances_max = 100,
					.services_max = 100,
					.tombstones_max = 10,
					.texts_max_bytes = 1 << 20};
	struct writer_options options = {.on_change = on_change};
	struct err e = {0};

	(void)snprintf(dir, sizeof(dir), "/tmp/microreg-method-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	method_init();
	memset(&r, 0, sizeof(r));
	store = store_open(dir, &e);
	ck_assert_msg(store != NULL, "%s", e.text);
	r.catalog = catalog_new("00aa00aa00", 0, &limits, clock_ms());
	r.consumers = consumer_catalog_new(&(struct consumer_catalog_limits){100, 10}, 0);
	r.drain = drain_new();
	r.quotas = quotas_new(100);
	r.keeper = keeper_new(&r, 100, &e);
	options.store = store;
	options.catalog = r.catalog;
	options.consumers = r.consumers;
	r.writer = writer_start(&options, &e);
	ck_assert(r.catalog && r.consumers && r.drain && r.keeper && r.writer);
	ck_assert_int_eq(keeper_start(r.keeper, &e), 0);
	buf_init(&answer, 16 << 20);
}

static void stop(void)
{
	char command[128];

	keeper_stop(r.keeper);
	writer_stop(&r.writer);
	drain_stop(r.drain);
	keeper_free(&r.keeper);
	drain_free(&r.drain);
	quotas_free(&r.quotas);
	catalog_free(&r.catalog);
	consumer_catalog_free(&r.consumers);
	store_close(&store);
	buf_fini(&answer);
	(void)snprintf(command, sizeof(command), "rm -rf '%s'", dir);
	ck_assert_int_eq(system(command), 0);
}

/* ---- Calling ---- */

struct asked {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct buf text;
	bool done;
};

static void answered(struct call *call, xmlrpc_value *result, const struct err *fault)
{
	struct asked *asked = call->owner;

	pthread_mutex_lock(&asked->lock);
	ck_assert(!asked->done);
	ck_assert_int_eq(method_serialize(call, result, fault, &asked->text), 0);
	if (result)
		xmlrpc_DECREF(result);
	asked->done = true;
	pthread_cond_broadcast(&asked->changed);
	pthread_mutex_unlock(&asked->lock);
}

static void ask_begin(struct asked *asked, const char *body)
{
	struct call *call = call_new(&r);

	ck_assert_ptr_nonnull(call);
	*asked = (struct asked){0};
	pthread_mutex_init(&asked->lock, NULL);
	pthread_cond_init(&asked->changed, NULL);
	buf_init(&asked->text, 16 << 20);
	call->answered = answered;
	call->owner = asked;
	(void)snprintf(call->peer, sizeof(call->peer), "%s", peer);
	method_handle(call, body, strlen(body));
}

static const char *ask_end(struct asked *asked)
{
	pthread_mutex_lock(&asked->lock);
	while (!asked->done)
		pthread_cond_wait(&asked->changed, &asked->lock);
	pthread_mutex_unlock(&asked->lock);
	buf_reset(&answer);
	ck_assert_int_eq(buf_append(&answer, asked->text.data, asked->text.len), 0);
	buf_fini(&asked->text);
	return buf_str(&answer);
}

static const char *ask(const char *body)
{
	struct asked asked;

	ask_begin(&asked, body);
	return ask_end(&asked);
}

/* ---- Writing calls. A small language: s:name=text, i:name=5, separated by '|'. ---- */

static void write_members(struct buf *b, const char *spec)
{
	(void)buf_puts(b, "<struct>");
	while (*spec) {
		size_t len = strcspn(spec, "|");
		const char *equal = memchr(spec, '=', len);

		ck_assert_ptr_nonnull(equal);
		(void)buf_printf(b, "<member><name>%.*s</name><value>", (int)(equal - spec - 2),
				 spec + 2);
		(void)buf_printf(b, spec[0] == 'i' ? "<int>%.*s</int>" : "<string>%.*s</string>",
				 (int)(spec + len - equal - 1), equal + 1);
		(void)buf_puts(b, "</value></member>");
		spec += len + (spec[len] == '|');
	}
	(void)buf_puts(b, "</struct>");
}

static const char *call_struct_of(const char *method, const char *spec)
{
	struct buf b;
	const char *text;

	buf_init(&b, 1 << 20);
	(void)buf_printf(&b,
			 "<?xml version=\"1.0\"?><methodCall><methodName>%s</methodName>"
			 "<params><param><value>",
			 method);
	write_members(&b, spec);
	(void)buf_puts(&b, "</value></param></params></methodCall>");
	text = ask(buf_str(&b));
	buf_fini(&b);
	return text;
}

/* Positional parameters: "s:text|i:5". */
static const char *call_params_of(const char *method, const char *spec)
{
	struct buf b;
	const char *text;

	buf_init(&b, 1 << 20);
	(void)buf_printf(&b, "<methodCall><methodName>%s</methodName><params>", method);
	while (*spec) {
		size_t len = strcspn(spec, "|");

		(void)buf_printf(&b,
				 spec[0] == 'i' ? "<param><value><int>%.*s</int></value></param>"
						: "<param><value>%.*s</value></param>",
				 (int)len - 2, spec + 2);
		spec += len + (spec[len] == '|');
	}
	(void)buf_puts(&b, "</params></methodCall>");
	text = ask(buf_str(&b));
	buf_fini(&b);
	return text;
}

#define has(text, part)	  ck_assert_msg(strstr((text), (part)) != NULL, "no %s in %s", part, text)
#define hasnt(text, part) ck_assert_msg(strstr((text), (part)) == NULL, "%s in %s", part, text)

static void is_fault(const char *text, int code, const char *part)
{
	char value[64];

	has(text, "<fault>");
	(void)snprintf(value, sizeof(value), "<i4>%d</i4>", code);
	has(text, value);
	has(text, part);
}

/* The value of a string member, in a buffer that the next call of this overwrites. */
static const char *member(const char *text, const char *name)
{
	static char value[256];
	char start[64];
	const char *at;

	(void)snprintf(start, sizeof(start), "<name>%s</name>", name);
	at = strstr(text, start);
	ck_assert_msg(at != NULL, "no member %s in %s", name, text);
	at = strstr(at, "<string>");
	ck_assert_ptr_nonnull(at);
	at += 8;
	(void)snprintf(value, sizeof(value), "%.*s", (int)strcspn(at, "<"), at);
	return value;
}

static char lease[80];

static void registers(const char *spec)
{
	const char *text = call_struct_of("registry.register", spec);

	hasnt(text, "<fault>");
	(void)snprintf(lease, sizeof(lease), "%s", member(text, "lease"));
}

/* ---- What users rely on ---- */

START_TEST(a_registered_instance_is_found_with_all_it_said)
{
	const char *text;

	registers("s:service=orders|i:port=9000|s:zone=a|s:version=2|i:weight=5");
	text = call_struct_of("registry.lookup", "s:service=orders");
	has(text, "127.0.0.1:9000");
	has(text, "<name>zone</name><value><string>a</string>");
	has(text, "<name>held</name><value><boolean>0</boolean>");
	hasnt(text, "<name>reason</name>");
	text = call_struct_of("registry.lookup", "s:service=orders|s:zone=b");
	hasnt(text, "127.0.0.1:9000");
	ck_assert_str_eq(member(text, "reason"), "filtered");
	text = call_struct_of("registry.lookup", "s:service=nobody");
	ck_assert_str_eq(member(text, "reason"), "unknown_service");
}
END_TEST

START_TEST(bad_input_is_a_fault_that_teaches_and_nothing_is_stored)
{
	static const struct {
		const char *spec, *text;
	} cases[] = {
		{"s:service=a|i:port=0", "port: 0"},
		{"s:service=a|i:port=70000", "port: 70000"},
		{"s:service=a|s:port=80", "port"},
		{"s:service=a/b|i:port=1", "a/b"},
		{"s:service=a|i:port=1|i:ttl_ms=-1", "ttl_ms: -1"},
		{"s:service=a|i:port=1|s:prot=1", "prot"},
		{"s:service=a", "port"},
		{"i:port=1", "service"},
		{"s:service=a|i:port=1|s:status=fine", "fine"},
		{"s:service=a|i:port=1|i:weight=0", "weight"},
		{"s:service=a|i:port=1|s:host=a b", "host"},
		{"s:service=a|i:port=1|s:id=:x", "id"},
	};
	char name[400], spec[450];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		is_fault(call_struct_of("registry.register", cases[i].spec), RPC_FAULT_PARAMS,
			 cases[i].text);
	memset(name, 'x', 300);
	name[300] = '\0';
	(void)snprintf(spec, sizeof(spec), "s:service=%s|i:port=1", name);
	is_fault(call_struct_of("registry.register", spec), RPC_FAULT_PARAMS, "service");
	ck_assert_uint_eq(catalog_revision(r.catalog), 0);
}
END_TEST

START_TEST(what_is_no_call_is_a_fault_of_its_own_kind)
{
	is_fault(ask("hello"), RPC_FAULT_PARSE, "faultString");
	is_fault(ask(""), RPC_FAULT_PARSE, "faultString");
	is_fault(ask("<!DOCTYPE x [<!ENTITY a \"b\">]><methodCall/>"), RPC_FAULT_PARSE, "");
	is_fault(ask("<methodResponse></methodResponse>"), RPC_FAULT_CALL, "");
	is_fault(call_params_of("registry.nothing", ""), RPC_FAULT_METHOD, "registry.nothing");
	is_fault(call_params_of("registry.lookup", ""), RPC_FAULT_PARAMS, "one struct");
	is_fault(call_params_of("registry.lookup", "s:orders"), RPC_FAULT_PARAMS, "struct");
}
END_TEST

START_TEST(a_heartbeat_tells_whether_it_is_known_and_heals_what_was_lost)
{
	char spec[256];
	const char *text;

	registers("s:service=s|i:port=1|s:id=a");
	(void)snprintf(spec, sizeof(spec), "s:service=s|s:id=a|s:lease=%s|i:load=30", lease);
	text = call_struct_of("registry.heartbeat", spec);
	has(text, "<name>known</name><value><boolean>1</boolean>");
	is_fault(call_struct_of("registry.heartbeat", "s:service=s|s:id=a|s:lease=00"),
		 RPC_FAULT_FENCED, "lease");
	text = call_struct_of("registry.heartbeat", "s:service=s|s:id=b|s:lease=abc");
	has(text, "<name>known</name><value><boolean>0</boolean>");
	text = call_struct_of("registry.heartbeat", "s:service=s|s:id=b|s:lease=abc|i:port=7");
	has(text, "<name>known</name><value><boolean>1</boolean>");
	ck_assert_str_eq(member(text, "lease"), "abc");
	has(call_struct_of("registry.lookup", "s:service=s"), "<i4>7</i4>");
}
END_TEST

START_TEST(many_heartbeats_are_answered_one_by_one)
{
	struct buf b;
	const char *text;

	registers("s:service=s|i:port=1|s:id=a");
	buf_init(&b, 1 << 20);
	(void)buf_puts(&b, "<methodCall><methodName>registry.heartbeats</methodName><params>"
			   "<param><value><array><data><value>");
	write_members(&b, "s:service=s|s:id=a");
	(void)buf_puts(&b, "</value><value>");
	write_members(&b, "s:service=s|s:id=a|s:lease=zz");
	(void)buf_puts(&b, "</value><value>");
	write_members(&b, "s:service=s|s:id=c|i:port=3");
	(void)buf_puts(&b, "</value><value>");
	write_members(&b, "s:service=s|s:id=d|i:port=0");
	(void)buf_puts(&b, "</value></data></array></value></param></params></methodCall>");
	text = ask(buf_str(&b));
	hasnt(text, "<fault>");
	has(text, "<name>faultCode</name><value><i4>409</i4>");
	has(text, "<name>faultCode</name><value><i4>-32602</i4>");
	buf_fini(&b);
	has(call_struct_of("registry.lookup", "s:service=s"), "<i4>3</i4>");
}
END_TEST

START_TEST(a_watch_tells_all_then_waits_for_changes)
{
	char revision[80], spec[160];
	struct asked waiting;
	struct buf b;
	const char *text;

	registers("s:service=s|i:port=1|s:id=a");
	text = call_struct_of("registry.watch", "s:revision=");
	has(text, "<name>reset</name><value><boolean>1</boolean>");
	(void)snprintf(revision, sizeof(revision), "%s", member(text, "revision"));
	ck_assert_str_eq(revision, "00aa00aa00.1");
	(void)snprintf(spec, sizeof(spec), "s:revision=%s|i:wait_ms=1", revision);
	text = call_struct_of("registry.watch", spec);
	hasnt(text, "<name>service</name>");
	ck_assert_str_eq(member(text, "revision"), revision);

	buf_init(&b, 1 << 16);
	(void)buf_puts(&b, "<methodCall><methodName>registry.watch</methodName><params><param>"
			   "<value>");
	(void)snprintf(spec, sizeof(spec), "s:revision=%s|i:wait_ms=60000|s:service=s", revision);
	write_members(&b, spec);
	(void)buf_puts(&b, "</value></param></params></methodCall>");
	ask_begin(&waiting, buf_str(&b));
	buf_fini(&b);
	registers("s:service=other|i:port=1|s:id=a");
	registers("s:service=s|i:port=2|s:id=b");
	text = ask_end(&waiting);
	has(text, "<name>reset</name><value><boolean>0</boolean>");
	has(text, "<i4>2</i4>");
	hasnt(text, "other");
	ck_assert_str_eq(member(text, "revision"), "00aa00aa00.3");
}
END_TEST

START_TEST(a_watch_from_another_database_is_reset)
{
	const char *text;

	registers("s:service=s|i:port=1|s:id=a");
	text = call_struct_of("registry.watch", "s:revision=ffffffffff.1|i:wait_ms=60000");
	has(text, "<name>reset</name><value><boolean>1</boolean>");
	text = call_struct_of("registry.watch", "s:revision=00aa00aa00.99|i:wait_ms=60000");
	has(text, "<name>reset</name><value><boolean>1</boolean>");
}
END_TEST

START_TEST(what_waits_is_answered_when_the_registry_stops)
{
	struct asked waiting;

	ask_begin(&waiting,
		  "<methodCall><methodName>registry.watch</methodName><params><param><value>"
		  "<struct><member><name>revision</name><value>00aa00aa00.0</value></member>"
		  "<member><name>wait_ms</name><value><int>60000</int></value></member></struct>"
		  "</value></param></params></methodCall>");
	keeper_free(&r.keeper);
	has(ask_end(&waiting), "<name>more</name>");
	r.keeper = keeper_new(&r, 1, NULL);
}
END_TEST

START_TEST(deregistering_tells_whether_it_was_there)
{
	char spec[200];

	registers("s:service=s|i:port=1|s:id=a");
	is_fault(call_struct_of("registry.deregister", "s:service=s|s:id=a|s:lease=no"),
		 RPC_FAULT_FENCED, "lease");
	(void)snprintf(spec, sizeof(spec), "s:service=s|s:id=a|s:lease=%s|i:wait_ms=1000", lease);
	has(call_struct_of("registry.deregister", spec),
	    "<name>existed</name><value><boolean>1</boolean>");
	has(call_struct_of("registry.deregister", spec),
	    "<name>existed</name><value><boolean>0</boolean>");
	is_fault(call_struct_of("registry.set_status", "s:service=s|s:id=a|s:status=up"),
		 RPC_FAULT_UNKNOWN, "\"a\"");
}
END_TEST

START_TEST(a_multicall_shows_each_result_and_later_calls_see_earlier_ones)
{
	struct buf b;
	const char *text;

	buf_init(&b, 1 << 20);
	(void)buf_puts(&b, "<methodCall><methodName>system.multicall</methodName><params><param>"
			   "<value><array><data>");
	for (int i = 1; i <= 98; i++) {
		char spec[64];

		(void)snprintf(spec, sizeof(spec), "s:service=s|i:port=%d|s:id=x%d", i, i % 20);
		(void)buf_puts(&b, "<value><struct><member><name>methodName</name><value>"
				   "registry.register</value></member><member><name>params</name>"
				   "<value><array><data><value>");
		write_members(&b, spec);
		(void)buf_puts(&b, "</value></data></array></value></member></struct></value>");
	}
	(void)buf_puts(&b,
		       "<value><struct><member><name>methodName</name><value>get_reg_count</value>"
		       "</member><member><name>params</name><value><array><data></data></array>"
		       "</value></member></struct></value>"
		       "<value><struct><member><name>methodName</name><value>system.multicall"
		       "</value></member><member><name>params</name><value><array><data></data>"
		       "</array></value></member></struct></value>"
		       "</data></array></value></param></params></methodCall>");
	text = ask(buf_str(&b));
	hasnt(text, "<fault>");
	has(text, "<value><i4>20</i4></value>");
	has(text, "within itself");
	buf_fini(&b);
}
END_TEST

START_TEST(every_method_has_help_and_signatures_and_is_listed)
{
	for (const struct method *m = method_table; m->name; m++) {
		char spec[100];

		has(call_params_of("system.listMethods", ""), m->name);
		(void)snprintf(spec, sizeof(spec), "s:%s", m->name);
		hasnt(call_params_of("system.methodHelp", spec), "<fault>");
		has(call_params_of("system.methodSignature", spec), "<array>");
	}
	is_fault(call_params_of("system.methodHelp", "s:nothing"), RPC_FAULT_PARAMS, "nothing");
}
END_TEST

/* ---- The original MicroReg ---- */

START_TEST(original_clients_get_what_they_always_got)
{
	const char *text;

	has(call_params_of("register", "s:users|s:http://127.0.0.1|i:5000"), "<i4>1</i4>");
	has(call_params_of("register", "s:orders|s:http://127.0.0.1|s:5001|i:1"), "<i4>2</i4>");
	has(call_params_of("get_reg_count", ""), "<i4>2</i4>");
	text = call_params_of("get_service_details", "s:users");
	has(text, "<string>http://127.0.0.1</string>");
	has(text, "<i4>5000</i4>");
	has(call_params_of("get_service_details", "s:nobody"), "<boolean>0</boolean>");
	has(call_params_of("update_status", "s:users|i:0"), "<boolean>1</boolean>");
	has(call_params_of("update_status", "s:nobody|i:0"), "<boolean>0</boolean>");
	has(call_params_of("get_service_details", "s:users"), "<boolean>0</boolean>");
	text = call_params_of("get_all_service_details", "");
	has(text, "{\"1\":{\"id\":1,\"name\":\"users\",\"host\":\"http://127.0.0.1\",\"port\":5000,"
		  "\"status\":0,\"reg_timestamp\":");
	has(text, "\"2\":{\"id\":2,\"name\":\"orders\"");
	has(call_params_of("update_status", "s:users|i:-1"), "<boolean>1</boolean>");
	has(call_params_of("get_all_service_details", ""), "\"status\":-1");
	has(call_params_of("unregister", "s:users"), "<boolean>1</boolean>");
	has(call_params_of("unregister", "s:users"), "<boolean>0</boolean>");
	has(call_params_of("get_reg_count", ""), "<i4>1</i4>");
	text = call_struct_of("registry.lookup", "s:service=orders");
	has(text, "<string>127.0.0.1</string>");
	hasnt(text, "http://");
}
END_TEST

START_TEST(original_clients_go_round_the_instances)
{
	const char *text;
	unsigned first = 0;

	has(call_params_of("register", "s:users|s:http://10.0.0.1|i:1"), "<i4>1</i4>");
	peer = "127.0.0.2";
	has(call_params_of("register", "s:users|s:http://10.0.0.2|i:1"), "<i4>2</i4>");
	peer = "127.0.0.1";
	for (int i = 0; i < 10; i++) {
		text = call_params_of("get_service_details", "s:users");
		first += strstr(text, "10.0.0.1") != NULL;
	}
	ck_assert_uint_eq(first, 5);
}
END_TEST

START_TEST(each_name_has_turns_of_its_own)
{
	bool first = false, second = false;

	has(call_params_of("register", "s:a|s:10.0.0.1|i:1"), "<i4>1</i4>");
	has(call_params_of("register", "s:a|s:10.0.0.2|i:1"), "<i4>2</i4>");
	has(call_params_of("register", "s:b|s:10.0.0.3|i:1"), "<i4>3</i4>");
	for (int i = 0; i < 2; i++) {
		const char *text = call_params_of("get_service_details", "s:a");

		first |= strstr(text, "10.0.0.1") != NULL;
		second |= strstr(text, "10.0.0.2") != NULL;
		has(call_params_of("get_service_details", "s:b"), "10.0.0.3");
	}
	ck_assert(first && second);
}
END_TEST

START_TEST(a_strict_registry_answers_false_for_a_name_that_is_taken)
{
	r.legacy_strict = true;
	has(call_params_of("register", "s:users|s:http://10.0.0.1|i:1"), "<i4>1</i4>");
	has(call_params_of("register", "s:users|s:http://10.0.0.2|i:1"), "<boolean>0</boolean>");
}
END_TEST

START_TEST(bad_input_of_original_clients_is_a_fault)
{
	is_fault(call_params_of("register", "s:users|s:h"), RPC_FAULT_PARAMS, "parameters");
	is_fault(call_params_of("register", "s:users|s:h|i:0"), RPC_FAULT_PARAMS, "port");
	is_fault(call_params_of("register", "s:users|s:h|s:x"), RPC_FAULT_PARAMS, "port");
	is_fault(call_params_of("register", "s:a/b|s:h|i:1"), RPC_FAULT_PARAMS, "a/b");
	is_fault(call_params_of("register", "s:users|s:http://a b|i:1"), RPC_FAULT_PARAMS, "host");
	is_fault(call_params_of("update_status", "s:users|i:7"), RPC_FAULT_PARAMS, "status");
	has(call_params_of("get_reg_count", ""), "<i4>0</i4>");
}
END_TEST

int main(void)
{
	Suite *s = suite_create("method");
	TCase *t = tcase_create("method");

	tcase_add_checked_fixture(t, start, stop);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, a_registered_instance_is_found_with_all_it_said);
	tcase_add_test(t, bad_input_is_a_fault_that_teaches_and_nothing_is_stored);
	tcase_add_test(t, what_is_no_call_is_a_fault_of_its_own_kind);
	tcase_add_test(t, a_heartbeat_tells_whether_it_is_known_and_heals_what_was_lost);
	tcase_add_test(t, many_heartbeats_are_answered_one_by_one);
	tcase_add_test(t, a_watch_tells_all_then_waits_for_changes);
	tcase_add_test(t, a_watch_from_another_database_is_reset);
	tcase_add_test(t, what_waits_is_answered_when_the_registry_stops);
	tcase_add_test(t, deregistering_tells_whether_it_was_there);
	tcase_add_test(t, a_multicall_shows_each_result_and_later_calls_see_earlier_ones);
	tcase_add_test(t, every_method_has_help_and_signatures_and_is_listed);
	tcase_add_test(t, original_clients_get_what_they_always_got);
	tcase_add_test(t, original_clients_go_round_the_instances);
	tcase_add_test(t, each_name_has_turns_of_its_own);
	tcase_add_test(t, a_strict_registry_answers_false_for_a_name_that_is_taken);
	tcase_add_test(t, bad_input_of_original_clients_is_a_fault);
	suite_add_tcase(s, t);
	return unit_run(s);
}
