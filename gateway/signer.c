/* signer: OpenSSL's signatures, in the forms of RFC 7518 and 8037. */
#include "gateway/signer.h"
#include "common/clock.h"
#include "common/json_write.h"
#include "common/base64.h"
#include "gateway/identity.h"
#include "gateway/issuer_source.h"
#include "gateway/settings.h"

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <stdlib.h>
#include <string.h>

enum {
	SIGNER_SECRET_MIN = 32, /* RFC 7518 3.2 */
	SIGNER_TEXT_MAX = 64 << 10,
	SIGNER_MARK_MAX = 64, /* bytes of a signature */
	SIGNER_DER_MAX = 128, /* of one of P-256, in DER */
};

enum signer_kind { SIGNER_HS256 = 0, SIGNER_ES256, SIGNER_EDDSA };

struct signer {
	const struct settings_sign *settings;
	enum signer_kind kind;
	EVP_PKEY *key;	   /* NULL of HS256 */
	struct buf secret; /* of HS256 */
	struct buf head;   /* the JWS's first part, with its dot */
};

/* ---- The key ---- */

static int signer_take_pem(struct signer *s, const char *file, const struct buf *text,
			   struct err *e)
{
	BIO *in = BIO_new_mem_buf(text->data, (int)text->len);
	char curve[32] = "";

	s->key = in ? PEM_read_bio_PrivateKey(in, NULL, NULL, (void *)(uintptr_t) "") : NULL;
	BIO_free(in);
	if (!s->key)
		return err_set(e, "%s has no private key that can be read without a password",
			       file);
	if (EVP_PKEY_is_a(s->key, "ED25519")) {
		s->kind = SIGNER_EDDSA;
		return 0;
	}
	s->kind = SIGNER_ES256;
	if (EVP_PKEY_is_a(s->key, "EC") &&
	    EVP_PKEY_get_group_name(s->key, curve, sizeof(curve), NULL) == 1 &&
	    strcmp(curve, "prime256v1") == 0)
		return 0;
	return err_set(e,
		       "the key in %s is neither of P-256 nor of Ed25519; make one by `openssl "
		       "genpkey -algorithm ed25519`, or write a secret of %d bytes",
		       file, SIGNER_SECRET_MIN);
}

static int signer_read_key(struct signer *s, struct err *e)
{
	const char *file = s->settings->key_file;
	struct buf *text = &s->secret;

	if (issuer_source_file(file, text, e) < 0)
		return -1;
	if (text->len > 10 && memcmp(text->data, "-----BEGIN", 10) == 0) {
		int result = signer_take_pem(s, file, text, e);

		OPENSSL_cleanse(text->data, text->len);
		return result;
	}
	while (text->len &&
	       (text->data[text->len - 1] == '\n' || text->data[text->len - 1] == '\r'))
		text->len--;
	if (text->len < SIGNER_SECRET_MIN)
		return err_set(e, "the secret in %s has %zu bytes; at least %d are needed", file,
			       text->len, SIGNER_SECRET_MIN);
	return 0;
}

static void signer_write_head(struct signer *s)
{
	static const char *const algorithms[] = {"HS256", "ES256", "EdDSA"};
	struct json_writer j;
	struct buf json;

	buf_init(&json, SIGNER_TEXT_MAX);
	json_write_init(&j, &json);
	json_write_object(&j);
	json_write_key(&j, "alg");
	json_write_string(&j, algorithms[s->kind]);
	json_write_key(&j, "typ");
	json_write_string(&j, "microreg-identity+jwt");
	if (s->settings->key_id) {
		json_write_key(&j, "kid");
		json_write_string(&j, s->settings->key_id);
	}
	json_write_object_end(&j);
	s->head.failed |= json.failed;
	base64url_write((struct span){json.data, json.len}, &s->head);
	(void)buf_putc(&s->head, '.'); /* failure sticks */
	buf_fini(&json);
}

struct signer *signer_new(const struct settings_sign *settings, struct err *e)
{
	struct signer *s = calloc(1, sizeof(*s));

	if (!s) {
		(void)err_set(e, "out of memory");
		return NULL;
	}
	s->settings = settings;
	buf_init(&s->secret, ISSUER_SOURCE_MAX);
	buf_init(&s->head, SIGNER_TEXT_MAX);
	if (signer_read_key(s, e) < 0) {
		signer_free(&s);
		return NULL;
	}
	signer_write_head(s);
	if (s->head.failed) {
		(void)err_set(e, "out of memory");
		signer_free(&s);
	}
	return s;
}

void signer_free(struct signer **signer)
{
	struct signer *s = *signer;

	*signer = NULL;
	if (!s)
		return;
	EVP_PKEY_free(s->key);
	if (s->secret.len)
		OPENSSL_cleanse(s->secret.data, s->secret.len);
	buf_fini(&s->secret);
	buf_fini(&s->head);
	free(s);
}

/* ---- What is signed ---- */

static void signer_text(struct json_writer *j, const char *key, struct span text)
{
	if (!text.len)
		return;
	json_write_key(j, key);
	json_write_string_n(j, text.at, text.len);
}

