/* blame: a table by service and id, and one by service, behind a lock. */
#include "registry/blame.h"
#include "common/siphash.h"

#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Names come from whoever may report, so they are hashed with a key. */
#define HASH_FUNCTION(at, len, out) ((out) = (unsigned)siphash_process((at), (len)))
#include <uthash.h>

enum { BLAME_KEY_SIZE = 260 };

/* Of an instance, by "service/id", neither of which holds a slash; or of a service, by "service".
 */
struct blame_row {
	char key[BLAME_KEY_SIZE];
	uint64_t period;      /* when something was noted last */
	unsigned now, before; /* in that period, and the one before it */
	UT_hash_handle hh;
};

struct blame {
	pthread_mutex_t lock;
	struct blame_row *rows; /* guarded by lock */
	uint64_t swept;		/* period; guarded by lock */
	atomic_uint count;	/* of rows */
};

struct blame *blame_new(void)
{
	struct blame *b = calloc(1, sizeof(*b));

	if (b && pthread_mutex_init(&b->lock, NULL)) {
		free(b);
		return NULL;
	}
	return b;
}

/* Drops the rows that were silent since before `period`. */
static void blame_sweep_locked(struct blame *b, uint64_t period)
{
	struct blame_row *row, *next;

	HASH_ITER(hh, b->rows, row, next)
	{
		if (row->period >= period)
			continue;
		HASH_DEL(b->rows, row);
		free(row);
	}
	atomic_store_explicit(&b->count, HASH_COUNT(b->rows), memory_order_relaxed);
}

void blame_free(struct blame **blame)
{
	struct blame *b = *blame;

	if (!b)
		return;
	*blame = NULL;
	blame_sweep_locked(b, UINT64_MAX);
	(void)pthread_mutex_destroy(&b->lock); /* nobody holds it any more */
	free(b);
}

static struct blame_row *blame_get_locked(struct blame *b, const char *key)
{
	struct blame_row *row, *added;

	HASH_FIND_STR(b->rows, key, row);
	if (row || HASH_COUNT(b->rows) >= 2 * BLAME_MAX)
		return row;
	row = calloc(1, sizeof(*row));
	if (!row)
		return NULL;
	memcpy(row->key, key, strlen(key) + 1);
	HASH_ADD_STR(b->rows, key, row);
	HASH_FIND_STR(b->rows, key, added);
	if (added)
		atomic_store_explicit(&b->count, HASH_COUNT(b->rows), memory_order_relaxed);
	else /* uthash ran out of memory */
		free(row);
	return added;
}

static void blame_turn(struct blame_row *row, uint64_t period)
{
	if (row->period == period)
		return;
	row->before = row->period + 1 == period ? row->now : 0;
	row->now = 0;
	row->period = period;
}

static void blame_add_locked(struct blame *b, const char *key, unsigned failures, uint64_t period)
{
	struct blame_row *row = blame_get_locked(b, key);

	if (!row)
		return;
	blame_turn(row, period);
	row->now = failures > INT_MAX - row->now ? INT_MAX : row->now + failures;
}

void blame_note(struct blame *b, const char *service, const char *id, unsigned failures,
		uint64_t now_ms)
{
	uint64_t period = now_ms / BLAME_PERIOD_MS + 1; /* 0 is "never" */
	char key[BLAME_KEY_SIZE];
	int len = snprintf(key, sizeof(key), "%s/%s", service, id);

	if (!b || !failures || len < 0 || (size_t)len >= sizeof(key))
		return;
	(void)pthread_mutex_lock(&b->lock); /* can't fail: a plain mutex */
	if (b->swept != period)
		blame_sweep_locked(b, period - 1);
	b->swept = period;
	blame_add_locked(b, key, failures, period);
	blame_add_locked(b, service, failures, period);
	(void)pthread_mutex_unlock(&b->lock);
}

static unsigned blame_of(struct blame *b, const char *key, uint64_t now_ms)
{
	uint64_t period = now_ms / BLAME_PERIOD_MS + 1;
	unsigned failures = 0;
	struct blame_row *row;

	(void)pthread_mutex_lock(&b->lock); /* as above */
	HASH_FIND_STR(b->rows, key, row);
	if (row) {
		blame_turn(row, period);
		failures = row->now > INT_MAX - row->before ? INT_MAX : row->now + row->before;
	}
	(void)pthread_mutex_unlock(&b->lock);
	return failures;
}

bool blame_has(struct blame *b, const char *service, uint64_t now_ms)
{
	return b && atomic_load_explicit(&b->count, memory_order_relaxed) &&
	       blame_of(b, service, now_ms);
}

unsigned blame_count(struct blame *b, const char *service, const char *id, uint64_t now_ms)
{
	char key[BLAME_KEY_SIZE];
	int len = snprintf(key, sizeof(key), "%s/%s", service, id);

	if (!b || len < 0 || (size_t)len >= sizeof(key))
		return 0;
	return blame_of(b, key, now_ms);
}
