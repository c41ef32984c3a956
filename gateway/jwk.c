/*
 * jwk: sets of keys (RFC 7517), and signatures by them. José makes OpenSSL's
 * keys of RSA and EC ones, once; the keys of RFC 8037, which it does not know,
 * OpenSSL makes itself.
 */
#include "common/base64.h"
#include "gateway/jws.h"

#include <jose/openssl.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rsa.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum {
	JWK_SET_MAX = 64,	 /* keys */
	JWK_RSA_BITS_MIN = 2048, /* RFC 7518 3.3 */
	JWK_RSA_BITS_MAX = 8192, /* more only costs time */
	JWK_SECRET_MIN = 32,	 /* RFC 7518 3.2: as long as the hash */
	JWK_SECRET_MAX = 1024,
	JWK_TRIES_MAX = 4, /* keys that a token without `kid` is tried with */
};

struct jwk {
	char *kid;	     /* NULL: it has none */
	unsigned algorithms; /* JWS_… it may be used with */
	EVP_PKEY *key;	     /* NULL: a secret */
	uint8_t *secret;
	size_t secret_len;
};

struct jwk_set {
	atomic_uint refs;
	size_t count;
	struct jwk keys[];
};

/* ---- One key ---- */

static const char *jwk_text(const json_t *jwk, const char *name)
{
	return json_string_value(json_object_get(jwk, name));
}

static int jwk_read_secret(struct jwk *k, const json_t *jwk)
{
	const char *text = jwk_text(jwk, "k");
	struct span encoded = {text, text ? strlen(text) : 0};
	size_t len = base64_size(encoded.len);

	if (len < JWK_SECRET_MIN || len > JWK_SECRET_MAX)
		return -1;
	k->secret = malloc(len);
	if (!k->secret || !base64url_decode(encoded, k->secret))
		return -1;
	k->secret_len = len;
	k->algorithms = JWS_HS256;
	if (len >= 48)
		k->algorithms |= JWS_HS384;
	if (len >= 64)
		k->algorithms |= JWS_HS512;
	return 0;
}

static int jwk_read_rsa(struct jwk *k, const json_t *jwk)
{
	int bits;

	k->key = jose_openssl_jwk_to_EVP_PKEY(NULL, jwk);
	bits = k->key ? EVP_PKEY_get_bits(k->key) : 0;
	k->algorithms = JWS_RS256 | JWS_RS384 | JWS_RS512 | JWS_PS256 | JWS_PS384 | JWS_PS512;
	return bits >= JWK_RSA_BITS_MIN && bits <= JWK_RSA_BITS_MAX ? 0 : -1;
}

/* One curve goes with one algorithm (RFC 7518 3.4). */
static int jwk_read_ec(struct jwk *k, const json_t *jwk)
{
	const char *curve = jwk_text(jwk, "crv");

	if (!curve)
		return -1;
	if (strcmp(curve, "P-256") == 0)
		k->algorithms = JWS_ES256;
	else if (strcmp(curve, "P-384") == 0)
		k->algorithms = JWS_ES384;
	else if (strcmp(curve, "P-521") == 0)
		k->algorithms = JWS_ES512;
	else
		return -1;
	k->key = jose_openssl_jwk_to_EVP_PKEY(NULL, jwk); /* which looks whether it is a point */
	return k->key ? 0 : -1;
}

static int jwk_read_okp(struct jwk *k, const json_t *jwk)
{
	const char *curve = jwk_text(jwk, "crv"), *text = jwk_text(jwk, "x");
	bool small = curve && strcmp(curve, "Ed25519") == 0;
	struct span x = {text, text ? strlen(text) : 0};
	size_t len = small ? 32 : 57;
	uint8_t bytes[57];

	if (!curve || (!small && strcmp(curve, "Ed448") != 0) || base64_size(x.len) != len ||
	    !base64url_decode(x, bytes))
		return -1;
	k->key = EVP_PKEY_new_raw_public_key(small ? EVP_PKEY_ED25519 : EVP_PKEY_ED448, NULL, bytes,
					     len);
	k->algorithms = JWS_EdDSA;
	return k->key ? 0 : -1;
}

