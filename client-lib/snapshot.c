/*
 * snapshot: three levels of nodes of 64 children, then buckets of services.
 *
 * Nodes and buckets are counted. An edit copies what others hold too, and
 * changes in place what only the snapshot being edited holds: nobody else can
 * get hold of that meanwhile, as it is reached from nowhere else.
 */
#include "client-lib/snapshot.h"
#include "client-lib/service.h"
#include "common/siphash.h"

#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum {
	SNAPSHOT_BITS = 6,
	SNAPSHOT_FAN = 1 << SNAPSHOT_BITS,
	SNAPSHOT_LEVELS = 3,
	SNAPSHOT_PATHS = 1 << (SNAPSHOT_BITS * SNAPSHOT_LEVELS),
	/* A position of microreg_snapshot_next: the path, then the place in the bucket. */
	SNAPSHOT_PLACE_BITS = 12,
	SNAPSHOT_BUCKET_MAX = 1 << SNAPSHOT_PLACE_BITS,
};

struct snapshot_bucket {
	atomic_uint refs;
	unsigned count;
	const struct microreg_service *items[];
};

struct snapshot_node {
	atomic_uint refs;
	/* Nodes; of the lowest level, buckets. NULL: nothing below. */
	union snapshot_child {
		struct snapshot_node *node;
		struct snapshot_bucket *bucket;
	} child[SNAPSHOT_FAN];
};

struct microreg_snapshot {
	atomic_size_t refs;
	struct snapshot_node *root; /* may be NULL */
	size_t count, bytes;
};

static unsigned snapshot_path(const char *name)
{
	return (unsigned)(siphash_process(name, strlen(name)) & (SNAPSHOT_PATHS - 1));
}

static unsigned snapshot_index(unsigned path, unsigned level)
{
	return path >> (SNAPSHOT_BITS * (SNAPSHOT_LEVELS - 1 - level)) & (SNAPSHOT_FAN - 1);
}

static void snapshot_bucket_unref(struct snapshot_bucket *bucket)
{
	if (!bucket || atomic_fetch_sub_explicit(&bucket->refs, 1, memory_order_acq_rel) != 1)
		return;
	for (unsigned i = 0; i < bucket->count; i++)
		microreg_service_unref(&bucket->items[i]);
	free(bucket);
}

/* Recurses three levels at most. */
static void snapshot_node_unref(struct snapshot_node *node, unsigned level)
{
	if (!node || atomic_fetch_sub_explicit(&node->refs, 1, memory_order_acq_rel) != 1)
		return;
	for (unsigned i = 0; i < SNAPSHOT_FAN; i++) {
		if (level + 1 < SNAPSHOT_LEVELS)
			snapshot_node_unref(node->child[i].node, level + 1);
		else
			snapshot_bucket_unref(node->child[i].bucket);
	}
	free(node);
}

static struct snapshot_node *snapshot_node_copy(const struct snapshot_node *node, unsigned level)
{
	struct snapshot_node *copy = calloc(1, sizeof(*copy));

	if (!copy)
		return NULL;
	atomic_init(&copy->refs, 1);
	for (unsigned i = 0; node && i < SNAPSHOT_FAN; i++) {
		copy->child[i] = node->child[i];
		if (level + 1 < SNAPSHOT_LEVELS && copy->child[i].node)
			(void)atomic_fetch_add(&copy->child[i].node->refs, 1);
		else if (level + 1 == SNAPSHOT_LEVELS && copy->child[i].bucket)
			(void)atomic_fetch_add(&copy->child[i].bucket->refs, 1);
	}
	return copy;
}

/* Makes the node of a slot one that only the snapshot being edited holds. */
static int snapshot_node_own(struct snapshot_node **slot, unsigned level)
{
	struct snapshot_node *copy;

	if (*slot && atomic_load_explicit(&(*slot)->refs, memory_order_acquire) == 1)
		return 0;
	copy = snapshot_node_copy(*slot, level);
	if (!copy)
		return -1;
	snapshot_node_unref(*slot, level);
	*slot = copy;
	return 0;
}

/* Where the bucket of a path is, every node above it owned. NULL: out of memory. */
static struct snapshot_bucket **snapshot_slot(struct microreg_snapshot *s, unsigned path)
{
	struct snapshot_node **slot = &s->root;

	for (unsigned level = 0;; level++) {
		union snapshot_child *child;

		if (snapshot_node_own(slot, level))
			return NULL;
		child = &(*slot)->child[snapshot_index(path, level)];
		if (level + 1 == SNAPSHOT_LEVELS)
			return &child->bucket;
		slot = &child->node;
	}
}

static const struct snapshot_bucket *snapshot_bucket(const struct microreg_snapshot *s,
						     unsigned path)
{
	const struct snapshot_node *node = s->root;

	for (unsigned level = 0; node && level + 1 < SNAPSHOT_LEVELS; level++)
		node = node->child[snapshot_index(path, level)].node;
	return node ? node->child[snapshot_index(path, SNAPSHOT_LEVELS - 1)].bucket : NULL;
}

