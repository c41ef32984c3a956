/*
 * store: what is durable, whatever the engine. One thread at a time calls it:
 * the start, then the writer.
 *
 * Nothing here knows of leases or watchers; nothing above knows of SQLite.
 */
#ifndef MICROREG_REGISTRY_STORE_H
#define MICROREG_REGISTRY_STORE_H

#include "common/err.h"
#include "registry/record.h"

#include <stddef.h>
#include <stdint.h>

enum { STORE_DATABASE_SIZE = 11 };

struct store;

enum store_change_kind { STORE_PUT, STORE_REMOVE };

struct store_change {
	enum store_change_kind kind;
	const struct record *record; /* of STORE_PUT */
	const char *service, *id;    /* of STORE_REMOVE */
};

/* Opens or makes the database in `dir`, which is made (mode 0700) when it is missing, and keeps it
 * locked against other registries. NULL with e->code DAEMON_EXIT_DATA_DIR, _LOCKED or _DATABASE
 * and a text that says what to do. */
struct store *store_open(const char *dir, struct err *e);
void store_close(struct store **store);

/* The id of this database, STORE_DATABASE_SIZE - 1 hex digits: never the same as another's, nor as
 * a backup's. */
const char *store_database(const struct store *store);
/* The revision of the newest change, and the highest number given to an instance. */
uint64_t store_revision(const struct store *store);
uint64_t store_number(const struct store *store);
/* When it was written last, wall time; 0: never. Who is stored as alive was heard of within its ttl
 * before that: the end of a lease is stored too. */
int64_t store_seen_wall_ms(const struct store *store);

/* Calls `each` with every record (borrowed for the call). -1 when it returns non-zero or a row
 * can't be read; e->code DAEMON_EXIT_DATABASE or _SYSTEM. */
int store_load(struct store *store, int (*each)(void *arg, const struct record *record), void *arg,
	       struct err *e);

/* All changes, the new revision and number, or nothing: on return they are on the disk. -1 when the
 * engine refuses (full, I/O error); it may be tried again. Blocks for the disk. */
int store_commit(struct store *store, const struct store_change *changes, size_t count,
		 uint64_t revision, uint64_t number, struct err *e);

/* A consistent copy into `DIR/backup-TIME.db`, whose name goes to `file`. The copy has a database
 * id of its own, so that nobody takes its revisions for ours. */
int store_backup(struct store *store, char *file, size_t size, struct err *e);

#endif
