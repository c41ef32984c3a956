/*
 * note: tells the history what changes nothing: a call that was fenced off,
 * expiry that is held back. A peer can cause such events as often as it likes,
 * so of each thing one a second is told, of all together a few.
 */
#ifndef MICROREG_REGISTRY_NOTE_H
#define MICROREG_REGISTRY_NOTE_H

#include "registry/registry.h"

struct note {
	const char *event;	     /* "fenced", "held"; a literal */
	const char *service, *id;    /* "": of all */
	const char *token, *address; /* NULL: the registry itself */
	const char *detail;
};

/* Copies it and hands it to the writer. Any thread; what can't be told is dropped. */
void note_tell(struct registry *registry, const struct note *note);

#endif
