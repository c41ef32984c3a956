/*
 * auth_certificate: the certificate that a client has shown at the TLS door,
 * which has looked whether it leads to one of `client_ca`.
 */
#include "gateway/auth.h"
#include "gateway/client.h"
#include "gateway/known.h"
#include "gateway/worker.h"

#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

enum { AUTH_CERTIFICATE_NAME_MAX = 1024 };

static const struct identity *auth_certificate_named(const struct exchange *x, const char *text)
{
	return known_by_certificate(x->table, (struct span){text, strlen(text)});
}

static const struct identity *auth_certificate_by_fingerprint(const struct exchange *x,
							      const X509 *certificate)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	char text[8 + 2 * EVP_MAX_MD_SIZE] = "sha256:";
	unsigned len = 0;

	if (X509_digest(certificate, EVP_sha256(), digest, &len) != 1)
		return NULL;
	for (unsigned i = 0; i < len; i++)
		(void)snprintf(text + 7 + 2 * i, 3, "%02x", digest[i]);
	return auth_certificate_named(x, text);
}

/* As RFC 2253 writes it: "CN=ada,O=Example". */
static const struct identity *auth_certificate_by_subject(const struct exchange *x,
							  const X509 *certificate)
{
	char text[AUTH_CERTIFICATE_NAME_MAX] = "subject:";
	BIO *out = BIO_new(BIO_s_mem());
	const struct identity *identity = NULL;
	int len;

	if (!out)
		return NULL;
	if (X509_NAME_print_ex(out, X509_get_subject_name(certificate), 0,
			       XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB) >= 0) {
		len = BIO_read(out, text + 8, (int)sizeof(text) - 9);
		if (len > 0 && len < (int)sizeof(text) - 9) {
			text[8 + len] = '\0';
			identity = auth_certificate_named(x, text);
		}
	}
	BIO_free(out);
	return identity;
}

/* The first of its other names (DNS, e-mail, URI) that is a consumer's. */
static const struct identity *auth_certificate_by_name(const struct exchange *x,
						       const X509 *certificate)
{
	GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
	const struct identity *identity = NULL;

	for (int i = 0; i < sk_GENERAL_NAME_num(names) && !identity; i++) {
		const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
		char text[AUTH_CERTIFICATE_NAME_MAX];
		const ASN1_IA5STRING *value;
		int len;

		if (name->type != GEN_DNS && name->type != GEN_EMAIL && name->type != GEN_URI)
			continue;
		value = name->d.ia5;
		len = ASN1_STRING_length(value);
		if (memchr(ASN1_STRING_get0_data(value), '\0', (size_t)len)) /* a trick */
			continue;
		if (snprintf(text, sizeof(text), "san:%.*s", len,
			     (const char *)ASN1_STRING_get0_data(value)) < (int)sizeof(text))
			identity = auth_certificate_named(x, text);
	}
	GENERAL_NAMES_free(names);
	return identity;
}

enum auth_result auth_certificate_try(struct exchange *x, const struct settings_auth_method *method,
				      struct auth *auth)
{
	SSL *tls = client_tls(x->client);
	const X509 *certificate = tls ? SSL_get0_peer_certificate(tls) : NULL;
	const struct identity *identity;

	(void)method; /* it has nothing to say */
	if (!certificate || SSL_get_verify_result(tls) != X509_V_OK)
		return AUTH_ABSENT;
	identity = auth_certificate_by_fingerprint(x, certificate);
	if (!identity)
		identity = auth_certificate_by_subject(x, certificate);
	if (!identity)
		identity = auth_certificate_by_name(x, certificate);
	auth->reason = "the certificate is no consumer's";
	if (!identity) {
		auth->early = !known_is_complete(x->table);
		return AUTH_REFUSED;
	}
	auth->identity = identity;
	return AUTH_PROVEN;
}

/* The connection showed it, not the request. */
void auth_certificate_strip(struct exchange *x, const struct settings_auth_method *method)
{
	(void)x, (void)method;
}
