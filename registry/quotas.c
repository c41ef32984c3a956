/* quotas: a table by name, key and period: planned on the writer's thread, counted when done. */
#include "common/period.h"
#include "common/rpc.h"
#include "registry/quotas_parts.h"

#include <assert.h>
#include <stdlib.h>

#define QUOTAS_DAY_MS INT64_C(86400000)

struct quotas *quotas_new(size_t keys_max)
{
	struct quotas *q = calloc(1, sizeof(*q));

	if (q && pthread_mutex_init(&q->lock, NULL)) {
		free(q);
		return NULL;
	}
	if (q) {
		q->keys_max = keys_max;
		q->sweep.due_ms = q->sweep.next_due_ms = INT64_MAX;
	}
	return q;
}

static void quotas_remove_sender_locked(struct quotas *q, struct quotas_sender *sender)
{
	assert(q->senders); /* it is one of them */
	HASH_DEL(q->senders, sender);
	free(sender);
}

void quotas_free(struct quotas **quotas)
{
	struct quotas *q = *quotas;
	struct quotas_entry *entry, *next;
	struct quotas_sender *sender, *next_sender;

	*quotas = NULL;
	if (!q)
		return;
	HASH_ITER(hh, q->entries, entry, next)
	{
		quotas_remove_locked(q, entry);
	}
	HASH_ITER(hh, q->senders, sender, next_sender)
	{
		quotas_remove_sender_locked(q, sender);
	}
	(void)pthread_mutex_destroy(&q->lock); /* nobody holds it */
	free(q);
}

/* ---- Entries ---- */

/* The hash's key; 0 when the texts are longer than anybody may send. */
static size_t quotas_text(char text[QUOTAS_TEXT_MAX], const char *name, const char *key,
			  const char *period)
{
	const char *const parts[] = {name, key, period};
	size_t at = 0;

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		size_t size = strlen(parts[i]) + 1;

		if (size > QUOTAS_TEXT_MAX - at)
			return 0;
		memcpy(text + at, parts[i], size);
		at += size;
	}
	return at;
}

struct quotas_entry *quotas_find_locked(struct quotas *q, const char *name, const char *key,
					const char *period)
{
	char text[QUOTAS_TEXT_MAX];
	size_t len = quotas_text(text, name, key, period);
	struct quotas_entry *entry = NULL;

	if (len)
		HASH_FIND(hh, q->entries, text, len, entry);
	return entry;
}

/* NULL: out of memory. */
static struct quotas_entry *quotas_add_locked(struct quotas *q, const struct store_quota *quota)
{
	char text[QUOTAS_TEXT_MAX];
	size_t len = quotas_text(text, quota->name, quota->key, quota->period);
	struct quotas_entry *entry = len ? calloc(1, sizeof(*entry) + len) : NULL;
	int64_t due_ms = quota->end_ms + QUOTAS_KEEP_MS;

	if (!entry)
		return NULL;
	memcpy(entry->text, text, len);
	entry->used = quota->used;
	entry->quota = quota->quota;
	entry->end_ms = quota->end_ms;
	HASH_ADD(hh, q->entries, text, len, entry);
	if (!entry->hh.tbl) { /* uthash ran out of memory */
		free(entry);
		return NULL;
	}
	if (due_ms < q->sweep.due_ms)
		q->sweep.due_ms = due_ms;
	if (due_ms < q->sweep.next_due_ms)
		q->sweep.next_due_ms = due_ms;
	return entry;
}

void quotas_remove_locked(struct quotas *q, struct quotas_entry *entry)
{
	if (q->sweep.at == entry)
		q->sweep.at = entry->hh.next;
	for (struct quotas_walk *walk = q->walks; walk; walk = walk->next)
		if (walk->at == entry)
			walk->at = entry->hh.next;
	assert(q->entries); /* it is one of them */
	HASH_DEL(q->entries, entry);
	free(entry);
}

/* ---- Loading ---- */

static int quotas_load_one(void *arg, const struct store_quota *quota)
{
	return quotas_add_locked(arg, quota) ? 0 : -1;
}

