/* tls: contexts by server name. */
#include "gateway/tls.h"
#include "gateway/tls_context.h"
#include "gateway/tls_tickets.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct tls_certificate {
	SSL_CTX *context;
	X509 *leaf; /* borrowed from the context */
};

struct tls_door {
	atomic_uint refs;
	struct tls_certificate *certificates; /* the first is also for unknown names */
	size_t count;
	char *hsts; /* the value of Strict-Transport-Security; NULL: not said */
	/* A session goes on only where its client's certificate was asked for by the same roots. */
	unsigned char session_context[SSL_MAX_SID_CTX_LENGTH];
};

static pthread_once_t tls_once = PTHREAD_ONCE_INIT;
static int tls_door_index = -1; /* where an SSL holds its door */

/* With the SSL: gives up its hold. */
static void tls_on_free(void *parent, void *pointer, CRYPTO_EX_DATA *data, int index, long argl,
			void *argp)
{
	struct tls_door *door = pointer;

	(void)parent;
	(void)data;
	(void)index;
	(void)argl;
	(void)argp;
	tls_door_unref(&door);
}

static void tls_init(void)
{
	tls_door_index = SSL_get_ex_new_index(0, NULL, NULL, NULL, tls_on_free);
}

/* ---- What is agreed on ---- */

static int tls_choose_protocol(SSL *ssl, const unsigned char **out, unsigned char *out_len,
			       const unsigned char *in, unsigned in_len, void *arg)
{
	static const unsigned char ours[] = "\x08http/1.1";

	(void)ssl;
	(void)arg;
	/* A client that offers only what is not spoken here goes on without (RFC 7301 3.2 would
	 * have it refused; plain HTTP/1.1 clients that offer nothing useful exist). */
	if (SSL_select_next_proto((unsigned char **)(uintptr_t)out, out_len, ours, sizeof(ours) - 1,
				  in, in_len) != OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_NOACK;
	return SSL_TLSEXT_ERR_OK;
}

/* NOLINTNEXTLINE(readability-non-const-parameter): the type is OpenSSL's */
static int tls_choose_certificate(SSL *ssl, int *alert, void *arg)
{
	const struct tls_door *door = arg;
	const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);

	(void)alert; /* an unknown name gets the first certificate */
	for (size_t i = 0; name && i < door->count; i++) {
		if (X509_check_host(door->certificates[i].leaf, name, strlen(name), 0, NULL) != 1)
			continue;
		(void)SSL_set_SSL_CTX(ssl, door->certificates[i].context); /* NULL: the first */
		break;
	}
	return SSL_TLSEXT_ERR_OK;
}

