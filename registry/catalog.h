/*
 * catalog: the truth in memory: services, their instances, their revisions.
 *
 * Only the writer changes which records are in it (reserve, apply, release);
 * any thread reads. Readers get immutable views of a service and hold no lock
 * while they use them. Leases live beside the records: see lease.h.
 */
#ifndef MICROREG_REGISTRY_CATALOG_H
#define MICROREG_REGISTRY_CATALOG_H

#include "common/err.h"
#include "registry/record.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct catalog;

struct catalog_limits {
	size_t instances_max;
	size_t services_max;
	size_t tombstones_max;	/* services that were emptied and are remembered for watchers */
	size_t texts_max_bytes; /* of all answers that are kept; see catalog_keep_text */
};

/* `revision` is that of the store; older ones can't be answered by differences. */
struct catalog *catalog_new(const char *database, uint64_t revision,
			    const struct catalog_limits *limits, uint64_t now_ms);
void catalog_free(struct catalog **catalog);

/* Stored records, given to the catalog before anybody reads it; `wall_ms` is now. They are held:
 * each has its own ttl to renew. -1 when out of memory; those that are left are gone as well. Any
 * thread. */
int catalog_load(struct catalog *catalog, struct record **records, size_t count, uint64_t now_ms,
		 int64_t wall_ms);
/* After the last of them, which came in any order. -1 when out of memory. */
int catalog_loaded(struct catalog *catalog);

/* ---- For the writer ---- */

struct catalog_change {
	struct record *record;	  /* given to the catalog by catalog_apply; NULL: remove */
	const char *service, *id; /* in the catalog or in `record` */
	bool renew;		  /* a new lease term starts */
	uint64_t revision;
};

/* Makes room for an instance that is not there yet, so that applying can't fail. -1 with a fault
 * code when a maximum or the memory is reached. Harmless when it is there. */
int catalog_reserve(struct catalog *catalog, const char *service, const char *id, struct err *e);

/* The same for the check of one whose record wants one. */
int catalog_reserve_check(struct catalog *catalog, const char *service, const char *id,
			  struct err *e);
/* Makes room for the routes that an instance claims. -1 with a fault code: another service has one
 * of them. *are_new: no live instance of its service claims one of them yet. */
int catalog_claim(struct catalog *catalog, const struct instance *in, bool *are_new, struct err *e);

/* Takes room back that was not used. */
void catalog_release(struct catalog *catalog, const char *service, const char *id);

/* What was committed becomes what readers see. Every `record` is reserved or there. */
void catalog_apply(struct catalog *catalog, const struct catalog_change *changes, size_t count,
		   uint64_t now_ms, int64_t wall_ms);

/* What was committed is no service's: the revision goes on all the same. */
void catalog_advance(struct catalog *catalog, uint64_t revision);

/* ---- Reading ---- */

/* A reference, or NULL. `lapsed` (may be NULL): its lease is over, which is not yet durable. */
struct record *catalog_find(struct catalog *catalog, const char *service, const char *id,
			    bool *lapsed);

/* The live instances of a service at one revision. Immutable and counted. */
struct catalog_view {
	atomic_uint refs;
	uint64_t revision;
	const char *service;
	size_t count;
	size_t expired; /* records kept of instances that expired */
	struct record *records[];
};

/* One that is not of the catalog, with room for so many records and none yet; its caller fills it
 * before it shows it. NULL when out of memory. */
struct catalog_view *catalog_view_new(const char *service, uint64_t revision, size_t room);
const struct catalog_view *catalog_view_ref(const struct catalog_view *view);
void catalog_view_unref(const struct catalog_view **view);

/* What was written of a service: immutable and counted. */
struct catalog_text {
	atomic_uint refs;
	size_t len;
	char data[];
};

enum catalog_text_kind {
	CATALOG_TEXT_LOOKUP, /* the answer to a lookup without conditions */
	CATALOG_TEXT_CHANGE, /* the service's part of a watch's answer */
	CATALOG_TEXTS,
};

const struct catalog_text *catalog_text_ref(const struct catalog_text *text);
void catalog_text_unref(const struct catalog_text **text);

enum catalog_found { CATALOG_FOUND, CATALOG_UNKNOWN, CATALOG_NO_MEMORY };