/* A bucket with the others of `from` and, unless NULL, `service`. */
static struct snapshot_bucket *snapshot_bucket_make(const struct snapshot_bucket *from,
						    const char *without,
						    const struct microreg_service *service)
{
	unsigned room = (from ? from->count : 0) + 1;
	struct snapshot_bucket *made = malloc(sizeof(*made) + room * sizeof(made->items[0]));

	if (!made)
		return NULL;
	atomic_init(&made->refs, 1);
	made->count = 0;
	for (unsigned i = 0; from && i < from->count; i++)
		if (strcmp(from->items[i]->name, without) != 0)
			made->items[made->count++] = microreg_service_ref(from->items[i]);
	if (service)
		made->items[made->count++] = microreg_service_ref(service);
	return made;
}

struct microreg_snapshot *snapshot_new(void)
{
	struct microreg_snapshot *s = calloc(1, sizeof(*s));

	if (s)
		atomic_init(&s->refs, 1);
	return s;
}

struct microreg_snapshot *snapshot_copy(const struct microreg_snapshot *s)
{
	struct microreg_snapshot *copy = snapshot_new();

	if (!copy)
		return NULL;
	copy->root = s->root;
	copy->count = s->count;
	copy->bytes = s->bytes;
	if (copy->root)
		(void)atomic_fetch_add(&copy->root->refs, 1);
	return copy;
}

/* Both edits: the bucket of `name` without it, and with `service`. */
static int snapshot_change(struct microreg_snapshot *s, const char *name,
			   const struct microreg_service *service)
{
	unsigned path = snapshot_path(name);
	const struct microreg_service *old = microreg_snapshot_find(s, name);
	size_t bytes = s->bytes - (old ? service_bytes(old) : 0);
	struct snapshot_bucket **slot, *made;

	if (service && service_bytes(service) > SNAPSHOT_BYTES_MAX - bytes)
		return -1;
	slot = snapshot_slot(s, path);
	if (!slot || (service && !old && *slot && (*slot)->count == SNAPSHOT_BUCKET_MAX))
		return -1;
	made = snapshot_bucket_make(*slot, name, service);
	if (!made)
		return -1;
	s->bytes = bytes + (service ? service_bytes(service) : 0);
	s->count += (size_t)(service != NULL) - (size_t)(old != NULL);
	snapshot_bucket_unref(*slot);
	*slot = made;
	return 0;
}

int snapshot_put(struct microreg_snapshot *s, const struct microreg_service *service)
{
	return snapshot_change(s, service->name, service);
}

int snapshot_drop(struct microreg_snapshot *s, const char *name)
{
	return microreg_snapshot_find(s, name) ? snapshot_change(s, name, NULL) : 0;
}

size_t snapshot_count(const struct microreg_snapshot *s)
{
	return s->count;
}

size_t snapshot_bytes(const struct microreg_snapshot *s)
{
	return s->bytes;
}

const struct microreg_snapshot *snapshot_share(const struct microreg_snapshot *s)
{
	struct microreg_snapshot *counted = (struct microreg_snapshot *)(uintptr_t)s;

	(void)atomic_fetch_add_explicit(&counted->refs, 1, memory_order_relaxed);
	return s;
}

void microreg_snapshot_unref(const struct microreg_snapshot **snapshot)
{
	struct microreg_snapshot *s;

	if (!snapshot || !*snapshot)
		return;
	s = (struct microreg_snapshot *)(uintptr_t)*snapshot;
	*snapshot = NULL;
	if (atomic_fetch_sub_explicit(&s->refs, 1, memory_order_acq_rel) != 1)
		return;
	snapshot_node_unref(s->root, 0);
	free(s);
}

const struct microreg_service *microreg_snapshot_find(const struct microreg_snapshot *snapshot,
						      const char *service)
{
	const struct snapshot_bucket *bucket;

	if (!snapshot || !service)
		return NULL;
	bucket = snapshot_bucket(snapshot, snapshot_path(service));
	for (unsigned i = 0; bucket && i < bucket->count; i++)
		if (strcmp(bucket->items[i]->name, service) == 0)
			return bucket->items[i];
	return NULL;
}

/* The first path from `path` on that may have something, skipping what is empty above it. */
static unsigned snapshot_skip(const struct microreg_snapshot *s, unsigned path)
{
	while (path < SNAPSHOT_PATHS) {
		const struct snapshot_node *node = s->root;
		unsigned level = 0, below;

		while (node && level + 1 < SNAPSHOT_LEVELS) {
			node = node->child[snapshot_index(path, level)].node;
			level++;
		}
		if (node)
			return path;
		/* Over all that the missing node would have held. */
		below = SNAPSHOT_BITS * (SNAPSHOT_LEVELS - level);
		path = ((path >> below) + 1) << below;
	}
	return path;
}

const struct microreg_service *microreg_snapshot_next(const struct microreg_snapshot *snapshot,
						      size_t *at)
{
	unsigned place = (unsigned)(*at & (SNAPSHOT_BUCKET_MAX - 1));
	size_t path = *at >> SNAPSHOT_PLACE_BITS;

	if (!snapshot || path >= SNAPSHOT_PATHS)
		return NULL;
	for (unsigned p = (unsigned)path; p < SNAPSHOT_PATHS; p = snapshot_skip(snapshot, p + 1)) {
		const struct snapshot_bucket *bucket = snapshot_bucket(snapshot, p);

		if (bucket && place < bucket->count) {
			*at = ((size_t)p << SNAPSHOT_PLACE_BITS) + place + 1;
			return bucket->items[place];
		}
		place = 0;
	}
	*at = (size_t)SNAPSHOT_PATHS << SNAPSHOT_PLACE_BITS;
	return NULL;
}
