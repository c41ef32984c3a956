/*
 * splice: content from one socket to another within the kernel, by a pipe
 * between them (splice(2)): it is not copied, and not seen.
 *
 * A pipe is taken for one round: filled from the one socket, poured into the
 * other. When all of it went out it goes back into the worker's pool, so that
 * only those whose readers are slow have one for longer. It is filled while it
 * is empty only: then a fill that must wait waits for bytes, never for room.
 *
 * All is for the worker's own thread.
 */
#ifndef MICROREG_GATEWAY_SPLICE_H
#define MICROREG_GATEWAY_SPLICE_H

#include "gateway/stream.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	SPLICE_PIPE = 64 << 10,	    /* what a pipe has room for … */
	SPLICE_HELD_MAX = 56 << 10, /* … and what it gets: with a head it fits one packet */
	SPLICE_PIPES_MAX = 256,	    /* of a worker, with two descriptors each */
};

struct splice {
	struct splice *next; /* in the pool */
	int in, out;	     /* what is filled, what is poured from */
	size_t held;
};

/* All zero is an empty pool. */
struct splice_pool {
	struct splice *spare;
	unsigned spare_count;
	unsigned count;	 /* of all that are open */
	unsigned refuse; /* so many more are refused without trying */
	bool useless;	 /* the kernel does not do it */
};

/* At most `left` bytes, and what became of it: `taken` of them are with the taker now. */
struct splice_move {
	uint64_t left, taken;
	enum stream_result result; /* as stream_read's */
};

/* An empty pipe. NULL: there are too many, or none can be had; then copy. */
struct splice *splice_open(struct splice_pool *pool);

/* Back into the pool, or closed if it holds bytes. Leaves NULL; harmless with NULL. */
void splice_close(struct splice_pool *pool, struct splice **s);

/* Closes the spare ones. */
void splice_pool_fini(struct splice_pool *pool);

/* Takes bytes from a plain socket into the empty pipe. False: not by this way, and nothing was
 * done. */
bool splice_fill(struct splice_pool *pool, struct splice *s, struct stream *from,
		 struct splice_move *move);

/* Sends what the pipe holds over a plain socket, and adds what went out to *sent. OK: all of it. */
enum stream_result splice_pour(struct splice *s, struct stream *to, uint64_t *sent);

#endif
