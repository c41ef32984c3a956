/*
 * record: one instance as the registry knows it. Immutable once it is in the
 * catalog and counted, so that readers keep it without a lock; a change makes
 * a new one from a draft.
 */
#ifndef MICROREG_REGISTRY_RECORD_H
#define MICROREG_REGISTRY_RECORD_H

#include "common/instance.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum { RECORD_NO_ADMIN = -1, RECORD_LEASE_SIZE = 33 };

struct record {
	atomic_uint refs;
	struct instance in;	  /* in.status is what lookups show: record_settle */
	enum instance_status own; /* what the instance says of itself */
	int admin;		  /* a status an admin set, which wins; else RECORD_NO_ADMIN */
	bool check_failed;	  /* the checker finds nobody at its address */
	bool check_pending;	  /* it has a check, which it has not passed yet */
	bool legacy;		  /* registered by an original client: no lease, checked instead */
	int legacy_status;	  /* 1, 0 or -1, as its client set it */
	uint64_t number;	  /* the id original clients see, counting from 1 */
	const char *lease;	  /* the token; "" for legacy */
	const char *origin;	  /* address it was registered from */
	const char *legacy_host;  /* host exactly as an original client gave it; else "" */
	uint64_t revision;	  /* of its last change */
	int64_t registered_wall_ms;
	int64_t expired_wall_ms; /* 0: alive */
	int64_t down_wall_ms;	 /* since when check_failed; 0: not */
};

/* in.status from admin, the checks and own. */
void record_settle(struct record *draft);

/* The fields of a record that others hold too, to be changed and made a new one; the strings stay
 * the record's. */
struct record record_draft(const struct record *of);

/* A copy with memory of its own and one reference, settled. NULL when out of memory. */
struct record *record_new(const struct record *draft);

struct record *record_ref(const struct record *record);
void record_unref(struct record **record);

static inline bool record_is_live(const struct record *record)
{
	return record->expired_wall_ms == 0;
}

/* Does the checker look after it? */
static inline bool record_wants_checks(const struct record *record)
{
	return record_is_live(record) &&
	       (record->legacy || record->in.check != INSTANCE_CHECK_NONE);
}

#endif
