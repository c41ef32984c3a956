/*
 * shed: requests that are answered with 503 at once, before anything is done
 * for them, since the gateway has too much to do: over limits.requests, or
 * over limits.memory.
 */
#ifndef MICROREG_GATEWAY_SHED_H
#define MICROREG_GATEWAY_SHED_H

#include <stdbool.h>

struct exchange;

/* A request begins. True: it is answered. */
bool shed_enter(struct exchange *x);

/* It is over. Harmless when it never entered. */
void shed_leave(struct exchange *x);

#endif
