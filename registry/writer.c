/* writer: a queue, a batch, a commit, the answers; then again. */
#include "registry/writer.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/rpc.h"
#include "common/siphash.h"
#include "registry/writer_plan.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

struct writer {
	struct store *store;		    /* the writer's thread only */
	struct catalog *catalog;	    /* locks itself */
	struct consumer_catalog *consumers; /* likewise; may be NULL */
	void (*on_change)(void *arg);
	void *arg;
	struct writer_plan plan;
	struct writer_op touch;
	atomic_bool touching;
	pthread_t thread;
	pthread_mutex_t lock; /* guards what follows */
	pthread_cond_t wake;
	struct writer_op *queue, **queue_end;
	size_t queued;
	bool stopping;
	bool failing;
	struct err why; /* of the failure */
	struct writer_stats stats;
};

/* ---- For plans ---- */

struct catalog *writer_catalog(struct writer_plan *plan)
{
	return plan->writer->catalog;
}

struct consumer_catalog *writer_plan_consumers(struct writer_plan *plan)
{
	return plan->writer->consumers;
}

uint64_t writer_number(struct writer_plan *plan)
{
	return ++plan->number;
}

static uint64_t writer_key(const char *service, const char *id)
{
	char key[2 * INSTANCE_NAME_MAX + 2];
	size_t n = strlen(service), m = strlen(id);

	/* Both were checked where they came in; a longer one only shares its key. */
	n = n <= INSTANCE_NAME_MAX ? n : INSTANCE_NAME_MAX;
	m = m <= INSTANCE_NAME_MAX ? m : INSTANCE_NAME_MAX;
	memcpy(key, service, n);
	key[n] = '/';
	memcpy(key + n + 1, id, m);
	return siphash_process(key, n + 1 + m);
}

bool writer_touched(const struct writer_plan *plan, const char *service, const char *id)
{
	uint64_t key = id ? writer_key(service, id) : 0;

	for (size_t i = 0; i < plan->count; i++)
		if (id ? plan->keys[i] == key : strcmp(plan->changes[i].service, service) == 0)
			return true;
	return false;
}

bool writer_claimed(const struct writer_plan *plan, const char *service)
{
	for (size_t i = 0; i < plan->count; i++) {
		const struct record *record = plan->changes[i].record;

		if (record && record->in.route_count && strcmp(record->in.service, service) != 0)
			return true;
	}
	return false;
}

static enum writer_verdict writer_add(struct writer_plan *plan, struct writer_op *op,
				      struct catalog_change change, struct store_change row)
{
	size_t i = plan->count;

	if (i == WRITER_CHANGES_MAX) {
		(void)err_code(&op->err, RPC_FAULT_TOO_MANY, "more than %d instances in one change",
			       WRITER_CHANGES_MAX);
		return plan->op_count ? WRITER_LATER : WRITER_FAULT;
	}
	change.revision = ++plan->revision;
	op->revision = change.revision;
	if (change.record)
		change.record->revision = change.revision;
	row.event = op->event;
	row.event.service = change.service;
	row.event.id = change.id;
	row.event.revision = change.revision;
	plan->changes[i] = change;
	plan->rows[i] = row;
	plan->keys[i] = writer_key(change.service, change.id);
	plan->count++;
	return WRITER_GO;
}

enum writer_verdict writer_put(struct writer_plan *plan, struct writer_op *op,
			       const struct record *draft, bool renew)
{
	struct record *record = record_new(draft);
	enum writer_verdict verdict;

	if (!record) {
		(void)err_code(&op->err, RPC_FAULT_STORE, "the registry is out of memory");
		return WRITER_FAULT;
	}
	if (catalog_reserve(plan->writer->catalog, record->in.service, record->in.id, &op->err) <
	    0) {
		record_unref(&record);
		return WRITER_FAULT;
	}
	if (record_wants_checks(record) &&
	    catalog_reserve_check(plan->writer->catalog, record->in.service, record->in.id,
				  &op->err) < 0) {
		catalog_release(plan->writer->catalog, record->in.service, record->in.id);
		record_unref(&record);
		return WRITER_FAULT;
	}
	verdict = writer_add(plan, op,
			     (struct catalog_change){.record = record,
						     .service = record->in.service,
						     .id = record->in.id,
						     .renew = renew},
			     (struct store_change){.kind = STORE_PUT, .record = record});
	if (verdict != WRITER_GO) {
		catalog_release(plan->writer->catalog, record->in.service, record->in.id);
		record_unref(&record);
	}
	return verdict;
}

enum writer_verdict writer_remove(struct writer_plan *plan, struct writer_op *op,
				  const char *service, const char *id)
{
	return writer_add(
		plan, op, (struct catalog_change){.service = service, .id = id},
		(struct store_change){.kind = STORE_REMOVE, .service = service, .id = id});
}

