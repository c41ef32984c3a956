/*
 * fuzz_rpc_methods: calls to a whole registry but for its door and its disk:
 * guard, parser, every method, writer, catalog, keeper. Each call is answered
 * once, by a document that itself passes the guard and parses.
 *
 * An input is a byte of switches (bit 0: the store refuses, bit 1: legacy_strict)
 * and up to 16 calls with empty lines between them. A call that begins with a
 * letter holds only what lies within <params>, the letter says of which method
 * ('A' is the table's first); any other is a whole body.
 */
#include "common/clock.h"
#include "common/xml_guard.h"
#include "registry/backup.h"
#include "registry/catalog.h"
#include "registry/consumer_catalog.h"
#include "registry/drain.h"
#include "registry/keeper.h"
#include "registry/method.h"
#include "registry/quotas.h"
#include "registry/writer.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/store_stub.h"

#include <pthread.h>
#include <stdbool.h>
#include <string.h>

enum { FUZZ_CALLS_MAX = 16, FUZZ_REPLY_MAX = 64 << 20, FUZZ_ELEMENTS_MAX = 1 << 22 };

/* ---- A store in the place of the real one ---- */

int store_commit(struct store *store, const struct store_change *changes, size_t count,
		 uint64_t revision, uint64_t number, struct err *e)
{
	if (store->refuse)
		return err_set(e, "disk full");
	for (size_t i = 0; i < count; i++)
		if (changes[i].kind == STORE_PUT)
			FUZZ_HOLDS(changes[i].record->revision > 0);
	store->revision = revision;
	store->number = number;
	return 0;
}

/* ---- The registry ---- */

static struct store fake;
static struct registry registry;

static void on_change(void *arg)
{
	(void)arg;
	keeper_changed(registry.keeper);
}

static void start(unsigned switches)
{
	struct catalog_limits limits = {.instances_max = 8,
					.services_max = 4,
					.tombstones_max = 2,
					.texts_max_bytes = 1 << 20};
	struct writer_options options = {.store = &fake, .on_change = on_change};
	struct err e = {0};

	fake = (struct store){.refuse = switches & 1};
	registry = (struct registry){.legacy_strict = switches & 2, .started_ms = clock_ms()};
	registry.catalog = catalog_new("00aa00aa00", 0, &limits, clock_ms());
	registry.consumers = consumer_catalog_new(&(struct consumer_catalog_limits){4, 2}, 0);
	registry.drain = drain_new();
	registry.quotas = quotas_new(100);
	registry.backup = backup_new(&fake);
	registry.keeper = keeper_new(&registry, 4, &e);
	options.catalog = registry.catalog;
	options.consumers = registry.consumers;
	registry.writer = writer_start(&options, &e);
	FUZZ_HOLDS(registry.catalog && registry.consumers && registry.drain && registry.keeper &&
		   registry.writer);
}

static void stop(void)
{
	keeper_stop(registry.keeper);
	writer_stop(&registry.writer);
	drain_stop(registry.drain);
	keeper_free(&registry.keeper);
	backup_free(&registry.backup);
	drain_free(&registry.drain);
	quotas_free(&registry.quotas);
	catalog_free(&registry.catalog);
	consumer_catalog_free(&registry.consumers);
}

/* ---- Calls ---- */

struct asked {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct buf text;
	bool done;
};

static void answered(struct call *call, xmlrpc_value *result, const struct err *fault)
{
	struct asked *asked = call->owner;

	FUZZ_HOLDS(pthread_mutex_lock(&asked->lock) == 0);
	FUZZ_HOLDS(!asked->done && (result != NULL) + (fault != NULL) + (call->text.len > 0) == 1);
	FUZZ_HOLDS(!fault || (fault->code && fault->text[0]));
	FUZZ_HOLDS(method_serialize(call, result, fault, &asked->text) == 0);
	if (result)
		xmlrpc_DECREF(result);
	asked->done = true;
	FUZZ_HOLDS(pthread_cond_signal(&asked->changed) == 0);
	FUZZ_HOLDS(pthread_mutex_unlock(&asked->lock) == 0);
}

static void is_well_formed(const struct buf *text)
{
	xmlrpc_value *result = NULL;
	const char *fault = NULL;
	struct err e = {0};
	xmlrpc_env env;
	int code;

	if (xml_guard_check(text->data, text->len, FUZZ_ELEMENTS_MAX, FUZZ_REPLY_MAX, &e)) {
		(void)fprintf(stderr, "%s: %.*s\n", e.text, (int)text->len, text->data);
		abort();
	}
	xmlrpc_env_init(&env);
	xmlrpc_parse_response2(&env, text->data, text->len, &result, &code, &fault);
	FUZZ_HOLDS(!env.fault_occurred && (result || (fault && code)));
	if (result)
		xmlrpc_DECREF(result);
	free((void *)(uintptr_t)fault);
	xmlrpc_env_clean(&env);
}

static void ask(const char *body, size_t len)
{
	struct asked asked = {.lock = PTHREAD_MUTEX_INITIALIZER,
			      .changed = PTHREAD_COND_INITIALIZER};
	struct call *call = call_new(&registry);

	FUZZ_HOLDS(call);
	buf_init(&asked.text, FUZZ_REPLY_MAX);
	call->answered = answered;
	call->owner = &asked;
	call->nested = true; /* else a watch would wait */
	(void)snprintf(call->peer, sizeof(call->peer), "127.0.0.1");
	method_handle(call, body, len);
	FUZZ_HOLDS(pthread_mutex_lock(&asked.lock) == 0);
	while (!asked.done)
		FUZZ_HOLDS(pthread_cond_wait(&asked.changed, &asked.lock) == 0);
	FUZZ_HOLDS(pthread_mutex_unlock(&asked.lock) == 0);
	is_well_formed(&asked.text);
	buf_fini(&asked.text);
}

static size_t method_count(void)
{
	size_t n = 0;

	while (method_table[n].name)
		n++;
	return n;
}

static void ask_piece(const char *piece, size_t len)
{
	size_t number = (size_t)(unsigned char)piece[0] - 'A';
	struct buf body;

	if (number >= method_count()) {
		ask(piece, len);
		return;
	}
	buf_init(&body, len + 1024);
	FUZZ_HOLDS(buf_printf(&body, "<methodCall><methodName>%s</methodName><params>",
			      method_table[number].name) == 0);
	FUZZ_HOLDS(buf_append(&body, piece + 1, len - 1) == 0);
	FUZZ_HOLDS(buf_puts(&body, "</params></methodCall>") == 0);
	ask(body.data, body.len);
	buf_fini(&body);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	const char *at = (const char *)data + 1, *end = (const char *)data + len;

	if (len < 2)
		return 0;
	method_init();
	start(data[0]);
	for (unsigned i = 0; i < FUZZ_CALLS_MAX && at < end; i++) {
		const char *empty = memmem(at, (size_t)(end - at), "\n\n", 2);
		const char *to = empty ? empty : end;

		if (to > at)
			ask_piece(at, (size_t)(to - at));
		at = to + 2;
	}
	stop();
	return 0;
}
