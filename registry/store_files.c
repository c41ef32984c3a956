/* store_files: open, lock, sync. */
#include "registry/store_files.h"
#include "common/daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

int store_files_lock(const char *dir, struct err *e)
{
	char path[PATH_MAX];
	int fd;

	if (mkdir(dir, 0700) < 0 && errno != EEXIST)
		return err_code(e, DAEMON_EXIT_DATA_DIR,
				"can't make the data directory %s: %s; give one with --data-dir",
				dir, strerror(errno));
	if (snprintf(path, sizeof(path), "%s/registry.lock", dir) >= (int)sizeof(path))
		return err_code(e, DAEMON_EXIT_DATA_DIR, "the path of --data-dir is too long");
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return err_code(e, DAEMON_EXIT_DATA_DIR,
				"can't write to the data directory %s: %s; check its owner and "
				"mode, or give another with --data-dir",
				dir, strerror(errno));
	if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		(void)close(fd); /* nothing was written to it */
		return err_code(e, DAEMON_EXIT_LOCKED,
				"the data directory %s is in use by another registry; stop that "
				"one, or give another with --data-dir",
				dir);
	}
	return fd;
}

/* SQLite would let others read the leases in it. The WAL gets the same mode. */
int store_files_make(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);

	return fd < 0 ? -1 : close(fd);
}

int store_files_sync_dir(const char *dir)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC), r;

	if (fd < 0)
		return -1;
	r = fsync(fd);
	(void)close(fd); /* nothing was written through it */
	return r;
}
