/*
 * arena: memory that lives as long as one thing, say a request.
 *
 * Allocations are never freed singly: arena_reset frees all of them and keeps
 * one chunk for the next use. A maximum bounds what one arena may take. Not
 * for threads.
 */
#ifndef MICROREG_COMMON_ARENA_H
#define MICROREG_COMMON_ARENA_H

#include <stdbool.h>
#include <stddef.h>

struct arena_chunk;

struct arena {
	struct arena_chunk *chunks; /* newest first */
	size_t used;		    /* of the newest chunk */
	size_t total;		    /* bytes of all chunks */
	size_t max;
	bool full; /* the maximum has refused something, and not the system */
};

void arena_init(struct arena *a, size_t max);
void arena_fini(struct arena *a);
void arena_reset(struct arena *a);

/* Aligned for any type, not zeroed. NULL when memory or the maximum is spent. */
void *arena_alloc(struct arena *a, size_t size);
void *arena_zalloc(struct arena *a, size_t size);

/* A NUL-terminated copy of `len` bytes. */
char *arena_strndup(struct arena *a, const char *text, size_t len);
char *arena_printf(struct arena *a, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
