/* edit: one plan function for each kind. All of them run on the writer's thread. */
#include "registry/edit.h"
#include "common/clock.h"
#include "common/rpc.h"
#include "registry/lease.h"

#include <stdio.h>
#include <string.h>
#include <sys/random.h>

int edit_make_lease(char lease[RECORD_LEASE_SIZE], struct err *e)
{
	unsigned char bytes[(RECORD_LEASE_SIZE - 1) / 2];

	if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes))
		return err_code(e, RPC_FAULT_STORE, "the system has no randomness for a lease");
	for (size_t i = 0; i < sizeof(bytes); i++)
		(void)snprintf(lease + 2 * i, 3, "%02x", bytes[i]); /* always fits */
	return 0;
}

static enum writer_verdict edit_fenced(struct edit *edit, const char *service, const char *id)
{
	(void)err_code(
		&edit->op.err, RPC_FAULT_FENCED,
		"lease: another process has registered %s/%s since; this one's lease is over",
		service, id);
	return WRITER_FAULT;
}

static bool edit_may(const struct edit *edit, const struct record *record)
{
	return !edit->lease[0] || lease_token_equal(record->lease, edit->lease);
}

/* What the next change tells the history: of whom, and what was there. */
static void edit_tell(struct edit *edit, const char *name, const struct record *before,
		      const char *detail)
{
	edit->op.event = (struct store_event){.name = name,
					      .token = edit->token,
					      .address = edit->origin,
					      .detail = detail,
					      .before = before};
}

/* "up -> draining: reason", as far as there is something of it to say. */
static void edit_say_status(struct edit *edit, const struct record *old, const struct record *now)
{
	struct record settled = *now;

	record_settle(&settled);
	(void)snprintf(edit->said, sizeof(edit->said), "%s -> %s%s%s",
		       instance_status_name(old->in.status),
		       instance_status_name(settled.in.status), now->in.detail[0] ? ": " : "",
		       now->in.detail);
}

static void edit_say_place(struct edit *edit, const struct record *draft)
{
	const struct instance *in = &draft->in;
	bool versioned = in->version && in->version[0]; /* original clients have none */

	(void)snprintf(edit->said, sizeof(edit->said), "%s://%s:%u%s%s",
		       in->scheme ? in->scheme : "http", in->host ? in->host : "", in->port,
		       versioned ? ", version " : "", versioned ? in->version : "");
}

/* Finds the instance; keeps its record until the edit is done, for the plan's strings. */
static struct record *edit_find(struct edit *edit, struct writer_plan *plan, const char *service,
				const char *id, bool *lapsed)
{
	record_unref(&edit->record); /* of an earlier try in another batch */
	edit->record = catalog_find(writer_catalog(plan), service, id, lapsed);
	return edit->record;
}

/* ---- Registering ---- */

static void edit_draft(struct edit *edit, struct writer_plan *plan, const struct record *old,
		       struct record *draft)
{
	*draft = (struct record){.in = edit->in,
				 .own = edit->in.status,
				 .admin = RECORD_NO_ADMIN,
				 .lease = edit->lease,
				 .origin = edit->origin,
				 .registered_wall_ms = clock_wall_ms()};
	draft->in.detail = "";
	draft->number = old ? old->number : writer_number(plan);
	if (!old || old->admin == RECORD_NO_ADMIN)
		return;
	draft->admin = old->admin; /* stays until an admin clears it */
	draft->in.detail = old->in.detail;
}

/* Routes that are free now may be another service's after this batch, so they wait for the next. */
static enum writer_verdict edit_claim(struct edit *edit, struct writer_plan *plan)
{
	bool are_new;

	edit->clash = catalog_claim(writer_catalog(plan), &edit->in, &are_new, &edit->op.err) < 0;
	if (edit->clash)
		return WRITER_FAULT;
	return are_new && writer_claimed(plan, edit->in.service) ? WRITER_LATER : WRITER_GO;
}

static enum writer_verdict edit_plan_register(struct edit *edit, struct writer_plan *plan)
{
	struct record *old = edit_find(edit, plan, edit->in.service, edit->in.id, NULL);
	enum writer_verdict verdict = edit_claim(edit, plan);
	struct record draft;

	if (verdict != WRITER_GO)
		return verdict;
	edit_draft(edit, plan, old, &draft);
	/* It says it is there; its check is to find it there. */
	draft.check_pending = draft.in.check != INSTANCE_CHECK_NONE;
	edit_say_place(edit, &draft);
	edit_tell(edit, "registered", old, edit->said);
	return writer_put(plan, &edit->op, &draft, true);
}

static enum writer_verdict edit_plan_restore(struct edit *edit, struct writer_plan *plan)
{
	bool lapsed;
	struct record *old = edit_find(edit, plan, edit->in.service, edit->in.id, &lapsed);
	enum writer_verdict verdict;
	struct record draft;

