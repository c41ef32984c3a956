/*
 * base64url: RFC 4648 5 without padding, as JOSE wants it (RFC 7515 2), and
 * strictly: one text for one run of bytes.
 */
#ifndef MICROREG_GATEWAY_BASE64URL_H
#define MICROREG_GATEWAY_BASE64URL_H

#include "common/buf.h"
#include "gateway/http1_head.h"

#include <stdint.h>

/* How many bytes a text of that length stands for. */
size_t base64url_size(size_t len);

/* Decodes into `out`, which has that room. False for padding, white space, foreign characters, an
 * impossible length, and bits beyond the last byte. */
bool base64url_decode(struct span text, uint8_t *out);

/* Appends the text for these bytes. Errors stick in the buf. */
void base64url_write(struct span bytes, struct buf *out);

#endif
