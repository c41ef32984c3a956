/*
 * packed: what the library's files are made of: numbers in little endian, texts
 * behind their lengths, and a hash over all, which finds damage, not malice.
 * consumer_file and snapshot_file say what they mean.
 */
#ifndef MICROREG_CLIENT_LIB_PACKED_H
#define MICROREG_CLIENT_LIB_PACKED_H

#include "common/arena.h"
#include "common/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* FNV-1a, from PACKED_HASH_START on. */
#define PACKED_HASH_START UINT64_C(0xcbf29ce484222325)
uint64_t packed_hash(uint64_t hash, const void *data, size_t len);

/* ---- Writing; failures stick in the buf ---- */

void packed_put_number(struct buf *out, uint64_t number, unsigned bytes);

/* All that the buf holds into the file. 0, or an errno. */
int packed_send(int fd, const struct buf *out);

/* ---- Reading ---- */

struct packed_reader {
	const unsigned char *data;
	size_t len, at;
	bool bad;	    /* once set, all that is read is 0 or "" */
	struct arena arena; /* of texts and room; the owner's to set up and to end */
};

uint64_t packed_number(struct packed_reader *r, unsigned bytes);

/* Behind its length, a number of `bytes`; longer than `max`, or with a NUL in it, it is bad. */
const char *packed_text(struct packed_reader *r, unsigned bytes, size_t max);

/* A number of 4 bytes: how many things follow, of at least `each` bytes; over `max`, or over what
 * is left, it is bad. */
size_t packed_count(struct packed_reader *r, size_t max, size_t each);

/* Zeroed, in the arena; NULL, and bad, when that is spent. */
void *packed_room(struct packed_reader *r, size_t count, size_t size);

#endif
