/*
 * writer: the one thread that changes anything. Group commit: what waits
 * while one transaction is on its way to the disk shares the next.
 *
 *   submit -> plan (against what is committed) -> store -> catalog -> done
 *
 * Durable first, then memory, then watchers: nobody hears of a change that a
 * crash could undo. When the store refuses, every caller of the batch gets the
 * fault and memory stays as it was.
 */
#ifndef MICROREG_REGISTRY_WRITER_H
#define MICROREG_REGISTRY_WRITER_H

#include "common/err.h"
#include "registry/catalog.h"
#include "registry/consumer_catalog.h"
#include "registry/store.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	WRITER_BATCH_MAX = 128,	   /* operations of one transaction */
	WRITER_CHANGES_MAX = 1024, /* and changes */
	WRITER_BATCH_MS = 2,	   /* how long a batch stays open at most */
	WRITER_QUEUE_MAX = 16384,
};

struct writer;
struct writer_plan;

enum writer_verdict {
	WRITER_GO = 0,
	WRITER_LATER, /* it touches what this batch has touched: in the next batch */
	WRITER_FAULT, /* op->err says why; nothing of it is applied */
};

struct writer_op {
	struct writer_op *next;
	/* On the writer's thread: adds changes to the plan. */
	enum writer_verdict (*plan)(struct writer_op *op, struct writer_plan *plan);
	/* On the writer's thread, once; the op is its owner's again. Must not block. */
	void (*done)(struct writer_op *op);
	/* What its changes tell the history; borrowed until done. The plan sets it before each; the
	 * writer adds revision, service and id. */
	struct store_event event;
	struct err err;	   /* err.code: the fault; 0: it is durable and in the catalog */
	uint64_t revision; /* of the last of its changes; of the catalog when it had none */
};

/* ---- For plans ---- */

struct catalog *writer_catalog(struct writer_plan *plan);
/* True when an earlier operation of this batch changes the instance (`id` NULL: any of the
 * service). */
bool writer_touched(const struct writer_plan *plan, const char *service, const char *id);
/* True when an earlier operation of this batch registers an instance of another service that claims
 * routes. */
bool writer_claimed(const struct writer_plan *plan, const char *service);
/* Adds a change: `draft` is copied. On failure op->err is set and the verdict is not WRITER_GO. */
enum writer_verdict writer_put(struct writer_plan *plan, struct writer_op *op,
			       const struct record *draft, bool renew);
/* `service` and `id` must live until done. */
enum writer_verdict writer_remove(struct writer_plan *plan, struct writer_op *op,
				  const char *service, const char *id);
/* Only tells op->event, with its service and id; the event gets a revision of its own. */
enum writer_verdict writer_note(struct writer_plan *plan, struct writer_op *op);
/* Adds a row for the store alone: it changes nothing of the catalog. What it points to must live
 * until done. */
enum writer_verdict writer_store(struct writer_plan *plan, const struct store_change *row);
/* The truth about consumers; a plan may ask it when no earlier operation of this batch changes one
 * of that name. */
struct consumer_catalog *writer_consumers(struct writer_plan *plan);
bool writer_touched_consumer(const struct writer_plan *plan, const char *name);
/* As writer_put and writer_remove, of consumers; `draft` is copied. */
enum writer_verdict writer_put_consumer(struct writer_plan *plan, struct writer_op *op,
					const struct consumer *draft);
enum writer_verdict writer_delete_consumer(struct writer_plan *plan, struct writer_op *op,
					   struct consumer *old);
/* A new number for an instance; those of failed batches are given again. */
uint64_t writer_number(struct writer_plan *plan);

/* ---- Life ---- */

struct writer_options {
	struct store *store;
	struct catalog *catalog;
	struct consumer_catalog *consumers; /* NULL: none are changed by it */
	/* Called on the writer's thread after a batch changed one of them. */
	void (*on_change)(void *arg);
	void *arg;
};

struct writer *writer_start(const struct writer_options *options, struct err *e);
/* Finishes what is queued, ends the thread, frees. */
void writer_stop(struct writer **writer);

/* Any thread. -1 with RPC_FAULT_TOO_MANY when the queue is full: then `done` is not called. */
int writer_submit(struct writer *writer, struct writer_op *op, struct err *e);

struct writer_stats {
	uint64_t batches, operations, failures;
	size_t queued;
};
void writer_stats(struct writer *writer, struct writer_stats *out);

/* True when the store took the last batch; else `why` says what it refused. Any thread. */
bool writer_is_healthy(struct writer *writer, struct err *why);

/* Has the store commit a transaction without a change: when it refused the last one, so that it
 * recovers by itself, and now and then, so that it knows when all of it was still true. */
void writer_touch(struct writer *writer);

#endif
