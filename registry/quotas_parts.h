/* quotas_parts: what the files of quotas share. Everybody else includes quotas.h. */
#ifndef MICROREG_REGISTRY_QUOTAS_PARTS_H
#define MICROREG_REGISTRY_QUOTAS_PARTS_H

#include "common/siphash.h"
#include "registry/quotas.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

/* Names and keys come from whoever may report, so they are hashed with a key. */
#define HASH_FUNCTION(at, len, out) ((out) = (unsigned)siphash_process((at), (len)))
#define HASH_KEYCMP(a, b, len)	    memcmp((a), (b), (len))
#include <uthash.h>

enum { QUOTAS_TEXT_MAX = QUOTAS_NAME_MAX + QUOTAS_KEY_MAX + 16, QUOTAS_SWEEP_MAX = 256 };

/* Who has used how much of what, in one period. */
struct quotas_entry {
	UT_hash_handle hh;
	uint64_t used;	  /* durable */
	int64_t end_ms;	  /* of the period */
	unsigned quota;	  /* of how many, as told last */
	unsigned planned; /* reports of the batch under way that add to it */
	bool leaving;	  /* the batch under way removes it */
	char text[];	  /* name, key and period, each with its NUL: the hash's key */
};

struct quotas_sender {
	UT_hash_handle hh;
	int sequence, planned; /* counted; of the batch under way */
	int64_t seen_ms;
	char name[];
};

/* Where one who looks at all entries goes on, the lock let go of in between. */
struct quotas_walk {
	struct quotas_entry *at; /* NULL: at the end */
	struct quotas_walk *next;
};

struct quotas {
	pthread_mutex_t lock;	      /* guards what follows; only the writer's thread changes it */
	struct quotas_entry *entries; /* the oldest first */
	struct quotas_sender *senders;
	struct quotas_walk *walks; /* any thread's; its own */
	size_t keys_max;
	uint64_t counted, refused;
	/* Removing what is over; the writer's thread, except that any may look at busy and due. */
	struct {
		struct writer_op op;
		atomic_bool busy;
		_Atomic int64_t due_ms;	 /* nothing is over before */
		int64_t next_due_ms;	 /* of what this pass has seen so far */
		struct quotas_entry *at; /* where it goes on; NULL: at the first */
		int64_t wall_ms;
		struct store_quotas rows;
		struct store_quota items[QUOTAS_SWEEP_MAX];
	} sweep;
};

/* The entry, or NULL. */
struct quotas_entry *quotas_find_locked(struct quotas *q, const char *name, const char *key,
					const char *period);
/* Takes it out and frees it. */
void quotas_remove_locked(struct quotas *q, struct quotas_entry *entry);

/* The texts of an entry, borrowed from it. */
static inline const char *quotas_entry_key(const struct quotas_entry *entry)
{
	return entry->text + strlen(entry->text) + 1;
}

static inline const char *quotas_entry_period(const struct quotas_entry *entry)
{
	const char *key = quotas_entry_key(entry);

	return key + strlen(key) + 1;
}

/* Both borrow the entry's texts. */
static inline struct store_quota quotas_entry_view(const struct quotas_entry *entry)
{
	return (struct store_quota){.name = entry->text,
				    .key = quotas_entry_key(entry),
				    .period = quotas_entry_period(entry),
				    .used = entry->used,
				    .quota = entry->quota,
				    .end_ms = entry->end_ms};
}

#endif
