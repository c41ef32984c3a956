/*
 * quota: what callers have used of their quotas in the day or month that runs:
 * by all gateways together as the registry said last, and here since then.
 *
 * The registry counts for all (registry.report). Between two of its answers a
 * gateway lets in no more than its share of what was left: all of it when it is
 * the only gateway, else a part of it so small that the others may do the same.
 * What is more waits for the next answer, which is a few milliseconds away.
 * While the registry is away nobody waits: each gateway goes on with what it
 * last heard and what it counts itself, and reports that when it can.
 *
 * Exact over all workers: a request is let in by one step under a lock. Memory
 * is bounded: what the registry knows already may be forgotten to make room.
 */
#ifndef MICROREG_GATEWAY_QUOTA_H
#define MICROREG_GATEWAY_QUOTA_H

#include "gateway/limiter.h"

#include <stddef.h>

struct microreg_report;
struct quota;

enum { QUOTA_KEY_SIZE = 161, QUOTA_REPORT_MAX = 500 };

/* Room for the counts of `keys` callers. NULL: out of memory. */
struct quota *quota_new(uint64_t keys);
void quota_free(struct quota **quota);

struct quota_ask {
	const struct settings_limit *limit; /* of kind LIMIT_QUOTA */
	const char *key;		    /* whose use it is, at most QUOTA_KEY_SIZE - 1 bytes */
	uint64_t cost; /* 0: it was taken under another limit of this name and caller */
	int64_t wall_ms;
	uint64_t now_ms; /* monotonic */
	bool patient;	 /* it may wait for the registry; else what is known decides */
};

enum quota_result {
	QUOTA_REFUSED = 0,
	QUOTA_TAKEN,
	QUOTA_UNSURE, /* the registry has to be asked; nothing was taken */
};

struct quota_answer {
	enum quota_result result;
	struct limiter_answer limit; /* as limiter_take's */
	unsigned period_s;	     /* the length of the period */
	bool hurry;		     /* the registry is to be asked soon */
};

/* Takes `cost`, or nothing. Any thread. */
struct quota_answer quota_take(struct quota *quota, const struct quota_ask *ask);

/* Gives what was taken back: another limit refused the request. */
void quota_give(struct quota *quota, const struct quota_ask *ask);

/* ---- For the reporter; one thread ---- */

/* Fills in the next report: while one is not answered this is the same again. False: nobody has a
 * quota, so there is nothing to ask. */
bool quota_report(struct quota *quota, struct microreg_report *report);

/* The report was answered. True when there is more to tell at once. */
bool quota_answered(struct quota *quota, const struct microreg_report *report, uint64_t now_ms,
		    int64_t wall_ms);

/* It was not: nobody waits until one is. */
void quota_failed(struct quota *quota);

/* ---- For people; any thread ---- */

struct quota_stats {
	size_t keys;
	uint64_t unreported; /* of what was let in the registry may not know yet */
	uint64_t lost;	     /* requests let in without a count, for want of room */
	bool live;	     /* the last report was answered */
	unsigned gateways;   /* as it said; 0: it has not yet */
};
void quota_stats(struct quota *quota, struct quota_stats *out);

#endif
