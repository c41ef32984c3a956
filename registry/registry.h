/* registry: what the parts of the daemon share; made by main, the same for all threads. */
#ifndef MICROREG_REGISTRY_REGISTRY_H
#define MICROREG_REGISTRY_REGISTRY_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct catalog;
struct consumer_catalog;
struct writer;
struct keeper;
struct backup;
struct drain;
struct blame;
struct quotas;
struct rate;
struct store;
struct access_gate;
struct shared_answers;

struct registry {
	struct catalog *catalog;
	struct consumer_catalog *consumers;
	struct writer *writer;
	struct keeper *keeper;
	struct drain *drain;
	struct blame *blame; /* NULL: not counted */
	struct store *store; /* for its history only: the rest is the writer's */
	struct quotas *quotas;
	struct backup *backup;
	struct rate *notes;	       /* see note.h */
	struct shared_answers *shared; /* the keeper's thread; NULL: nothing is shared */
	struct access_gate *access;    /* NULL: everybody may do everything */
	bool legacy_strict; /* a name that is taken can't be registered by another address */
	uint64_t started_ms;
	atomic_ullong calls, faults, beats, lookups, denied, limited;
};

#endif