	if (old && (edit->lease[0] || edit->strict) && !lease_token_equal(old->lease, edit->lease))
		return edit_fenced(edit, edit->in.service, edit->in.id);
	if (old && record_is_live(old) && !lapsed) {
		(void)snprintf(edit->lease, sizeof(edit->lease), "%s", old->lease);
		return WRITER_GO; /* somebody was faster: a second beat with the same news */
	}
	if (!edit->lease[0] && edit_make_lease(edit->lease, &edit->op.err) < 0)
		return WRITER_FAULT;
	verdict = edit_claim(edit, plan);
	if (verdict != WRITER_GO)
		return verdict;
	edit_draft(edit, plan, old, &draft);
	edit_say_place(edit, &draft);
	edit_tell(edit, "restored", old, edit->said);
	return writer_put(plan, &edit->op, &draft, true);
}

/* ---- Changing one instance ---- */

static enum writer_verdict edit_plan_deregister(struct edit *edit, struct writer_plan *plan)
{
	struct record *old = edit_find(edit, plan, edit->service, edit->id, NULL);

	edit->existed = old && record_is_live(old);
	if (!old)
		return WRITER_GO;
	if (!edit_may(edit, old))
		return edit_fenced(edit, edit->service, edit->id);
	edit_tell(edit, "deregistered", old, "");
	return writer_remove(plan, &edit->op, old->in.service, old->in.id);
}

static enum writer_verdict edit_plan_status(struct edit *edit, struct writer_plan *plan)
{
	struct record *old = edit_find(edit, plan, edit->service, edit->id, NULL);
	struct record draft;
	bool by_admin = !edit->lease[0];

	if (!old || !record_is_live(old)) {
		(void)err_code(&edit->op.err, RPC_FAULT_UNKNOWN,
			       "no instance \"%s\" of service \"%s\" is registered", edit->id,
			       edit->service);
		return WRITER_FAULT;
	}
	if (!edit_may(edit, old))
		return edit_fenced(edit, edit->service, edit->id);
	draft = record_draft(old);
	if (by_admin && edit->status != INSTANCE_UP && edit->status != INSTANCE_STARTING) {
		draft.admin = (int)edit->status;
	} else {
		draft.own = edit->status;
		if (by_admin)
			draft.admin = RECORD_NO_ADMIN;
	}
	if (by_admin || draft.admin == RECORD_NO_ADMIN)
		draft.in.detail = edit->detail;
	if (draft.own == old->own && draft.admin == old->admin &&
	    strcmp(draft.in.detail, old->in.detail) == 0) {
		edit->op.revision = old->revision;
		return WRITER_GO;
	}
	edit_say_status(edit, old, &draft);
	edit_tell(edit, "status", old, edit->said);
	return writer_put(plan, &edit->op, &draft, false);
}

static enum writer_verdict edit_plan_expire(struct edit *edit, struct writer_plan *plan)
{
	struct record *old = edit_find(edit, plan, edit->service, edit->id, NULL);
	struct record draft;

	if (!old || !lease_end(writer_catalog(plan), edit->service, edit->id))
		return WRITER_GO; /* it was heard of in the meantime */
	draft = record_draft(old);
	draft.expired_wall_ms = clock_wall_ms();
	edit->existed = true;
	edit_tell(edit, "expired", old, "");
	return writer_put(plan, &edit->op, &draft, false);
}

static enum writer_verdict edit_plan_forget(struct edit *edit, struct writer_plan *plan)
{
	struct record *old = edit_find(edit, plan, edit->service, edit->id, NULL);

	if (!old || (record_is_live(old) && !(old->legacy && old->check_failed)))
		return WRITER_GO;
	edit->existed = true;
	edit_tell(edit, "removed", old, record_is_live(old) ? "it was down for too long" : "");
	return writer_remove(plan, &edit->op, old->in.service, old->in.id);
}

bool edit_wants_reason(const struct record *record)
{
	return record->check_failed && record->admin == RECORD_NO_ADMIN && !record->in.detail[0];
}

static enum writer_verdict edit_plan_check(struct edit *edit, struct writer_plan *plan)
{
	struct record *old = edit_find(edit, plan, edit->service, edit->id, NULL);
	bool same = old && old->check_failed == edit->failed && !old->check_pending;
	struct record draft;

	if (!old || !record_is_live(old) || (same && !edit_wants_reason(old)))
		return WRITER_GO;
	draft = record_draft(old);
	draft.check_failed = edit->failed;
	draft.check_pending = false;
	if (!same)
		draft.down_wall_ms = edit->failed ? clock_wall_ms() : 0;
	if (draft.admin == RECORD_NO_ADMIN)
		draft.in.detail = edit->failed ? edit->detail : "";
	edit->existed = true;
	edit_say_status(edit, old, &draft);
	edit_tell(edit, "checked", old, edit->said);
	return writer_put(plan, &edit->op, &draft, false);
}

/* ---- Original clients ---- */

static enum instance_status edit_legacy_status(int status)
{
	return status == 1 ? INSTANCE_UP : INSTANCE_DOWN;
}

static enum writer_verdict edit_plan_legacy_register(struct edit *edit, struct writer_plan *plan)
{
	struct record *old = edit_find(edit, plan, edit->in.service, edit->in.id, NULL);
	struct catalog_answer now;
	struct record draft;
	bool taken;

