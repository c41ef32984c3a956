/*
 * method_consumer: the methods by which an administrator makes, reads and ends
 * consumers and their keys. A secret is in one answer, and nowhere else.
 */
#include "common/clock.h"
#include "common/rpc_write.h"
#include "registry/catalog.h"
#include "registry/consumer_edit.h"
#include "registry/consumer_rpc.h"
#include "registry/consumer_catalog.h"
#include "registry/method.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

enum { CONSUMER_LIST_MAX = 1000, CONSUMER_LIST_BYTES = 8 << 20 };

#define CONSUMER_COUNT(fields) (sizeof(fields) / sizeof((fields)[0]))
#define CONSUMER_NAME_RULE     "1 to 128 letters, digits and . _ : @ / + -"

/* What any of these methods takes. */
struct consumer_wanted {
	const char *name, *key, *label, *expires;
	int ttl_ms, grace_ms;
	bool grace_given;
};

#define WANTED(member) .name = #member, .offset = offsetof(struct consumer_wanted, member)

#define WANTED_NAME                                                                         \
	{                                                                                   \
		WANTED(name), .type = RPC_STRING, .required = true, .min = 1,               \
			      .max = CONSUMER_NAME_MAX, .is_valid = consumer_name_is_valid, \
			      .allowed = CONSUMER_NAME_RULE                                 \
	}

static const struct rpc_field consumer_name_fields[] = {WANTED_NAME};

static const struct rpc_field consumer_key_new_fields[] = {
	WANTED_NAME,
	{WANTED(label), .type = RPC_STRING, .max = CONSUMER_LABEL_MAX,
	 .is_valid = instance_text_is_valid},
	{WANTED(expires), .type = RPC_STRING, .min = 1, .max = 40,
	 .allowed = "a time like \"2027-01-31T23:59:59Z\""},
	{WANTED(ttl_ms), .type = RPC_INT, .min = 1, .max = INT_MAX,
	 .allowed = "milliseconds, an int from 1; a longer time goes into expires"},
	{WANTED(grace_ms), .type = RPC_INT, .max = INT_MAX,
	 .allowed = "milliseconds, an int from 0",
	 .given = RPC_GIVEN(struct consumer_wanted, grace_given)},
};

static const struct rpc_field consumer_key_revoke_fields[] = {
	WANTED_NAME,
	{WANTED(key), .type = RPC_STRING, .required = true, .min = 1, .max = CONSUMER_NAME_MAX,
	 .is_valid = instance_text_is_valid, .allowed = "the id of a key, as they are listed"},
};

static void consumer_write_revision(struct call *call, uint64_t revision)
{
	char text[CATALOG_POSITION_SIZE];

	catalog_position_print(call->registry->catalog,
			       (struct catalog_position){revision, revision}, text);
	rpc_write_set_string(&call->text, "revision", text);
}

/* ---- Changes ---- */

static void consumer_answer(struct consumer_edit *edit)
{
	struct call *call = edit->owner;
	char expires[CLOCK_RFC3339_SIZE] = "";
	struct buf *to = &call->text;

	if (edit->op.err.code) {
		call_err(call, &edit->op.err);
		return;
	}
	rpc_write_begin(to);
	rpc_write_struct(to);
	switch (edit->kind) {
	case CONSUMER_EDIT_PUT:
		rpc_write_set_string(to, "name", edit->draft.name);
		rpc_write_set_string(to, "id", edit->draft.id);
		rpc_write_set_bool(to, "existed", edit->existed);
		rpc_write_set_bool(to, "changed", edit->changed);
		break;
	case CONSUMER_EDIT_KEY_NEW:
		if (edit->expires_wall_ms)
			clock_rfc3339(edit->expires_wall_ms, expires);
		rpc_write_set_string(to, "name", edit->name);
		rpc_write_set_string(to, "key", edit->key_id);
		rpc_write_set_string(to, "secret", edit->secret);
		rpc_write_set_string(to, "expires", expires);
		explicit_bzero(edit->secret, sizeof(edit->secret));
		break;
	case CONSUMER_EDIT_DELETE:
	case CONSUMER_EDIT_KEY_REVOKE:
		rpc_write_set_bool(to, "existed", edit->existed);
		break;
	}
	consumer_write_revision(call, edit->op.revision);
	rpc_write_struct_end(to);
	rpc_write_end(to);
	call_answer_text(call);
}

