/* quotas_admin: looking at what is used, starting anew, and removing what is over. */
#include "common/period.h"
#include "registry/quotas_parts.h"

#include <stdio.h>
#include <stdlib.h>

enum { QUOTAS_SWEEP_LOOK = 2000 }; /* entries looked at by one operation */

/* ---- Listing ---- */

/* One that is shown, with its texts. */
struct quotas_shown {
	struct store_quota quota;
	char text[QUOTAS_TEXT_MAX];
};

static bool quotas_is_asked_for(const struct quotas_entry *entry, const struct quotas_query *query)
{
	if (query->name && strcmp(entry->text, query->name) != 0)
		return false;
	return !query->key || strcmp(quotas_entry_key(entry), query->key) == 0;
}

static bool quotas_is_more(const struct quotas_entry *a, const struct quotas_entry *b)
{
	return (double)a->used * b->quota > (double)b->used * a->quota;
}

/* Puts it in its place among the first `count`, of which there are `max` at most. */
static size_t quotas_rank(const struct quotas_entry **ranks, size_t count, size_t max,
			  const struct quotas_entry *entry)
{
	size_t at = count;

	if (count == max && !quotas_is_more(entry, ranks[count - 1]))
		return count;
	if (count == max)
		at = --count;
	while (at > 0 && quotas_is_more(entry, ranks[at - 1]))
		at--;
	memmove(ranks + at + 1, ranks + at, (count - at) * sizeof(struct quotas_entry *));
	ranks[at] = entry;
	return count + 1;
}

static void quotas_show(struct quotas_shown *to, const struct quotas_entry *entry)
{
	size_t key = (size_t)(quotas_entry_key(entry) - entry->text);
	size_t period = (size_t)(quotas_entry_period(entry) - entry->text);

	memcpy(to->text, entry->text, period + strlen(entry->text + period) + 1);
	to->quota = quotas_entry_view(entry);
	to->quota.name = to->text;
	to->quota.key = to->text + key;
	to->quota.period = to->text + period;
}

int quotas_list(struct quotas *quotas, const struct quotas_query *query,
		void (*each)(void *arg, const struct store_quota *quota), void *arg)
{
	const struct quotas_entry **ranks = calloc(query->max + 1, sizeof(struct quotas_entry *));
	struct quotas_shown *shown = calloc(query->max + 1, sizeof(*shown));
	size_t count = 0;

	if (!ranks || !shown) {
		free(ranks);
		free(shown);
		return -1;
	}
	(void)pthread_mutex_lock(&quotas->lock);
	for (struct quotas_entry *entry = quotas->entries; entry; entry = entry->hh.next)
		if (entry->used && query->max && quotas_is_asked_for(entry, query))
			count = quotas_rank(ranks, count, query->max, entry);
	for (size_t i = 0; i < count; i++)
		quotas_show(&shown[i], ranks[i]);
	(void)pthread_mutex_unlock(&quotas->lock);
	for (size_t i = 0; i < count; i++)
		each(arg, &shown[i].quota);
	free(ranks);
	free(shown);
	return 0;
}

void quotas_stats(struct quotas *quotas, struct quotas_stats *out)
{
	(void)pthread_mutex_lock(&quotas->lock);
	*out = (struct quotas_stats){HASH_COUNT(quotas->entries), quotas->counted, quotas->refused};
	(void)pthread_mutex_unlock(&quotas->lock);
}

/* ---- Removing ---- */

/* The batch that removes these is done; with `failed` they stay. */
static void quotas_left_locked(struct quotas *q, const struct store_quotas *rows, bool failed)
{
	for (size_t i = 0; i < rows->count; i++) {
		const struct store_quota *item = &rows->items[i];
		struct quotas_entry *entry =
			quotas_find_locked(q, item->name, item->key, item->period);

		if (!entry)
			continue;
		entry->leaving = false;
		if (!failed)
			quotas_remove_locked(q, entry);
	}
}

/* ---- Resets ---- */

static enum writer_verdict quotas_plan_reset_locked(struct quotas_reset *reset,
						    struct writer_plan *plan)
{
	struct store_change row = {.kind = STORE_QUOTAS_REMOVE, .quotas = &reset->rows};
	struct quotas_entry *found[2];
	size_t count = 0;

	for (size_t i = 0; i < 2; i++) {
		struct quotas_entry *entry = quotas_find_locked(reset->quotas, reset->name,
								reset->key, reset->periods[i]);

		if (!entry)
			continue;
		if (entry->planned || entry->leaving)
			return WRITER_LATER;
		reset->used += entry->used;
		reset->items[count] = (struct store_quota){
			.name = reset->name, .key = reset->key, .period = reset->periods[i]};
		found[count++] = entry;
	}
	reset->rows = (struct store_quotas){.items = reset->items, .count = count};
	reset->existed = count > 0;
	if (!count)
		return WRITER_GO;
	if (writer_store(plan, &row) != WRITER_GO)
		return WRITER_LATER;
	for (size_t i = 0; i < count; i++)
		found[i]->leaving = true;
	return WRITER_GO;
}

