/* tls_tickets: a short list of keys, the newest first. */
#include "gateway/tls_tickets.h"
#include "common/clock.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>

struct tls_ticket_key {
	unsigned char name[16], cipher[32], mac[32];
};

static pthread_mutex_t tls_tickets_lock = PTHREAD_MUTEX_INITIALIZER;
static struct tls_ticket_key tls_tickets[TLS_TICKETS_KEYS]; /* these three are guarded by it */
static unsigned tls_tickets_count;
static uint64_t tls_tickets_next_ms;

int tls_tickets_turn(uint64_t now_ms)
{
	struct tls_ticket_key key;
	int made = 0;

	(void)pthread_mutex_lock(&tls_tickets_lock); /* can't fail: a plain mutex, as below */
	if (!tls_tickets_count || now_ms >= tls_tickets_next_ms) {
		made = RAND_bytes((unsigned char *)&key, sizeof(key)) == 1 ? 1 : -1;
		if (made > 0) {
			memmove(&tls_tickets[1], &tls_tickets[0],
				sizeof(tls_tickets) - sizeof(tls_tickets[0]));
			tls_tickets[0] = key;
			tls_tickets_next_ms = now_ms + TLS_TICKETS_TURN_MS;
			if (tls_tickets_count < TLS_TICKETS_KEYS)
				tls_tickets_count++;
		}
	}
	made = tls_tickets_count ? 0 : made; /* an old one is better than none */
	(void)pthread_mutex_unlock(&tls_tickets_lock);
	OPENSSL_cleanse(&key, sizeof(key));
	return made;
}

/* The key of that name, or the one that seals when `name` is NULL. Its place: 0 is the newest; -1:
 * nobody knows it. */
static int tls_tickets_find(const unsigned char *name, struct tls_ticket_key *key)
{
	int found = -1;

	(void)pthread_mutex_lock(&tls_tickets_lock);
	for (unsigned i = 0; i < tls_tickets_count && found < 0; i++) {
		if (name && memcmp(tls_tickets[i].name, name, sizeof(key->name)) != 0)
			continue;
		found = (int)i;
		*key = tls_tickets[i];
	}
	(void)pthread_mutex_unlock(&tls_tickets_lock);
	return found;
}

static bool tls_tickets_set_mac(EVP_MAC_CTX *mac, struct tls_ticket_key *key)
{
	char digest[] = "SHA256";
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, key->mac, sizeof(key->mac)),
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
		OSSL_PARAM_construct_end()};

	return EVP_MAC_CTX_set_params(mac, params) == 1;
}

/* OpenSSL's: 1 it can be used, 2 also but a newer one is wanted, 0 a whole handshake, -1 failed. */
static int tls_tickets_on_key(SSL *ssl, unsigned char *name, unsigned char *iv,
			      EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac, int seals)
{
	const EVP_CIPHER *aes = EVP_aes_256_cbc();
	struct tls_ticket_key key;
	int place, result = -1;

	(void)ssl;
	if (seals && tls_tickets_turn(clock_ms()) < 0)
		return -1;
	place = tls_tickets_find(seals ? NULL : name, &key);
	if (place < 0)
		return 0;
	if (seals) {
		memcpy(name, key.name, sizeof(key.name));
		if (RAND_bytes(iv, EVP_CIPHER_get_iv_length(aes)) == 1 &&
		    EVP_EncryptInit_ex(cipher, aes, NULL, key.cipher, iv) &&
		    tls_tickets_set_mac(mac, &key))
			result = 1;
	} else if (tls_tickets_set_mac(mac, &key) &&
		   EVP_DecryptInit_ex(cipher, aes, NULL, key.cipher, iv)) {
		result = place ? 2 : 1;
	}
	OPENSSL_cleanse(&key, sizeof(key));
	return result;
}

int tls_tickets_use(SSL_CTX *context)
{
	if (tls_tickets_turn(clock_ms()) < 0)
		return -1;
	return SSL_CTX_set_tlsext_ticket_key_evp_cb(context, tls_tickets_on_key) ? 0 : -1;
}
