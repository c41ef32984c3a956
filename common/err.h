/*
 * err: what went wrong, in words for a person.
 *
 * Functions that can fail for a reason a person must learn take a
 * `struct err *` last, return -1, and fill it where the reason is known.
 * The text names the thing, the value and the remedy. It is logged once, by
 * the caller at the top.
 */
#ifndef MICROREG_COMMON_ERR_H
#define MICROREG_COMMON_ERR_H

struct err {
	int code;	/* the module's own meaning: a fault or an exit code; 0 = none given */
	char text[500]; /* always NUL-terminated; cut when too long */
};

/* Fills `e` (may be NULL) and returns -1, so that callers can `return err_set(…)`. */
int err_set(struct err *e, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The same with a code. */
int err_code(struct err *e, int code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#endif
