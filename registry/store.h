/*
 * store: what is durable, whatever the engine. One thread at a time calls it:
 * the start, then the writer.
 *
 * Nothing here knows of leases or watchers; nothing above knows of SQLite.
 */
#ifndef MICROREG_REGISTRY_STORE_H
#define MICROREG_REGISTRY_STORE_H

#include "common/err.h"
#include "registry/consumer.h"
#include "registry/record.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { STORE_DATABASE_SIZE = 11 };

struct store;

/* What happened, for the history. */
struct store_event {
	const char *name;	  /* "registered"; NULL: nothing to tell */
	const char *service, *id; /* "": of none, or of all */
	const char *token;	  /* whose call it was; "": nobody's, or without tokens */
	const char *address;	  /* where that came from; "": from the registry itself */
	const char *detail;
	const struct record *before; /* what was there; NULL: nothing */
	uint64_t revision;
	int64_t wall_ms; /* set by the store */
};

/* What one caller has used of a quota in one period. */
struct store_quota {
	const char *name, *key, *period;
	uint64_t used;	/* when it is loaded all of it, in a change what is added */
	unsigned quota; /* of how many, as told last */
	int64_t end_ms; /* of the period, wall time */
};

/* Changes of quotas that belong together. */
struct store_quotas {
	const char *sender; /* whose report it is: its last one is `sequence` now; NULL: nobody's */
	int sequence;
	const struct store_quota *items;
	size_t count;
};

enum store_change_kind {
	STORE_PUT,
	STORE_REMOVE,
	STORE_NOTE,
	STORE_QUOTAS_ADD,
	STORE_QUOTAS_REMOVE,
	STORE_CONSUMER_PUT,
	STORE_CONSUMER_REMOVE, /* of the one that the event is about */
};

enum { STORE_CHANGES_MAX = 1280 }; /* of one commit */

struct store_change {
	enum store_change_kind kind;
	const struct record *record;	   /* of STORE_PUT */
	const char *service, *id;	   /* of STORE_REMOVE */
	const struct store_quotas *quotas; /* of STORE_QUOTAS_… */
	const struct consumer *consumer;   /* of STORE_CONSUMER_PUT */
	struct store_event event;	   /* all there is of STORE_NOTE */
};

/* How much of the history is kept: what is beyond either goes. */
struct store_keep {
	uint64_t events; /* 0: no history at all */
	int64_t age_ms;
};

/* Opens or makes the database in `dir`, which is made (mode 0700) when it is missing, and keeps it
 * locked against other registries. NULL with e->code DAEMON_EXIT_DATA_DIR, _LOCKED or _DATABASE
 * and a text that says what to do. */
struct store *store_open(const char *dir, struct err *e);
void store_close(struct store **store);

/* Before the first commit; without it there is no history. */
void store_keep_history(struct store *store, const struct store_keep *keep);

/* The id of this database, STORE_DATABASE_SIZE - 1 hex digits: never the same as another's, nor as
 * a backup's. */
const char *store_database(const struct store *store);
/* The revision of the newest change, and the highest number given to an instance. */
uint64_t store_revision(const struct store *store);
uint64_t store_number(const struct store *store);
/* When it was written last, wall time; 0: never. Who is stored as alive was heard of within its ttl
 * before that: the end of a lease is stored too. */
int64_t store_seen_wall_ms(const struct store *store);

/* Gives all records to `take`, in any order, some at a time; of many it is called on two threads at
 * once. Meanwhile it looks whether the database is whole: nothing is to be written or served before
 * it returns 0. -1 when it is not, when `take` returns non-zero or a row can't be read; e->code
 * DAEMON_EXIT_DATABASE or _SYSTEM. */
int store_load(struct store *store, int (*take)(void *arg, struct record **records, size_t count),
	       void *arg, struct err *e);

enum { STORE_QUOTA_SENDERS_MAX = 4096 };

/* Calls the two with every quota in use and the senders of reports that were heard of last,
 * likewise. */
struct store_quota_reader {
	int (*quota)(void *arg, const struct store_quota *quota);
	int (*sender)(void *arg, const char *sender, int sequence, int64_t seen_wall_ms);
	void *arg;
};
int store_load_quotas(struct store *store, const struct store_quota_reader *to, struct err *e);
/* The same of consumers, the least recently changed first. */
int store_load_consumers(struct store *store,
			 int (*each)(void *arg, const struct consumer *consumer), void *arg,
			 struct err *e);
/* The revision of the newest deletion of a consumer; 0: none. */
uint64_t store_consumers_gone(const struct store *store);

/* All changes, the new revision and number, or nothing: on return they are on the disk. -1 when the
 * engine refuses (full, I/O error); it may be tried again. Blocks for the disk. */
int store_commit(struct store *store, const struct store_change *changes, size_t count,
		 uint64_t revision, uint64_t number, struct err *e);

/* ---- The history; any thread. All block for the disk, and for each other. ---- */

enum store_find { STORE_FOUND = 0, STORE_PAST, STORE_FAILED };

struct store_history_query {
	const char *service; /* NULL: all */
	uint64_t since;	     /* after this revision */
	bool newest;	     /* the newest `max`; else the oldest */
	bool of_instances;   /* none of consumers, keys and quotas */
	size_t max;
};

/* Events in their order, or the oldest in that of their revisions. `each` gets them borrowed;
 * non-zero ends it. -1 when the database can't be read. */
int store_history(struct store *store, const struct store_history_query *query,
		  int (*each)(void *arg, const struct store_event *event), void *arg,
		  struct err *e);

/* What has changed of query->service after query->since: `each` gets the first event of each
 * instance, oldest first, whose `before` is what was there at that revision. STORE_PAST when that
 * is not kept any more; `e` says since when it is. */
enum store_find store_look_back(struct store *store, const struct store_history_query *query,
				int (*each)(void *arg, const struct store_event *event), void *arg,
				struct err *e);

/* The revision in force at that time. STORE_PAST likewise. */
enum store_find store_revision_at(struct store *store, int64_t wall_ms, uint64_t *revision,
				  struct err *e);

/* A consistent copy of what is committed now, into `DIR/backup-TIME.db`, whose name goes to `file`.
 * Any thread, beside commits, which go on; `*stop` ends it. The copy has a database id of its own,
 * so that nobody takes its revisions for ours. Blocks for the disk. */
int store_backup(const struct store *store, const atomic_bool *stop, char *file, size_t size,
		 struct err *e);

/* Puts a copy of the backup `from` in the place of the database in `dir`, which moves to
 * `DIR/replaced-TIME.db*`, its name in `kept` ("" when there was none). -1 with e->code as
 * store_open. Nobody may have the directory open. Blocks for the disk. */
int store_restore(const char *dir, const char *from, char *kept, size_t size, struct err *e);

#endif
