/* replace: a name beside the file's, a lock, a rename. */
#include "client-lib/replace.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- Writing ---- */

/* The rename is durable once the directory is. */
static void replace_sync_directory(const char *path)
{
	char dir[PATH_MAX];
	const char *slash = strrchr(path, '/');
	int fd;

	(void)snprintf(dir, sizeof(dir), "%.*s", slash ? (int)(slash - path) : 1,
		       slash ? path : ".");
	fd = open(slash == path ? "/" : dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return;
	(void)fsync(fd); /* at worst the old snapshot is back after a crash of the machine */
	(void)close(fd);
}

/* The file beside `path` that becomes it: one name, so that a program killed while it writes leaves
 * at most one behind, which the next write takes over, unless another user made it. Its lock tells
 * whether somebody still writes it: another program with the same path then gets a name of its own.
 * -1 with errno. */
static int replace_open_beside(const char *path, char beside[PATH_MAX])
{
	struct stat opened, named;
	int fd;

	(void)snprintf(beside, PATH_MAX, "%s.new", path);
	fd = open(beside, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
	if (fd >= 0) {
		/* Between open and lock it may have been renamed, and be the snapshot itself. */
		if (flock(fd, LOCK_EX | LOCK_NB) == 0 && fstat(fd, &opened) == 0 &&
		    stat(beside, &named) == 0 && S_ISREG(opened.st_mode) &&
		    opened.st_ino == named.st_ino && opened.st_dev == named.st_dev &&
		    opened.st_nlink == 1 && opened.st_uid == geteuid() && fchmod(fd, 0600) == 0 &&
		    ftruncate(fd, 0) == 0)
			return fd;
		(void)close(fd);
	}
	(void)snprintf(beside, PATH_MAX, "%s.XXXXXX", path);
	return mkostemp(beside, O_CLOEXEC);
}

int replace_open(struct replace *r, const char *path, struct err *e)
{
	r->path = path;
	if (strlen(path) + sizeof(".XXXXXX") > sizeof(r->beside))
		return err_code(e, ENAMETOOLONG, "snapshot file: the path is too long");
	r->fd = replace_open_beside(path, r->beside);
	if (r->fd < 0)
		return err_code(e, errno, "snapshot file: can't create %s: %s", r->beside,
				strerror(errno));
	return 0;
}

int replace_close(struct replace *r, int failed, struct err *e)
{
	if (!failed && fsync(r->fd) < 0)
		failed = errno;
	if (!failed && rename(r->beside, r->path) < 0)
		failed = errno;
	if (failed) {
		(void)unlink(r->beside);
		(void)close(r->fd); /* after the name is gone: the lock goes with it */
		return err_code(e, failed, "snapshot file: can't write %s: %s", r->path,
				strerror(failed));
	}
	(void)close(r->fd); /* synced: nothing is left to fail */
	replace_sync_directory(r->path);
	return 0;
}

/* ---- Reading ---- */

static unsigned char *replace_read(int fd, size_t size)
{
	unsigned char *data = malloc(size ? size : 1);
	size_t at = 0;

	while (data && at < size) {
		ssize_t n = read(fd, data + at, size - at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			free(data);
			return NULL;
		}
		at += (size_t)n;
	}
	return data;
}

unsigned char *replace_load(const char *path, size_t max, size_t *size, struct err *e)
{
	/* Not blocking, so that a pipe in its place can't hold the program up. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	unsigned char *data = NULL;
	struct stat st;

	if (fd < 0) {
		(void)err_code(e, errno, "snapshot file %s: %s", path, strerror(errno));
		return NULL;
	}
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size < 0 ||
	    (uint64_t)st.st_size > max) {
		(void)err_set(e,
			      "snapshot file %s: not a file, or larger than any snapshot; ignored",
			      path);
	} else {
		*size = (size_t)st.st_size;
		data = replace_read(fd, *size);
		if (!data)
			(void)err_set(e, "snapshot file %s: can't be read, or no memory; ignored",
				      path);
	}
	(void)close(fd); /* only read */
	return data;
}
