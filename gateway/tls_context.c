/* tls_context: OpenSSL's defaults, made stricter. */
#include "gateway/tls_context.h"
#include "gateway/settings.h"

#include <openssl/err.h>
#include <string.h>

const char *tls_context_reason(void)
{
	unsigned long code = ERR_peek_last_error();
	const char *reason;

	if (ERR_COMMON_ERROR(code)) /* "system lib": what that said stands first */
		code = ERR_peek_error();
	reason = code ? ERR_reason_error_string(code) : NULL;
	if (code && ERR_SYSTEM_ERROR(code))
		reason = strerror(ERR_GET_REASON(code));
	ERR_clear_error();
	return reason ? reason : "no reason was given";
}

/* Instead of OpenSSL's, which asks at the terminal and waits. */
/* NOLINTNEXTLINE(readability-non-const-parameter): the type is OpenSSL's */
static int tls_context_no_passphrase(char *to, int size, int writing, void *arg)
{
	(void)to;
	(void)size;
	(void)writing;
	(void)arg;
	return -1;
}

SSL_CTX *tls_context_new(const SSL_METHOD *method, struct err *e)
{
	SSL_CTX *context = SSL_CTX_new(method);

	if (!context || !SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION)) {
		(void)err_set(e, "tls: %s", tls_context_reason());
		SSL_CTX_free(context);
		return NULL;
	}
	(void)SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
	/* Partial writes go on from wherever the bytes lie by then; idle connections hold no
	 * buffers; one recv(2) takes a record and its head; see stream_tls for the last. */
	(void)SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE |
						SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
						SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_read_ahead(context, 1);
	(void)SSL_CTX_clear_mode(context, SSL_MODE_AUTO_RETRY);
	SSL_CTX_set_default_passwd_cb(context, tls_context_no_passphrase);
	return context;
}

int tls_context_load_pair(SSL_CTX *context, const struct settings_certificate *pair, struct err *e)
{
	if (!SSL_CTX_use_certificate_chain_file(context, pair->cert))
		return err_set(e,
			       "tls.cert: can't use %s: %s; it holds the certificate and those "
			       "that lead to the root, in PEM",
			       pair->cert, tls_context_reason());
	if (SSL_CTX_use_PrivateKey_file(context, pair->key, SSL_FILETYPE_PEM))
		return 0;
	if (ERR_GET_REASON(ERR_peek_error()) == PEM_R_BAD_PASSWORD_READ ||
	    ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_BAD_PASSWORD_READ) {
		ERR_clear_error();
		return err_set(e,
			       "tls.key: %s is encrypted; decrypt it (openssl pkey -in … -out …) "
			       "and let the file's mode protect it",
			       pair->key);
	}
	return err_set(e, "tls.key: can't use %s with %s: %s", pair->key, pair->cert,
		       tls_context_reason());
}