static struct quotas_sender *quotas_add_sender_locked(struct quotas *q, const char *name)
{
	struct quotas_sender *sender = calloc(1, sizeof(*sender) + strlen(name) + 1);

	if (!sender)
		return NULL;
	memcpy(sender->name, name, strlen(name) + 1);
	HASH_ADD_STR(q->senders, name, sender);
	if (sender->hh.tbl)
		return sender;
	free(sender);
	return NULL;
}

static int quotas_load_sender(void *arg, const char *name, int sequence, int64_t seen_ms)
{
	struct quotas_sender *sender = quotas_add_sender_locked(arg, name);

	if (!sender)
		return -1;
	sender->sequence = sender->planned = sequence;
	sender->seen_ms = seen_ms;
	return 0;
}

int quotas_load(struct quotas *quotas, struct store *store, struct err *e)
{
	struct store_quota_reader to = {
		.quota = quotas_load_one, .sender = quotas_load_sender, .arg = quotas};
	int failed;

	(void)pthread_mutex_lock(&quotas->lock);
	failed = store_load_quotas(store, &to, e);
	(void)pthread_mutex_unlock(&quotas->lock);
	return failed;
}

/* ---- Senders ---- */

/* Makes room: those of yesterday go, and the one that was silent for the longest time. */
static void quotas_drop_senders_locked(struct quotas *q, int64_t wall_ms)
{
	struct quotas_sender *sender, *next, *oldest = NULL;

	HASH_ITER(hh, q->senders, sender, next)
	{
		if (sender->planned != sender->sequence)
			continue;
		if (sender->seen_ms < wall_ms - QUOTAS_DAY_MS)
			quotas_remove_sender_locked(q, sender);
		else if (!oldest || sender->seen_ms < oldest->seen_ms)
			oldest = sender;
	}
	if (oldest && HASH_COUNT(q->senders) >= QUOTAS_SENDERS_MAX)
		quotas_remove_sender_locked(q, oldest);
}

/* The report's sender, made when it is new. NULL: out of memory. */
static struct quotas_sender *quotas_sender_locked(struct quotas *q,
						  const struct quotas_report *report)
{
	struct quotas_sender *sender;

	HASH_FIND_STR(q->senders, report->sender, sender);
	if (sender)
		return sender;
	if (HASH_COUNT(q->senders) >= QUOTAS_SENDERS_MAX)
		quotas_drop_senders_locked(q, report->wall_ms);
	sender = quotas_add_sender_locked(q, report->sender);
	if (sender)
		sender->seen_ms = report->wall_ms;
	return sender;
}

/* ---- Reports ---- */

/* Is the period of these days? What is long over, or far ahead, is of a clock that is wrong. */
static bool quotas_period_counts(const char *name, int64_t wall_ms, int64_t *end_ms)
{
	struct period period;

	if (period_parse(&period, name) < 0)
		return false;
	*end_ms = period.end_ms;
	return period.end_ms + QUOTAS_KEEP_MS > wall_ms &&
	       period.begin_ms - QUOTAS_DAY_MS < wall_ms;
}

/* One that the batch under way removes can't be added to before it is gone. */
static bool quotas_must_wait_locked(struct quotas *q, const struct quotas_report *report)
{
	for (size_t i = 0; i < report->count; i++) {
		const struct quotas_use *use = &report->uses[i];
		const struct quotas_entry *entry =
			quotas_find_locked(q, use->name, use->key, use->period);

		if (entry && entry->leaving)
			return true;
	}
	return false;
}

static void quotas_plan_use_locked(struct quotas *q, struct quotas_report *report,
				   struct quotas_use *use)
{
	struct store_quota item = {
		.name = use->name, .key = use->key, .period = use->period, .quota = use->quota};
	struct quotas_entry *entry;

	use->counted = true;
	if (!use->used)
		return;
	use->counted = quotas_period_counts(use->period, report->wall_ms, &item.end_ms);
	if (!use->counted)
		return;
	entry = quotas_find_locked(q, use->name, use->key, use->period);
	if (!entry && HASH_COUNT(q->entries) < q->keys_max)
		entry = quotas_add_locked(q, &item);
	use->counted = entry != NULL;
	if (!entry) {
		q->refused++;
		return;
	}
	entry->planned++;
	item.used = use->used;
	report->items[report->rows.count++] = item;
}

