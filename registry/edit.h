/*
 * edit: each kind of change to an instance, as an operation for the writer.
 *
 * Whoever asks fills in the inputs, submits, and is called back on the
 * writer's thread. The rules of who may change what (fencing, an admin's
 * status wins) are here, since only here the truth stands still.
 */
#ifndef MICROREG_REGISTRY_EDIT_H
#define MICROREG_REGISTRY_EDIT_H

#include "registry/writer.h"

enum edit_kind {
	EDIT_REGISTER,	 /* in, origin, lease (new) */
	EDIT_RESTORE,	 /* in, origin, lease (the one it had; made when ""), strict (then "" is
			    fenced by who is there): a heartbeat's registration */
	EDIT_DEREGISTER, /* service, id, lease ("": an admin) */
	EDIT_STATUS,	 /* service, id, lease ("": an admin), status, detail */
	EDIT_EXPIRE,	 /* service, id: its lease is over */
	EDIT_FORGET,	 /* service, id: its expired record's day is over, or it was down for one */
	EDIT_CHECK,	 /* service, id, failed, detail */
	EDIT_LEGACY_REGISTER,	/* in, origin, legacy_host, legacy_status, strict */
	EDIT_LEGACY_STATUS,	/* service, origin, legacy_status */
	EDIT_LEGACY_UNREGISTER, /* service, origin */
	EDIT_NOTE,		/* event, service, id, detail: only the history is told */
};

/* Strings are borrowed until `finish` has been called. */
struct edit {
	struct writer_op op; /* op.err, op.revision: the outcome */
	enum edit_kind kind;
	struct instance in;
	const char *service, *id, *origin, *detail, *legacy_host;
	const char *token;		   /* the name of the caller's; NULL: it has none */
	const char *event;		   /* of EDIT_NOTE */
	char lease[INSTANCE_NAME_MAX + 1]; /* a token is shorter, but a peer may send any */
	enum instance_status status;
	int legacy_status;
	bool failed, strict;
	void (*finish)(struct edit *edit); /* on the writer's thread */
	void *owner;
	/* Outcome. */
	bool existed;	 /* there was such an instance */
	bool clash;	 /* refused: another service has a route that it claims */
	uint64_t number; /* of EDIT_LEGACY_REGISTER; 0: refused because the name is taken */
	char said[160];	 /* to the history */
	const struct catalog_view *view; /* kept while a plan's strings come from it */
	struct record *record;		 /* likewise */
};

/* It is down by its check, and does not say why: whoever set its status meanwhile took the reason
 * away. An EDIT_CHECK that failed brings it back. */
bool edit_wants_reason(const struct record *record);

/* A new random token. -1 when the system has no randomness. */
int edit_make_lease(char lease[RECORD_LEASE_SIZE], struct err *e);

/* -1 with a fault when the queue is full; `finish` is not called then. */
int edit_submit(struct writer *writer, struct edit *edit, struct err *e);

#endif
