/*
 * roster: the consumers that the registry keeps for all gateways, as workers
 * look them up beside those of the settings. Immutable and counted: a change of
 * the registry's makes another, and the workers swap.
 *
 * The settings' consumers win: one of the registry with the name or id of one
 * of theirs is left out, and a key that is one of theirs is the settings'. What
 * the registry tells is checked like the settings; who makes no sense is left
 * out, too.
 */
#ifndef MICROREG_GATEWAY_ROSTER_H
#define MICROREG_GATEWAY_ROSTER_H

#include <stddef.h>

struct consumers;
struct microreg_consumers;

struct roster {
	const struct microreg_consumers *set; /* a reference; strings lie in it */
	struct consumers *consumers;
	size_t count;	    /* in effect */
	size_t left_out;    /* and not */
	const char *first;  /* the name of the first that is left out; NULL: none */
	const char *reason; /* why it is; static text */
};

/* Takes the set over, also when it fails. `first`: the settings' consumers. NULL: out of memory. */
struct roster *roster_new(const struct microreg_consumers *set, const struct consumers *first);
struct roster *roster_ref(struct roster *roster); /* NULL stays NULL */
void roster_unref(struct roster **roster);	  /* any thread; harmless with NULL */

#endif
