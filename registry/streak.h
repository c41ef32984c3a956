/*
 * streak: how often in a row something has happened to each of some numbers.
 * For the checker: failures of what is up, successes of what is down. One
 * thread.
 */
#ifndef MICROREG_REGISTRY_STREAK_H
#define MICROREG_REGISTRY_STREAK_H

#include <stdint.h>

struct streak;

/* `*all` NULL is an empty set. Once more: how often in a row now; 0 when out of memory. It is
 * forgotten at `until_ms` unless it happens again. */
unsigned streak_add(struct streak **all, uint64_t number, uint64_t until_ms);
void streak_forget(struct streak **all, uint64_t number);
/* Forgets what is past its time; UINT64_MAX: everything. */
void streak_prune(struct streak **all, uint64_t now_ms);

#endif
