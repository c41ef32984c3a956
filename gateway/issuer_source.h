/*
 * issuer_source: where an issuer's keys come from: files and URLs. Everything
 * here blocks: for an issuer's thread, and for the start.
 */
#ifndef MICROREG_GATEWAY_ISSUER_SOURCE_H
#define MICROREG_GATEWAY_ISSUER_SOURCE_H

#include "common/buf.h"
#include "common/err.h"

#include <stdatomic.h>
#include <stdbool.h>

enum { ISSUER_SOURCE_MAX = 1 << 20 };

/* A whole file, appended; at most ISSUER_SOURCE_MAX bytes. */
int issuer_source_file(const char *file, struct buf *out, struct err *e);

/* GET with a limit of 5 s and ISSUER_SOURCE_MAX bytes, without redirects; ends early once *stop is
 * set. */
int issuer_source_url(const char *url, const atomic_bool *stop, struct buf *out, struct err *e);

/* Asks an issuer's openid-configuration. Sets *jwks_url and *iss, which the caller frees. An
 * `expected` issuer (may be NULL) that is not what the document says is an error (OpenID Connect
 * Discovery 4.3). */
int issuer_source_discover(const char *url, const char *expected, const atomic_bool *stop,
			   char **jwks_url, char **iss, struct err *e);

#endif
