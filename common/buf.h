/*
 * buf: a growing run of bytes with a maximum.
 *
 * Appends may fail (out of memory, over the maximum); the buffer then keeps
 * what it had, and `failed` stays set until buf_reset, so that a writer can
 * append a whole document and look once at the end. Not for threads.
 */
#ifndef MICROREG_COMMON_BUF_H
#define MICROREG_COMMON_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct buf {
	char *data; /* `len` bytes; after buf_str also a NUL */
	size_t len;
	size_t cap;
	size_t max; /* len never exceeds this */
	bool failed;
	bool full; /* … for its maximum, not for memory */
};

void buf_init(struct buf *b, size_t max);
void buf_fini(struct buf *b);	 /* frees; the struct is empty and usable again, same max */
void buf_release(struct buf *b); /* the same, but `data` is another's to free(3) now */
void buf_reset(struct buf *b);	 /* empties and clears `failed`; keeps the memory */

/* 0, or -1 with nothing appended. Always -1 once `failed` is set. */
int buf_append(struct buf *b, const void *data, size_t len);
int buf_puts(struct buf *b, const char *text);
int buf_putc(struct buf *b, char c);
int buf_put_uint(struct buf *b, uint64_t value); /* decimal; cheaper than buf_printf */
int buf_printf(struct buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* For who has reserved room for all of a text: puts a piece there, and returns where it ends. NULL
 * is an empty one. */
static inline char *buf_write(char *to, const char *at, size_t len)
{
	if (len)
		memcpy(to, at, len);
	return to + len;
}

/* The same with the digits of a number, at most BUF_UINT_MAX. */
enum { BUF_UINT_MAX = 20 };
char *buf_write_uint(char *to, uint64_t value);

/* Makes room for `more` bytes and returns where they go, or NULL. The caller adds to len. */
char *buf_reserve(struct buf *b, size_t more);

/* Drops the first `n` bytes (n <= len), moving the rest down. */
void buf_consume(struct buf *b, size_t n);

/* The bytes as a NUL-terminated string, borrowed until the next change; NULL when failed. */
const char *buf_str(struct buf *b);

#endif
