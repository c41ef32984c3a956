/*
 * signer: signs what services are told of a request, so that they can prove
 * that it came through the gateway: a compact JWS (RFC 7515) for each request
 * and service, of who asks and what is asked, good for a minute.
 *
 * Immutable; any thread may sign.
 */
#ifndef MICROREG_GATEWAY_SIGNER_H
#define MICROREG_GATEWAY_SIGNER_H

#include "common/buf.h"
#include "common/err.h"
#include "common/span.h"

#include <stdbool.h>

struct identity;
struct settings_sign;
struct signer;

/* Reads the key: a private one of P-256 (ES256) or Ed25519 (EdDSA) in PEM, else a secret of at
 * least 32 bytes (HS256). NULL with what is wrong. The settings must outlive it. */
struct signer *signer_new(const struct settings_sign *settings, struct err *e);
void signer_free(struct signer **signer);

/* What is signed. */
struct signer_subject {
	const struct identity *identity; /* NULL: nobody is known */
	const char *service;		 /* that is told: `aud` */
	struct span id;			 /* of the request: `jti` */
	struct span method, path, query;
	bool has_query;
};

/* The line of the header field. Errors stick in the buf: a request without its signature is not
 * sent. NULL: nothing is written. */
void signer_write(const struct signer *signer, const struct signer_subject *subject,
		  struct buf *out);

#endif
