/* quota: a table in parts, each under its lock; what is to be reported is on a list of its part. */
#include "gateway/quota.h"
#include "client-lib/microreg.h"
#include "common/clock.h"
#include "common/period.h"
#include "common/siphash.h"
#include "gateway/settings_policy.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

/* Whom they count for is up to clients, so they are hashed with a key. */
#define HASH_FUNCTION(at, len, out) ((out) = (unsigned)siphash_process((at), (len)))
#define HASH_KEYCMP(a, b, len)	    memcmp((a), (b), (len))
#include <uthash.h>

enum {
	QUOTA_PARTS = 64,
	QUOTA_PART_MIN = 16,
	QUOTA_LOOK = 8,	 /* counts looked at to find one that may go */
	QUOTA_TIDY = 64, /* the same with each report, of one part in eight */
	QUOTA_SHARE = 8, /* without asking, this part of a gateway's part of what is left */
	QUOTA_STALE_MS = 2000,
	QUOTA_AGAIN_MS = 1000,	     /* what is used up is asked about again after that */
	QUOTA_STALE_SHARE = 100,     /* the same when the last answer is older than that */
	QUOTA_USED_MAX = 1000000000, /* of one report; the rest is the next one's */
	QUOTA_TEXT_MAX = 256,
	QUOTA_SENDER_SIZE = 33,
};

struct quota_count {
	UT_hash_handle hh;
	struct quota_count *prev, *next; /* of those to be reported */
	int64_t end_ms;			 /* of the period */
	uint64_t known;			 /* used at all gateways, as answered */
	uint64_t reported;		 /* here, in the report under way */
	int64_t fresh;			 /* here since then; below 0 when some was given back */
	uint64_t heard_ms;		 /* when it was answered; 0: never */
	unsigned quota;
	bool due;   /* on the list */
	bool taken; /* in the report under way */
	bool recent;
	size_t len;
	char text[]; /* name, key and period, each with its NUL: the hash's key */
};

/* As large as cache lines, so that two workers do not share one. */
struct quota_part {
	_Alignas(64) pthread_mutex_t lock; /* guards what follows */
	struct quota_count *counts;
	struct quota_count *hand; /* who is looked at next; NULL: the first */
	struct quota_count *first_due, *last_due;
	uint64_t lost;
};

struct quota {
	struct quota_part parts[QUOTA_PARTS];
	size_t part_max;
	_Atomic bool live;
	atomic_uint gateways; /* 0: the registry has not said yet */
	/* The reporter's: the report under way. */
	char sender[QUOTA_SENDER_SIZE];
	unsigned sequence;
	size_t turn, tidied; /* the parts to go on with */
	struct microreg_quota items[QUOTA_REPORT_MAX];
	struct quota_count *counts[QUOTA_REPORT_MAX];
	size_t count;
};

static int quota_make_sender(char sender[QUOTA_SENDER_SIZE])
{
	unsigned char bytes[(QUOTA_SENDER_SIZE - 1) / 2];

	if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes))
		return -1;
	for (size_t i = 0; i < sizeof(bytes); i++)
		(void)snprintf(sender + 2 * i, 3, "%02x", bytes[i]);
	return 0;
}

struct quota *quota_new(uint64_t keys)
{
	struct quota *q = aligned_alloc(_Alignof(struct quota), sizeof(*q));

	if (!q)
		return NULL;
	memset(q, 0, sizeof(*q));
	if (quota_make_sender(q->sender) < 0) {
		free(q);
		return NULL;
	}
	q->part_max = (size_t)(keys / QUOTA_PARTS);
	if (q->part_max < QUOTA_PART_MIN)
		q->part_max = QUOTA_PART_MIN;
	atomic_init(&q->live, true); /* until the first report fails */
	atomic_init(&q->gateways, 0);
	for (size_t i = 0; i < QUOTA_PARTS; i++)
		(void)pthread_mutex_init(&q->parts[i].lock, NULL); /* never fails on Linux */
	return q;
}

static void quota_drop_locked(struct quota_part *part, struct quota_count *c)
{
	if (part->hand == c)
		part->hand = c->hh.next;
	assert(part->counts); /* it is one of them */
	HASH_DEL(part->counts, c);
	free(c);
}

