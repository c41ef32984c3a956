/*
 * fail_malloc: makes one allocation of the process fail, so that a test sees
 * whether running out of memory is an error like any other.
 *
 * It defines malloc and its kin for the whole program: those of libraries
 * come through here as well, whoever links them, under the sanitizers too.
 * While nothing is armed they only pass on.
 */
#ifndef MICROREG_TESTS_FAIL_MALLOC_H
#define MICROREG_TESTS_FAIL_MALLOC_H

#include <stdbool.h>
#include <stddef.h>

/* The nth allocation from now fails, on whichever thread it is; with `on` all after it too. */
void fail_malloc_arm(size_t nth, bool on);

/* Back to normal. True when one has failed. Check's assertions allocate: disarm before them. */
bool fail_malloc_disarm(void);

/* False under the sanitizers: their own start of a thread ends the program without memory. */
bool fail_malloc_spares_threads(void);

/* Until resumed as often, nothing fails nor counts on this thread: for what can't run out. */
void fail_malloc_pause(void);
void fail_malloc_resume(void);

/* What fail_malloc_each came to. */
struct fail_malloc_count {
	size_t rounds;	/* in which an allocation failed */
	size_t refused; /* of them, in which `run` said -1 */
};

/* Runs `run`, with the first, second, … allocation failing, until one run meets no failure; then
 * the same with all following ones failing too. `run` returns 0, or -1 when it reports an error;
 * it must clean up either way and assert nothing. `check`, unless NULL, is called after each with
 * what run returned, unarmed. Fails the test when a run without a failure reports an error, when
 * 100,000 rounds do not get to one, or when no allocation was met at all. */
struct fail_malloc_count fail_malloc_each(int (*run)(void *arg), void (*check)(void *arg, int r),
					  void *arg);

#endif
