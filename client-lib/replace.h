/*
 * replace: files that are written beside their name and renamed over it, so
 * that a reader sees the old or the new one whole. For the library's snapshots.
 */
#ifndef MICROREG_CLIENT_REPLACE_H
#define MICROREG_CLIENT_REPLACE_H

#include "common/err.h"

#include <limits.h>
#include <stddef.h>

struct replace {
	int fd; /* to write to */
	const char *path;
	char beside[PATH_MAX];
};

/* Begins: a new file, mode 0600. `path` is borrowed until the end. -1 with e->code an errno. */
int replace_open(struct replace *r, const char *path, struct err *e);

/* Ends: syncs and renames, or with `failed`, an errno of the writing, removes what was written. -1
 * with e->code an errno when the old file is still there. Blocks as long as the disk does. */
int replace_close(struct replace *r, int failed, struct err *e);

/* The whole file, at most `max` bytes, to be freed; a pipe in its place can't hold the program up.
 * NULL: there is none (e->code is ENOENT then), it is larger or no file, or there is no memory. */
unsigned char *replace_load(const char *path, size_t max, size_t *size, struct err *e);

#endif
