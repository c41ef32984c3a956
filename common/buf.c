/* buf: doubles as it grows, never beyond its maximum. */
#include "common/buf.h"
#include "common/memory.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BUF_FIRST = 256 };

void buf_init(struct buf *b, size_t max)
{
	*b = (struct buf){.max = max};
}

void buf_fini(struct buf *b)
{
	if (b->cap)
		memory_sub(b->cap);
	free(b->data);
	buf_init(b, b->max);
}

void buf_release(struct buf *b)
{
	if (b->cap)
		memory_sub(b->cap);
	buf_init(b, b->max);
}

void buf_reset(struct buf *b)
{
	b->len = 0;
	b->failed = b->full = false;
}

char *buf_reserve(struct buf *b, size_t more)
{
	size_t need, cap;
	char *data;

	if (b->failed || more > b->max - b->len) {
		b->full = b->full || !b->failed;
		b->failed = true;
		return NULL;
	}
	need = b->len + more;
	if (need <= b->cap && b->data)
		return b->data + b->len;
	cap = b->cap ? b->cap : BUF_FIRST;
	while (cap < need)
		cap = cap > SIZE_MAX / 2 ? need : cap * 2;
	data = realloc(b->data, cap);
	if (!data) {
		b->failed = true;
		return NULL;
	}
	memory_add(cap - b->cap);
	b->data = data;
	b->cap = cap;
	return b->data + b->len;
}

int buf_append(struct buf *b, const void *data, size_t len)
{
	char *to = buf_reserve(b, len);

	if (!to)
		return -1;
	if (len)
		memcpy(to, data, len);
	b->len += len;
	return 0;
}

int buf_puts(struct buf *b, const char *text)
{
	return buf_append(b, text, strlen(text));
}

int buf_putc(struct buf *b, char c)
{
	return buf_append(b, &c, 1);
}

char *buf_write_uint(char *to, uint64_t value)
{
	char digits[BUF_UINT_MAX];
	size_t at = sizeof(digits);

	do {
		digits[--at] = (char)('0' + value % 10);
		value /= 10;
	} while (value);
	memcpy(to, digits + at, sizeof(digits) - at);
	return to + sizeof(digits) - at;
}

int buf_put_uint(struct buf *b, uint64_t value)
{
	char digits[BUF_UINT_MAX];
	char *end = buf_write_uint(digits, value);

	return buf_append(b, digits, (size_t)(end - digits));
}

int buf_printf(struct buf *b, const char *format, ...)
{
	va_list args;
	char *to;
	int n;

	va_start(args, format);
	n = vsnprintf(NULL, 0, format, args);
	va_end(args);
	if (n < 0) {
		b->failed = true;
		return -1;
	}
	/* One more than needed, for vsnprintf's NUL; it does not count. */
	to = buf_reserve(b, (size_t)n + 1);
	if (!to)
		return -1;
	va_start(args, format);
	(void)vsnprintf(to, (size_t)n + 1, format, args); /* measured above */
	va_end(args);
	b->len += (size_t)n;
	return 0;
}

void buf_consume(struct buf *b, size_t n)
{
	if (n < b->len)
		memmove(b->data, b->data + n, b->len - n);
	b->len -= n;
}

const char *buf_str(struct buf *b)
{
	char *end = buf_reserve(b, 1);

	if (!end)
		return NULL;
	*end = '\0';
	return b->data;
}
