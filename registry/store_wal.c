/*
 * store_wal: walks the frames as https://www.sqlite.org/fileformat2.html 4.1
 * to 4.3 define them.
 *
 * Each frame's checksum continues the one before it, so frames after the first
 * bad one still show that they followed each other. The registry begins a
 * transaction after the one before was synced: a frame behind a commit behind
 * the bad one proves that the bad one had been on the disk, whole.
 */
#include "registry/store_wal.h"
#include "common/daemon.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	STORE_WAL_HEAD = 32,
	STORE_WAL_FRAME = 24,
	STORE_WAL_MAGIC = 0x377f0682, /* the lowest bit: checksums of big-endian words */
	STORE_WAL_VERSION = 3007000,
	STORE_WAL_PAGE_MAX = 65536,
};

struct store_wal_sum {
	uint32_t a, b;
};

struct store_wal {
	FILE *file;
	bool big_endian;
	uint32_t page_size;
	unsigned char salts[8];
	struct store_wal_sum sum; /* stored in the frame read last, or in the head */
	unsigned char *frame;
};

static uint32_t store_wal_word(const unsigned char *at, bool big_endian)
{
	if (big_endian)
		return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
	return (uint32_t)at[3] << 24 | (uint32_t)at[2] << 16 | (uint32_t)at[1] << 8 | at[0];
}

static struct store_wal_sum store_wal_add(const struct store_wal *wal, struct store_wal_sum sum,
					  const unsigned char *data, size_t len)
{
	for (size_t i = 0; i + 8 <= len; i += 8) {
		sum.a += store_wal_word(data + i, wal->big_endian) + sum.b;
		sum.b += store_wal_word(data + i + 4, wal->big_endian) + sum.a;
	}
	return sum;
}

static struct store_wal_sum store_wal_stored(const unsigned char *at)
{
	return (struct store_wal_sum){store_wal_word(at, true), store_wal_word(at + 4, true)};
}

static bool store_wal_same(struct store_wal_sum x, struct store_wal_sum y)
{
	return x.a == y.a && x.b == y.b;
}

/* False when the head is no head. */
static bool store_wal_read_head(struct store_wal *wal, const unsigned char *head)
{
	uint32_t magic = store_wal_word(head, true);

	wal->big_endian = magic & 1;
	wal->page_size = store_wal_word(head + 8, true);
	wal->sum = store_wal_stored(head + 24);
	memcpy(wal->salts, head + 16, sizeof(wal->salts));
	return (magic & ~UINT32_C(1)) == STORE_WAL_MAGIC &&
	       store_wal_word(head + 4, true) == STORE_WAL_VERSION && wal->page_size >= 512 &&
	       wal->page_size <= STORE_WAL_PAGE_MAX &&
	       (wal->page_size & (wal->page_size - 1)) == 0 &&
	       store_wal_same(store_wal_add(wal, (struct store_wal_sum){0, 0}, head, 24), wal->sum);
}

struct store_wal_frame {
	bool is_ours;	/* of this round of the log: an older round's has other salts */
	bool is_linked; /* it continues the frame before */
	bool is_commit;
};

/* False at the end. */
static bool store_wal_next(struct store_wal *wal, struct store_wal_frame *out)
{
	size_t size = STORE_WAL_FRAME + wal->page_size;
	struct store_wal_sum sum;

	if (fread(wal->frame, 1, size, wal->file) != size)
		return false;
	sum = store_wal_add(wal, wal->sum, wal->frame, 8);
	sum = store_wal_add(wal, sum, wal->frame + STORE_WAL_FRAME, wal->page_size);
	wal->sum = store_wal_stored(wal->frame + 16);
	out->is_ours = memcmp(wal->frame + 8, wal->salts, sizeof(wal->salts)) == 0;
	out->is_linked = out->is_ours && store_wal_same(sum, wal->sum);
	out->is_commit = out->is_ours && store_wal_word(wal->frame + 4, true) != 0;
	return true;
}

/* Was something lost that others were written after? */
static bool store_wal_has_loss(struct store_wal *wal)
{
	bool broken = false, committed = false;
	struct store_wal_frame frame;

	while (store_wal_next(wal, &frame)) {
		bool first = !broken && !frame.is_linked;

		broken |= first;
		if (!broken)
			continue;
		if (frame.is_linked && committed)
			return true;
		/* The first bad one may be a commit itself. Later ones that don't continue what is
		 * before them are left from transactions that failed. */
		committed = frame.is_commit && (frame.is_linked || first);
	}
	return false;
}

static int store_wal_damaged(const char *dir, const char *what, struct err *e)
{
	return err_code(e, DAEMON_EXIT_DATABASE,
			"%s/registry.db-wal is damaged (%s): acknowledged changes are lost; "
			"restore a backup with --restore FILE, or move only the -wal away to go on "
			"with what was before it",
			dir, what);
}

int store_wal_check(const char *dir, struct err *e)
{
	static const unsigned char never_synced[STORE_WAL_HEAD];
	unsigned char head[STORE_WAL_HEAD];
	struct store_wal wal = {0};
	char path[PATH_MAX];
	int r = 0;

	(void)snprintf(path, sizeof(path), "%s/registry.db-wal", dir); /* shorter than the lock's */
	wal.file = fopen(path, "rbe");
	if (!wal.file && errno == ENOENT)
		return 0;
	if (!wal.file)
		return err_code(e, DAEMON_EXIT_DATA_DIR,
				"can't read %s: %s; check its owner and mode", path,
				strerror(errno));
	/* A head that is not whole was never synced; SQLite begins anew. */
	if (fread(head, 1, sizeof(head), wal.file) != sizeof(head) ||
	    memcmp(head, never_synced, sizeof(head)) == 0)
		goto done;
	if (!store_wal_read_head(&wal, head)) {
		r = store_wal_damaged(dir, "its head is not one", e);
		goto done;
	}
	wal.frame = malloc(STORE_WAL_FRAME + wal.page_size);
	if (!wal.frame)
		r = err_code(e, DAEMON_EXIT_SYSTEM, "store: out of memory");
	else if (store_wal_has_loss(&wal))
		r = store_wal_damaged(dir, "a frame does not match its checksum", e);
	if (r == 0 && ferror(wal.file))
		r = err_code(e, DAEMON_EXIT_DATABASE,
			     "can't read %s: the disk fails; move registry.db* to another", path);
done:
	free(wal.frame);
	(void)fclose(wal.file); /* it was only read */
	return r;
}
