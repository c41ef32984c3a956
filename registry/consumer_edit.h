/*
 * consumer_edit: each kind of change to a consumer, as an operation for the
 * writer, where the truth stands still. Whoever asks fills in the inputs,
 * submits, and is called back on the writer's thread.
 */
#ifndef MICROREG_REGISTRY_CONSUMER_EDIT_H
#define MICROREG_REGISTRY_CONSUMER_EDIT_H

#include "registry/writer.h"

enum consumer_edit_kind {
	CONSUMER_EDIT_PUT,	  /* draft: makes it, or replaces all but its keys */
	CONSUMER_EDIT_DELETE,	  /* name */
	CONSUMER_EDIT_KEY_NEW,	  /* name, label, expires_wall_ms, grace_ms */
	CONSUMER_EDIT_KEY_REVOKE, /* name, key */
};

/* Strings are borrowed until `finish` has been called. */
struct consumer_edit {
	struct writer_op op; /* op.err, op.revision: the outcome */
	enum consumer_edit_kind kind;
	struct consumer draft;
	const char *name, *key, *label;
	int64_t expires_wall_ms; /* 0: never */
	int64_t grace_ms;    /* how long the keys that are there stay at most; -1: as they are */
	const char *token;   /* the name of the caller's; NULL: it has none */
	const char *address; /* the caller's */
	void (*finish)(struct consumer_edit *edit); /* on the writer's thread */
	void *owner;
	/* Outcome. */
	bool existed, changed;
	char secret[CONSUMER_SECRET_SIZE]; /* of KEY_NEW: wipe it when it is told */
	char key_id[CONSUMER_KEY_ID_SIZE];
	char said[200]; /* to the history */
};

/* -1 with a fault when the queue is full; `finish` is not called then. */
int consumer_edit_submit(struct writer *writer, struct consumer_edit *edit, struct err *e);

#endif