void quota_free(struct quota **quota)
{
	struct quota *q = *quota;
	struct quota_count *c, *next;

	*quota = NULL;
	if (!q)
		return;
	for (size_t i = 0; i < QUOTA_PARTS; i++) {
		HASH_ITER(hh, q->parts[i].counts, c, next)
		{
			quota_drop_locked(&q->parts[i], c);
		}
		(void)pthread_mutex_destroy(&q->parts[i].lock); /* nobody holds it */
	}
	free(q);
}

/* ---- What is to be reported ---- */

static void quota_due_locked(struct quota_part *part, struct quota_count *c)
{
	if (c->due)
		return;
	c->due = true;
	c->next = NULL;
	c->prev = part->last_due;
	*(c->prev ? &c->prev->next : &part->first_due) = c;
	part->last_due = c;
}

static struct quota_count *quota_next_due_locked(struct quota_part *part)
{
	struct quota_count *c = part->first_due;

	if (!c)
		return NULL;
	part->first_due = c->next;
	*(c->next ? &c->next->prev : &part->last_due) = NULL;
	c->due = false;
	return c;
}

/* ---- Finding a count ---- */

/* The registry knows all that was used; what was given back since, and is below 0, it need not. */
static bool quota_may_go(const struct quota_count *c)
{
	return !c->due && !c->taken;
}

/* A count that is over, or that nobody has asked for and gave anything back to, goes first. */
static bool quota_is_idle(const struct quota_count *c, int64_t wall_ms)
{
	return (!c->recent && !c->fresh) || c->end_ms <= wall_ms;
}

static struct quota_count *quota_hand_locked(struct quota_part *part)
{
	struct quota_count *c = part->hand ? part->hand : part->counts;

	part->hand = c ? c->hh.next : NULL;
	return c;
}

/* Makes room: of what the registry knows all of one goes that is over, or that nobody asked for
 * since the hand came by last, else any; one that was given something back only when there is no
 * other: it then counts as used. False: the registry knows all of none. */
static bool quota_make_room_locked(struct quota_part *part, int64_t wall_ms)
{
	struct quota_count *any = NULL, *c;

	for (size_t i = 0; i < QUOTA_LOOK && (c = quota_hand_locked(part)); i++) {
		if (!quota_may_go(c))
			continue;
		if (quota_is_idle(c, wall_ms)) {
			any = c;
			break;
		}
		if (!any || !c->fresh)
			any = c;
		c->recent = false;
	}
	if (any)
		quota_drop_locked(part, any);
	return any != NULL;
}

static size_t quota_text(char text[QUOTA_TEXT_MAX], const struct quota_ask *ask, const char *period)
{
	int len = snprintf(text, QUOTA_TEXT_MAX, "%.64s%c%.160s%c%s", ask->limit->name, 0, ask->key,
			   0, period);

	return (size_t)len + 1; /* name, key and period fit */
}

static struct quota_part *quota_part_of(struct quota *q, const char *text, size_t len)
{
	return &q->parts[(siphash_process(text, len) >> 32) % QUOTA_PARTS];
}

static struct quota_count *quota_add_locked(const struct quota *q, struct quota_part *part,
					    const char *text, size_t len, int64_t wall_ms)
{
	struct quota_count *c;

	if (HASH_COUNT(part->counts) >= q->part_max && !quota_make_room_locked(part, wall_ms))
		return NULL;
	c = calloc(1, sizeof(*c) + len);
	if (!c)
		return NULL;
	memcpy(c->text, text, len);
	c->len = len;
	HASH_ADD(hh, part->counts, text, len, c);
	if (c->hh.tbl)
		return c;
	free(c); /* uthash ran out of memory */
	return NULL;
}

/* ---- Taking ---- */

static uint64_t quota_used(const struct quota_count *c)
{
	int64_t used = (int64_t)(c->known + c->reported) + c->fresh;

	return used > 0 ? (uint64_t)used : 0;
}

/* How much of it may be let in after the last answer. */
static uint64_t quota_share(const struct quota *q, const struct quota_count *c, uint64_t now_ms)
{
	uint64_t gateways = atomic_load(&q->gateways), left, share;

	left = c->known < c->quota ? c->quota - c->known : 0;
	if (gateways == 1)
		return left;
	if (!gateways)
		gateways = 2; /* there may be another */
	share = left / gateways /
		(clock_since_ms(c->heard_ms, now_ms) < QUOTA_STALE_MS ? QUOTA_SHARE
								      : QUOTA_STALE_SHARE);
	return share ? share : 1;
}

