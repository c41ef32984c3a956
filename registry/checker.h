/*
 * checker: asks instances that send no heartbeats, and those that want it,
 * whether they are there: a TCP connect, or an HTTP request.
 *
 * A thread of its own, since looking a name up may take its time. Checks that
 * are due run side by side.
 */
#ifndef MICROREG_REGISTRY_CHECKER_H
#define MICROREG_REGISTRY_CHECKER_H

#include "common/err.h"
#include "registry/registry.h"

#include <stdint.h>

struct checker;

struct checker_options {
	unsigned interval_ms, timeout_ms; /* where the instance's check does not say */
	unsigned failures;   /* so many in a row, then an original client's instance is down */
	unsigned rise, fall; /* so many in a row, then one with a check is back, or down */
	uint64_t keep_ms;    /* down for so long, one of an original client is removed */
};

struct checker *checker_start(struct registry *registry, const struct checker_options *options,
			      struct err *e);
void checker_stop(struct checker **checker);

#endif
