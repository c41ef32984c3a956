/*
 * clock: the two clocks. Durations and deadlines are monotonic; wall time is
 * for people only. Code that decides by time takes `now_ms` as a parameter,
 * so that tests can set it.
 */
#ifndef MICROREG_COMMON_CLOCK_H
#define MICROREG_COMMON_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

/* Monotonic; stands still while the machine is suspended (CLOCK_MONOTONIC). */
uint64_t clock_ms(void);
uint64_t clock_us(void);

/* Monotonic; goes on while the machine is suspended (CLOCK_BOOTTIME). */
uint64_t clock_boot_ms(void);

/* How long `from_ms` is ago; 0 when it is yet to come: another thread may have read the clock after
 * the caller did, and what lies a little ahead is not 2^64 ms old. */
static inline uint64_t clock_since_ms(uint64_t from_ms, uint64_t now_ms)
{
	return now_ms > from_ms ? now_ms - from_ms : 0;
}

/* Since 1970, UTC. */
int64_t clock_wall_ms(void);

enum { CLOCK_RFC3339_SIZE = 25, CLOCK_HTTP_SIZE = 30 };

/* "2026-01-31T23:59:59.123Z" (RFC 3339). */
void clock_rfc3339(int64_t wall_ms, char out[CLOCK_RFC3339_SIZE]);

/* The same, without the fraction, or with "+01:00" in the place of the Z. False: it is none. */
bool clock_read_rfc3339(const char *text, int64_t *wall_ms);
/* "Sun, 06 Nov 1994 08:49:37 GMT" (RFC 9110 5.6.7). */
void clock_http(int64_t wall_ms, char out[CLOCK_HTTP_SIZE]);

#endif