static enum writer_verdict quotas_plan_locked(struct quotas *q, struct quotas_report *report,
					      struct writer_plan *plan)
{
	struct store_change row = {.kind = STORE_QUOTAS_ADD, .quotas = &report->rows};
	struct quotas_sender *sender = quotas_sender_locked(q, report);

	if (!sender) {
		(void)err_code(&report->op.err, RPC_FAULT_STORE, "the registry is out of memory");
		return WRITER_FAULT;
	}
	report->fresh = report->sequence > sender->planned;
	if (!report->fresh)
		return WRITER_GO;
	if (quotas_must_wait_locked(q, report) || writer_store(plan, &row) != WRITER_GO)
		return WRITER_LATER;
	sender->planned = report->sequence;
	report->rows = (struct store_quotas){
		.sender = report->sender, .sequence = report->sequence, .items = report->items};
	for (size_t i = 0; i < report->count; i++)
		quotas_plan_use_locked(q, report, &report->uses[i]);
	return WRITER_GO;
}

static enum writer_verdict quotas_plan_report(struct writer_op *op, struct writer_plan *plan)
{
	struct quotas_report *report = (void *)op; /* its first member */
	enum writer_verdict verdict = WRITER_GO;
	bool asks_only = true;

	report->fresh = false;
	for (size_t i = 0; i < report->count; i++) {
		report->uses[i].counted = true;
		asks_only &= !report->uses[i].used;
	}
	if (asks_only)
		return WRITER_GO;
	(void)pthread_mutex_lock(&report->quotas->lock);
	verdict = quotas_plan_locked(report->quotas, report, plan);
	(void)pthread_mutex_unlock(&report->quotas->lock);
	return verdict;
}

/* What was planned is durable, or has not happened. */
static void quotas_settle_locked(struct quotas *q, struct quotas_report *report)
{
	bool failed = report->op.err.code != 0;
	struct quotas_sender *sender;

	HASH_FIND_STR(q->senders, report->sender, sender);
	if (sender && failed) {
		sender->planned = sender->sequence;
	} else if (sender) {
		sender->sequence = report->sequence;
		sender->seen_ms = report->wall_ms;
	}
	for (size_t i = 0; i < report->rows.count; i++) {
		const struct store_quota *item = &report->items[i];
		struct quotas_entry *entry =
			quotas_find_locked(q, item->name, item->key, item->period);

		assert(entry); /* nothing that is planned leaves */
		entry->planned--;
		if (!failed) {
			entry->used += item->used;
			entry->quota = item->quota;
			q->counted += item->used;
		} else if (!entry->used && !entry->planned) {
			quotas_remove_locked(q, entry);
		}
	}
}

/* Of what there is no entry: would the next use of it be counted? What was of a report that came
 * again is told as not counted, so that its gateway goes on by itself. */
static bool quotas_would_count_locked(const struct quotas *q, const struct quotas_report *report,
				      const struct quotas_use *use)
{
	int64_t end_ms;

	return !use->used && HASH_COUNT(q->entries) < q->keys_max &&
	       quotas_period_counts(use->period, report->wall_ms, &end_ms);
}

static void quotas_report_done(struct writer_op *op)
{
	struct quotas_report *report = (void *)op;
	struct quotas *q = report->quotas;

	(void)pthread_mutex_lock(&q->lock);
	if (report->fresh)
		quotas_settle_locked(q, report);
	for (size_t i = 0; i < report->count; i++) {
		struct quotas_use *use = &report->uses[i];
		const struct quotas_entry *entry =
			quotas_find_locked(q, use->name, use->key, use->period);

		use->total = entry ? entry->used : 0;
		if (!entry)
			use->counted = quotas_would_count_locked(q, report, use);
	}
	(void)pthread_mutex_unlock(&q->lock);
	report->finish(report); /* may free it */
}

int quotas_report(struct writer *writer, struct quotas_report *report, struct err *e)
{
	report->op.plan = quotas_plan_report;
	report->op.done = quotas_report_done;
	return writer_submit(writer, &report->op, e);
}
