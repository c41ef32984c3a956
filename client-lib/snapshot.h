/*
 * snapshot: all services known at one moment: an immutable trie over the
 * hashes of their names. A change makes a new snapshot that shares all but
 * one path with the old one, so that one change among 100,000 services copies
 * about 2 KB.
 */
#ifndef MICROREG_CLIENT_SNAPSHOT_H
#define MICROREG_CLIENT_SNAPSHOT_H

#include "client-lib/microreg.h"

/* What all services of one snapshot may take of memory. */
#define SNAPSHOT_BYTES_MAX ((size_t)1 << 30)

/* An empty one, the caller's to edit. NULL: out of memory. */
struct microreg_snapshot *snapshot_new(void);

/* The same content, the caller's to edit until others may see it. NULL: out of memory. */
struct microreg_snapshot *snapshot_copy(const struct microreg_snapshot *s);

/* Puts a service in or in the place of the one of its name, taking a reference of its own. -1, with
 * nothing changed: out of memory, or over SNAPSHOT_BYTES_MAX. */
int snapshot_put(struct microreg_snapshot *s, const struct microreg_service *service);

/* Takes a name out; nothing when it is not there. -1, with nothing changed: out of memory. */
int snapshot_drop(struct microreg_snapshot *s, const char *name);

size_t snapshot_count(const struct microreg_snapshot *s);
size_t snapshot_bytes(const struct microreg_snapshot *s);

/* Another reference. */
const struct microreg_snapshot *snapshot_share(const struct microreg_snapshot *s);

#endif
