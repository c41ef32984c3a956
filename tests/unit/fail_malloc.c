/* fail_malloc: a countdown in front of the allocator, glibc's or the sanitizer's. */
#include "tests/unit/fail_malloc.h"

#include <check.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define FAIL_MALLOC_SANITIZED 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define FAIL_MALLOC_SANITIZED 1
#endif

#ifdef FAIL_MALLOC_SANITIZED
#define REAL(name)   __interceptor_##name
#define REAL_ALIGNED REAL(aligned_alloc)
#else
#define REAL(name)   __libc_##name
#define REAL_ALIGNED REAL(memalign)
#endif

void *REAL(malloc)(size_t size);
void *REAL(calloc)(size_t count, size_t size);
void *REAL(realloc)(void *old, size_t size);
void *REAL_ALIGNED(size_t alignment, size_t size);

/* These run before the sanitizers have started. */
#define QUIET \
	__attribute__((no_sanitize("address"), no_sanitize("thread"), no_sanitize("undefined")))
#define EARLY QUIET __attribute__((visibility("default")))

static atomic_size_t fail_left; /* 0: not armed */
static atomic_bool fail_on, fail_met;
static _Thread_local unsigned fail_paused;

/* Must this one fail? */
QUIET static bool fail_malloc_now(void)
{
	size_t left = atomic_load_explicit(&fail_left, memory_order_relaxed);

	if (!left || fail_paused)
		return false;
	while (left > 1)
		if (atomic_compare_exchange_weak(&fail_left, &left, left - 1))
			return false;
	if (!fail_on && !atomic_compare_exchange_strong(&fail_left, &left, 0))
		return false; /* another thread met it */
	atomic_store(&fail_met, true);
	errno = ENOMEM;
	return true;
}

/* Their parameters have other names in the libraries' headers.
 * NOLINTBEGIN(readability-inconsistent-declaration-parameter-name) */
EARLY void *malloc(size_t size)
{
	return fail_malloc_now() ? NULL : REAL(malloc)(size);
}

EARLY void *calloc(size_t count, size_t size)
{
	return fail_malloc_now() ? NULL : REAL(calloc)(count, size);
}

EARLY void *realloc(void *old, size_t size)
{
	return fail_malloc_now() ? NULL : REAL(realloc)(old, size);
}

EARLY void *aligned_alloc(size_t alignment, size_t size)
{
	return fail_malloc_now() ? NULL : REAL_ALIGNED(alignment, size);
}

EARLY int posix_memalign(void **out, size_t alignment, size_t size)
{
	void *at = aligned_alloc(alignment, size);

	if (!at)
		return ENOMEM;
	*out = at;
	return 0;
}

/* The sanitizers' own do not come by malloc. */
EARLY char *strndup(const char *text, size_t max)
{
	size_t len = strnlen(text, max);
	char *copy = malloc(len + 1);

	if (!copy)
		return NULL;
	memcpy(copy, text, len);
	copy[len] = '\0';
	return copy;
}

EARLY char *strdup(const char *text)
{
	return strndup(text, SIZE_MAX);
}

/* NOLINTEND(readability-inconsistent-declaration-parameter-name) */

/* ---- For tests ---- */

void fail_malloc_arm(size_t nth, bool on)
{
	atomic_store(&fail_met, false);
	atomic_store(&fail_on, on);
	atomic_store(&fail_left, nth);
}

bool fail_malloc_disarm(void)
{
	atomic_store(&fail_left, 0);
	return atomic_load(&fail_met);
}

bool fail_malloc_spares_threads(void)
{
#ifdef FAIL_MALLOC_SANITIZED
	return false;
#else
	return true;
#endif
}

void fail_malloc_pause(void)
{
	fail_paused++;
}

void fail_malloc_resume(void)
{
	fail_paused--;
}

struct fail_malloc_count fail_malloc_each(int (*run)(void *arg), void (*check)(void *arg, int r),
					  void *arg)
{
	struct fail_malloc_count count = {0};

	for (int on = 0; on < 2; on++) {
		for (size_t nth = 1;; nth++) {
			bool met;
			int r;

			ck_assert_uint_le(nth, 100000);
			fail_malloc_arm(nth, on);
			r = run(arg);
			met = fail_malloc_disarm();
			if (check)
				check(arg, r);
			if (!met) {
				ck_assert_int_eq(r, 0);
				ck_assert_uint_gt(nth, 1);
				break;
			}
			count.rounds++;
			count.refused += r < 0;
		}
	}
	return count;
}
