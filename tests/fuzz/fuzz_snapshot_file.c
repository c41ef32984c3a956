/*
 * fuzz_snapshot_file: any bytes in the place of a snapshot file are a snapshot
 * or an error with a text, and what was read, written again, reads back the
 * same. The magic and the hash are put right first: they only find damage, and
 * a fuzzer would never get past them.
 */
#include "client-lib/snapshot_file.h"
#include "common/err.h"
#include "tests/fuzz/fuzz.h"

#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static const char fuzz_magic[] = "microreg snapshot 2\n";

enum { FUZZ_MAGIC = sizeof(fuzz_magic) - 1, FUZZ_PATH_MAX = 64 };

static void put(int fd, const void *data, size_t len)
{
	FUZZ_HOLDS(write(fd, data, len) == (ssize_t)len);
}

static uint64_t hash(uint64_t h, const void *data, size_t len)
{
	const unsigned char *bytes = data;

	for (size_t i = 0; i < len; i++)
		h = (h ^ bytes[i]) * 0x100000001b3u;
	return h;
}

/* A file in memory; the first byte of the input says what is put right. */
static int make(const uint8_t *data, size_t len, char path[FUZZ_PATH_MAX])
{
	bool right = len && data[0] != 'x';
	int fd = memfd_create("snapshot", MFD_CLOEXEC);

	FUZZ_HOLDS(fd >= 0);
	if (right) {
		uint64_t h = hash(0xcbf29ce484222325u, fuzz_magic, FUZZ_MAGIC);
		unsigned char le[8];

		h = hash(h, data + 1, len - 1);
		for (unsigned i = 0; i < 8; i++)
			le[i] = (unsigned char)(h >> (8 * i));
		put(fd, fuzz_magic, FUZZ_MAGIC);
		put(fd, data + 1, len - 1);
		put(fd, le, sizeof(le));
	} else if (len) {
		put(fd, data + 1, len - 1);
	}
	(void)snprintf(path, FUZZ_PATH_MAX, "/proc/self/fd/%d", fd);
	return fd;
}

static void is_same(const struct microreg_snapshot *a, const struct microreg_snapshot *b)
{
	const struct microreg_service *x, *y;
	size_t at = 0, other = 0;

	FUZZ_HOLDS(snapshot_count(a) == snapshot_count(b));
	while ((x = microreg_snapshot_next(a, &at)) != NULL) {
		y = microreg_snapshot_next(b, &other);
		FUZZ_HOLDS(y && strcmp(x->name, y->name) == 0 && x->count == y->count);
		FUZZ_HOLDS(strcmp(x->reason, y->reason) == 0 && x->held == y->held);
		for (size_t i = 0; i < x->count; i++) {
			FUZZ_HOLDS(strcmp(x->instances[i].id, y->instances[i].id) == 0);
			FUZZ_HOLDS(strcmp(x->instances[i].host, y->instances[i].host) == 0);
			FUZZ_HOLDS(x->instances[i].port == y->instances[i].port);
			FUZZ_HOLDS(x->instances[i].meta_count == y->instances[i].meta_count);
		}
	}
}

static void write_again(const struct microreg_snapshot *s)
{
	char dir[FUZZ_PATH_MAX] = "/dev/shm/fuzz_snapshot.XXXXXX", path[FUZZ_PATH_MAX + 8];
	const struct microreg_snapshot *again;
	struct err e = {0};

	FUZZ_HOLDS(mkdtemp(dir));
	(void)snprintf(path, sizeof(path), "%s/s", dir);
	FUZZ_HOLDS(snapshot_file_write(path, s, &e) == 0);
	again = snapshot_file_read(path, &e);
	FUZZ_HOLDS(again);
	is_same(s, again);
	microreg_snapshot_unref(&again);
	FUZZ_HOLDS(unlink(path) == 0 && rmdir(dir) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	const struct microreg_snapshot *s;
	char path[FUZZ_PATH_MAX];
	struct err e = {0};
	int fd = make(data, len, path);

	s = snapshot_file_read(path, &e);
	FUZZ_HOLDS(s || e.text[0]);
	if (s)
		write_again(s);
	microreg_snapshot_unref(&s);
	FUZZ_HOLDS(close(fd) == 0);
	return 0;
}