static struct consumer_edit *consumer_edit_for(struct call *call, enum consumer_edit_kind kind)
{
	struct consumer_edit *edit = arena_zalloc(&call->arena, sizeof(*edit));

	if (!edit) {
		call_answer(call, NULL);
		return NULL;
	}
	edit->kind = kind;
	edit->label = "";
	edit->grace_ms = -1;
	edit->token = call_actor(call);
	edit->address = call->peer;
	edit->owner = call;
	edit->finish = consumer_answer;
	return edit;
}

static void consumer_submit(struct call *call, struct consumer_edit *edit)
{
	struct err e = {0};

	call_suspend(call);
	if (consumer_edit_submit(call->registry->writer, edit, &e) < 0)
		call_err(call, &e);
}

void method_consumer_put(struct call *call)
{
	struct consumer_edit *edit = consumer_edit_for(call, CONSUMER_EDIT_PUT);
	xmlrpc_value *value = edit ? call_struct(call) : NULL;
	struct err e = {0};

	if (!value)
		return;
	if (consumer_rpc_read(call->method->name, value, &call->arena, &edit->draft, &e) < 0) {
		call_err(call, &e);
		return;
	}
	edit->name = edit->draft.name;
	consumer_submit(call, edit);
}

void method_consumer_delete(struct call *call)
{
	struct consumer_edit *edit = consumer_edit_for(call, CONSUMER_EDIT_DELETE);
	struct consumer_wanted want = {0};

	if (!edit || !call_params(call, consumer_name_fields, 1, &want))
		return;
	edit->name = want.name;
	consumer_submit(call, edit);
}

/* When the key ends. False with the fault answered. */
static bool consumer_read_end(struct call *call, const struct consumer_wanted *want,
			      int64_t *wall_ms)
{
	int64_t now_ms = clock_wall_ms();

	*wall_ms = want->ttl_ms ? now_ms + want->ttl_ms : 0;
	if (!want->expires)
		return true;
	if (want->ttl_ms)
		call_fault(call, RPC_FAULT_PARAMS,
			   "%s: ttl_ms and expires say the same; give one of them",
			   call->method->name);
	else if (!clock_read_rfc3339(want->expires, wall_ms))
		call_fault(call, RPC_FAULT_PARAMS,
			   "%s: expires: \"%s\"; allowed: a time like \"2027-01-31T23:59:59Z\"",
			   call->method->name, want->expires);
	else if (*wall_ms <= now_ms)
		call_fault(call, RPC_FAULT_PARAMS,
			   "%s: expires: \"%s\" is over; allowed: a time to come",
			   call->method->name, want->expires);
	else
		return true;
	return false;
}

void method_consumer_key_new(struct call *call)
{
	struct consumer_edit *edit = consumer_edit_for(call, CONSUMER_EDIT_KEY_NEW);
	struct consumer_wanted want = {.label = ""};

	if (!edit ||
	    !call_params(call, consumer_key_new_fields, CONSUMER_COUNT(consumer_key_new_fields),
			 &want) ||
	    !consumer_read_end(call, &want, &edit->expires_wall_ms))
		return;
	edit->name = want.name;
	edit->label = want.label;
	edit->grace_ms = want.grace_given ? want.grace_ms : -1;
	consumer_submit(call, edit);
}

