/* siphash: SipHash-2-4, after the paper's description. */
#include "common/siphash.h"
#include "common/clock.h"

#include <endian.h>
#include <pthread.h>
#include <string.h>
#include <sys/random.h>

static uint8_t siphash_key[16];
static pthread_once_t siphash_once = PTHREAD_ONCE_INIT;

static inline uint64_t siphash_rotl(uint64_t x, unsigned by)
{
	return x << by | x >> (64 - by);
}

/* As the paper has them, the first byte is the lowest. */
static inline uint64_t siphash_word(const uint8_t *p)
{
	uint64_t word;

	memcpy(&word, p, sizeof(word));
	return le64toh(word);
}

/* The last bytes, less than a word, and the length. */
static inline uint64_t siphash_last(const uint8_t *p, size_t left, size_t len)
{
	uint64_t word = (uint64_t)len << 56;

	if (left && len >= 8) /* there are bytes before them to read along */
		return word | siphash_word(p + left - 8) >> (8 * (8 - left));
	for (size_t i = 0; i < left; i++)
		word |= (uint64_t)p[i] << (8 * i);
	return word;
}

static inline void siphash_round(uint64_t v[4])
{
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

static inline void siphash_take(uint64_t v[4], uint64_t word)
{
	v[3] ^= word;
	siphash_round(v);
	siphash_round(v);
	v[0] ^= word;
}

static inline uint64_t siphash_end(uint64_t v[4])
{
	siphash_round(v);
	siphash_round(v);
	siphash_round(v);
	siphash_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

static inline void siphash_take_all(uint64_t v[4], const uint8_t key[16], const uint8_t *p,
				    size_t len)
{
	uint64_t k0 = siphash_word(key), k1 = siphash_word(key + 8);
	size_t left = len;

	v[0] = k0 ^ 0x736f6d6570736575;
	v[1] ^= k1 ^ 0x646f72616e646f6d;
	v[2] = k0 ^ 0x6c7967656e657261;
	v[3] = k1 ^ 0x7465646279746573;
	for (; left >= 8; left -= 8, p += 8)
		siphash_take(v, siphash_word(p));
	siphash_take(v, siphash_last(p, left, len));
}

uint64_t siphash(const uint8_t key[16], const void *data, size_t len)
{
	uint64_t v[4] = {0};

	siphash_take_all(v, key, data, len);
	v[2] ^= 0xff;
	return siphash_end(v);
}

void siphash_128(const uint8_t key[16], const void *data, size_t len, uint64_t out[2])
{
	uint64_t v[4] = {[1] = 0xee}; /* so that it is another function than the short one */

	siphash_take_all(v, key, data, len);
	v[2] ^= 0xee;
	out[0] = siphash_end(v);
	v[1] ^= 0xdd;
	out[1] = siphash_end(v);
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
