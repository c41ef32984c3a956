/*
 * base64: RFC 4648, in both alphabets: 4's with padding, as XML-RPC and Basic
 * have it, and 5's (base64url) without, as JOSE wants it (RFC 7515 2). Read
 * strictly: one text for one run of bytes.
 */
#ifndef MICROREG_COMMON_BASE64_H
#define MICROREG_COMMON_BASE64_H

#include "common/buf.h"
#include "common/span.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The 64 of section 4. */
extern const char base64_digits[];

/* How many bytes a text of that length, without padding, stands for. */
size_t base64_size(size_t len);

/* Decodes a text without padding into `out`, which has that room. False for padding, white space,
 * foreign characters, an impossible length, and bits beyond the last byte. */
bool base64_decode(struct span text, uint8_t *out);
bool base64url_decode(struct span text, uint8_t *out);

/* Appends the text for these bytes, the first one padded. Errors stick in the buf. */
void base64_write(struct span bytes, struct buf *out);
void base64url_write(struct span bytes, struct buf *out);

/* The same into (4 * bytes.len + 2) / 3 bytes; nothing ends it. */
void base64url_print(struct span bytes, char *out);

#endif
