/* verdict: an edit that holds the record it is about, and says why. */
#include "registry/verdict.h"
#include "common/log.h"

#include <stdio.h>
#include <stdlib.h>

#define VERDICT_STATUS_DEFAULT "200-399"

struct verdict {
	struct edit edit; /* first */
	struct record *record;
	char detail[INSTANCE_CHECK_STATUS_MAX + 64];
};

static void verdict_finish(struct edit *edit)
{
	struct verdict *own = (void *)edit;
	const struct instance *in = &own->record->in;

	/* A store that refuses is told elsewhere; the next check tries again. */
	if (!edit->op.err.code && edit->existed && edit->kind == EDIT_FORGET)
		log_info("%s/%s removed: it did not answer for too long", in->service, in->id);
	else if (!edit->op.err.code && edit->existed)
		log_info("%s/%s is %s", in->service, in->id,
			 edit->failed		      ? own->detail
			 : own->record->check_pending ? "up: it answers"
						      : "back: it answers again");
	record_unref(&own->record);
	free(own);
}

const char *verdict_expected(const struct record *r)
{
	return *r->in.check_status ? r->in.check_status : VERDICT_STATUS_DEFAULT;
}

void verdict_submit(struct writer *writer, const struct record *r, enum edit_kind kind, bool failed,
		    unsigned status)
{
	struct verdict *own = calloc(1, sizeof(*own));

	if (!own)
		return; /* the next check tries again */
	own->record = record_ref(r);
	(void)snprintf(own->detail, sizeof(own->detail), "down: no answer from its address");
	if (status)
		(void)snprintf(own->detail, sizeof(own->detail),
			       "down: its check is answered %u, expected is %s", status,
			       verdict_expected(r));
	own->edit.kind = kind;
	own->edit.service = own->record->in.service;
	own->edit.id = own->record->in.id;
	own->edit.failed = failed;
	own->edit.detail = own->detail;
	own->edit.finish = verdict_finish;
	if (edit_submit(writer, &own->edit, NULL) < 0) {
		record_unref(&own->record);
		free(own);
	}
}
