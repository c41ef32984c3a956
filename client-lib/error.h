/*
 * error: fills the public error struct.
 */
#ifndef MICROREG_CLIENT_ERROR_H
#define MICROREG_CLIENT_ERROR_H

#include "client-lib/microreg.h"

/* Fills `e` (may be NULL) and returns -1. The text is cut to what fits. */
int error_set(struct microreg_error *e, enum microreg_code code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* "out of memory". */
int error_memory(struct microreg_error *e);

/* No error; what every function does first, so that callers need not. */
void error_clear(struct microreg_error *e);

/* True when `e` holds an error rather than whatever the caller's stack had there. */
bool error_is_set(const struct microreg_error *e);

#endif
