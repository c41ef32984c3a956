/*
 * respond_parts: what the files of respond share; nobody else includes this.
 * respond.c writes heads, an instance's and our own, respond_remade.c those of
 * what was made of a reply.
 */
#ifndef MICROREG_GATEWAY_RESPOND_PARTS_H
#define MICROREG_GATEWAY_RESPOND_PARTS_H

#include "gateway/respond.h"

/* Begins an answer: its status line. */
void respond_start(struct exchange *x, unsigned status);
/* A field of ours, unless the route drops it. */
void respond_own(struct exchange *x, const char *name, const char *value);
/* Whole lines, each with its CRLF, but for those that the route drops. */
void respond_lines(struct exchange *x, struct span lines);
/* What every answer of ours ends its head with. */
void respond_finish_head(struct exchange *x);

/* What the reply of a service brings beside its own fields: which way it came, and the cookie that
 * holds the client to its instance. */
void respond_way(struct exchange *x, unsigned minor);
void respond_age(struct exchange *x, const struct cache_entry *entry);
/* An instance's fields that are for the client, as lines. Errors stick in the buf. */
void respond_write_fields(struct exchange *x, const struct http1_head *head, struct buf *out);

/* ---- respond_remade.c ---- */

/* True when the field is about the body that the service sent, and not about what was made of it
 * (RFC 9110 8). */
bool respond_is_of_body(struct span name);

#endif
