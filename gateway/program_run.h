/*
 * program_run: one run of a program of jq for an exchange: here when it is
 * known to be short, else in a helper process. One that takes longer than it
 * looked is stopped here and begun again there.
 */
#ifndef MICROREG_GATEWAY_PROGRAM_RUN_H
#define MICROREG_GATEWAY_PROGRAM_RUN_H

#include "common/span.h"
#include "common/wheel.h"
#include "gateway/jq_pool.h"
#include "gateway/problem.h"

#include <stdint.h>

struct exchange;
struct settings_program;

struct program_run {
	/* Set before program_run: */
	struct exchange *x;
	uint64_t end_us;      /* of the loop's clock: it is given up then */
	enum problem failure; /* the problem of a program that fails */
	/* From the loop, after a 1: the result as program_run says it. */
	void (*on_done)(struct program_run *run, int result);
	/* After a -1: */
	enum problem problem;
	const char *detail; /* static text */
	/* Its own: */
	struct jq_job job;
	struct wheel_timer timer;
};

/* Runs the program over a document for each of its names, of which json_check has passed each,
 * into `out`, which is emptied. 0; -1 with run->problem and run->detail; or 1: a helper is at it,
 * and on_done is called. The documents are copied. */
int program_run(struct program_run *run, const struct settings_program *program,
		const struct span *values, struct buf *out);

/* Nobody waits for it any more. Harmless when over, or zeroed. */
void program_run_cancel(struct program_run *run);

#endif
