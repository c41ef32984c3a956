/* tls_origin: a context for each reading of the settings, a session for each instance. */
#include "gateway/tls_origin.h"
#include "gateway/tls_context.h"

#include <arpa/inet.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { TLS_ORIGIN_PRINT = 32 }; /* SHA-256 */

struct tls_origin {
	atomic_uint refs;
	SSL_CTX *context;
	char *server_name; /* NULL: the instance's host */
	bool verify;
	unsigned char print[TLS_ORIGIN_PRINT]; /* of what it was made from */
};

static pthread_once_t tls_origin_once = PTHREAD_ONCE_INIT;
static int tls_origin_index = -1; /* where an SSL holds its place for sessions */

static void tls_origin_init(void)
{
	tls_origin_index = SSL_get_ex_new_index(0, NULL, NULL, NULL, NULL);
}

/* ---- Sessions ---- */

/* OpenSSL's, of TLS 1.2 with the handshake, of 1.3 with each ticket. */
static int tls_origin_on_session(SSL *ssl, SSL_SESSION *session)
{
	SSL_SESSION **place = SSL_get_ex_data(ssl, tls_origin_index);

	if (!place || !SSL_SESSION_is_resumable(session))
		return 0;
	SSL_SESSION_free(*place);
	*place = session;
	return 1; /* taken over */
}

/* ---- What it was made from ---- */

static void tls_origin_print_text(EVP_MD_CTX *md, const char *text)
{
	(void)EVP_DigestUpdate(md, text ? text : "\1", text ? strlen(text) + 1 : 2);
}

/* The bytes of a file; of a folder (the system's roots) when it changed. */
static void tls_origin_print_file(EVP_MD_CTX *md, const char *name)
{
	unsigned char piece[4096];
	struct stat st = {0};
	FILE *file;
	size_t n;

	tls_origin_print_text(md, name);
	if (!name || stat(name, &st) < 0)
		return;
	if (S_ISDIR(st.st_mode)) {
		(void)EVP_DigestUpdate(md, &st.st_mtim.tv_sec, sizeof(st.st_mtim.tv_sec));
		(void)EVP_DigestUpdate(md, &st.st_mtim.tv_nsec, sizeof(st.st_mtim.tv_nsec));
		return;
	}
	file = fopen(name, "re");
	while (file && (n = fread(piece, 1, sizeof(piece), file)) > 0)
		(void)EVP_DigestUpdate(md, piece, n);
	if (file)
		(void)fclose(file); /* it was read */
}

/* 0 when it is there: else it is like no other. */
static int tls_origin_print(struct tls_origin *o, const struct settings_origin_tls *settings)
{
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	int made;

	if (!md || !EVP_DigestInit_ex(md, EVP_sha256(), NULL)) {
		EVP_MD_CTX_free(md);
		return -1;
	}
	tls_origin_print_text(md, settings->server_name);
	tls_origin_print_text(md, settings->verify ? "verify" : "");
	if (settings->ca) {
		tls_origin_print_file(md, settings->ca);
	} else {
		tls_origin_print_file(md, X509_get_default_cert_dir());
		tls_origin_print_file(md, X509_get_default_cert_file());
	}
	tls_origin_print_file(md, settings->pair.cert);
	tls_origin_print_file(md, settings->pair.key);
	made = EVP_DigestFinal_ex(md, o->print, NULL);
	EVP_MD_CTX_free(md);
	return made ? 0 : -1;
}

bool tls_origin_is_same(const struct tls_origin *a, const struct tls_origin *b)
{
	return a == b || (a && b && memcmp(a->print, b->print, sizeof(a->print)) == 0);
}

/* ---- Making ---- */

static int tls_origin_configure(SSL_CTX *context, const struct settings_origin_tls *settings,
				struct err *e)
{
	static const unsigned char protocols[] = "\x08http/1.1";

