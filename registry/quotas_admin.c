/* quotas_admin: looking at what is used, starting anew, and removing what is over. */
#include "common/period.h"
#include "registry/quotas_parts.h"

#include <stdio.h>
#include <stdlib.h>

enum {
	QUOTAS_SWEEP_LOOK = 2000, /* entries looked at by one operation */
	QUOTAS_LIST_LOOK = 2000,  /* with the lock held: some 100 us */
};

/* ---- Listing ---- */

/* One that is shown, with its texts. */
struct quotas_shown {
	struct store_quota quota;
	char text[QUOTAS_TEXT_MAX];
};

/* Those used most so far. `ranks`, the first first, are of `shown`; of each one more than
 * `query->max`. */
struct quotas_ranking {
	const struct quotas_query *query;
	struct quotas_shown *shown, **ranks;
	size_t count;
};

static bool quotas_is_asked_for(const struct quotas_entry *entry, const struct quotas_query *query)
{
	if (query->name && strcmp(entry->text, query->name) != 0)
		return false;
	return !query->key || strcmp(quotas_entry_key(entry), query->key) == 0;
}

static bool quotas_is_more(const struct quotas_entry *a, const struct store_quota *b)
{
	return (double)a->used * b->quota > (double)b->used * a->quota;
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

/* Puts a copy of it in its place; the last one gives its room when there are enough. */
static void quotas_rank(struct quotas_ranking *r, const struct quotas_entry *entry)
{
	size_t at = r->count;
	struct quotas_shown *free_one;

	if (r->count == r->query->max && !quotas_is_more(entry, &r->ranks[at - 1]->quota))
		return;
	if (r->count == r->query->max)
		free_one = r->ranks[--at];
	else
		free_one = &r->shown[r->count++];
	quotas_show(free_one, entry);
	for (; at > 0 && quotas_is_more(entry, &r->ranks[at - 1]->quota); at--)
		r->ranks[at] = r->ranks[at - 1];
	r->ranks[at] = free_one;
}

/* Reports wait for the lock: it is let go of now and then. False at the end. */
static bool quotas_rank_some(struct quotas *q, struct quotas_walk *walk, struct quotas_ranking *r)
{
	bool more;

	(void)pthread_mutex_lock(&q->lock);
	for (size_t i = 0; i < QUOTAS_LIST_LOOK && walk->at; i++) {
		if (walk->at->used && quotas_is_asked_for(walk->at, r->query))
			quotas_rank(r, walk->at);
		walk->at = walk->at->hh.next;
	}
	more = walk->at != NULL;
	(void)pthread_mutex_unlock(&q->lock);
	return more;
}

static void quotas_rank_all(struct quotas *q, struct quotas_ranking *r)
{
	struct quotas_walk walk = {0}, **at;

	(void)pthread_mutex_lock(&q->lock);
	walk.at = q->entries;
	walk.next = q->walks;
	q->walks = &walk;
	(void)pthread_mutex_unlock(&q->lock);
	while (quotas_rank_some(q, &walk, r))
		;
	(void)pthread_mutex_lock(&q->lock);
	for (at = &q->walks; *at != &walk;)
		at = &(*at)->next;
	*at = walk.next;
	(void)pthread_mutex_unlock(&q->lock);
}

int quotas_list(struct quotas *quotas, const struct quotas_query *query,
		void (*each)(void *arg, const struct store_quota *quota), void *arg)
{
	struct quotas_ranking r = {.query = query};

	r.ranks = calloc(query->max + 1, sizeof(*r.ranks));
	r.shown = calloc(query->max + 1, sizeof(*r.shown));
	if (!r.ranks || !r.shown) {
		free(r.ranks);
		free(r.shown);
		return -1;
	}
	if (query->max)
		quotas_rank_all(quotas, &r);
	for (size_t i = 0; i < r.count; i++)
		each(arg, &r.ranks[i]->quota);
	free(r.ranks);
	free(r.shown);
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
