/* new_key: random bits, base64url (RFC 4648 5), SHA-256. */
#include "gateway/new_key.h"
#include "gateway/guard.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

int new_key_make(struct new_key *key, struct err *e)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	struct guard *guard = guard_new();
	uint8_t bits[33] = {0}, hash[GUARD_SHA256];
	int result = -1;

	/* Up to 256 bytes come whole (random(7)). */
	if (guard && getrandom(bits, 32, 0) == 32) {
		memcpy(key->secret, "mrk_", 4);
		for (size_t i = 0; i < 43; i++) {
			unsigned at = (unsigned)i * 6, pair;

			pair = (unsigned)bits[at / 8] << 8 | bits[at / 8 + 1];
			key->secret[4 + i] = digits[pair >> (10 - at % 8) & 63];
		}
		key->secret[47] = '\0';
		result = guard_sha256(guard, key->secret, 47, hash);
	}
	guard_free(&guard);
	if (result < 0)
		return err_set(e, "the system gives no random numbers, or no memory");
	memcpy(key->hash, "sha256:", 8);
	for (size_t i = 0; i < sizeof(hash); i++)
		(void)snprintf(key->hash + 7 + 2 * i, 3, "%02x", hash[i]);
	return 0;
}