/* RFC 7517 4.2, 4.3: meant for something else. */
static bool jwk_is_for_signatures(const json_t *jwk)
{
	const json_t *use = json_object_get(jwk, "use"), *ops = json_object_get(jwk, "key_ops");
	const json_t *op;
	size_t i;

	if (use && (!json_is_string(use) || strcmp(json_string_value(use), "sig") != 0))
		return false;
	if (!ops)
		return true;
	json_array_foreach(ops, i, op) if (json_is_string(op) && strcmp(json_string_value(op),
									"verify") == 0) return true;
	return false;
}

static unsigned jwk_own_algorithm(const json_t *jwk)
{
	const char *name = jwk_text(jwk, "alg");

#define JWK_NAMED(id, family, bits)         \
	if (name && strcmp(name, #id) == 0) \
		return JWS_##id;
	JWS_ALGORITHMS(JWK_NAMED)
#undef JWK_NAMED
	return json_object_get(jwk, "alg") ? 0 : ~0u;
}

static int jwk_read(struct jwk *k, const json_t *jwk)
{
	const json_t *kid = json_object_get(jwk, "kid");
	const char *type = jwk_text(jwk, "kty");
	int result = -1;

	if (!type || !jwk_is_for_signatures(jwk) || (kid && !json_is_string(kid)))
		return -1;
	if (strcmp(type, "RSA") == 0)
		result = jwk_read_rsa(k, jwk);
	else if (strcmp(type, "EC") == 0)
		result = jwk_read_ec(k, jwk);
	else if (strcmp(type, "OKP") == 0)
		result = jwk_read_okp(k, jwk);
	else if (strcmp(type, "oct") == 0)
		result = jwk_read_secret(k, jwk);
	k->algorithms &= jwk_own_algorithm(jwk);
	if (result < 0 || !k->algorithms)
		return -1;
	if (kid)
		k->kid = strdup(json_string_value(kid));
	return kid && !k->kid ? -1 : 0;
}

static void jwk_fini(struct jwk *k)
{
	free(k->kid);
	EVP_PKEY_free(k->key);
	free(k->secret);
	*k = (struct jwk){0};
}

/* ---- Sets ---- */

static void jwk_set_add(struct jwk_set *set, const json_t *jwk)
{
	struct jwk *k = &set->keys[set->count];

	if (set->count == JWK_SET_MAX)
		return;
	if (jwk_read(k, jwk) == 0)
		set->count++;
	else
		jwk_fini(k);
}

struct jwk_set *jwk_set_read(const char *json, size_t len, struct err *e)
{
	struct jwk_set *set = calloc(1, sizeof(*set) + JWK_SET_MAX * sizeof(set->keys[0]));
	json_t *root = json_loadb(json, len, JSON_REJECT_DUPLICATES, NULL), *list, *jwk;
	size_t i;

	if (!set || !root) {
		(void)err_set(e, set ? "this is no JSON" : "out of memory");
		json_decref(root);
		free(set);
		return NULL;
	}
	atomic_init(&set->refs, 1);
	list = json_object_get(root, "keys");
	if (json_is_array(list)) {
		json_array_foreach(list, i, jwk) jwk_set_add(set, jwk);
	} else {
		jwk_set_add(set, root);
	}
	json_decref(root);
	if (!set->count) {
		(void)err_set(e, "there is no key in it that signatures can be verified with; it "
				 "has to be a JWK set with keys of RSA (2048 bits or more), EC, "
				 "Ed25519, Ed448 or oct (32 bytes or more)");
		jwk_set_unref(&set);
	}
	return set;
}

struct jwk_set *jwk_set_ref(struct jwk_set *set)
{
	(void)atomic_fetch_add_explicit(&set->refs, 1, memory_order_relaxed);
	return set;
}

void jwk_set_unref(struct jwk_set **set)
{
	struct jwk_set *s = *set;

	*set = NULL;
	if (!s || atomic_fetch_sub_explicit(&s->refs, 1, memory_order_acq_rel) != 1)
		return;
	for (size_t i = 0; i < s->count; i++)
		jwk_fini(&s->keys[i]);
	free(s);
}

size_t jwk_set_count(const struct jwk_set *set)
{
	return set->count;
}

/* ---- Signatures ---- */

static const EVP_MD *jwk_digest(enum jws_algorithm algorithm)
{
	switch (jws_hash_bits(algorithm)) {
	case 256:
		return EVP_sha256();
	case 384:
		return EVP_sha384();
	case 512:
		return EVP_sha512();
	default:
		return NULL; /* EdDSA has its own */
	}
}

static bool jwk_verify_hmac(const struct jwk *k, const struct jws *jws)
{
	uint8_t mac[EVP_MAX_MD_SIZE];
	unsigned len = 0;

	return HMAC(jwk_digest(jws->algorithm), k->secret, (int)k->secret_len,
		    (const uint8_t *)jws->input.at, jws->input.len, mac, &len) &&
	       len == jws->signature_len && CRYPTO_memcmp(mac, jws->signature, len) == 0;
}

/* RFC 7518 3.4: R and S as they are, each as long as the curve; OpenSSL wants DER. */
static int jwk_ecdsa_der(const struct jws *jws, uint8_t **der)
{
	unsigned bits = jws_hash_bits(jws->algorithm);
	size_t half = bits == 512 ? 66 : bits / 8; /* P-521 */
	ECDSA_SIG *signature;
	BIGNUM *r, *s;
	int len = -1;

	if (jws->signature_len != 2 * half)
		return -1;
	signature = ECDSA_SIG_new();
	r = BN_bin2bn(jws->signature, (int)half, NULL);
	s = BN_bin2bn(jws->signature + half, (int)half, NULL);
	if (signature && r && s && ECDSA_SIG_set0(signature, r, s) == 1) {
		r = s = NULL; /* the signature's now */
		len = i2d_ECDSA_SIG(signature, der);
	}
	ECDSA_SIG_free(signature);
	BN_free(r);
	BN_free(s);
	return len;
}

static bool jwk_verify_key(const struct jwk *k, const struct jws *jws)
{
	enum jws_family family = jws_family(jws->algorithm);
	EVP_MD_CTX *digest = EVP_MD_CTX_new();
	const uint8_t *signature = jws->signature;
	EVP_PKEY_CTX *context = NULL; /* the digest's */
	uint8_t *der = NULL;
	size_t len = jws->signature_len;
	bool ok = false;

	if (family == JWS_EC) {
		int made = jwk_ecdsa_der(jws, &der);

		if (made < 0)
			goto done;
		signature = der;
		len = (size_t)made;
	}
	if (!digest ||
	    EVP_DigestVerifyInit(digest, &context, jwk_digest(jws->algorithm), NULL, k->key) != 1)
		goto done;
	/* RFC 7518 3.5: the salt is as long as the hash. */
	if (family == JWS_PSS &&
	    (EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PSS_PADDING) != 1 ||
	     EVP_PKEY_CTX_set_rsa_pss_saltlen(context, RSA_PSS_SALTLEN_DIGEST) != 1))
		goto done;
	ok = EVP_DigestVerify(digest, signature, len, (const uint8_t *)jws->input.at,
			      jws->input.len) == 1;
done:
	EVP_MD_CTX_free(digest);
	OPENSSL_free(der);
	return ok;
}

static bool jwk_is_named(const struct jwk *k, struct span kid)
{
	return !kid.at || !k->kid ||
	       (strlen(k->kid) == kid.len && memcmp(k->kid, kid.at, kid.len) == 0);
}

enum jws_verdict jws_verify(const struct jws *jws, const struct jwk_set *keys, unsigned allowed,
			    const char **reason)
{
	bool named = false;
	unsigned tries = 0;

	*reason = "the token's alg is not allowed";
	if (!(allowed & (unsigned)jws->algorithm))
		return JWS_BAD;
	for (size_t i = 0; i < keys->count && tries < JWK_TRIES_MAX; i++) {
		const struct jwk *k = &keys->keys[i];

		if (!jwk_is_named(k, jws->kid))
			continue;
		named = true;
		if (!(k->algorithms & (unsigned)jws->algorithm))
			continue;
		tries++;
		if (k->key ? jwk_verify_key(k, jws) : jwk_verify_hmac(k, jws))
			return JWS_VERIFIED;
	}
	if (!named) {
		*reason = "the token's kid is no known key's";
		return JWS_UNKNOWN_KEY;
	}
	*reason = tries ? "the token's signature is wrong"
			: "the token's alg does not fit the key it names";
	return tries || jws->kid.at ? JWS_BAD : JWS_UNKNOWN_KEY;
}
