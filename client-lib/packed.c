/* packed: every number and length is held against what is left. */
#include "client-lib/packed.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

uint64_t packed_hash(uint64_t hash, const void *data, size_t len)
{
	const unsigned char *bytes = data;

	for (size_t i = 0; i < len; i++)
		hash = (hash ^ bytes[i]) * 0x100000001b3u;
	return hash;
}

/* ---- Writing ---- */

void packed_put_number(struct buf *out, uint64_t number, unsigned bytes)
{
	unsigned char le[8];

	for (unsigned i = 0; i < bytes; i++)
		le[i] = (unsigned char)(number >> (8 * i));
	(void)buf_append(out, le, bytes); /* sticks */
}

int packed_send(int fd, const struct buf *out)
{
	size_t at = 0;

	while (at < out->len) {
		ssize_t n = write(fd, out->data + at, out->len - at);

		if (n >= 0)
			at += (size_t)n;
		else if (errno != EINTR)
			return errno;
	}
	return 0;
}

/* ---- Reading ---- */

uint64_t packed_number(struct packed_reader *r, unsigned bytes)
{
	uint64_t number = 0;

	if (r->bad || r->len - r->at < bytes) {
		r->bad = true;
		return 0;
	}
	for (unsigned i = 0; i < bytes; i++)
		number |= (uint64_t)r->data[r->at + i] << (8 * i);
	r->at += bytes;
	return number;
}

const char *packed_text(struct packed_reader *r, unsigned bytes, size_t max)
{
	size_t len = packed_number(r, bytes);
	const char *text = NULL;

	if (!r->bad && len <= max && len <= r->len - r->at && !memchr(r->data + r->at, '\0', len))
		text = arena_strndup(&r->arena, (const char *)r->data + r->at, len);
	if (!text) {
		r->bad = true;
		return "";
	}
	r->at += len;
	return text;
}

size_t packed_count(struct packed_reader *r, size_t max, size_t each)
{
	size_t count = packed_number(r, 4);

	if (!r->bad && count <= max && count <= (r->len - r->at) / each)
		return count;
	r->bad = true;
	return 0;
}

void *packed_room(struct packed_reader *r, size_t count, size_t size)
{
	void *room = arena_zalloc(&r->arena, count * size);

	if (!room)
		r->bad = true;
	return room;
}
