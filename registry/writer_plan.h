/*
 * writer_plan: a batch on its way to the store. For the writer's files only.
 */
#ifndef MICROREG_REGISTRY_WRITER_PLAN_H
#define MICROREG_REGISTRY_WRITER_PLAN_H

#include "registry/consumer_catalog.h"
#include "registry/writer.h"

#include <assert.h>

static_assert(WRITER_CHANGES_MAX + 2 * WRITER_BATCH_MAX <= STORE_CHANGES_MAX, "one commit");

/* One batch on its way; the writer's thread only. */
struct writer_plan {
	struct writer *writer;
	size_t count;
	struct catalog_change changes[WRITER_CHANGES_MAX];
	/* One for each change; then, when it is committed, those of consumers and the notes. */
	struct store_change rows[STORE_CHANGES_MAX];
	struct store_change notes[WRITER_BATCH_MAX];
	size_t note_count;
	struct consumer_catalog_change consumers[WRITER_BATCH_MAX];
	struct store_change consumer_rows[WRITER_BATCH_MAX];
	size_t consumer_count;
	uint64_t keys[WRITER_CHANGES_MAX]; /* hashes of service and id, to find what was touched */
	bool reserved[WRITER_CHANGES_MAX];
	uint64_t revision, number; /* of the last change planned */
	struct writer_op *ops, **ops_end;
	size_t op_count;
	uint64_t opened_ms;
	bool force; /* commit, also without a change */
};

/* The truth about consumers; NULL: this writer has none. */
struct consumer_catalog *writer_plan_consumers(struct writer_plan *plan);

/* Takes the consumers' changes from `from` on back out of the plan. */
void writer_undo_consumers(struct writer_plan *plan, size_t from);

#endif