void method_consumer_key_revoke(struct call *call)
{
	struct consumer_edit *edit = consumer_edit_for(call, CONSUMER_EDIT_KEY_REVOKE);
	struct consumer_wanted want = {0};

	if (!edit || !call_params(call, consumer_key_revoke_fields,
				  CONSUMER_COUNT(consumer_key_revoke_fields), &want))
		return;
	edit->name = want.name;
	edit->key = want.key;
	consumer_submit(call, edit);
}

/* ---- Reading ---- */

static void consumer_write(struct call *call, const struct consumer *consumer)
{
	char text[CATALOG_POSITION_SIZE];

	catalog_position_print(call->registry->catalog,
			       (struct catalog_position){consumer->revision, consumer->revision},
			       text);
	consumer_rpc_write(&call->text, consumer, text, false);
}

void method_consumer_get(struct call *call)
{
	struct consumer_wanted want = {0};
	struct consumer *found;

	if (!call_params(call, consumer_name_fields, 1, &want))
		return;
	found = consumer_catalog_find(call->registry->consumers, want.name);
	if (!found) {
		call_fault(call, RPC_FAULT_UNKNOWN,
			   "no consumer \"%s\"; registry.consumer_list names them", want.name);
		return;
	}
	if (!call_takes_room(call, 1)) {
		consumer_unref(&found);
		return;
	}
	rpc_write_begin(&call->text);
	consumer_write(call, found);
	rpc_write_end(&call->text);
	consumer_unref(&found);
	call_answer_text(call);
}

struct consumer_listing {
	const char *prefix, *after;
	int limit;
};

static const struct rpc_field consumer_list_fields[] = {
	{.name = "prefix",
	 .type = RPC_STRING,
	 .offset = offsetof(struct consumer_listing, prefix),
	 .max = CONSUMER_NAME_MAX},
	{.name = "after",
	 .type = RPC_STRING,
	 .offset = offsetof(struct consumer_listing, after),
	 .max = CONSUMER_NAME_MAX},
	{.name = "limit",
	 .type = RPC_INT,
	 .offset = offsetof(struct consumer_listing, limit),
	 .min = 1,
	 .max = CONSUMER_LIST_MAX,
	 .allowed = "an int from 1 to 1000"},
};

/* As many as one answer holds; `more` says whether that is all. */
static void consumer_write_list(struct call *call, struct consumer **all, size_t count, size_t max)
{
	struct buf *to = &call->text;
	size_t n = 0;

	rpc_write_begin(to);
	rpc_write_struct(to);
	rpc_write_member(to, "consumers");
	rpc_write_array(to);
	while (n < count && n < max && to->len < CONSUMER_LIST_BYTES)
		consumer_write(call, all[n++]);
	rpc_write_array_end(to);
	rpc_write_member_end(to);
	rpc_write_set_bool(to, "more", n < count);
	consumer_write_revision(call, catalog_revision(call->registry->catalog));
	rpc_write_struct_end(to);
	rpc_write_end(to);
}

void method_consumer_list(struct call *call)
{
	struct consumer_listing want = {.prefix = "", .after = "", .limit = 100};
	struct consumer **all;
	long count = -1;

	if (call_param_count(call) &&
	    !call_params(call, consumer_list_fields, CONSUMER_COUNT(consumer_list_fields), &want))
		return;
	if (!call_takes_room(call, (size_t)want.limit))
		return;
	/* One more than is told says whether there are more. */
	all = arena_zalloc(&call->arena, ((size_t)want.limit + 1) * sizeof(struct consumer *));
	if (all)
		count = consumer_catalog_list(call->registry->consumers, want.prefix, want.after,
					      all, (size_t)want.limit + 1);
	if (count < 0) {
		call_answer(call, NULL);
		return;
	}
	consumer_write_list(call, all, (size_t)count, (size_t)want.limit);
	for (long i = 0; i < count; i++)
		consumer_unref(&all[i]);
	call_answer_text(call);
}