	if (catalog_look(writer_catalog(plan), edit->in.service, &now) == CATALOG_NO_MEMORY) {
		(void)err_code(&edit->op.err, RPC_FAULT_STORE, "the registry is out of memory");
		return WRITER_FAULT;
	}
	taken = edit->strict && now.view && now.view->count;
	catalog_view_unref(&now.view);
	edit->number = 0;
	/* One that beats is not replaced by one that doesn't. */
	if (taken || (old && record_is_live(old) && !old->legacy))
		return WRITER_GO;
	edit->in.status = edit_legacy_status(edit->legacy_status);
	edit_draft(edit, plan, old, &draft);
	draft.legacy = true;
	draft.lease = "";
	draft.legacy_status = edit->legacy_status;
	draft.legacy_host = edit->legacy_host;
	edit->number = draft.number;
	edit_say_place(edit, &draft);
	edit_tell(edit, "registered", old, edit->said);
	return writer_put(plan, &edit->op, &draft, true);
}

static enum writer_verdict edit_legacy_one(struct edit *edit, struct writer_plan *plan,
					   const struct record *old)
{
	struct record draft;

	if (edit->kind == EDIT_LEGACY_UNREGISTER) {
		edit_tell(edit, "deregistered", old, "");
		return writer_remove(plan, &edit->op, old->in.service, old->in.id);
	}
	draft = record_draft(old);
	draft.legacy_status = edit->legacy_status;
	draft.own = edit_legacy_status(edit->legacy_status);
	edit_tell(edit, "status", old, edit->legacy_status == 1 ? "running" : "not running");
	return writer_put(plan, &edit->op, &draft, false);
}

/* On those registered from the caller's address; when there are none, on all of that name. */
static enum writer_verdict edit_plan_legacy_named(struct edit *edit, struct writer_plan *plan)
{
	enum writer_verdict verdict = WRITER_GO;
	struct catalog_answer now;
	size_t same = 0;

	catalog_view_unref(&edit->view); /* of an earlier try in another batch */
	if (catalog_look(writer_catalog(plan), edit->service, &now) == CATALOG_NO_MEMORY) {
		(void)err_code(&edit->op.err, RPC_FAULT_STORE, "the registry is out of memory");
		return WRITER_FAULT;
	}
	edit->view = now.view;
	edit->existed = false;
	for (size_t i = 0; now.view && i < now.view->count; i++)
		same += now.view->records[i]->legacy &&
			strcmp(now.view->records[i]->origin, edit->origin) == 0;
	for (size_t i = 0; now.view && verdict == WRITER_GO && i < now.view->count; i++) {
		const struct record *old = now.view->records[i];

		if (!old->legacy || (same && strcmp(old->origin, edit->origin) != 0))
			continue;
		edit->existed = true;
		verdict = edit_legacy_one(edit, plan, old);
	}
	return verdict;
}

static enum writer_verdict edit_plan_note(struct edit *edit, struct writer_plan *plan)
{
	edit_tell(edit, edit->event, NULL, edit->detail);
	edit->op.event.service = edit->service;
	edit->op.event.id = edit->id;
	return writer_note(plan, &edit->op);
}

/* ---- Dispatch ---- */

static enum writer_verdict edit_plan(struct writer_op *op, struct writer_plan *plan)
{
	struct edit *edit = (void *)op; /* its first member */
	const char *service = edit->service ? edit->service : edit->in.service;
	const char *id = edit->id;

	if (edit->kind == EDIT_REGISTER || edit->kind == EDIT_RESTORE)
		id = edit->in.id;
	if (edit->kind != EDIT_NOTE && writer_touched(plan, service, id))
		return WRITER_LATER;
	switch (edit->kind) {
	case EDIT_REGISTER:
		return edit_plan_register(edit, plan);
	case EDIT_RESTORE:
		return edit_plan_restore(edit, plan);
	case EDIT_DEREGISTER:
		return edit_plan_deregister(edit, plan);
	case EDIT_STATUS:
		return edit_plan_status(edit, plan);
	case EDIT_EXPIRE:
		return edit_plan_expire(edit, plan);
	case EDIT_FORGET:
		return edit_plan_forget(edit, plan);
	case EDIT_CHECK:
		return edit_plan_check(edit, plan);
	case EDIT_LEGACY_REGISTER:
		return edit_plan_legacy_register(edit, plan);
	case EDIT_LEGACY_STATUS:
	case EDIT_LEGACY_UNREGISTER:
		return edit_plan_legacy_named(edit, plan);
	case EDIT_NOTE:
		return edit_plan_note(edit, plan);
	}
	return WRITER_FAULT;
}

static void edit_done(struct writer_op *op)
{
	struct edit *edit = (void *)op;

	catalog_view_unref(&edit->view);
	record_unref(&edit->record);
	edit->finish(edit); /* may free it */
}

int edit_submit(struct writer *writer, struct edit *edit, struct err *e)
{
	edit->op.plan = edit_plan;
	edit->op.done = edit_done;
	return writer_submit(writer, &edit->op, e);
}
