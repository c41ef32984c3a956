/*
 * memory: how much all bufs and arenas of the process hold, so that a daemon
 * can refuse more work before it has none left.
 *
 * Each thread counts in a line of its own, so counting costs a few
 * nanoseconds; what one thread allocates and another frees comes out right in
 * the sum.
 */
#ifndef MICROREG_COMMON_MEMORY_H
#define MICROREG_COMMON_MEMORY_H

#include <stddef.h>
#include <stdint.h>

/* So many bytes more, or less, are held. Any thread. */
void memory_add(size_t bytes);
void memory_sub(size_t bytes);

/* What is held now, about: threads go on counting. Any thread; a load per thread that ever counted,
 * 64 at most. */
uint64_t memory_held(void);

/* What this process may use: the smallest of its control groups' limits and the machine's memory.
 * Reads files. 0: can't tell. */
uint64_t memory_available(void);

#endif
