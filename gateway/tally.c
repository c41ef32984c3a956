/* tally: rows by kind and name, behind a lock; their counts are the workers'. */
#include "gateway/tally.h"
#include "common/siphash.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Names come from whoever may register, so they are hashed with a key. */
#define HASH_FUNCTION(at, len, out) ((out) = (unsigned)siphash_process((at), (len)))
#include <uthash.h>

enum {
	TALLY_KEY_MAX = 4096,	/* a path pattern, or a service and an id */
	TALLY_RECENT_SHARE = 8, /* one duration is an eighth of the recent mean */
};

/* Half a millisecond to ten seconds, 1-2.5-5: where the defaults of Envoy's and of Prometheus'
 * clients lie. */
const uint64_t tally_bounds_us[TALLY_BOUNDS] = {
	500,	1000,	2500,	5000,	 10000,	  25000,   50000,
	100000, 250000, 500000, 1000000, 2500000, 5000000, 10000000,
};

struct tally_entry {
	struct tally_row row;
	unsigned refs; /* guarded by the table's lock */
	UT_hash_handle hh;
	char key[]; /* group, a slash, name; both stand behind it once more */
};

struct tallies {
	unsigned workers;
	pthread_mutex_t lock; /* guards what follows */
	unsigned rows_max;
	struct tally_entry *rows[TALLY_KIND_COUNT];
	struct tally_entry *other[TALLY_KIND_COUNT]; /* each in its table */
};

/* ---- Rows ---- */

static void tally_entry_free(struct tally_entry *entry)
{
	free(entry->row.tallies);
	free(entry);
}

static struct tally_entry *tally_entry_new(const struct tallies *all, const char *group,
					   const char *name, const char *key)
{
	size_t key_size = strlen(key) + 1, group_size = strlen(group) + 1,
	       name_size = strlen(name) + 1, size = all->workers * sizeof(struct tally);
	struct tally_entry *entry = calloc(1, sizeof(*entry) + key_size + group_size + name_size);
	char *texts;

	if (!entry)
		return NULL;
	entry->row.tallies = aligned_alloc(_Alignof(struct tally), size);
	if (!entry->row.tallies) {
		free(entry);
		return NULL;
	}
	memset(entry->row.tallies, 0, size);
	memcpy(entry->key, key, key_size);
	texts = entry->key + key_size;
	entry->row.group = memcpy(texts, group, group_size);
	entry->row.name = memcpy(texts + group_size, name, name_size);
	return entry;
}

/* The oldest that nobody holds makes room. */
static void tallies_evict_locked(struct tallies *all, enum tally_kind kind)
{
	struct tally_entry *entry, *next;

	HASH_ITER(hh, all->rows[kind], entry, next)
	{
		if (entry->refs)
			continue;
		HASH_DEL(all->rows[kind], entry);
		tally_entry_free(entry);
		return;
	}
}

static struct tally_entry *tallies_add_locked(struct tallies *all, enum tally_kind kind,
					      const char *group, const char *name, const char *key)
{
	struct tally_entry *entry;

	if (HASH_COUNT(all->rows[kind]) > all->rows_max)
		tallies_evict_locked(all, kind);
	if (HASH_COUNT(all->rows[kind]) > all->rows_max) /* `other` is one more */
		return NULL;
	entry = tally_entry_new(all, group, name, key);
	if (!entry)
		return NULL;
	HASH_ADD_STR(all->rows[kind], key, entry);
	if (entry->hh.tbl)
		return entry;
	tally_entry_free(entry); /* uthash ran out of memory */
	return NULL;
}

/* -1: too long. */
static int tally_key(char key[TALLY_KEY_MAX], const char *group, const char *name)
{
	int len = snprintf(key, TALLY_KEY_MAX, "%s/%s", group, name);

	return len < 0 || len >= TALLY_KEY_MAX ? -1 : 0;
}

/* ---- The table ---- */

struct tallies *tallies_new(unsigned workers)
{
	struct tallies *all = calloc(1, sizeof(*all));

