/*
 * catalog_shape: the structs inside the catalog. For catalog*.c and lease.c
 * only; everything here is guarded by catalog.lock.
 *
 *   catalog -- services by name -- entries by id -- record
 *           -- services by last change, oldest first
 *           -- wheel: each entry's lease, or the end of its expired record
 */
#ifndef MICROREG_REGISTRY_CATALOG_SHAPE_H
#define MICROREG_REGISTRY_CATALOG_SHAPE_H

#include "common/siphash.h"
#include "common/wheel.h"
#include "registry/catalog.h"
#include "registry/lease.h"

#include <pthread.h>

/* A peer chooses the names: keyed. An add that finds no memory leaves the entry out. */
#define HASH_FUNCTION(key, len, hash) ((hash) = (unsigned)siphash_process((key), (len)))
#define HASH_KEYCMP(a, b, len)	      memcmp((a), (b), (len))
#include <uthash.h>

struct catalog_service;
struct claims;

struct catalog_check;

struct catalog_entry {
	UT_hash_handle hh;
	struct catalog_service *service;
	struct record *record; /* NULL: only reserved */
	/* The lease. The timer may be early: beats move only the deadline. */
	struct wheel_timer timer;
	uint64_t renewed_ms, deadline_ms;
	uint64_t beats_paid_ms;	     /* until then its beats so far are paid for (GCRA) */
	bool lapsed;		     /* over, and the writer has been told */
	bool ending;		     /* the writer is making that durable: a beat comes too late */
	bool held;		     /* has not been heard of since a hold began */
	int load;		     /* 0 to 100, -1 never told */
	struct catalog_check *check; /* NULL: it is not checked; see catalog_check.c */
	char id[];
};

/* Expiry held back for one zone of a service. */
struct catalog_hold {
	struct catalog_hold *next;
	uint64_t until_ms;
	uint64_t spent_ms; /* no new hold before that */
	char zone[];
};

struct catalog_service {
	UT_hash_handle hh;
	struct catalog *catalog;
	struct catalog_entry *entries; /* by id */
	struct catalog_view *view;     /* NULL: to be made by the next reader */
	/* Written for the view and the hold as they are; see catalog_text.c. */
	const struct catalog_text *texts[CATALOG_TEXTS];
	struct catalog_service *text_older, *text_newer; /* by last use, when it has some */
	size_t text_bytes;
	struct catalog_hold *holds;
	struct catalog_service *older, *newer; /* by revision; reserved ones are on no list */
	uint64_t revision;		       /* 0: only reserved */
	size_t records, live, held;
	uint64_t calm_ms,
		calm_zone; /* when a zone (its hash) was last found not to fail as a whole */
	unsigned turn;	   /* see catalog_turn */
	char name[];
};

struct catalog {
	pthread_mutex_t lock;
	struct catalog_service *services;		   /* by name */
	struct claims *claims;				   /* the routes of live instances */
	struct catalog_service *oldest, *newest;	   /* by revision */
	struct catalog_service *text_oldest, *text_newest; /* those with texts, by last use */
	size_t text_bytes;
	struct catalog_service **sorted; /* by name; NULL: to be made */
	size_t sorted_count;
	struct wheel wheel;
	struct wheel check_wheel;
	struct catalog_check *due_first, *due_last; /* those that are due */
	struct lease_due *due;			    /* where lease_advance collects */
	uint64_t now_ms;			    /* of the lease_advance that runs */
	uint64_t revision, floor, changed_ms;
	size_t entries, live, held, tombstones, service_count;
	struct catalog_limits limits;
	char database[16];
};

struct catalog_service *catalog_service_locked(struct catalog *c, const char *name);
struct catalog_entry *catalog_entry_locked(struct catalog *c, const char *service, const char *id);
/* The next reader makes a new view. */
void catalog_view_drop_locked(struct catalog_service *service);
/* Forgets what was written of it. */
void catalog_text_drop_locked(struct catalog_service *service);
/* A reference to what is kept, which counts as used now; or NULL. */
const struct catalog_text *catalog_text_locked(struct catalog_service *service,
					       enum catalog_text_kind kind);
/* From now on it is checked, at once for the first time; or not any more. Harmless twice. Room for
 * the first was reserved. */
void catalog_check_locked(struct catalog_entry *entry);
int catalog_reserve_check_locked(struct catalog_entry *entry);
void catalog_uncheck_locked(struct catalog_entry *entry);
void catalog_set_held_locked(struct catalog_entry *entry, bool held);

/* lease.c's, for catalog.c: starts the clock of a record that was loaded or applied. */
void lease_start_locked(struct catalog_entry *entry, bool renew, uint64_t now_ms, int64_t wall_ms);

#endif