struct catalog_answer {
	const struct catalog_view *view; /* the caller's reference; NULL when unknown */
	bool held;			 /* expiry is held back for some of it */
	uint64_t revision;		 /* of the catalog */
};
enum catalog_found catalog_look(struct catalog *catalog, const char *service,
				struct catalog_answer *out);

/* What was kept of that kind for the service as it is now: the caller's reference, or NULL. */
const struct catalog_text *catalog_look_text(struct catalog *catalog, const char *service,
					     enum catalog_text_kind kind);
/* Keeps a copy of what was written of `of`, unless that is not what the service is any more. */
void catalog_keep_text(struct catalog *catalog, enum catalog_text_kind kind,
		       const struct catalog_answer *of, const char *data, size_t len);

/* Counts up with each call, for each service: whose turn it is. 0 for an unknown one. */
unsigned catalog_turn(struct catalog *catalog, const char *service);

/* Why a list is empty: "unknown_service", "all_expired", "all_draining" or "filtered". */
const char *catalog_reason(const struct catalog_view *view);

struct catalog_summary {
	char name[INSTANCE_NAME_MAX + 1];
	size_t instances, up;
	uint64_t revision;
};
/* Services with instances (live or expired) by name, after `after`, starting with `prefix`. The
 * number written to `out`, at most `max`; -1 when out of memory. */
long catalog_services(struct catalog *catalog, const char *prefix, const char *after,
		      struct catalog_summary *out, size_t max, uint64_t *revision);

/* References to all live records, at most `max`; the array is the caller's. -1: out of memory. */
int catalog_list(struct catalog *catalog, size_t max, struct record ***out, size_t *count);

struct catalog_stats {
	uint64_t revision;
	size_t instances, expired, services, held;
};
void catalog_stats(struct catalog *catalog, struct catalog_stats *out);

uint64_t catalog_revision(struct catalog *catalog);
const char *catalog_database(const struct catalog *catalog);

/* ---- Differences ---- */

/* Where a watcher is. As text: "DATABASE.AT", or "DATABASE.AT-BASE" within a whole state that is
 * told in several answers: `base` is the revision when that began. */
struct catalog_position {
	uint64_t at, base;
};

enum { CATALOG_POSITION_SIZE = 56 };

void catalog_position_print(const struct catalog *catalog, struct catalog_position position,
			    char out[CATALOG_POSITION_SIZE]);
/* False when it is "", of another database, or no revision at all: the whole state is to be told.
 */
bool catalog_position_parse(const struct catalog *catalog, const char *text,
			    struct catalog_position *out);

struct catalog_changes {
	struct catalog_position position; /* to watch on from */
	bool reset, more;
	uint64_t changed_ms; /* when the catalog changed last */
	size_t count;
	struct {
		char service[INSTANCE_NAME_MAX + 1];
		struct catalog_answer now; /* now.view NULL: the service is gone */
		const struct catalog_text
			*text; /* CATALOG_TEXT_CHANGE when it is kept, else NULL */
	} * items;	       /* freed by catalog_changes_fini */
};

/* What changed after `since` (NULL: everything), of one service or (NULL) of all; cut after
 * `instances_max` instances, between services, oldest change first. -1 when out of memory. */
int catalog_changes(struct catalog *catalog, const struct catalog_position *since,
		    const char *service, size_t instances_max, struct catalog_changes *out);
void catalog_changes_fini(struct catalog_changes *changes);

/* Is there anything to tell a watcher at `since`? *changed_ms: when the catalog changed last. */
bool catalog_has_news(struct catalog *catalog, const struct catalog_position *since,
		      const char *service, uint64_t *changed_ms);

/* The names of services that changed after `*since`, oldest first; moves *since on. At most `max`
 * are written; returns how many. `*lost` is set when some can't be named any more. */
size_t catalog_changed(struct catalog *catalog, uint64_t *since,
		       char (*names)[INSTANCE_NAME_MAX + 1], size_t max, bool *lost);

/* A reference to the next live record whose active check is due, or NULL. It is due again after its
 * own interval, or after this one where it has none. */
struct record *catalog_check_next(struct catalog *catalog, unsigned interval_ms, uint64_t now_ms);
/* Milliseconds until one can be due, at most `most_ms`. */
uint64_t catalog_check_wait_ms(struct catalog *catalog, uint64_t now_ms, uint64_t most_ms);

#endif