	(void)SSL_CTX_set_session_cache_mode(context,
					     SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
	SSL_CTX_sess_set_new_cb(context, tls_origin_on_session);
	if (SSL_CTX_set_alpn_protos(context, protocols, sizeof(protocols) - 1))
		return err_set(e, "tls: out of memory");
	if (settings->pair.cert && tls_context_load_pair(context, &settings->pair, e) < 0)
		return -1;
	if (!settings->verify)
		return 0;
	SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
	if (settings->ca && !SSL_CTX_load_verify_file(context, settings->ca))
		return err_set(e, "tls.ca: can't use %s: %s; it holds certificates in PEM",
			       settings->ca, tls_context_reason());
	/* Without the system's roots no certificate will do: the handshakes tell. */
	if (!settings->ca && !SSL_CTX_set_default_verify_paths(context))
		ERR_clear_error();
	return 0;
}

struct tls_origin *tls_origin_new(const struct settings_origin_tls *settings, struct err *e)
{
	struct tls_origin *o = calloc(1, sizeof(*o));

	(void)pthread_once(&tls_origin_once, tls_origin_init);
	if (!o || tls_origin_index < 0 || tls_origin_print(o, settings) < 0)
		goto no_memory;
	atomic_init(&o->refs, 1);
	o->verify = settings->verify;
	if (settings->server_name) {
		o->server_name = strdup(settings->server_name);
		if (!o->server_name)
			goto no_memory;
	}
	o->context = tls_context_new(TLS_client_method(), e);
	if (!o->context || tls_origin_configure(o->context, settings, e) < 0)
		tls_origin_unref(&o);
	return o;
no_memory:
	(void)err_set(e, "tls: out of memory");
	if (o)
		free(o->server_name);
	free(o);
	return NULL;
}

struct tls_origin *tls_origin_ref(struct tls_origin *o)
{
	(void)atomic_fetch_add_explicit(&o->refs, 1, memory_order_relaxed);
	return o;
}

void tls_origin_unref(struct tls_origin **origin)
{
	struct tls_origin *o = *origin;

	*origin = NULL;
	if (!o || atomic_fetch_sub_explicit(&o->refs, 1, memory_order_acq_rel) != 1)
		return;
	SSL_CTX_free(o->context);
	free(o->server_name);
	free(o);
}

/* ---- A connection ---- */

static bool tls_origin_is_literal(const char *host)
{
	unsigned char bytes[16];

	return inet_pton(AF_INET, host, bytes) == 1 || inet_pton(AF_INET6, host, bytes) == 1;
}

/* RFC 9525 6: the names in the certificate's subjectAltName count, its subject does not, and a
 * wildcard stands for a whole label. RFC 6066 3: no final dot, and no address, in what is asked
 * for. */
static int tls_origin_set_name(SSL *ssl, const char *name, bool verify)
{
	X509_VERIFY_PARAM *param = SSL_get0_param(ssl);
	char plain[256];
	size_t len = strlen(name);

	if (tls_origin_is_literal(name))
		return !verify || X509_VERIFY_PARAM_set1_ip_asc(param, name) ? 0 : -1;
	if (len && name[len - 1] == '.')
		len--;
	if (len >= sizeof(plain))
		return -1;
	memcpy(plain, name, len);
	plain[len] = '\0';
	X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS |
						       X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
	if (verify && !X509_VERIFY_PARAM_set1_host(param, plain, 0))
		return -1;
	return SSL_set_tlsext_host_name(ssl, plain) ? 0 : -1;
}

SSL *tls_origin_connect(struct tls_origin *o, const char *host, SSL_SESSION **session)
{
	SSL *ssl = SSL_new(o->context);

	if (!ssl || !SSL_set_ex_data(ssl, tls_origin_index, session) ||
	    tls_origin_set_name(ssl, o->server_name ? o->server_name : host, o->verify) < 0) {
		SSL_free(ssl);
		ERR_clear_error();
		return NULL;
	}
	if (*session && !SSL_set_session(ssl, *session))
		ERR_clear_error(); /* then by a whole handshake */
	SSL_set_connect_state(ssl);
	return ssl;
}