static void signer_groups(struct json_writer *j, const struct identity *identity)
{
	const struct settings_strings none = {NULL, 0};
	const struct settings_strings *own =
		identity->consumer ? &identity->consumer->groups : &none;
	struct span rest = identity->groups;

	if (!own->count && !rest.len)
		return;
	json_write_key(j, "groups");
	json_write_array(j);
	for (size_t i = 0; i < own->count; i++)
		json_write_string(j, own->items[i]);
	while (rest.len) {
		const char *end = memchr(rest.at, ',', rest.len);
		size_t len = end ? (size_t)(end - rest.at) : rest.len;

		if (len)
			json_write_string_n(j, rest.at, len);
		len += end != NULL;
		rest = (struct span){rest.at + len, rest.len - len};
	}
	json_write_array_end(j);
}

static void signer_claims(struct json_writer *j, const struct identity *identity,
			  const struct settings_strings *names)
{
	bool some = false;

	for (size_t i = 0; i < names->count; i++) {
		const struct claim *claim =
			claims_find(identity->claims, names->items[i], strlen(names->items[i]));

		if (!claim)
			continue;
		if (!some) {
			json_write_key(j, "claims");
			json_write_object(j);
		}
		some = true;
		json_write_key(j, names->items[i]);
		json_write_string_n(j, claim->text.len ? claim->text.at : "", claim->text.len);
	}
	if (some)
		json_write_object_end(j);
}

static void signer_payload(const struct signer *s, const struct signer_subject *subject,
			   struct buf *json)
{
	const struct identity *identity = subject->identity;
	int64_t now_s = clock_wall_ms() / 1000;
	struct json_writer j;

	json_write_init(&j, json);
	json_write_object(&j);
	signer_text(&j, "iss", (struct span){s->settings->issuer, strlen(s->settings->issuer)});
	signer_text(&j, "aud", (struct span){subject->service, strlen(subject->service)});
	if (identity) {
		signer_text(&j, "sub", identity->id);
		signer_text(&j, "name", identity->name);
		signer_groups(&j, identity);
		signer_text(&j, "scope", identity->scopes);
		signer_claims(&j, identity, &s->settings->claims);
	}
	signer_text(&j, "method", subject->method);
	signer_text(&j, "path", subject->path);
	if (subject->has_query) {
		json_write_key(&j, "query");
		json_write_string_n(&j, subject->query.len ? subject->query.at : "",
				    subject->query.len);
	}
	signer_text(&j, "jti", subject->id);
	json_write_key(&j, "iat");
	json_write_int(&j, now_s);
	json_write_key(&j, "exp");
	json_write_int(&j, now_s + s->settings->ttl_ms / 1000);
	json_write_object_end(&j);
}

/* ---- The signature ---- */

/* R and S side by side (RFC 7518 3.4), which OpenSSL has in DER. */
static bool signer_unpack(const uint8_t *der, size_t len, uint8_t mark[SIGNER_MARK_MAX])
{
	ECDSA_SIG *pair = d2i_ECDSA_SIG(NULL, &der, (long)len);
	bool ok = pair && BN_bn2binpad(ECDSA_SIG_get0_r(pair), mark, 32) == 32 &&
		  BN_bn2binpad(ECDSA_SIG_get0_s(pair), mark + 32, 32) == 32;

	ECDSA_SIG_free(pair);
	return ok;
}

static bool signer_mark_by_key(const struct signer *s, struct span text,
			       uint8_t mark[SIGNER_MARK_MAX])
{
	EVP_MD_CTX *digest = EVP_MD_CTX_new();
	uint8_t out[SIGNER_DER_MAX];
	size_t len = sizeof(out);
	bool ok = digest &&
		  EVP_DigestSignInit(digest, NULL, s->kind == SIGNER_ES256 ? EVP_sha256() : NULL,
				     NULL, s->key) == 1 &&
		  EVP_DigestSign(digest, out, &len, (const uint8_t *)text.at, text.len) == 1;

	EVP_MD_CTX_free(digest);
	if (ok && s->kind == SIGNER_ES256)
		return signer_unpack(out, len, mark);
	if (ok)
		memcpy(mark, out, SIGNER_MARK_MAX);
	return ok && len == SIGNER_MARK_MAX;
}

/* The length; 0: it failed, which only memory makes it do. */
static size_t signer_mark(const struct signer *s, struct span text, uint8_t mark[SIGNER_MARK_MAX])
{
	unsigned len = 0;

	if (s->key)
		return signer_mark_by_key(s, text, mark) ? SIGNER_MARK_MAX : 0;
	if (!HMAC(EVP_sha256(), s->secret.data, (int)s->secret.len, (const uint8_t *)text.at,
		  text.len, mark, &len))
		return 0;
	return len;
}

void signer_write(const struct signer *s, const struct signer_subject *subject, struct buf *out)
{
	uint8_t mark[SIGNER_MARK_MAX];
	struct buf json, text;
	size_t len = 0;

	if (!s)
		return;
	buf_init(&json, SIGNER_TEXT_MAX);
	buf_init(&text, 2 * SIGNER_TEXT_MAX);
	signer_payload(s, subject, &json);
	(void)buf_append(&text, s->head.data, s->head.len); /* sticks, here and below */
	base64url_write((struct span){json.data, json.len}, &text);
	if (!json.failed && !text.failed)
		len = signer_mark(s, (struct span){text.data, text.len}, mark);
	(void)buf_putc(&text, '.');
	base64url_write((struct span){(const char *)mark, len}, &text);
	(void)buf_printf(out, "%s: ", s->settings->header);
	(void)buf_append(out, text.data, text.len);
	(void)buf_puts(out, "\r\n");
	out->failed |= text.failed || !len;
	buf_fini(&json);
	buf_fini(&text);
}
