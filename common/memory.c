/* memory: slots, each a cache line, dealt out to threads in turn. */
#include "common/memory.h"

#include <fcntl.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MEMORY_SLOTS = 64, MEMORY_LINE = 64, MEMORY_PATH = 4096 };

/* Counts modulo 2^64: a slot alone may be below zero, the sum is not. */
static struct memory_slot {
	alignas(MEMORY_LINE) atomic_uint_fast64_t bytes;
} memory_slots[MEMORY_SLOTS];

static atomic_uint memory_threads;
static _Thread_local struct memory_slot *memory_own;

static struct memory_slot *memory_slot(void)
{
	if (!memory_own)
		memory_own = &memory_slots[atomic_fetch_add_explicit(&memory_threads, 1,
								     memory_order_relaxed) %
					   MEMORY_SLOTS];
	return memory_own;
}

void memory_add(size_t bytes)
{
	(void)atomic_fetch_add_explicit(&memory_slot()->bytes, bytes, memory_order_relaxed);
}

void memory_sub(size_t bytes)
{
	(void)atomic_fetch_sub_explicit(&memory_slot()->bytes, bytes, memory_order_relaxed);
}

uint64_t memory_held(void)
{
	unsigned used = atomic_load_explicit(&memory_threads, memory_order_relaxed);
	uint64_t sum = 0;

	for (unsigned i = 0; i < used && i < MEMORY_SLOTS; i++)
		sum += atomic_load_explicit(&memory_slots[i].bytes, memory_order_relaxed);
	/* One thread's addition may not be seen yet while another's subtraction is. */
	return sum > INT64_MAX ? 0 : sum;
}

/* ---- What there is ---- */

/* The first bytes of a small file, NUL-terminated; without stdio, which allocates. */
static bool memory_read(const char *path, char *text, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t got;

	if (fd < 0)
		return false;
	got = read(fd, text, size - 1);
	(void)close(fd); /* read only */
	text[got > 0 ? got : 0] = '\0';
	return got > 0;
}

/* A file of one number; UINT64_MAX when there is none, or it says "max". */
static uint64_t memory_read_number(const char *path)
{
	char text[64];

	if (!memory_read(path, text, sizeof(text)) || *text < '0' || *text > '9')
		return UINT64_MAX;
	return strtoull(text, NULL, 10);
}

/* The least limit on the way from a group up to the root of its hierarchy. */
static uint64_t memory_group_limit(const char *root, char *group, const char *file)
{
	uint64_t least = UINT64_MAX;
	char path[MEMORY_PATH + 128];

	for (;;) {
		char *slash = strrchr(group, '/');
		uint64_t limit;

		(void)snprintf(path, sizeof(path), "%s%s/%s", root, group, file); /* fits */
		limit = memory_read_number(path);
		least = limit < least ? limit : least;
		if (!slash)
			return least;
		*slash = '\0';
	}
}

/* A line of /proc/self/cgroup: "0::/path" (version 2), or "5:cpu,memory:/path". */
static uint64_t memory_line_limit(char *line)
{
	char *names = strchr(line, ':'), *group = names ? strchr(names + 1, ':') : NULL;

	if (!group)
		return UINT64_MAX;
	*group++ = '\0';
	if (strcmp(names, ":") == 0)
		return memory_group_limit("/sys/fs/cgroup", group, "memory.max");
	if (strstr(names, "memory"))
		return memory_group_limit("/sys/fs/cgroup/memory", group, "memory.limit_in_bytes");
	return UINT64_MAX;
}

uint64_t memory_available(void)
{
	long pages = sysconf(_SC_PHYS_PAGES), size = sysconf(_SC_PAGESIZE);
	uint64_t least = pages > 0 && size > 0 ? (uint64_t)pages * (uint64_t)size : UINT64_MAX;
	char text[MEMORY_PATH], *rest = text, *line;

	if (!memory_read("/proc/self/cgroup", text, sizeof(text)))
		*text = '\0';
	while ((line = strsep(&rest, "\n"))) {
		uint64_t limit = memory_line_limit(line);

		least = limit < least ? limit : least;
	}
	return least == UINT64_MAX ? 0 : least;
}
