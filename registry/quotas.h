/*
 * quotas: how much of each quota each caller has used, counted for all
 * gateways together.
 *
 * A gateway reports what was used since its last report. What is told of it is
 * in the store first, in memory then, and only then answered: what a gateway
 * was told is never forgotten. Reports carry the name of their sender and a
 * number that grows: one that comes again, because its answer was lost, counts
 * nothing. What is over is removed a day later.
 *
 * Changes happen on the writer's thread; any thread may ask.
 */
#ifndef MICROREG_REGISTRY_QUOTAS_H
#define MICROREG_REGISTRY_QUOTAS_H

#include "registry/writer.h"

enum {
	QUOTAS_NAME_MAX = 64,
	QUOTAS_KEY_MAX = 160,
	QUOTAS_SENDERS_MAX = STORE_QUOTA_SENDERS_MAX,
	QUOTAS_KEEP_MS = 86400000, /* what is over is still told so long */
};

struct quotas;

/* At most `keys_max` are counted. NULL: out of memory. */
struct quotas *quotas_new(size_t keys_max);
void quotas_free(struct quotas **quotas); /* after the writer has stopped */

/* What the store has. -1 with an exit code. Before the writer starts. */
int quotas_load(struct quotas *quotas, struct store *store, struct err *e);

/* ---- Reports ---- */

struct quotas_use {
	const char *name, *key, *period; /* a period_parse can read */
	unsigned used;			 /* since the last report; 0 only asks */
	unsigned quota;			 /* of how many */
	/* The answer. */
	uint64_t total;
	bool counted; /* false: there are too many keys, or the period is not of these days */
};

struct quotas_report {
	struct writer_op op; /* op.err: the outcome */
	struct quotas *quotas;
	const char *sender;
	int sequence; /* 1 or more */
	int64_t wall_ms;
	struct quotas_use *uses;
	size_t count;
	struct store_quota *items;		      /* room for `count` */
	void (*finish)(struct quotas_report *report); /* on the writer's thread */
	void *owner;
	/* Its own. */
	struct store_quotas rows;
	bool fresh;
};

/* All that it points to must live until `finish`. -1 with a fault when the writer's queue is full;
 * `finish` is not called then. */
int quotas_report(struct writer *writer, struct quotas_report *report, struct err *e);

/* ---- Resets ---- */

struct quotas_reset {
	struct writer_op op; /* op.err: the outcome */
	struct quotas *quotas;
	const char *name, *key;
	int64_t wall_ms; /* the day and the month that it lies in start anew */
	void (*finish)(struct quotas_reset *reset);
	void *owner;
	uint64_t used; /* the answer: what is forgotten, of day and month together … */
	bool existed;  /* … and whether anything was counted at all */
	/* Its own. */
	struct store_quotas rows;
	struct store_quota items[2];
	char periods[2][12];
};

/* Likewise. */
int quotas_reset(struct writer *writer, struct quotas_reset *reset, struct err *e);

/* ---- Any thread ---- */

struct quotas_query {
	const char *name, *key; /* NULL: any */
	size_t max;
};

/* Those that are used most, in parts of the quota, first; at most `max`. `each` gets them borrowed,
 * without a lock held. -1: out of memory. */
int quotas_list(struct quotas *quotas, const struct quotas_query *query,
		void (*each)(void *arg, const struct store_quota *quota), void *arg);

struct quotas_stats {
	size_t keys;
	uint64_t counted, refused; /* uses that were; that were not because of `keys_max` */
};
void quotas_stats(struct quotas *quotas, struct quotas_stats *out);

/* Removes what is over, a part of it at a time. Now and then. */
void quotas_advance(struct quotas *quotas, struct writer *writer, int64_t wall_ms);

#endif
