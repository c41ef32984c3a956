/*
 * consumer_catalog: the truth in memory of who may call through the gateways.
 *
 * Only the writer changes it (plan, apply); any thread reads. What the gateways
 * have to be told is found by revision, as the catalog's services are; those
 * that were deleted are remembered for a while.
 */
#ifndef MICROREG_REGISTRY_CONSUMER_CATALOG_H
#define MICROREG_REGISTRY_CONSUMER_CATALOG_H

#include "registry/catalog.h"
#include "registry/consumer.h"

struct consumer_catalog;

struct consumer_catalog_limits {
	size_t consumers_max;
	size_t tombstones_max; /* deleted ones that are remembered for gateways */
};

/* `gone` is the revision of the newest deletion that the store knows of: what a watcher knew before
 * can't be brought up to date by differences. NULL: out of memory. */
struct consumer_catalog *consumer_catalog_new(const struct consumer_catalog_limits *limits,
					      uint64_t gone);
void consumer_catalog_free(struct consumer_catalog **consumers);

/* A stored one, before there are threads, in the order of their revisions; it is copied. -1 with a
 * fault: out of memory, or two of one name or id. */
int consumer_catalog_load(struct consumer_catalog *consumers, const struct consumer *consumer,
			  struct err *e);

/* ---- For the writer ---- */

struct consumer_catalog_change {
	struct consumer *consumer;     /* given to the truth by apply; NULL: deleted */
	const struct consumer *before; /* the reference of the change; NULL: there was none */
	uint64_t revision;
};

/* Plans a change of what is there under that name: makes room, so that applying can't fail. Takes
 * `consumer` when it succeeds. -1 with a fault: another has the id (409), too many (429), memory
 * (503). */
int consumer_catalog_plan_put(struct consumer_catalog *consumers, struct consumer *consumer,
			      struct consumer_catalog_change *change, struct err *e);
/* Of one that is there. */
void consumer_catalog_plan_delete(struct consumer *consumer,
				  struct consumer_catalog_change *change);
/* Takes a change back that will not be applied; the newest of a plan first. */
void consumer_catalog_cancel(struct consumer_catalog *consumers,
			     struct consumer_catalog_change *change);

/* What was committed becomes what readers see. */
void consumer_catalog_apply(struct consumer_catalog *consumers,
			    struct consumer_catalog_change *changes, size_t count, uint64_t now_ms);

/* ---- Reading ---- */

/* A reference, or NULL. */
struct consumer *consumer_catalog_find(struct consumer_catalog *consumers, const char *name);

/* By name, after `after`, starting with `prefix`: references to at most `max`, written to `out`;
 * how many, or -1 when out of memory. */
long consumer_catalog_list(struct consumer_catalog *consumers, const char *prefix,
			   const char *after, struct consumer **out, size_t max);

size_t consumer_catalog_count(struct consumer_catalog *consumers);
uint64_t consumer_catalog_revision(struct consumer_catalog *consumers); /* of the newest change */

/* ---- Differences ---- */

struct consumer_catalog_changes {
	struct catalog_position position; /* to watch on from */
	bool reset, more;
	size_t count;
	struct consumer_catalog_told {
		char name[CONSUMER_NAME_MAX + 1];
		struct consumer *consumer; /* NULL: deleted */
		uint64_t revision;
	} * items; /* freed by consumer_catalog_changes_fini */
};

/* What changed after `since` (NULL: everything), at most `max`, the oldest change first. -1: out of
 * memory. */
int consumer_catalog_changes(struct consumer_catalog *consumers,
			     const struct catalog_position *since, size_t max,
			     struct consumer_catalog_changes *out);
/* Of what was told since `since` (as above) only the first `count`, 1 or more, are: the position is
 * moved back to there. */
void consumer_catalog_changes_cut(struct consumer_catalog_changes *changes,
				  const struct catalog_position *since, size_t count);
void consumer_catalog_changes_fini(struct consumer_catalog_changes *changes);

/* Is there anything to tell a watcher at `since`? *changed_ms: when the last change was. */
bool consumer_catalog_has_news(struct consumer_catalog *consumers,
			       const struct catalog_position *since, uint64_t *changed_ms);

#endif
