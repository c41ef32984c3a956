/*
 * httpd_tls: the certificates of an httpd's door, by GnuTLS as libmicrohttpd
 * uses it: TLS 1.2 and 1.3, and, with a client CA, only clients that have a
 * certificate of it.
 */
#include "common/daemon.h"
#include "common/httpd_parts.h"

#include <errno.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HTTPD_PEM_MAX = 1 << 20 };

/* The whole file as a string to free(3), or NULL. */
static char *httpd_read_file(const char *name, const char *what, struct err *e)
{
	FILE *file = fopen(name, "re");
	char *text = NULL;
	size_t n = 0;

	if (!file) {
		(void)err_code(e, DAEMON_EXIT_SETTINGS, "tls.%s: can't read %s: %s", what, name,
			       strerror(errno));
		return NULL;
	}
	text = malloc(HTTPD_PEM_MAX + 1);
	if (text)
		n = fread(text, 1, HTTPD_PEM_MAX + 1, file);
	if (!text || ferror(file) || n == 0 || n > HTTPD_PEM_MAX) {
		(void)err_code(e, DAEMON_EXIT_SETTINGS, "tls.%s: %s: %s", what, name,
			       !text	? "out of memory"
			       : n == 0 ? "is empty, or can't be read"
					: "more than 1 MiB is no certificate");
		free(text);
		text = NULL;
	} else {
		text[n] = '\0';
	}
	(void)fclose(file); /* it was only read */
	return text;
}

static gnutls_datum_t httpd_datum(char *text)
{
	return (gnutls_datum_t){.data = (unsigned char *)text, .size = (unsigned)strlen(text)};
}

/* Would GnuTLS take them? libmicrohttpd only says that it could not start. */
static int httpd_tls_try(const struct httpd_tls_names *names, const struct httpd_tls *tls,
			 struct err *e)
{
	gnutls_certificate_credentials_t credentials;
	gnutls_datum_t cert = httpd_datum(tls->cert), key = httpd_datum(tls->key), ca;
	int r, failed = 0;

	if (gnutls_certificate_allocate_credentials(&credentials) < 0)
		return err_code(e, DAEMON_EXIT_SYSTEM, "tls: out of memory");
	r = gnutls_certificate_set_x509_key_mem(credentials, &cert, &key, GNUTLS_X509_FMT_PEM);
	if (r < 0)
		failed = err_code(e, DAEMON_EXIT_SETTINGS,
				  "tls: can't use %s with the key in %s: %s; both are PEM, and the "
				  "key is the certificate's, without a password",
				  names->cert, names->key, gnutls_strerror(r));
	if (!failed && tls->client_ca) {
		ca = httpd_datum(tls->client_ca);
		r = gnutls_certificate_set_x509_trust_mem(credentials, &ca, GNUTLS_X509_FMT_PEM);
		if (r <= 0)
			failed = err_code(e, DAEMON_EXIT_SETTINGS,
					  "tls.client_ca: %s: no certificate of a CA in it (PEM)",
					  names->client_ca);
	}
	gnutls_certificate_free_credentials(credentials);
	return failed;
}

int httpd_tls_load(struct httpd_tls *tls, const struct httpd_tls_names *names, struct err *e)
{
	*tls = (struct httpd_tls){0};
	tls->cert = httpd_read_file(names->cert, "cert", e);
	tls->key = tls->cert ? httpd_read_file(names->key, "key", e) : NULL;
	if (tls->key && names->client_ca)
		tls->client_ca = httpd_read_file(names->client_ca, "client_ca", e);
	if (tls->key && (!names->client_ca || tls->client_ca) && httpd_tls_try(names, tls, e) == 0)
		return 0;
	httpd_tls_fini(tls);
	return -1;
}

void httpd_tls_fini(struct httpd_tls *tls)
{
	if (tls->key)
		explicit_bzero(tls->key, strlen(tls->key));
	free(tls->cert);
	free(tls->key);
	free(tls->client_ca);
	*tls = (struct httpd_tls){0};
}

/* ---- Clients ---- */

/* One per connection: a chain is verified once, not with every request. */
struct httpd_tls_client {
	enum { HTTPD_TLS_UNSEEN = 0, HTTPD_TLS_TRUSTED, HTTPD_TLS_STRANGER } state;
};

void httpd_tls_notify(void *arg, struct MHD_Connection *connection, void **slot,
		      enum MHD_ConnectionNotificationCode code)
{
	(void)arg;
	(void)connection;
	if (code == MHD_CONNECTION_NOTIFY_STARTED) {
		*slot = calloc(1, sizeof(struct httpd_tls_client)); /* NULL trusts nobody */
		return;
	}
	free(*slot);
	*slot = NULL;
}

bool httpd_tls_trusts(struct MHD_Connection *connection)
{
	const union MHD_ConnectionInfo *slot =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
	const union MHD_ConnectionInfo *tls =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_GNUTLS_SESSION);
	struct httpd_tls_client *client = slot ? slot->socket_context : NULL;
	unsigned status = 0;

	if (!client || !tls || !tls->tls_session)
		return false;
	if (client->state == HTTPD_TLS_UNSEEN)
		client->state = gnutls_certificate_verify_peers2(tls->tls_session, &status) == 0 &&
						status == 0
					? HTTPD_TLS_TRUSTED
					: HTTPD_TLS_STRANGER;
	return client->state == HTTPD_TLS_TRUSTED;
}
