/*
 * siphash: the hash for tables whose keys a peer chooses (Aumasson and
 * Bernstein, 2012): without the key nobody can make entries collide.
 *
 * For uthash: #define HASH_FUNCTION(k, n, h) ((h) = (unsigned)siphash_process((k), (n)))
 */
#ifndef MICROREG_COMMON_SIPHASH_H
#define MICROREG_COMMON_SIPHASH_H

#include <stddef.h>
#include <stdint.h>

/* SipHash-2-4. */
uint64_t siphash(const uint8_t key[16], const void *data, size_t len);

/* SipHash-2-4-128: who does not know the key finds no two texts with one hash, and none with a
 * hash that is known, other than by trying 2^64 and 2^128 of them. */
void siphash_128(const uint8_t key[16], const void *data, size_t len, uint64_t out[2]);

/* The same with a key that is random per process. Any thread. */
uint64_t siphash_process(const void *data, size_t len);

#endif
