/*
 * usage_choice: which uses are told the registry where there are more than fit
 * into a report: first of all those of instances that are no longer up, for
 * whose end somebody may wait.
 */
#ifndef MICROREG_GATEWAY_USAGE_CHOICE_H
#define MICROREG_GATEWAY_USAGE_CHOICE_H

#include <stddef.h>

struct microreg_snapshot;
struct microreg_use;

enum { USAGE_TOLD_MAX = 1000 }; /* registry.report takes no more */

/* Puts those to be told in front. Returns how many these are; the rest is in the list still. */
size_t usage_choose(struct microreg_use *uses, size_t count,
		    const struct microreg_snapshot *snapshot);

#endif