enum writer_verdict writer_store(struct writer_plan *plan, const struct store_change *row)
{
	if (plan->note_count == WRITER_BATCH_MAX)
		return WRITER_LATER;
	plan->notes[plan->note_count++] = *row;
	return WRITER_GO;
}

enum writer_verdict writer_note(struct writer_plan *plan, struct writer_op *op)
{
	/* One of its own: who reads the history on from a revision meets each event once. */
	op->revision = op->event.revision = ++plan->revision;
	return writer_store(plan, &(struct store_change){.kind = STORE_NOTE, .event = op->event});
}

/* Takes the changes from `from` on back out of the plan. */
static void writer_undo(struct writer_plan *plan, size_t from)
{
	while (plan->count > from) {
		struct catalog_change *change = &plan->changes[--plan->count];

		if (!change->record)
			continue;
		catalog_release(plan->writer->catalog, change->service, change->id);
		record_unref(&change->record);
	}
}

/* ---- A batch ---- */

static void writer_open_batch(struct writer *w)
{
	struct writer_plan *plan = &w->plan;

	plan->writer = w;
	plan->count = plan->note_count = plan->consumer_count = 0;
	plan->revision = store_revision(w->store);
	plan->number = store_number(w->store);
	plan->ops = NULL;
	plan->ops_end = &plan->ops;
	plan->op_count = 0;
	plan->opened_ms = clock_ms();
	plan->force = false;
}

/* False when the batch is closed and the op has to wait for the next. */
static bool writer_take(struct writer *w, struct writer_op *op)
{
	struct writer_plan *plan = &w->plan;
	size_t count = plan->count, notes = plan->note_count, consumers = plan->consumer_count;
	uint64_t revision = plan->revision, number = plan->number;
	enum writer_verdict verdict;

	op->err = (struct err){0};
	op->revision = catalog_revision(w->catalog);
	verdict = op->plan(op, plan);
	if (verdict != WRITER_GO) {
		writer_undo(plan, count);
		writer_undo_consumers(plan, consumers);
		plan->note_count = notes;
		plan->revision = revision;
		plan->number = number;
	}
	if (verdict == WRITER_LATER)
		return false;
	op->next = NULL;
	*plan->ops_end = op;
	plan->ops_end = &op->next;
	plan->op_count++;
	return true;
}

static struct writer_op *writer_pop(struct writer *w)
{
	struct writer_op *op;

	(void)pthread_mutex_lock(&w->lock);
	op = w->queue;
	if (op) {
		w->queue = op->next;
		if (!w->queue)
			w->queue_end = &w->queue;
		w->queued--;
	}
	(void)pthread_mutex_unlock(&w->lock);
	return op;
}

static void writer_push_front(struct writer *w, struct writer_op *op)
{
	(void)pthread_mutex_lock(&w->lock);
	op->next = w->queue;
	if (!w->queue)
		w->queue_end = &op->next;
	w->queue = op;
	w->queued++;
	(void)pthread_mutex_unlock(&w->lock);
}

static void writer_fill_batch(struct writer *w)
{
	writer_open_batch(w);
	while (w->plan.op_count < WRITER_BATCH_MAX) {
		struct writer_op *op = writer_pop(w);

		if (!op)
			return;
		if (!writer_take(w, op)) {
			writer_push_front(w, op);
			return;
		}
		if (clock_ms() - w->plan.opened_ms > WRITER_BATCH_MS)
			return;
	}
}

static void writer_judge(struct writer *w, const struct err *failure)
{
	bool was_failing;

	(void)pthread_mutex_lock(&w->lock);
	was_failing = w->failing;
	w->failing = failure != NULL;
	if (failure) {
		w->why = *failure;
		w->stats.failures++;
	}
	(void)pthread_mutex_unlock(&w->lock);
	if (failure && !was_failing)
		log_error("%s", failure->text);
	else if (!failure && was_failing)
		log_info("the store takes changes again");
}

static int writer_commit(struct writer *w, struct err *e)
{
	struct writer_plan *plan = &w->plan;
	size_t n = plan->count;

	if (!plan->count && !plan->note_count && !plan->consumer_count && !plan->force)
		return 0;
	memcpy(plan->rows + n, plan->consumer_rows,
	       plan->consumer_count * sizeof(plan->consumer_rows[0]));
	n += plan->consumer_count;
	memcpy(plan->rows + n, plan->notes, plan->note_count * sizeof(plan->notes[0]));
	if (store_commit(w->store, plan->rows, n + plan->note_count, plan->revision, plan->number,
			 e) < 0) {
		e->code = RPC_FAULT_STORE;
		writer_judge(w, e);
		return -1;
	}
	writer_judge(w, NULL);
	catalog_apply(w->catalog, plan->changes, plan->count, clock_ms(), clock_wall_ms());
	catalog_advance(w->catalog, plan->revision); /* of consumers, and notes */
	if (plan->consumer_count)
		consumer_catalog_apply(w->consumers, plan->consumers, plan->consumer_count,
				       clock_ms());
	return 0;
}

