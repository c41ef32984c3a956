/*
 * names: looks names up for the checker, on a thread of its own: where a name
 * server does not answer, each takes seconds, which others must not wait for.
 */
#ifndef MICROREG_REGISTRY_NAMES_H
#define MICROREG_REGISTRY_NAMES_H

#include "common/instance.h"
#include "common/loop.h"

struct addrinfo;
struct names;

enum names_result {
	NAMES_UNKNOWN = 0, /* the resolver does not answer: nobody knows */
	NAMES_NONE,	   /* the name has no address */
	NAMES_FOUND,
};

/* One lookup; part of its owner, and left alone by it until `done`. */
struct names_query {
	struct loop_message message; /* first */
	struct names_query *next;
	const struct instance *in;
	enum names_result result;
	struct addrinfo *address; /* when found, the owner's, freed by freeaddrinfo; else NULL */
	void (*done)(struct names_query *query); /* on the loop's thread */
};

/* NULL: no memory, or no thread. `loop` outlives it. */
struct names *names_new(struct loop *loop);

/* Waits for no lookup: the one that is under way, and those that wait, are not done any more. After
 * it the loop may still deliver one that was. */
void names_free(struct names **names);

/* The address of an instance whose host is a literal; else NAMES_NONE. Takes no time. */
enum names_result names_literal(const struct instance *in, struct addrinfo **out);

/* query->in and query->done are set. */
void names_ask(struct names *names, struct names_query *query);

#endif