/* There is enough left; is it this gateway's to give? The first one after an answer always is, so
 * that all get on: each of the others may let in one too many. */
static void quota_decide_locked(struct quota *q, struct quota_part *part, struct quota_count *c,
				const struct quota_ask *ask, struct quota_answer *answer)
{
	uint64_t share = quota_share(q, c, ask->now_ms), untold;
	int64_t here = (int64_t)c->reported + c->fresh;
	bool live = atomic_load(&q->live), waits;

	untold = here > 0 ? (uint64_t)here : 0;
	answer->result = QUOTA_TAKEN;
	waits = !c->heard_ms || (untold && untold + ask->cost > share);
	if (waits && ask->patient && live && ask->cost) {
		answer->result = QUOTA_UNSURE;
	} else {
		c->fresh += (int64_t)ask->cost;
		untold += ask->cost;
	}
	if (live)
		answer->hurry = !c->heard_ms || answer->result == QUOTA_UNSURE ||
				(atomic_load(&q->gateways) != 1 && 2 * untold >= share);
	quota_due_locked(part, c);
}

/* It is used up, as far as is known: it may have been reset, or the quota of another gateway be
 * another. So who comes waits for an answer when the last one is older than a second. */
static void quota_refuse_locked(struct quota *q, struct quota_part *part, struct quota_count *c,
				const struct quota_ask *ask, struct quota_answer *answer)
{
	if (ask->patient && atomic_load(&q->live) &&
	    clock_since_ms(c->heard_ms, ask->now_ms) >= QUOTA_AGAIN_MS) {
		answer->result = QUOTA_UNSURE;
		answer->hurry = true;
	}
	quota_due_locked(part, c);
	answer->limit.retry_us = answer->limit.reset_us;
}

static void quota_take_locked(struct quota *q, struct quota_part *part, struct quota_count *c,
			      const struct quota_ask *ask, struct quota_answer *answer)
{
	uint64_t used = quota_used(c), quota = ask->limit->rate;

	c->quota = ask->limit->rate;
	c->recent = true;
	if (used + ask->cost <= quota) {
		quota_decide_locked(q, part, c, ask, answer);
		used = quota_used(c);
	} else {
		quota_refuse_locked(q, part, c, ask, answer);
	}
	answer->limit.allowed = answer->result == QUOTA_TAKEN;
	answer->limit.left = used < quota ? quota - used : 0;
}

struct quota_answer quota_take(struct quota *q, const struct quota_ask *ask)
{
	struct quota_answer answer = {.result = QUOTA_REFUSED};
	char text[QUOTA_TEXT_MAX];
	struct period period;
	struct quota_part *part;
	struct quota_count *c;
	size_t len;

	period_at(&period, ask->limit->period, ask->wall_ms);
	answer.period_s = (unsigned)((period.end_ms - period.begin_ms) / 1000);
	if (ask->wall_ms < period.end_ms)
		answer.limit.reset_us = (uint64_t)(period.end_ms - ask->wall_ms) * 1000;
	len = quota_text(text, ask, period.name);
	part = quota_part_of(q, text, len);
	(void)pthread_mutex_lock(&part->lock);
	HASH_FIND(hh, part->counts, text, len, c);
	if (!c)
		c = quota_add_locked(q, part, text, len, ask->wall_ms);
	if (c) {
		c->end_ms = period.end_ms;
		quota_take_locked(q, part, c, ask, &answer);
	} else { /* who can't be counted is not punished for it */
		part->lost++;
		answer.result = QUOTA_TAKEN;
		answer.limit.allowed = true;
		answer.limit.left = ask->limit->rate;
	}
	(void)pthread_mutex_unlock(&part->lock);
	return answer;
}

void quota_give(struct quota *q, const struct quota_ask *ask)
{
	char text[QUOTA_TEXT_MAX];
	struct period period;
	struct quota_part *part;
	struct quota_count *c;
	size_t len;

	period_at(&period, ask->limit->period, ask->wall_ms);
	len = quota_text(text, ask, period.name);
	part = quota_part_of(q, text, len);
	(void)pthread_mutex_lock(&part->lock);
	HASH_FIND(hh, part->counts, text, len, c);
	if (c)
		c->fresh -= (int64_t)ask->cost; /* below 0 when it has been reported */
	(void)pthread_mutex_unlock(&part->lock);
}

