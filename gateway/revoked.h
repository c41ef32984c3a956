/*
 * revoked: the ids (`jti`) of tokens that count no more, as a file lists them:
 * one a line; empty lines and those that begin with '#' are left out.
 * Immutable and counted; any thread may ask.
 */
#ifndef MICROREG_GATEWAY_REVOKED_H
#define MICROREG_GATEWAY_REVOKED_H

#include "common/err.h"
#include "gateway/http1_head.h"

#include <stdbool.h>

struct revoked;

/* NULL with an error. Blocks on the file. */
struct revoked *revoked_read(const char *file, struct err *e);
struct revoked *revoked_ref(struct revoked *revoked);
void revoked_unref(struct revoked **revoked); /* harmless with NULL */

bool revoked_has(const struct revoked *revoked, struct span jti);

#endif
