/*
 * rpc_write: answers as bytes, appended to a buffer as they are told. What a
 * reader gets is what xmlrpc-c's serializer would have told it; the tests
 * compare the two.
 *
 * Nothing fails singly: look at the buffer's `failed` at the end. Texts are
 * UTF-8; characters that XML can't hold become '?'.
 */
#ifndef MICROREG_COMMON_RPC_WRITE_H
#define MICROREG_COMMON_RPC_WRITE_H

#include "common/buf.h"
#include "common/instance.h"

/* The document around the one value of an answer. */
void rpc_write_begin(struct buf *to);
void rpc_write_end(struct buf *to);
/* The value within a document that these two made: borrowed from it. */
const char *rpc_write_value(const struct buf *document, size_t *len);

void rpc_write_struct(struct buf *to);
void rpc_write_struct_end(struct buf *to);
void rpc_write_array(struct buf *to);
void rpc_write_array_end(struct buf *to);
/* Before a member's value and after it. */
void rpc_write_member(struct buf *to, const char *name);
void rpc_write_member_end(struct buf *to);

void rpc_write_string(struct buf *to, const char *text);
void rpc_write_int(struct buf *to, int number);
void rpc_write_bool(struct buf *to, bool yes);

/* Whole members. */
void rpc_write_set_string(struct buf *to, const char *name, const char *text);
void rpc_write_set_int(struct buf *to, const char *name, int number);
void rpc_write_set_bool(struct buf *to, const char *name, bool yes);

/* The struct that lookups and watches answer; rpc_read_instance reads it. */
void rpc_write_instance(struct buf *to, const struct instance *in);

#endif
