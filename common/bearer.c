/* bearer: hex, base64, SHA-256. */
#include "common/bearer.h"
#include "common/base64.h"

#include <gnutls/crypto.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>

enum {
	BEARER_HEADER_MAX = 2048,
	BEARER_SECRET_BYTES = 32, /* what 256 bits need */
};

static const char bearer_hash_prefix[] = "sha256:";

/* ---- Hashes ---- */

static int bearer_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

bool bearer_parse_hash(const char *text, unsigned char hash[BEARER_HASH_SIZE])
{
	size_t prefix = strlen(bearer_hash_prefix);

	if (strncmp(text, bearer_hash_prefix, prefix) != 0 ||
	    strlen(text + prefix) != (size_t)2 * BEARER_HASH_SIZE)
		return false;
	text += prefix;
	for (size_t i = 0; i < BEARER_HASH_SIZE; i++) {
		int high = bearer_digit(text[2 * i]), low = bearer_digit(text[2 * i + 1]);

		if (high < 0 || low < 0)
			return false;
		hash[i] = (unsigned char)(high * 16 + low);
	}
	return true;
}

void bearer_print_hash(const unsigned char hash[BEARER_HASH_SIZE], char text[BEARER_HASH_TEXT_SIZE])
{
	size_t prefix = strlen(bearer_hash_prefix);

	memcpy(text, bearer_hash_prefix, prefix + 1);
	for (size_t i = 0; i < BEARER_HASH_SIZE; i++)
		(void)snprintf(text + prefix + 2 * i, 3, "%02x", hash[i]); /* always fits */
}

static bool bearer_hash(const char *secret, size_t len, unsigned char hash[BEARER_HASH_SIZE])
{
	return len && gnutls_hash_fast(GNUTLS_DIG_SHA256, secret, len, hash) == 0;
}

bool bearer_is_equal(const unsigned char a[BEARER_HASH_SIZE],
		     const unsigned char b[BEARER_HASH_SIZE])
{
	unsigned different = 0;

	for (size_t i = 0; i < BEARER_HASH_SIZE; i++)
		different |= (unsigned)(a[i] ^ b[i]);
	return !different;
}

/* ---- What a header shows ---- */

/* RFC 7617 2. How many bytes, or 0 when it is none or too long. */
static size_t bearer_base64(const char *text, char out[BEARER_HEADER_MAX])
{
	size_t len = strlen(text);

	while (len && text[len - 1] == '=')
		len--;
	if (base64_size(len) > BEARER_HEADER_MAX ||
	    !base64_decode((struct span){text, len}, (unsigned char *)out))
		return 0;
	return base64_size(len);
}

bool bearer_hash_shown(const char *authorization, unsigned char hash[BEARER_HASH_SIZE])
{
	char pair[BEARER_HEADER_MAX];
	const char *colon;
	size_t len;
	bool shown;

	if (!authorization)
		return false;
	if (strncasecmp(authorization, "Bearer ", 7) == 0) {
		authorization += 7;
		authorization += strspn(authorization, " ");
		return bearer_hash(authorization, strlen(authorization), hash);
	}
	if (strncasecmp(authorization, "Basic ", 6) != 0)
		return false;
	authorization += 6;
	len = bearer_base64(authorization + strspn(authorization, " "), pair);
	colon = memchr(pair, ':', len);
	shown = colon && bearer_hash(colon + 1, len - (size_t)(colon + 1 - pair), hash);
	explicit_bzero(pair, len);
	return shown;
}

/* ---- New secrets ---- */

int bearer_make(char secret[BEARER_SECRET_SIZE], char text[BEARER_HASH_TEXT_SIZE], struct err *e)
{
	unsigned char bytes[BEARER_SECRET_BYTES], hash[BEARER_HASH_SIZE];

	if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes))
		return err_set(e, "the system has no randomness");
	(void)snprintf(secret, BEARER_SECRET_SIZE, "mr_"); /* always fits, as what follows */
	for (size_t i = 0; i < sizeof(bytes); i++)
		(void)snprintf(secret + 3 + 2 * i, 3, "%02x", bytes[i]);
	if (!bearer_hash(secret, strlen(secret), hash))
		return err_set(e, "out of memory");
	bearer_print_hash(hash, text);
	return 0;
}

int bearer_make_key(char secret[BEARER_KEY_SIZE], unsigned char hash[BEARER_HASH_SIZE],
		    struct err *e)
{
	unsigned char bits[BEARER_SECRET_BYTES];

	/* Up to 256 bytes come whole (random(7)). */
	if (getrandom(bits, sizeof(bits), 0) != (ssize_t)sizeof(bits))
		return err_set(e, "the system has no randomness");
	memcpy(secret, "mrk_", 4);
	base64url_print((struct span){(const char *)bits, sizeof(bits)}, secret + 4);
	secret[BEARER_KEY_SIZE - 1] = '\0';
	explicit_bzero(bits, sizeof(bits));
	return bearer_hash(secret, BEARER_KEY_SIZE - 1, hash) ? 0 : err_set(e, "out of memory");
}
