/*
 * snapshot_file: a snapshot on disk, so that a program that restarts while the
 * registry is away still knows where its services were.
 */
#ifndef MICROREG_CLIENT_SNAPSHOT_FILE_H
#define MICROREG_CLIENT_SNAPSHOT_FILE_H

#include "client-lib/snapshot.h"
#include "common/err.h"

/* Writes beside `path`, syncs, and renames, so that a reader sees the old or the new one whole.
 * Blocks as long as the disk does. */
int snapshot_file_write(const char *path, const struct microreg_snapshot *s, struct err *e);

/* The caller's reference. NULL: there is none (`e->code` is ENOENT then), or it is cut, damaged,
 * of another version, or another program's; the text says which. */
struct microreg_snapshot *snapshot_file_read(const char *path, struct err *e);

#endif