static int tls_configure(SSL_CTX *context, struct tls_door *door)
{
	static char groups[] = "X25519:P-256:P-384:P-521"; /* OpenSSL's macro casts const away */

	/* Sessions are the client's to keep, in tickets: nothing grows here. */
	(void)SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
	(void)SSL_CTX_set_options(context,
				  SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
	SSL_CTX_set_alpn_select_cb(context, tls_choose_protocol, NULL);
	(void)SSL_CTX_set_tlsext_servername_callback(context, tls_choose_certificate);
	(void)SSL_CTX_set_tlsext_servername_arg(context, door);
	/* 128 bits first: nothing is gained by more, and they cost less. Groups of finite fields
	 * cost the server more than the client. */
	if (!SSL_CTX_set_cipher_list(context, "ECDHE+AES128+AESGCM:ECDHE+AESGCM:ECDHE+CHACHA20") ||
	    !SSL_CTX_set_ciphersuites(context, "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:"
					       "TLS_CHACHA20_POLY1305_SHA256") ||
	    !SSL_CTX_set1_groups_list(context, groups))
		return -1;
	if (!SSL_CTX_set_session_id_context(context, door->session_context,
					    sizeof(door->session_context)))
		return -1;
	return tls_tickets_use(context);
}

/* ---- Files ---- */

/* Of the roots' file; all zero without one. */
static int tls_read_session_context(struct tls_door *door, const char *client_ca)
{
	unsigned char piece[4096], digest[EVP_MAX_MD_SIZE];
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	FILE *file = client_ca ? fopen(client_ca, "re") : NULL;
	bool ok = md && EVP_DigestInit_ex(md, EVP_sha256(), NULL);
	size_t n;

	while (file && ok && (n = fread(piece, 1, sizeof(piece), file)) > 0)
		ok = EVP_DigestUpdate(md, piece, n);
	ok = ok && EVP_DigestFinal_ex(md, digest, NULL);
	if (file) {
		memcpy(door->session_context, digest, ok ? sizeof(door->session_context) : 0);
		(void)fclose(file); /* it was read; what is wrong with it is told later */
	}
	EVP_MD_CTX_free(md);
	return ok ? 0 : -1;
}

static int tls_load_client_ca(SSL_CTX *context, const char *file, struct err *e)
{
	STACK_OF(X509_NAME) * names;

	if (!SSL_CTX_load_verify_file(context, file))
		return err_set(e, "tls.client_ca: can't use %s: %s", file, tls_context_reason());
	names = SSL_load_client_CA_file(file);
	if (!names)
		return err_set(e, "tls.client_ca: can't use %s: %s", file, tls_context_reason());
	SSL_CTX_set_client_CA_list(context, names);
	SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	return 0;
}

static int tls_add(struct tls_door *door, const struct settings_certificate *pair,
		   const char *client_ca, struct err *e)
{
	struct tls_certificate *certificate = &door->certificates[door->count];

	certificate->context = tls_context_new(TLS_server_method(), e);
	if (!certificate->context)
		return -1;
	door->count++; /* from here on tls_door_unref knows of it */
	if (tls_configure(certificate->context, door) < 0)
		return err_set(e, "tls: %s", tls_context_reason());
	if (tls_context_load_pair(certificate->context, pair, e) < 0)
		return -1;
	certificate->leaf = SSL_CTX_get0_certificate(certificate->context);
	return client_ca ? tls_load_client_ca(certificate->context, client_ca, e) : 0;
}

struct tls_door *tls_door_new(const struct settings_tls *settings, struct err *e)
{
	struct tls_door *door = calloc(1, sizeof(*door));

	(void)pthread_once(&tls_once, tls_init); /* without its keys each context makes its own */
	if (door) {
		atomic_init(&door->refs, 1);
		door->certificates = calloc(settings->count, sizeof(*door->certificates));
		door->hsts = settings->hsts.text ? strdup(settings->hsts.text) : NULL;
	}
	if (!door || !door->certificates || tls_door_index < 0 ||
	    (settings->hsts.text && !door->hsts) ||
	    tls_read_session_context(door, settings->client_ca) < 0) {
		(void)err_set(e, "tls: out of memory");
		tls_door_unref(&door);
		return NULL;
	}
	for (size_t i = 0; i < settings->count; i++) {
		if (tls_add(door, &settings->items[i], settings->client_ca, e) < 0) {
			tls_door_unref(&door);
			return NULL;
		}
	}
	return door;
}

struct tls_door *tls_door_ref(struct tls_door *door)
{
	(void)atomic_fetch_add_explicit(&door->refs, 1, memory_order_relaxed);
	return door;
}

void tls_door_unref(struct tls_door **door)
{
	struct tls_door *d = *door;

	*door = NULL;
	if (!d || atomic_fetch_sub_explicit(&d->refs, 1, memory_order_acq_rel) != 1)
		return;
	for (size_t i = 0; i < d->count; i++)
		SSL_CTX_free(d->certificates[i].context);
	free(d->certificates);
	free(d->hsts);
	free(d);
}

SSL *tls_door_accept(struct tls_door *door)
{
	SSL *ssl = SSL_new(door->certificates[0].context);

	if (ssl && SSL_set_ex_data(ssl, tls_door_index, door)) {
		(void)tls_door_ref(door); /* tls_on_free gives it up */
		SSL_set_accept_state(ssl);
		return ssl;
	}
	SSL_free(ssl);
	ERR_clear_error();
	return NULL;
}

const char *tls_door_hsts(const SSL *ssl)
{
	const struct tls_door *door = SSL_get_ex_data(ssl, tls_door_index);

	return door->hsts;
}
