/*
 * reload: notices that the settings file has changed: in place, by rename, or
 * by a link that was switched somewhere on its path.
 */
#ifndef MICROREG_GATEWAY_RELOAD_H
#define MICROREG_GATEWAY_RELOAD_H

#include "common/loop.h"

#include <stdbool.h>
#include <sys/types.h>
#include <time.h>

struct reload_mark {
	dev_t device;
	ino_t inode;
	off_t size;
	struct timespec modified, changed;
};

/* A file, and what it was before it was last read. */
struct reload_file {
	const char *path; /* borrowed */
	struct reload_mark known;
};

struct reload {
	struct loop *loop;
	struct reload_file file;
	void (*on_change)(void *arg);
	void *arg;
	struct wheel_timer timer;
	struct reload_mark seen;
};

/* Call before the file is read: a change from here on is one that was not read. */
void reload_mark(struct reload_file *file, const char *path);

/* Calls on_change from the loop within a second of a change that has come to rest. Looks by stat(2)
 * every RELOAD_LOOK_MS: unlike inotify this sees a link switched in any directory of the path, and
 * works on every file system. */
void reload_start(struct reload *r, struct loop *loop, const struct reload_file *file,
		  void (*on_change)(void *arg), void *arg);

/* The file is being read now: what it is counts as known. */
void reload_note(struct reload *r);

/* The file is as it was when it was read last. */
bool reload_is_known(const struct reload *r);

void reload_stop(struct reload *r);

enum { RELOAD_LOOK_MS = 200 };

#endif
