/*
 * stream_tls: the TLS side of stream. Between stream.c and itself only.
 */
#ifndef MICROREG_GATEWAY_STREAM_TLS_H
#define MICROREG_GATEWAY_STREAM_TLS_H

#include "gateway/stream.h"

/* Sets what the SSL reads from and writes to. -1: out of memory. */
int stream_tls_attach(struct stream *s);

/* Says nothing to the peer. */
void stream_tls_free(struct stream *s);

enum stream_result stream_tls_handshake(struct stream *s);

/* Passes over what is no data. False: there is data, or it is over. */
bool stream_tls_is_quiet(struct stream *s);

/* As stream_read, into `to` within `in`, and stream_write, for a stream with TLS. */
enum stream_result stream_tls_read(struct stream *s, struct buf *in, char *to, size_t room);
enum stream_result stream_tls_write(struct stream *s, struct buf *out, size_t *at, uint64_t *sent);

/* Says that nothing follows (close_notify), if it can be said at once. */
void stream_tls_shutdown(struct stream *s);

#endif
