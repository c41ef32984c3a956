/*
 * watch_consumers: from an answer of registry.consumer_watch to the next set.
 *
 * The registry's word counts, also when nobody is left. But one of another
 * database that knows nobody at all may have lost its memory: then those that
 * are known stay, until it knows somebody.
 */
#include "client-lib/consumer_set.h"
#include "client-lib/value.h"
#include "client-lib/watch.h"
#include "common/arena.h"
#include "common/clock.h"
#include "common/err.h"
#include "common/rpc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CONSUMERS_ARENA_MAX = 256 << 20 }; /* of one reply of 16 MiB */

struct consumers_reply {
	const char *revision;
	bool reset, more;
	xmlrpc_value *changes;
};

static const struct rpc_field consumers_reply_fields[] = {
	{.name = "revision",
	 .type = RPC_STRING,
	 .required = true,
	 .offset = offsetof(struct consumers_reply, revision),
	 .max = WATCH_REVISION_MAX},
	{.name = "reset", .type = RPC_BOOL, .offset = offsetof(struct consumers_reply, reset)},
	{.name = "more", .type = RPC_BOOL, .offset = offsetof(struct consumers_reply, more)},
	{.name = "changes",
	 .type = RPC_ARRAY,
	 .required = true,
	 .offset = offsetof(struct consumers_reply, changes)},
};

/* ---- Reading ---- */

static struct consumer_item *consumers_item(const struct microreg_value *value)
{
	const struct microreg_value *name = microreg_value_find(value, "name");
	const struct microreg_value *deleted = microreg_value_find(value, "deleted");

	if (name && name->type == MICROREG_TYPE_STRING && deleted &&
	    deleted->type == MICROREG_TYPE_BOOL && deleted->number)
		return consumer_item_gone(name->text);
	return consumer_item_new(value);
}

/* The changes as items, to be freed with consumers_free_items. NULL with `e` set. */
static struct consumer_item **consumers_items(struct arena *arena, xmlrpc_value *changes,
					      size_t *count, struct microreg_error *e)
{
	struct microreg_value list = {0};
	struct consumer_item **items;
	const char *reason;

	*count = 0;
	if (value_read(arena, changes, &list, &reason) < 0) {
		(void)error_set(e, MICROREG_BAD_REPLY, "the reply is not understood: %s", reason);
		return NULL;
	}
	items = calloc(list.count + 1, sizeof(struct consumer_item *));
	while (items && *count < list.count) {
		items[*count] = consumers_item(&list.items[*count]);
		if (!items[*count])
			break;
		++*count;
	}
	if (items && *count == list.count)
		return items;
	(void)error_set(e, MICROREG_BAD_REPLY,
			"a consumer of the reply has no name, or there is no memory");
	while (items && *count)
		consumer_item_unref(&items[--*count]);
	free(items);
	return NULL;
}

/* ---- Taking over ---- */

static bool consumers_are_of_another(const struct microreg_consumers *known, const char *revision)
{
	const char *is = consumer_set_revision(known);
	size_t len = strcspn(is, ".");

	return len != strcspn(revision, ".") || strncmp(is, revision, len) != 0;
}

static void consumers_publish(struct microreg *m, struct follow *f,
			      const struct microreg_consumers *next)
{
	const struct microreg_consumers *drop;
	struct watch *w = m->watch;

	(void)pthread_mutex_lock(&m->lock);
	drop = m->consumers;
	m->consumers = next;
	f->answered = true;
	(void)pthread_cond_broadcast(&m->changed);
	(void)pthread_mutex_unlock(&m->lock);
	microreg_consumers_unref(&drop);
	if (m->consumers_file && !w->consumers_save.dirty) {
		w->consumers_save.dirty = true;
		w->consumers_save.at_ms = clock_ms() + WATCH_SAVE_MS;
	}
	if (m->on_change)
		m->on_change(m->arg);
}

/* Keeps those that are known. */
static void consumers_hold(struct microreg *m, struct follow *f)
{
	if (!f->held)
		handle_log(m, MICROREG_LOG_WARN,
			   "consumers: the registry has another database, which knows none; those "
			   "that are known stay in use until it knows one");
	f->held = true;
	(void)pthread_mutex_lock(&m->lock);
	f->answered = true;
	(void)pthread_cond_broadcast(&m->changed);
	(void)pthread_mutex_unlock(&m->lock);
}

/* What the changes of this answer are made to; borrowed: only this thread replaces it. */
static const struct microreg_consumers *consumers_base(struct microreg *m, struct follow *f,
						       const struct consumers_reply *reply)
{
	if (reply->reset)
		microreg_consumers_unref(&f->partial);
	if (reply->reset || f->partial)
		return f->partial;
	return f->held ? NULL : m->consumers;
}

static int consumers_take(struct microreg *m, struct follow *f, const struct consumers_reply *reply,
			  struct arena *arena, struct microreg_error *e)
{
	const struct microreg_consumers *base = consumers_base(m, f, reply), *next;
	bool whole = reply->reset || f->partial;
	struct consumer_item **items;
	size_t count;

	items = consumers_items(arena, reply->changes, &count, e);
	if (!items)
		return -1;
	if (!whole && !count && m->consumers) { /* the wait was over */
		free(items);
		return 0;
	}
	next = consumer_set_new(base, items, count, reply->revision);
	while (count)
		consumer_item_unref(&items[--count]);
	free(items);
	if (!next)
		return error_memory(e);
	microreg_consumers_unref(&f->partial);
	if (whole && reply->more) {
		f->partial = next;
		return 0;
	}
	if (!microreg_consumers_count(next) && microreg_consumers_count(m->consumers) &&
	    (f->held || consumers_are_of_another(m->consumers, reply->revision))) {
		consumers_hold(m, f);
		microreg_consumers_unref(&next);
		return 0;
	}
	f->held = false;
	consumers_publish(m, f, next);
	return 0;
}

int watch_take_consumers(struct microreg *m, struct follow *f, xmlrpc_value *result, bool *more,
			 struct microreg_error *e)
{
	struct consumers_reply reply = {0};
	struct arena arena;
	struct err reason;
	int failed;

	arena_init(&arena, CONSUMERS_ARENA_MAX);
	if (rpc_read_reply("registry.consumer_watch", result, consumers_reply_fields,
			   sizeof(consumers_reply_fields) / sizeof(consumers_reply_fields[0]),
			   &arena, &reply, &reason) < 0)
		failed = error_set(e, MICROREG_BAD_REPLY, "the reply is not understood: %s",
				   reason.text);
	else
		failed = consumers_take(m, f, &reply, &arena, e);
	if (!failed) {
		(void)snprintf(f->revision, sizeof(f->revision), "%s", reply.revision);
		*more = reply.more;
	} else if (f->partial) { /* asked again from the start */
		microreg_consumers_unref(&f->partial);
		f->revision[0] = '\0';
	}
	arena_fini(&arena);
	return failed;
}

/* ---- What a program calls ---- */

const struct microreg_consumers *microreg_consumers_ref(struct microreg *registry)
{
	const struct microreg_consumers *set = NULL;

	if (!registry)
		return NULL;
	(void)pthread_mutex_lock(&registry->lock);
	if (registry->consumers)
		set = consumer_set_share(registry->consumers);
	(void)pthread_mutex_unlock(&registry->lock);
	return set;
}

bool microreg_consumers_current(struct microreg *registry)
{
	bool current;

	if (!registry)
		return false;
	(void)pthread_mutex_lock(&registry->lock);
	current = registry->watch && registry->watch->consumers_connected;
	(void)pthread_mutex_unlock(&registry->lock);
	return current;
}
