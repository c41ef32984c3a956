/*
 * jq_pool: the helper processes of one worker, which run jq programs that may
 * run long. They start when they are needed, so many at most; what comes beyond
 * that waits its turn, so much at most. A helper that dies, or must be killed,
 * takes only the run with it that it was at.
 *
 * For the worker's thread.
 */
#ifndef MICROREG_GATEWAY_JQ_POOL_H
#define MICROREG_GATEWAY_JQ_POOL_H

#include "common/loop.h"
#include "gateway/jq.h"

struct jq_pool;
struct jq_helper;

struct jq_limits {
	unsigned helpers; /* processes */
	unsigned cpu_ms;  /* of one run */
	uint64_t memory;  /* of one helper, beside what it begins with */
};

/* NULL: no memory. */
struct jq_pool *jq_pool_new(struct loop *loop);
/* Kills and awaits all helpers. No job may be left. */
void jq_pool_free(struct jq_pool **pool);

/* One run. */
struct jq_job {
	void (*on_done)(struct jq_job *job); /* from the loop */
	enum jq_result result;
	struct buf *out; /* the result, or the message */
	/* The pool's: */
	struct jq_pool *pool;
	struct jq_helper *helper; /* NULL: it waits */
	struct jq_job *next;
	struct buf ask;
};

/* Starts or queues it: on_done is called once, never from within this call, unless the job is
 * cancelled. `text`, names and documents are copied. -1: no memory, no process can be started, or
 * too many wait. */
int jq_pool_run(struct jq_pool *pool, const struct jq_limits *limits, struct jq_job *job,
		const char *text, const char *const *names, const struct span *values,
		size_t count);

/* Nobody waits for it any more. Harmless when over, or zeroed. */
void jq_pool_cancel(struct jq_job *job);

/* Processes that are there, and how many were killed since the start. */
void jq_pool_count(const struct jq_pool *pool, unsigned *helpers, unsigned *killed);

#endif
