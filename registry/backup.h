/*
 * backup: copies the database while everything goes on, in a thread of its
 * own, one copy at a time.
 */
#ifndef MICROREG_REGISTRY_BACKUP_H
#define MICROREG_REGISTRY_BACKUP_H

#include "common/err.h"
#include "registry/store.h"

struct backup;

struct backup *backup_new(struct store *store);
/* Ends a copy that is being made, which is told as a failure, and frees. */
void backup_free(struct backup **backup);

/* Begins a copy; `done` is called with its file's name, or (NULL) why there is none, from the
 * backup's thread. -1 with a fault when one is being made already; `done` is not called then. */
int backup_start(struct backup *backup,
		 void (*done)(void *arg, const char *file, const struct err *why), void *arg,
		 struct err *e);

#endif
