/*
 * jq: a jq program over documents, run here and now.
 *
 * The input is {NAME: document, …}, and each document is a $NAME too. Numbers
 * that pass through keep the digits they came with, also where libjq makes
 * doubles of them; what is computed is a double. Equal numbers that are written
 * differently are never taken for each other.
 *
 * A program that may run long is for a helper process (jq_pool.h); any other
 * is stopped when it takes longer than it was given.
 */
#ifndef MICROREG_GATEWAY_JQ_H
#define MICROREG_GATEWAY_JQ_H

#include "common/buf.h"
#include "common/err.h"
#include "common/span.h"

#include <stdbool.h>
#include <stddef.h>

enum {
	JQ_NAMES_MAX = 32,
	JQ_PROGRAM_MAX = 64 << 10,
	JQ_HERE_MS = 10,	  /* CPU that a program may take in a worker */
	JQ_HERE_BYTES = 64 << 10, /* of input; more is for a helper */
};

/* One compiled program. Not for two threads at once. */
struct jq;

/* Compiling takes tens of milliseconds. NULL with what jq says of the text. */
struct jq *jq_new(const char *text, const char *const *names, size_t name_count, struct err *e);
void jq_free(struct jq **jq);

/* Says of a text that jq_new has refused what is wrong with it as it was written: jq_new compiles
 * more than that, and a program may be more than what its author wrote. Else *e stays. */
void jq_explain(const char *text, const char *const *names, size_t name_count, struct err *e);

/* A document for each name, that json_check has passed; len 0: there is none. */
struct jq_input {
	const struct span *values;
	size_t bytes; /* of all */
};
void jq_input_init(struct jq_input *input, const struct span *values, size_t count);

/* True when the program may not run in a worker with such an input. */
bool jq_needs_helper(const struct jq *jq, const struct jq_input *input);

enum jq_result {
	JQ_DONE = 0,
	JQ_ERROR,     /* the program's own: `out` is its message */
	JQ_TOO_LONG,  /* stopped after `cpu_ms` */
	JQ_TOO_LARGE, /* the result does not fit into `out` */
	JQ_NO_MEMORY, /* never run this jq again, and do not free it either: libjq was left midway
		       */
	JQ_NO_HELPER, /* of jq_pool: it was not run, no process can be started */
};

/* Appends the one result as JSON. */
enum jq_result jq_run(struct jq *jq, const struct jq_input *input, unsigned cpu_ms,
		      struct buf *out);

/* ---- jq_tame.c ---- */

/* True when no input of bounded size makes it run for ever or take memory without end: it calls
 * only what walks over its input. Conservative. */
bool jq_text_is_tame(const char *text);

#endif
