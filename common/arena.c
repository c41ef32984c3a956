/* arena: a list of chunks, filled from the newest. */
#include "common/arena.h"
#include "common/memory.h"

#include <stdarg.h>
#include <stdalign.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Most requests fit into one chunk of this size, so a reset frees nothing. */
enum { ARENA_CHUNK = 4096 };

struct arena_chunk {
	struct arena_chunk *next;
	size_t size; /* of data */
	alignas(max_align_t) char data[];
};

void arena_init(struct arena *a, size_t max)
{
	*a = (struct arena){.max = max};
}

void arena_fini(struct arena *a)
{
	struct arena_chunk *c = a->chunks;

	while (c) {
		struct arena_chunk *next = c->next;

		memory_sub(c->size);
		free(c);
		c = next;
	}
	arena_init(a, a->max);
}

void arena_reset(struct arena *a)
{
	struct arena_chunk *keep = a->chunks;

	if (!keep)
		return;
	if (!keep->next && keep->size <= ARENA_CHUNK) {
		a->used = 0;
		return;
	}
	arena_fini(a);
}

static struct arena_chunk *arena_grow(struct arena *a, size_t size)
{
	size_t room = size > ARENA_CHUNK ? size : ARENA_CHUNK;
	struct arena_chunk *c;

	if (room > a->max || a->total > a->max - room) {
		a->full = true;
		return NULL;
	}
	c = malloc(sizeof(*c) + room);
	if (!c)
		return NULL;
	memory_add(room);
	c->size = room;
	c->next = a->chunks;
	a->chunks = c;
	a->used = 0;
	a->total += room;
	return c;
}

void *arena_alloc(struct arena *a, size_t size)
{
	const size_t unit = alignof(max_align_t);
	struct arena_chunk *c = a->chunks;
	void *at;

	if (size > SIZE_MAX - unit)
		return NULL;
	size = (size + unit - 1) / unit * unit;
	if (!c || size > c->size - a->used) {
		c = arena_grow(a, size);
		if (!c)
			return NULL;
	}
	at = c->data + a->used;
	a->used += size;
	return at;
}

void *arena_zalloc(struct arena *a, size_t size)
{
	void *at = arena_alloc(a, size);

	if (at)
		memset(at, 0, size);
	return at;
}

char *arena_strndup(struct arena *a, const char *text, size_t len)
{
	char *copy = arena_alloc(a, len + 1);

	if (!copy)
		return NULL;
	if (len)
		memcpy(copy, text, len);
	copy[len] = '\0';
	return copy;
}

char *arena_printf(struct arena *a, const char *format, ...)
{
	va_list args;
	char *to;
	int n;

	va_start(args, format);
	n = vsnprintf(NULL, 0, format, args);
	va_end(args);
	if (n < 0)
		return NULL;
	to = arena_alloc(a, (size_t)n + 1);
	if (!to)
		return NULL;
	va_start(args, format);
	(void)vsnprintf(to, (size_t)n + 1, format, args); /* measured above */
	va_end(args);
	return to;
}
