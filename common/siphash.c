/* siphash: SipHash-2-4, after the paper's description. */
#include "common/siphash.h"
#include "common/clock.h"

#include <pthread.h>
#include <string.h>
#include <sys/random.h>

static uint8_t siphash_key[16];
static pthread_once_t siphash_once = PTHREAD_ONCE_INIT;

static uint64_t siphash_rotl(uint64_t x, unsigned by)
{
	return x << by | x >> (64 - by);
}

static uint64_t siphash_word(const uint8_t *p, size_t len)
{
	uint64_t word = 0;

	for (size_t i = 0; i < len; i++)
		word |= (uint64_t)p[i] << (8 * i);
	return word;
}

static void siphash_rounds(uint64_t v[4], unsigned rounds)
{
	while (rounds--) {
		v[0] += v[1];
		v[2] += v[3];
		v[1] = siphash_rotl(v[1], 13) ^ v[0];
		v[3] = siphash_rotl(v[3], 16) ^ v[2];
		v[0] = siphash_rotl(v[0], 32);
		v[2] += v[1];
		v[0] += v[3];
		v[1] = siphash_rotl(v[1], 17) ^ v[2];
		v[3] = siphash_rotl(v[3], 21) ^ v[0];
		v[2] = siphash_rotl(v[2], 32);
	}
}

uint64_t siphash(const uint8_t key[16], const void *data, size_t len)
{
	const uint8_t *p = data;
	uint64_t k0 = siphash_word(key, 8), k1 = siphash_word(key + 8, 8), m;
	uint64_t v[4] = {k0 ^ 0x736f6d6570736575, k1 ^ 0x646f72616e646f6d, k0 ^ 0x6c7967656e657261,
			 k1 ^ 0x7465646279746573};
	size_t left = len;

	for (; left >= 8; left -= 8, p += 8) {
		m = siphash_word(p, 8);
		v[3] ^= m;
		siphash_rounds(v, 2);
		v[0] ^= m;
	}
	m = siphash_word(p, left) | (uint64_t)len << 56;
	v[3] ^= m;
	siphash_rounds(v, 2);
	v[0] ^= m;
	v[2] ^= 0xff;
	siphash_rounds(v, 4);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

static void siphash_make_key(void)
{
	uint64_t fallback[2] = {clock_us(), (uint64_t)clock_wall_ms()};

	/* Without randomness at boot a guessable key is still better than none. */
	if (getrandom(siphash_key, sizeof(siphash_key), 0) != (ssize_t)sizeof(siphash_key))
		memcpy(siphash_key, fallback, sizeof(siphash_key));
}

uint64_t siphash_process(const void *data, size_t len)
{
	(void)pthread_once(&siphash_once, siphash_make_key); /* can't fail with a valid once */
	return siphash(siphash_key, data, len);
}
