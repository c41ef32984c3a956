/*
 * tempo: how long a peer that we wait for may be as slow as it is.
 *
 * While we wait, there is a time by which it must have ended. It begins with
 * a grace, each byte moves it on by what a byte may take at the least rate,
 * and it is never further ahead than the idle limit: a peer that stops is cut
 * after the one, a peer that drips after the other.
 */
#ifndef MICROREG_GATEWAY_TEMPO_H
#define MICROREG_GATEWAY_TEMPO_H

#include <stdbool.h>
#include <stdint.h>

struct settings_limits;

/* All zero: nobody is waited for. */
struct tempo {
	uint64_t due_us; /* 0: not waited for */
	uint64_t seen;	 /* bytes that have moved it */
};

/* `waiting`: for the peer, now and since the last call. `total` counts all bytes of it that came,
 * or that it took; it only grows. Call it when the wait begins, when time may be over, and as
 * often as wanted in between. */
void tempo_update(struct tempo *tempo, bool waiting, uint64_t total, uint64_t now_ms,
		  const struct settings_limits *limits);

/* UINT64_MAX: not waited for. */
uint64_t tempo_due_ms(const struct tempo *tempo);

#endif