	if (!all)
		return NULL;
	all->workers = workers;
	all->rows_max = TALLY_ROWS;
	if (pthread_mutex_init(&all->lock, NULL)) {
		free(all);
		return NULL;
	}
	for (enum tally_kind kind = 0; kind < TALLY_KIND_COUNT; kind++) {
		const char *group = kind == TALLY_INSTANCE ? "other" : "";

		all->other[kind] =
			tallies_add_locked(all, kind, group, "other",
					   kind == TALLY_INSTANCE ? "other/other" : "/other");
		if (!all->other[kind]) {
			tallies_free(&all);
			return NULL;
		}
		all->other[kind]->refs = 1;
	}
	return all;
}

void tallies_free(struct tallies **all)
{
	struct tally_entry *entry, *next;
	struct tallies *a = *all;

	*all = NULL;
	if (!a)
		return;
	for (enum tally_kind kind = 0; kind < TALLY_KIND_COUNT; kind++) {
		HASH_ITER(hh, a->rows[kind], entry, next)
		{
			HASH_DEL(a->rows[kind], entry);
			tally_entry_free(entry);
		}
	}
	(void)pthread_mutex_destroy(&a->lock); /* nobody holds it any more */
	free(a);
}

void tallies_set_max(struct tallies *all, unsigned rows_max)
{
	(void)pthread_mutex_lock(&all->lock); /* can't fail: a plain mutex */
	all->rows_max = rows_max;
	(void)pthread_mutex_unlock(&all->lock);
}

struct tally_row *tallies_hold(struct tallies *all, enum tally_kind kind, const char *group,
			       const char *name)
{
	struct tally_entry *entry = NULL;
	char key[TALLY_KEY_MAX];
	int fits = tally_key(key, group, name);

	if (!all)
		return NULL;
	(void)pthread_mutex_lock(&all->lock); /* as above */
	if (fits == 0) {
		HASH_FIND_STR(all->rows[kind], key, entry);
		if (!entry)
			entry = tallies_add_locked(all, kind, group, name, key);
	}
	if (!entry)
		entry = all->other[kind];
	entry->refs++;
	(void)pthread_mutex_unlock(&all->lock);
	return &entry->row;
}

void tallies_release(struct tallies *all, struct tally_row **row)
{
	struct tally_entry *entry = (struct tally_entry *)(void *)*row; /* its first member */

	*row = NULL;
	if (!entry)
		return;
	(void)pthread_mutex_lock(&all->lock); /* as above */
	entry->refs--;
	(void)pthread_mutex_unlock(&all->lock);
}

/* ---- Counting ---- */

static void tally_bump(atomic_uint_fast64_t *count, uint64_t n)
{
	atomic_store_explicit(count, atomic_load_explicit(count, memory_order_relaxed) + n,
			      memory_order_relaxed);
}

/* Where this code is counted. A code takes the first free place; nearly all are 200, so it is found
 * at once. */
static unsigned tally_place(struct tally *t, unsigned status)
{
	for (unsigned i = 0; i < TALLY_CODES && status; i++) {
		unsigned code = atomic_load_explicit(&t->codes[i], memory_order_relaxed);

		if (!code)
			atomic_store_explicit(&t->codes[i], (unsigned short)status,
					      memory_order_relaxed);
		if (!code || code == status)
			return i;
	}
	return TALLY_CODES;
}

void tally_reply(struct tally *t, unsigned status, uint64_t duration_us)
{
	unsigned i = 0;

	if (!t)
		return;
	while (i < TALLY_BOUNDS && duration_us > tally_bounds_us[i])
		i++;
	if (status != 101) {
		tally_bump(&t->durations[i], 1);
		tally_bump(&t->duration_sum_us, duration_us);
	}
	tally_bump(&t->code_counts[tally_place(t, status)], 1);
}

void tally_recent(struct tally *t, uint64_t duration_us)
{
	uint64_t recent;

	if (!t)
		return;
	recent = atomic_load_explicit(&t->counts[TALLY_RECENT_US], memory_order_relaxed);
	if (recent) /* so that it settles also from above, the last digits are rounded up */
		duration_us =
			(recent * (TALLY_RECENT_SHARE - 1) + duration_us + TALLY_RECENT_SHARE / 2) /
			TALLY_RECENT_SHARE;
	tally_set(t, TALLY_RECENT_US, duration_us ? duration_us : 1);
}

/* ---- Adding up ---- */

