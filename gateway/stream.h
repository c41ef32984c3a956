/*
 * stream: bytes over a connected, non-blocking socket, plain or under TLS, that
 * an edge-triggered loop watches. It remembers what the edges said, so that its owner may stop
 * reading (back pressure) and go on later.
 */
#ifndef MICROREG_GATEWAY_STREAM_H
#define MICROREG_GATEWAY_STREAM_H

#include "common/buf.h"
#include "common/loop.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ssl_st;

struct stream {
	struct loop_fd lfd;
	struct loop *loop;
	struct ssl_st *tls; /* NULL: plain */
	bool readable;	    /* a read may give something */
	bool writable;	    /* a write may take something */
	bool hangup;	    /* the end, or an error, is in sight: read on until it shows */
	bool more;	    /* what is written is sent with what follows at once, not before */
	uint64_t written;   /* bytes the kernel took, in all */
	/* Of TLS, where the two above say what its layer may give: the socket's own edges, whether
	 * it has ended, and what came since the last byte of data. */
	bool arrived, drained, ended;
	size_t fruitless;
};

enum stream_result {
	STREAM_OK = 0, /* something was read; everything was written */
	STREAM_WAIT,   /* nothing to read now; not everything could be written */
	STREAM_END,    /* the peer has ended its side */
	STREAM_BROKEN, /* the connection is broken */
};

/* Takes the descriptor over: stream_close closes it. -1 with errno when it can't be watched. */
int stream_open(struct stream *s, struct loop *loop, int fd,
		void (*on_event)(struct loop_fd *lfd, unsigned events));

/* The same under TLS: the handshake is made by the first reads and writes, or by stream_handshake.
 * The SSL has no BIO yet; it is taken over too, also when it fails. */
int stream_open_tls(struct stream *s, struct loop *loop, int fd, struct ssl_st *tls,
		    void (*on_event)(struct loop_fd *lfd, unsigned events));
/* Does what can be done now for the handshake, as a client. OK: it is done; BROKEN: the reason lies
 * in OpenSSL's list. */
enum stream_result stream_handshake(struct stream *s);

void stream_close(struct stream *s); /* harmless when closed */

/* Closes at once, by a reset: whatever waits in the kernel is dropped, and the peer can tell that
 * something is missing. */
void stream_reset(struct stream *s);

/* How many of the bytes written the peer has taken: the kernel may hold megabytes for a slow one,
 * which no edge tells of. One system call. */
uint64_t stream_delivered(const struct stream *s);

/* Ends our side; the peer may go on sending. */
void stream_shutdown(struct stream *s);

/* Call first in on_event. */
void stream_note(struct stream *s, unsigned events);

/* Appends what one recv(2) of at most `room` bytes gives. A buffer that can't grow is BROKEN. */
enum stream_result stream_read(struct stream *s, struct buf *in, size_t room);

/* Sends from out->data + *at on; when all is sent the buffer is emptied and *at is 0. Adds what
 * went out to *sent. */
enum stream_result stream_write(struct stream *s, struct buf *out, size_t *at, uint64_t *sent);

/* Looks, without taking data, whether an idle connection is still good: open, and silent but for
 * what TLS says on its own (a ticket, new keys). */
bool stream_is_quiet(struct stream *s);

#endif
