/*
 * usage: what the whole gateway has under way at each instance, and how often
 * it failed there: for the registry, which lets a drain complete when nothing
 * is left. Counted by all workers, read by the reporter.
 */
#ifndef MICROREG_GATEWAY_USAGE_H
#define MICROREG_GATEWAY_USAGE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

struct microreg_use;
struct tallies;
struct tally_row;
struct usages;

/* One instance. Counted: each worker's endpoint of it holds it. */
struct usage {
	char *service, *id;
	atomic_uint in_flight; /* attempts under way */
	atomic_uint failures;  /* since the last report */
	struct tally_row *row; /* held; NULL: nothing is counted by name */
	struct usages *all;
	struct usage_private *own;
};

/* Instances are counted in `tallies`; NULL: nowhere. */
struct usages *usages_new(struct tallies *tallies);
void usages_free(struct usages **all); /* when no usage is held any more */

/* Finds or makes. Any thread; locks. NULL when out of memory. The caller unrefs. */
struct usage *usage_get(struct usages *all, const char *service, const char *id);
void usage_unref(struct usage **usage); /* harmless with NULL */

/* An attempt begins, ends, has failed. Any thread; no lock. Harmless with NULL, which has no limit.
 * Only so many as `most` (0: any number) are let begin: false is for those over it. The end says
 * whether nothing is left. */
bool usage_begin(struct usage *usage, unsigned most);
bool usage_end(struct usage *usage);
void usage_fail(struct usage *usage);

/* Whether one more may begin, as of now. */
bool usage_has_room(const struct usage *usage, unsigned most);

/* What there is to tell: instances with something in flight, or with failures, or that had either
 * when this was last called. Takes the failures. The list is the caller's, freed with free(3); the
 * strings are valid until usages_release. NULL with *count 0 when there is nothing, or no memory.
 * One thread. */
struct microreg_use *usages_take(struct usages *all, size_t *count);
void usages_release(struct usages *all);

#endif
