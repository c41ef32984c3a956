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
#include <stdatomic.h>
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

/* ---- Credentials ---- */

/* What a connection's TLS goes by: counted, so that those that are open keep theirs. */
struct httpd_credentials {
	atomic_uint refs;
	gnutls_certificate_credentials_t x509;
	bool clients; /* need a certificate */
};

static struct httpd_credentials *httpd_credentials_ref(struct httpd_credentials *c)
{
	atomic_fetch_add_explicit(&c->refs, 1, memory_order_relaxed);
	return c;
}

void httpd_credentials_unref(struct httpd_credentials **credentials)
{
	struct httpd_credentials *c = *credentials;

	*credentials = NULL;
	if (!c || atomic_fetch_sub_explicit(&c->refs, 1, memory_order_acq_rel) != 1)
		return;
	gnutls_certificate_free_credentials(c->x509);
	free(c);
}

/* `names` may be NULL: then the texts say what was in no file. */
static int httpd_credentials_fill(struct httpd_credentials *c, const struct httpd_tls *tls,
				  const struct httpd_tls_names *names, struct err *e)
{
	gnutls_datum_t cert = httpd_datum(tls->cert), key = httpd_datum(tls->key), ca;
	int r = gnutls_certificate_set_x509_key_mem(c->x509, &cert, &key, GNUTLS_X509_FMT_PEM);

	if (r < 0)
		return err_code(e, DAEMON_EXIT_SETTINGS,
				"tls: can't use %s with the key in %s: %s; both are PEM, and the "
				"key is the certificate's, without a password",
				names ? names->cert : "cert", names ? names->key : "key",
				gnutls_strerror(r));
	if (!tls->client_ca)
		return 0;
	c->clients = true;
	ca = httpd_datum(tls->client_ca);
	r = gnutls_certificate_set_x509_trust_mem(c->x509, &ca, GNUTLS_X509_FMT_PEM);
	if (r > 0)
		return 0;
	return err_code(e, DAEMON_EXIT_SETTINGS,
			"tls.client_ca: %s: no certificate of a CA in it (PEM)",
			names ? names->client_ca : "client_ca");
}

static struct httpd_credentials *httpd_credentials_make(const struct httpd_tls *tls,
							const struct httpd_tls_names *names,
							struct err *e)
{
	struct httpd_credentials *c = calloc(1, sizeof(*c));

	if (!c || gnutls_certificate_allocate_credentials(&c->x509) < 0) {
		free(c);
		(void)err_code(e, DAEMON_EXIT_SYSTEM, "tls: out of memory");
		return NULL;
	}
	atomic_init(&c->refs, 1);
	if (httpd_credentials_fill(c, tls, names, e) < 0)
		httpd_credentials_unref(&c);
	return c;
}

int httpd_set_tls(struct httpd *httpd, const struct httpd_tls *tls, struct err *e)
{
	struct httpd_credentials *c = httpd_credentials_make(tls, NULL, e), *before;

	if (!c)
		return -1;
	pthread_mutex_lock(&httpd->lock);
	before = httpd->credentials;
	httpd->credentials = c;
	pthread_mutex_unlock(&httpd->lock);
	httpd_credentials_unref(&before);
	return 0;
}

int httpd_tls_load(struct httpd_tls *tls, const struct httpd_tls_names *names, struct err *e)
{
	struct httpd_credentials *tried = NULL;

	*tls = (struct httpd_tls){0};
	tls->cert = httpd_read_file(names->cert, "cert", e);
	tls->key = tls->cert ? httpd_read_file(names->key, "key", e) : NULL;
	if (tls->key && names->client_ca)
		tls->client_ca = httpd_read_file(names->client_ca, "client_ca", e);
	/* Would GnuTLS take them? libmicrohttpd only says that it could not start. */
	if (tls->key && (!names->client_ca || tls->client_ca))
		tried = httpd_credentials_make(tls, names, e);
	if (!tried)
		httpd_tls_fini(tls);
	else
		httpd_credentials_unref(&tried);
	return tls->cert ? 0 : -1;
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
	struct httpd_credentials *credentials;
	enum { HTTPD_TLS_UNSEEN = 0, HTTPD_TLS_TRUSTED, HTTPD_TLS_STRANGER } state;
};

/* Before the handshake: the session goes by the credentials of now in the place of those that
 * libmicrohttpd was started with. NULL when out of memory. */
static struct httpd_tls_client *httpd_tls_begin(struct httpd *h, gnutls_session_t session)
{
	struct httpd_tls_client *client = calloc(1, sizeof(*client));

	if (!client)
		return NULL;
	pthread_mutex_lock(&h->lock);
	client->credentials = httpd_credentials_ref(h->credentials);
	pthread_mutex_unlock(&h->lock);
	gnutls_certificate_server_set_request(
		session, client->credentials->clients ? GNUTLS_CERT_REQUEST : GNUTLS_CERT_IGNORE);
	if (gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, client->credentials->x509) == 0)
		return client;
	httpd_credentials_unref(&client->credentials);
	free(client);
	return NULL;
}

void httpd_tls_notify(void *arg, struct MHD_Connection *connection, void **slot,
		      enum MHD_ConnectionNotificationCode code)
{
	const union MHD_ConnectionInfo *tls =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_GNUTLS_SESSION);
	struct httpd_tls_client *client = *slot;

	if (code == MHD_CONNECTION_NOTIFY_STARTED) {
		/* NULL trusts nobody */
		*slot = tls && tls->tls_session ? httpd_tls_begin(arg, tls->tls_session) : NULL;
		return;
	}
	*slot = NULL;
	if (client)
		httpd_credentials_unref(&client->credentials);
	free(client);
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
	if (!client->credentials->clients)
		return true;
	if (client->state == HTTPD_TLS_UNSEEN)
		client->state = gnutls_certificate_verify_peers2(tls->tls_session, &status) == 0 &&
						status == 0
					? HTTPD_TLS_TRUSTED
					: HTTPD_TLS_STRANGER;
	return client->state == HTTPD_TLS_TRUSTED;
}