static void writer_finish(struct writer *w, const struct err *failure)
{
	struct writer_op *op = w->plan.ops;

	while (op) {
		struct writer_op *next = op->next;

		/* Those that were refused keep their own reason. */
		if (failure && !op->err.code)
			op->err = *failure;
		op->done(op);
		op = next;
	}
}

static void writer_batch(struct writer *w)
{
	struct err e = {0};
	bool failed;

	writer_fill_batch(w);
	failed = writer_commit(w, &e) < 0;
	if (failed) {
		writer_undo(&w->plan, 0);
		writer_undo_consumers(&w->plan, 0);
	}
	(void)pthread_mutex_lock(&w->lock);
	w->stats.batches++;
	w->stats.operations += w->plan.op_count;
	(void)pthread_mutex_unlock(&w->lock);
	if (!failed && (w->plan.count || w->plan.consumer_count))
		w->on_change(w->arg);
	writer_finish(w, failed ? &e : NULL);
}

static void *writer_main(void *arg)
{
	struct writer *w = arg;

	(void)pthread_mutex_lock(&w->lock);
	while (w->queue || !w->stopping) {
		if (!w->queue) {
			(void)pthread_cond_wait(&w->wake, &w->lock);
			continue;
		}
		(void)pthread_mutex_unlock(&w->lock);
		writer_batch(w);
		(void)pthread_mutex_lock(&w->lock);
	}
	(void)pthread_mutex_unlock(&w->lock);
	return NULL;
}

/* ---- Life ---- */

struct writer *writer_start(const struct writer_options *options, struct err *e)
{
	struct writer *w = calloc(1, sizeof(*w));

	if (!w) {
		(void)err_set(e, "writer: out of memory");
		return NULL;
	}
	w->store = options->store;
	w->catalog = options->catalog;
	w->consumers = options->consumers;
	w->on_change = options->on_change;
	w->arg = options->arg;
	w->queue_end = &w->queue;
	/* These two can't fail on Linux with default attributes. */
	(void)pthread_mutex_init(&w->lock, NULL);
	(void)pthread_cond_init(&w->wake, NULL);
	if (pthread_create(&w->thread, NULL, writer_main, w)) {
		(void)err_set(e, "writer: can't start a thread");
		free(w);
		return NULL;
	}
	return w;
}

void writer_stop(struct writer **writer)
{
	struct writer *w = *writer;

	if (!w)
		return;
	(void)pthread_mutex_lock(&w->lock);
	w->stopping = true;
	(void)pthread_cond_signal(&w->wake);
	(void)pthread_mutex_unlock(&w->lock);
	(void)pthread_join(w->thread, NULL);
	(void)pthread_cond_destroy(&w->wake);
	(void)pthread_mutex_destroy(&w->lock);
	free(w);
	*writer = NULL;
}

int writer_submit(struct writer *writer, struct writer_op *op, struct err *e)
{
	bool full;

	op->next = NULL;
	(void)pthread_mutex_lock(&writer->lock);
	full = writer->queued >= WRITER_QUEUE_MAX;
	if (!full) {
		*writer->queue_end = op;
		writer->queue_end = &op->next;
		writer->queued++;
		(void)pthread_cond_signal(&writer->wake);
	}
	(void)pthread_mutex_unlock(&writer->lock);
	if (full)
		return err_code(e, RPC_FAULT_TOO_MANY,
				"%d changes are waiting to be written; try again later",
				WRITER_QUEUE_MAX);
	return 0;
}

void writer_stats(struct writer *writer, struct writer_stats *out)
{
	(void)pthread_mutex_lock(&writer->lock);
	*out = writer->stats;
	out->queued = writer->queued;
	(void)pthread_mutex_unlock(&writer->lock);
}

bool writer_is_healthy(struct writer *writer, struct err *why)
{
	bool healthy;

	(void)pthread_mutex_lock(&writer->lock);
	healthy = !writer->failing;
	if (!healthy)
		*why = writer->why;
	(void)pthread_mutex_unlock(&writer->lock);
	return healthy;
}

/* ---- The operation without a change ---- */

static enum writer_verdict writer_plan_touch(struct writer_op *op, struct writer_plan *plan)
{
	(void)op; /* it wants nothing else */
	plan->force = true;
	return WRITER_GO;
}

static void writer_touch_done(struct writer_op *op)
{
	struct writer *w = (void *)((char *)op - offsetof(struct writer, touch));

	atomic_store(&w->touching, false);
}

void writer_touch(struct writer *writer)
{
	if (atomic_exchange(&writer->touching, true))
		return;
	writer->touch.plan = writer_plan_touch;
	writer->touch.done = writer_touch_done;
	if (writer_submit(writer, &writer->touch, NULL) < 0)
		atomic_store(&writer->touching, false);
}
