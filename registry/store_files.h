/*
 * store_files: the files of the data directory: its lock, new files that only
 * their user may read, names that are durable. For store_*.c only.
 */
#ifndef MICROREG_REGISTRY_STORE_FILES_H
#define MICROREG_REGISTRY_STORE_FILES_H

#include "common/err.h"
#include "registry/store.h"

/* Makes the directory when it is missing, and locks it until the descriptor is closed. -1 with
 * e->code DAEMON_EXIT_DATA_DIR or _LOCKED. */
int store_files_lock(const char *dir, struct err *e);

/* An empty file of mode 0600 that was not there. -1 with errno. */
int store_files_make(const char *path);

/* Makes names in the directory durable. -1 with errno. */
int store_files_sync_dir(const char *dir);

/* Where the store is. */
const char *store_dir(const struct store *store);

#endif
