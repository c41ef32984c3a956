/* consumer_edit: plans against what is there. */
#include "registry/consumer_edit.h"
#include "common/clock.h"
#include "common/rpc.h"

#include <stdio.h>
#include <string.h>

static void consumer_edit_tell(struct consumer_edit *edit, const char *event, const char *detail)
{
	edit->op.event = (struct store_event){.name = event,
					      .token = edit->token ? edit->token : "",
					      .address = edit->address,
					      .detail = detail};
}

static enum writer_verdict consumer_edit_unknown(struct consumer_edit *edit)
{
	(void)err_code(&edit->op.err, RPC_FAULT_UNKNOWN,
		       "no consumer \"%s\"; registry.consumer_list names them, "
		       "registry.consumer_put makes one",
		       edit->name);
	return WRITER_FAULT;
}

/* The same again changes nothing, and is in no history. */
static enum writer_verdict consumer_edit_put(struct consumer_edit *edit, struct writer_plan *plan,
					     const struct consumer *old)
{
	struct consumer draft = edit->draft;

	edit->changed = !old || !consumer_is_same(old, &draft);
	if (!edit->changed) {
		edit->op.revision = old->revision;
		return WRITER_GO;
	}
	draft.created_wall_ms = old ? old->created_wall_ms : clock_wall_ms();
	draft.keys = old ? old->keys : NULL;
	draft.key_count = old ? old->key_count : 0;
	consumer_edit_tell(edit, "consumer_put", old ? "changed" : "new");
	return writer_put_consumer(plan, &edit->op, &draft);
}

static enum writer_verdict consumer_edit_delete(struct consumer_edit *edit,
						struct writer_plan *plan, struct consumer *old)
{
	edit->changed = true;
	consumer_edit_tell(edit, "consumer_deleted", "");
	return writer_delete_consumer(plan, &edit->op, old);
}

/* Those that are worth something still, their ends moved to `grace_ms` from now. Without room for
 * one more the expired ones go. */
static size_t consumer_edit_keep(const struct consumer_edit *edit, const struct consumer *old,
				 struct consumer_key keys[CONSUMER_KEYS_MAX])
{
	int64_t now_ms = clock_wall_ms(), end_ms = now_ms + edit->grace_ms;
	bool full = old->key_count == CONSUMER_KEYS_MAX;
	size_t count = 0;

	for (size_t i = 0; i < old->key_count; i++) {
		struct consumer_key key = old->keys[i];
		bool expired = key.expires_wall_ms && key.expires_wall_ms <= now_ms;

		if (full && expired)
			continue;
		if (edit->grace_ms >= 0 && (!key.expires_wall_ms || key.expires_wall_ms > end_ms))
			key.expires_wall_ms = end_ms;
		keys[count++] = key;
	}
	return count;
}

static enum writer_verdict consumer_edit_key_new(struct consumer_edit *edit,
						 struct writer_plan *plan,
						 const struct consumer *old)
{
	struct consumer draft = consumer_draft(old);
	struct consumer_key keys[CONSUMER_KEYS_MAX], *key;
	size_t count = consumer_edit_keep(edit, old, keys);

	if (count == CONSUMER_KEYS_MAX) {
		(void)err_code(&edit->op.err, RPC_FAULT_TOO_MANY,
			       "the consumer \"%s\" has %d keys, the most that are allowed; "
			       "revoke one",
			       edit->name, CONSUMER_KEYS_MAX);
		return WRITER_FAULT;
	}
	key = &keys[count++];
	*key = (struct consumer_key){.id = edit->key_id,
				     .label = edit->label,
				     .created_wall_ms = clock_wall_ms(),
				     .expires_wall_ms = edit->expires_wall_ms};
	if (consumer_make_key(old, edit->secret, edit->key_id, key->sha256, &edit->op.err) < 0)
		return WRITER_FAULT;
	draft.keys = keys;
	draft.key_count = count;
	edit->changed = true;
	(void)snprintf(edit->said, sizeof(edit->said), "%s%s%s%s", edit->key_id,
		       *edit->label ? " " : "", edit->label,
		       edit->grace_ms >= 0 ? "; the others end" : "");
	consumer_edit_tell(edit, "key_made", edit->said);
	return writer_put_consumer(plan, &edit->op, &draft);
}

static enum writer_verdict consumer_edit_key_revoke(struct consumer_edit *edit,
						    struct writer_plan *plan,
						    const struct consumer *old)
{
	struct consumer draft = consumer_draft(old);
	struct consumer_key keys[CONSUMER_KEYS_MAX];

	edit->existed = consumer_find_key(old, edit->key) != NULL;
	if (!edit->existed)
		return WRITER_GO;
	draft.key_count = 0;
	for (size_t i = 0; i < old->key_count; i++)
		if (strcmp(old->keys[i].id, edit->key) != 0)
			keys[draft.key_count++] = old->keys[i];
	draft.keys = keys;
	edit->changed = true;
	consumer_edit_tell(edit, "key_revoked", edit->key);
	return writer_put_consumer(plan, &edit->op, &draft);
}

static enum writer_verdict consumer_edit_plan(struct writer_op *op, struct writer_plan *plan)
{
	struct consumer_edit *edit = (void *)op; /* its first member */
	enum writer_verdict verdict = WRITER_GO;
	struct consumer *old;

	if (writer_touched_consumer(plan, edit->name))
		return WRITER_LATER;
	old = consumer_catalog_find(writer_consumers(plan), edit->name);
	edit->existed = old != NULL;
	edit->changed = false;
	switch (edit->kind) {
	case CONSUMER_EDIT_PUT:
		verdict = consumer_edit_put(edit, plan, old);
		break;
	case CONSUMER_EDIT_DELETE:
		if (old)
			verdict = consumer_edit_delete(edit, plan, old);
		break;
	case CONSUMER_EDIT_KEY_NEW:
		verdict =
			old ? consumer_edit_key_new(edit, plan, old) : consumer_edit_unknown(edit);
		break;
	case CONSUMER_EDIT_KEY_REVOKE:
		verdict = old ? consumer_edit_key_revoke(edit, plan, old)
			      : consumer_edit_unknown(edit);
		break;
	}
	consumer_unref(&old); /* what is planned holds it */
	return verdict;
}

static void consumer_edit_done(struct writer_op *op)
{
	struct consumer_edit *edit = (void *)op;

	edit->finish(edit); /* may free it */
}

int consumer_edit_submit(struct writer *writer, struct consumer_edit *edit, struct err *e)
{
	edit->op.plan = consumer_edit_plan;
	edit->op.done = consumer_edit_done;
	return writer_submit(writer, &edit->op, e);
}