static enum writer_verdict quotas_plan_reset(struct writer_op *op, struct writer_plan *plan)
{
	struct quotas_reset *reset = (void *)op; /* its first member */
	enum writer_verdict verdict;
	struct period period;

	reset->used = 0; /* of an earlier try in another batch */
	for (size_t i = 0; i < 2; i++) {
		period_at(&period, i ? PERIOD_MONTH : PERIOD_DAY, reset->wall_ms);
		(void)snprintf(reset->periods[i], sizeof(reset->periods[i]), "%s", period.name);
	}
	(void)pthread_mutex_lock(&reset->quotas->lock);
	verdict = quotas_plan_reset_locked(reset, plan);
	(void)pthread_mutex_unlock(&reset->quotas->lock);
	return verdict;
}

static void quotas_reset_done(struct writer_op *op)
{
	struct quotas_reset *reset = (void *)op;

	(void)pthread_mutex_lock(&reset->quotas->lock);
	quotas_left_locked(reset->quotas, &reset->rows, op->err.code != 0);
	(void)pthread_mutex_unlock(&reset->quotas->lock);
	reset->finish(reset); /* may free it */
}

int quotas_reset(struct writer *writer, struct quotas_reset *reset, struct err *e)
{
	reset->op.plan = quotas_plan_reset;
	reset->op.done = quotas_reset_done;
	return writer_submit(writer, &reset->op, e);
}

/* ---- What is over ---- */

/* Looks at some more entries, and lists those that are over. */
static void quotas_sweep_some_locked(struct quotas *q)
{
	struct quotas_entry *entry = q->sweep.at ? q->sweep.at : q->entries;
	size_t looked = 0;

	if (!q->sweep.at)
		q->sweep.next_due_ms = INT64_MAX;
	for (; entry && looked < QUOTAS_SWEEP_LOOK && q->sweep.rows.count < QUOTAS_SWEEP_MAX;
	     entry = entry->hh.next, looked++) {
		int64_t due_ms = entry->end_ms + QUOTAS_KEEP_MS;

		if (due_ms <= q->sweep.wall_ms && !entry->planned && !entry->leaving)
			q->sweep.items[q->sweep.rows.count++] = quotas_entry_view(entry);
		else if (due_ms < q->sweep.next_due_ms)
			q->sweep.next_due_ms = due_ms;
	}
	q->sweep.at = entry;
	if (!entry)
		q->sweep.due_ms = q->sweep.next_due_ms;
}

static enum writer_verdict quotas_plan_sweep(struct writer_op *op, struct writer_plan *plan)
{
	struct quotas *q = (void *)((char *)op - offsetof(struct quotas, sweep.op));
	struct store_change row = {.kind = STORE_QUOTAS_REMOVE, .quotas = &q->sweep.rows};

	q->sweep.rows = (struct store_quotas){.items = q->sweep.items};
	(void)pthread_mutex_lock(&q->lock);
	quotas_sweep_some_locked(q);
	if (q->sweep.rows.count && writer_store(plan, &row) != WRITER_GO) {
		q->sweep.rows.count = 0; /* it comes by them again */
		q->sweep.due_ms = q->sweep.wall_ms;
	}
	for (size_t i = 0; i < q->sweep.rows.count; i++) {
		const struct store_quota *item = &q->sweep.items[i];

		quotas_find_locked(q, item->name, item->key, item->period)->leaving = true;
	}
	(void)pthread_mutex_unlock(&q->lock);
	return WRITER_GO;
}

static void quotas_sweep_done(struct writer_op *op)
{
	struct quotas *q = (void *)((char *)op - offsetof(struct quotas, sweep.op));
	bool failed = op->err.code != 0;

	(void)pthread_mutex_lock(&q->lock);
	quotas_left_locked(q, &q->sweep.rows, failed);
	if (failed && q->sweep.rows.count)
		q->sweep.due_ms = q->sweep.wall_ms;
	(void)pthread_mutex_unlock(&q->lock);
	atomic_store(&q->sweep.busy, false);
}

void quotas_advance(struct quotas *quotas, struct writer *writer, int64_t wall_ms)
{
	if (wall_ms < atomic_load(&quotas->sweep.due_ms) ||
	    atomic_exchange(&quotas->sweep.busy, true))
		return;
	quotas->sweep.wall_ms = wall_ms;
	quotas->sweep.op.plan = quotas_plan_sweep;
	quotas->sweep.op.done = quotas_sweep_done;
	if (writer_submit(writer, &quotas->sweep.op, NULL) < 0)
		atomic_store(&quotas->sweep.busy, false);
}