/* ---- Reporting ---- */

static void quota_put_locked(struct quota *q, struct quota_count *c)
{
	const char *key = c->text + strlen(c->text) + 1;
	int64_t used = c->fresh > 0 ? c->fresh : 0;

	used = used < QUOTA_USED_MAX ? used : QUOTA_USED_MAX;
	c->fresh -= used;
	c->reported = (uint64_t)used;
	c->taken = true;
	q->counts[q->count] = c;
	q->items[q->count++] = (struct microreg_quota){.name = c->text,
						       .key = key,
						       .period = key + strlen(key) + 1,
						       .used = (unsigned)used,
						       .quota = c->quota};
}

/* What is due of a part. True when it has any counts. */
static bool quota_gather(struct quota *q, struct quota_part *part)
{
	struct quota_count *c;
	bool any;

	(void)pthread_mutex_lock(&part->lock);
	any = part->counts != NULL;
	while (q->count < QUOTA_REPORT_MAX && (c = quota_next_due_locked(part)))
		quota_put_locked(q, c);
	(void)pthread_mutex_unlock(&part->lock);
	return any;
}

bool quota_report(struct quota *q, struct microreg_report *report)
{
	bool any = q->count != 0;

	if (!any) {
		for (size_t i = 0; i < QUOTA_PARTS; i++)
			any |= quota_gather(q, &q->parts[q->turn++ % QUOTA_PARTS]);
		q->sequence++;
	}
	*report = (struct microreg_report){.sender = q->sender,
					   .sequence = q->sequence,
					   .quotas = q->items,
					   .quota_count = q->count};
	return any;
}

static bool quota_has_due(struct quota *q)
{
	bool due = false;

	for (size_t i = 0; i < QUOTA_PARTS && !due; i++) {
		(void)pthread_mutex_lock(&q->parts[i].lock);
		due = q->parts[i].first_due != NULL;
		(void)pthread_mutex_unlock(&q->parts[i].lock);
	}
	return due;
}

/* Forgets some of what is over. */
static void quota_tidy(struct quota *q, int64_t wall_ms)
{
	for (size_t i = 0; i < QUOTA_PARTS / 8; i++) {
		struct quota_part *part = &q->parts[q->tidied++ % QUOTA_PARTS];
		struct quota_count *c;

		(void)pthread_mutex_lock(&part->lock);
		for (size_t k = 0; k < QUOTA_TIDY && (c = quota_hand_locked(part)); k++)
			if (c->end_ms <= wall_ms && quota_may_go(c))
				quota_drop_locked(part, c);
		(void)pthread_mutex_unlock(&part->lock);
	}
}

bool quota_answered(struct quota *q, const struct microreg_report *report, uint64_t now_ms,
		    int64_t wall_ms)
{
	bool full = q->count == QUOTA_REPORT_MAX;

	for (size_t i = 0; i < q->count; i++) {
		struct quota_count *c = q->counts[i];
		struct quota_part *part = quota_part_of(q, c->text, c->len);

		(void)pthread_mutex_lock(&part->lock);
		c->known = q->items[i].counted ? q->items[i].total : c->known + c->reported;
		c->reported = 0;
		c->taken = false;
		c->heard_ms = now_ms ? now_ms : 1;
		(void)pthread_mutex_unlock(&part->lock);
	}
	q->count = 0;
	atomic_store(&q->gateways, report->gateways ? report->gateways : 1);
	atomic_store(&q->live, true);
	quota_tidy(q, wall_ms);
	return full && quota_has_due(q);
}

void quota_failed(struct quota *q)
{
	atomic_store(&q->live, false);
}

void quota_stats(struct quota *q, struct quota_stats *out)
{
	*out = (struct quota_stats){.live = atomic_load(&q->live),
				    .gateways = atomic_load(&q->gateways)};
	for (size_t i = 0; i < QUOTA_PARTS; i++) {
		struct quota_part *part = &q->parts[i];

		(void)pthread_mutex_lock(&part->lock);
		out->keys += HASH_COUNT(part->counts);
		out->lost += part->lost;
		for (const struct quota_count *c = part->first_due; c; c = c->next)
			out->unreported += c->fresh > 0 ? (uint64_t)c->fresh : 0;
		(void)pthread_mutex_unlock(&part->lock);
	}
}