static void tally_sum_codes(struct tally_sum *sum, const struct tally *t)
{
	for (unsigned i = 0; i <= TALLY_CODES; i++) {
		uint64_t n = atomic_load_explicit(&t->code_counts[i], memory_order_relaxed);
		unsigned code = 0;

		if (i < TALLY_CODES)
			code = atomic_load_explicit(&t->codes[i], memory_order_relaxed);
		sum->codes[code < 600 ? code : 0] += n;
		sum->replies += n;
	}
}

static void tally_sum_one(struct tally_sum *sum, const struct tally *t, uint64_t now_ms)
{
	uint64_t counts[TALLY_COUNT_COUNT];

	for (unsigned i = 0; i < TALLY_COUNT_COUNT; i++) {
		counts[i] = atomic_load_explicit(&t->counts[i], memory_order_relaxed);
		if (i != TALLY_EJECTED_UNTIL_MS && i != TALLY_RECENT_US)
			sum->counts[i] += counts[i];
	}
	if (counts[TALLY_EJECTED_UNTIL_MS] > now_ms) {
		sum->ejectors++;
		if (counts[TALLY_EJECTED_UNTIL_MS] > sum->counts[TALLY_EJECTED_UNTIL_MS])
			sum->counts[TALLY_EJECTED_UNTIL_MS] = counts[TALLY_EJECTED_UNTIL_MS];
	}
	for (unsigned i = 0; i <= TALLY_BOUNDS; i++) {
		uint64_t n = atomic_load_explicit(&t->durations[i], memory_order_relaxed);

		sum->durations[i] += n;
		sum->measured += n;
	}
	sum->duration_sum_us += atomic_load_explicit(&t->duration_sum_us, memory_order_relaxed);
	tally_sum_codes(sum, t);
}

static void tally_sum(const struct tallies *all, const struct tally_row *row, uint64_t now_ms,
		      struct tally_sum *sum)
{
	uint64_t recent = 0, workers = 0;

	*sum = (struct tally_sum){0};
	for (unsigned i = 0; i < all->workers; i++) {
		const struct tally *t = &row->tallies[i];
		uint64_t us =
			atomic_load_explicit(&t->counts[TALLY_RECENT_US], memory_order_relaxed);

		tally_sum_one(sum, t, now_ms);
		recent += us;
		workers += us != 0;
	}
	if (workers)
		sum->counts[TALLY_RECENT_US] = recent / workers;
}

bool tallies_read(struct tallies *all, enum tally_kind kind, const char *group, const char *name,
		  uint64_t now_ms, struct tally_sum *sum)
{
	struct tally_entry *entry = NULL;
	char key[TALLY_KEY_MAX];

	if (!all || tally_key(key, group, name) < 0)
		return false;
	(void)pthread_mutex_lock(&all->lock); /* as above */
	HASH_FIND_STR(all->rows[kind], key, entry);
	if (entry)
		tally_sum(all, &entry->row, now_ms, sum);
	(void)pthread_mutex_unlock(&all->lock);
	return entry != NULL;
}

bool tallies_has(struct tallies *all, enum tally_kind kind, const char *group, const char *name)
{
	struct tally_entry *entry = NULL;
	char key[TALLY_KEY_MAX];

	if (!all || tally_key(key, group, name) < 0)
		return false;
	(void)pthread_mutex_lock(&all->lock); /* as above */
	HASH_FIND_STR(all->rows[kind], key, entry);
	(void)pthread_mutex_unlock(&all->lock);
	return entry != NULL;
}

static bool tally_has_counted(const struct tally_sum *sum)
{
	return sum->replies || sum->counts[TALLY_FAILURES] || sum->counts[TALLY_ABANDONED] ||
	       sum->counts[TALLY_IN_FLIGHT];
}

void tallies_each(struct tallies *all, enum tally_kind kind, uint64_t now_ms,
		  void (*call)(void *arg, const struct tally_row *row, const struct tally_sum *sum),
		  void *arg)
{
	struct tally_sum sum;

	(void)pthread_mutex_lock(&all->lock); /* as above */
	for (struct tally_entry *entry = all->rows[kind]; entry; entry = entry->hh.next) {
		tally_sum(all, &entry->row, now_ms, &sum);
		if ((entry->refs && entry != all->other[kind] && kind == TALLY_INSTANCE) ||
		    tally_has_counted(&sum))
			call(arg, &entry->row, &sum);
	}
	(void)pthread_mutex_unlock(&all->lock);
}
