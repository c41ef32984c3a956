/* note: an edit with the texts it borrows. */
#include "registry/note.h"
#include "common/clock.h"
#include "registry/edit.h"
#include "common/rate.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NOTE_EACH = 1, NOTE_ALL = 50 }; /* a second */

struct note_edit {
	struct edit edit; /* first */
	char service[INSTANCE_NAME_MAX + 1], id[INSTANCE_NAME_MAX + 1];
	char token[INSTANCE_NAME_MAX + 1], address[INET6_ADDRSTRLEN], detail[256];
};

static void note_finish(struct edit *edit)
{
	free(edit); /* its owner's first member; a store that refuses is told elsewhere */
}

static bool note_may(struct registry *registry, const struct note *note)
{
	char key[2 * INSTANCE_NAME_MAX + 32];
	uint64_t now_us = clock_us();
	int len = snprintf(key, sizeof(key), "%s/%s/%s", note->event, note->service, note->id);

	return registry->notes && len > 0 && (size_t)len < sizeof(key) &&
	       rate_take(registry->notes, key, (size_t)len, NOTE_EACH, now_us) &&
	       rate_take(registry->notes, "", 0, NOTE_ALL, now_us);
}

/* Texts that are too long are cut. */
#define NOTE_COPY(to, from) (void)snprintf((to), sizeof(to), "%s", (from) ? (from) : "")

void note_tell(struct registry *registry, const struct note *note)
{
	struct note_edit *own;

	if (!note_may(registry, note))
		return;
	own = calloc(1, sizeof(*own));
	if (!own)
		return;
	NOTE_COPY(own->service, note->service);
	NOTE_COPY(own->id, note->id);
	NOTE_COPY(own->token, note->token);
	NOTE_COPY(own->address, note->address);
	NOTE_COPY(own->detail, note->detail);
	own->edit.kind = EDIT_NOTE;
	own->edit.event = note->event;
	own->edit.service = own->service;
	own->edit.id = own->id;
	own->edit.token = own->token;
	own->edit.origin = own->address;
	own->edit.detail = own->detail;
	own->edit.finish = note_finish;
	if (edit_submit(registry->writer, &own->edit, NULL) < 0)
		free(own);
}
